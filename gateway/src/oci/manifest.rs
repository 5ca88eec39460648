//! A manifest, and which of its layers are a plugin and its signature.

use std::fmt::Write as _;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Error;

/// The media types of a layer that is a plugin: the one of the Wasm OCI artifact layout, and those of older tools.
pub const WASM_LAYERS: [&str; 3] = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
];
/// The media type of a layer that is the plugin's signature, as minisign writes it.
pub const SIGNATURE_LAYER: &str = "application/vnd.scimgate.plugin.signature.v1+minisign";
/// Media types that a refusal names.
const MAX_NAMED_LAYERS: usize = 5;

/// What a manifest has of a plugin.
pub(super) struct Manifest {
    pub(super) plugin: Layer,
    pub(super) signature: Option<Layer>,
}

/// A layer of a manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Layer {
    media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
}

#[derive(Deserialize)]
struct Parsed {
    #[serde(default)]
    layers: Option<Vec<Layer>>,
    /// An index of manifests has these instead.
    #[serde(default)]
    manifests: Option<Vec<serde::de::IgnoredAny>>,
}

pub(super) fn read(text: &[u8]) -> Result<Manifest, Error> {
    let wrong = |why: String| Error::Manifest(why);
    let parsed: Parsed =
        serde_json::from_slice(text).map_err(|why| wrong(format!("the manifest cannot be read: {why}")))?;
    if let Some(manifests) = parsed.manifests {
        return Err(wrong(format!(
            "the reference is an index of {} manifests, as for several platforms; a plugin has one: name it by its digest",
            manifests.len()
        )));
    }
    let layers = parsed.layers.unwrap_or_default();
    if let Some(layer) = layers.iter().find(|layer| !is_digest(&layer.digest)) {
        return Err(wrong(format!("the layer {} has a digest that is not one of sha256", layer.media_type)));
    }
    let of = |types: &[&str]| {
        layers.iter().filter(|layer| types.contains(&layer.media_type.as_str())).cloned().collect::<Vec<_>>()
    };
    let (mut plugins, mut signatures) = (of(&WASM_LAYERS), of(&[SIGNATURE_LAYER]));
    match (plugins.pop(), plugins.is_empty(), signatures.pop(), signatures.is_empty()) {
        (Some(plugin), true, signature, true) => Ok(Manifest { plugin, signature }),
        (None, ..) => {
            let found: Vec<&str> =
                layers.iter().take(MAX_NAMED_LAYERS).map(|layer| layer.media_type.as_str()).collect();
            Err(wrong(format!("the manifest has no layer {} but: {}", WASM_LAYERS[0], found.join(", "))))
        }
        _ => Err(wrong("the manifest has several plugins or signatures; one of each is taken".to_owned())),
    }
}

/// The digest of bytes, as manifests have it.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a text is a digest of sha256.
pub(super) fn is_digest(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64 && digits.bytes().all(is_digit))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn layer(media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": digest(media_type.as_bytes()), "size": 3 })
    }

    fn read_layers(types: &[&str]) -> Result<(String, Option<String>), String> {
        let layers: Vec<Value> = types.iter().map(|media_type| layer(media_type)).collect();
        let read = read(json!({ "schemaVersion": 2, "layers": layers }).to_string().as_bytes());
        read.map(|it| (it.plugin.media_type, it.signature.map(|it| it.media_type))).map_err(|why| why.to_string())
    }

    #[test]
    fn a_manifest_has_one_plugin_and_at_most_one_signature() {
        for wasm in WASM_LAYERS {
            assert_eq!(read_layers(&["text/plain", wasm]), Ok((wasm.to_owned(), None)));
        }
        let signed = read_layers(&[WASM_LAYERS[0], SIGNATURE_LAYER]).unwrap();
        assert_eq!(signed.1.as_deref(), Some(SIGNATURE_LAYER));
        assert_eq!(
            read_layers(&["text/plain"]).unwrap_err(),
            "the manifest has no layer application/wasm but: text/plain"
        );
        for several in [[WASM_LAYERS[0], WASM_LAYERS[1], "x"], [WASM_LAYERS[0], SIGNATURE_LAYER, SIGNATURE_LAYER]] {
            assert!(read_layers(&several).unwrap_err().contains("several"));
        }
        let index = json!({ "manifests": [{}, {}] }).to_string();
        assert!(read(index.as_bytes()).err().unwrap().to_string().contains("an index of 2 manifests"));
        for wrong in ["", "[]", r#"{"layers":[{"mediaType":"application/wasm","digest":"sha256:../x","size":1}]}"#] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
