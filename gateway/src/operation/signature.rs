//! Signatures of plugins, made by `minisign`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::Signature;

use crate::config::{PluginKey, Plugins};

/// Where the id of the key is in a signature's second line, after the algorithm.
const KEY_ID: std::ops::Range<usize> = 2..10;

/// Why a plugin's signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    /// A signature is required, and there is none.
    #[error("The plugin is not signed, and here each must be, {0}.")]
    Missing(Accepted),
    /// It is none of minisign's.
    #[error("The signature is none that minisign writes ({why}). A plugin must be signed {accepted}.")]
    Malformed {
        /// What is wrong with it.
        why: String,
        /// The keys.
        accepted: Accepted,
    },
    /// Another key made it.
    #[error("The signature is by the key {key}. A plugin must be signed {accepted}.")]
    OtherKey {
        /// The key's id.
        key: String,
        /// The keys.
        accepted: Accepted,
    },
    /// It is of other bytes, or damaged.
    #[error("The signature by the key {0} does not fit the plugin: it is of other bytes, or was changed.")]
    Wrong(String),
    /// No key is configured.
    #[error("No key is configured by which signatures could be checked (--plugin-key). Upload the plugin without one.")]
    NoKeys,
}

/// The keys whose signatures are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted(Vec<String>);

impl std::fmt::Display for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_slice() {
            [key] => write!(f, "by the key {key}"),
            keys => write!(f, "by one of the keys {}", keys.join(", ")),
        }
    }
}

fn accepted(plugins: &Plugins) -> Accepted {
    Accepted(plugins.keys.iter().map(|key| key.id.clone()).collect())
}

/// Checks the signature of a plugin's bytes, if there is one, and that there is one where each plugin needs it.
pub(crate) fn check(plugins: &Plugins, wasm: &[u8], signature: Option<&str>) -> Result<(), SignatureError> {
    let Some(text) = signature else {
        return if plugins.require_signature { Err(SignatureError::Missing(accepted(plugins))) } else { Ok(()) };
    };
    if plugins.keys.is_empty() {
        return Err(SignatureError::NoKeys);
    }
    let malformed =
        |why: minisign_verify::Error| SignatureError::Malformed { why: why.to_string(), accepted: accepted(plugins) };
    let signature = Signature::decode(text).map_err(malformed)?;
    let id = key_id(text).unwrap_or_default();
    let key = plugins.keys.iter().find(|key| key.id == id);
    let Some(PluginKey { key, .. }) = key else {
        return Err(SignatureError::OtherKey { key: id, accepted: accepted(plugins) });
    };
    key.verify(wasm, &signature, false).map_err(|why| match why {
        minisign_verify::Error::UnexpectedAlgorithm => malformed(why),
        _ => SignatureError::Wrong(id),
    })
}

/// Checks that one of a stored plugin's signatures is accepted; the error is that of the last one.
pub(crate) fn check_any(plugins: &Plugins, wasm: &[u8], signatures: &[String]) -> Result<(), SignatureError> {
    let mut checked = check(plugins, wasm, None);
    for signature in signatures {
        checked = check(plugins, wasm, Some(signature));
        if checked.is_ok() {
            break;
        }
    }
    checked
}

/// The id of the key that made a signature, as minisign shows it.
pub(crate) fn key_id(signature: &str) -> Option<String> {
    let bytes = STANDARD.decode(signature.lines().nth(1)?.trim()).ok()?;
    let id: [u8; 8] = bytes.get(KEY_ID)?.try_into().ok()?;
    Some(format!("{:016X}", u64::from_le_bytes(id)))
}
