//! Compiled code that outlives the process: written by this gateway, sealed with its key, believed only under that
//! seal. The engine itself runs a damaged artifact without noticing, so the seal is checked before it sees a byte.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use wasmtime::component::Component as Compiled;

use crate::{Component, Error, Host, bindings::types, component};

const MAGIC: &[u8; 8] = b"sgplug01";
const SEAL: usize = 32;
const DIGEST: usize = 32;
const LENGTH: usize = 4;
const HEAD: usize = MAGIC.len() + SEAL;

/// A secret of the gateway, 32 bytes, used for artifacts and nothing else.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// Takes the bytes of a key.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn mac(&self, sealed: &[u8]) -> Result<Hmac<Sha256>, Error> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).map_err(|_| Error::Artifact)?;
        mac.update(MAGIC);
        mac.update(sealed);
        Ok(mac)
    }
}

impl Component {
    /// The compiled code, its manifest and its digest under the seal of `key`.
    pub fn precompile(&self, key: &Key) -> Result<Vec<u8>, Error> {
        let code = self.compiled().serialize().map_err(|error| Error::Compile(error.into()))?;
        let manifest = self.manifest();
        let manifest = json!({
            "name": manifest.name,
            "version": manifest.version,
            "resourceTypes": manifest.resource_types,
            "configSchema": manifest.config_schema,
        })
        .to_string();
        let length = u32::try_from(manifest.len()).map_err(|_| Error::Artifact)?;
        let mut sealed = Vec::with_capacity(DIGEST + LENGTH + manifest.len() + code.len());
        sealed.extend_from_slice(self.digest_bytes());
        sealed.extend_from_slice(&length.to_le_bytes());
        sealed.extend_from_slice(manifest.as_bytes());
        sealed.extend_from_slice(&code);
        let seal = key.mac(&sealed)?.finalize().into_bytes();
        Ok([MAGIC.as_slice(), seal.as_slice(), &sealed].concat())
    }
}

impl Host {
    /// Loads what [`Component::precompile`] wrote under any of these keys (the current one and, during a rotation,
    /// the one before). An error means: compile again. So does an artifact of another version of the engine.
    pub fn load_precompiled(&self, artifact: &[u8], keys: &[Key]) -> Result<Component, Error> {
        let sealed = opened(artifact, keys)?;
        let (digest, rest) = sealed.split_first_chunk::<DIGEST>().ok_or(Error::Artifact)?;
        let (length, rest) = rest.split_first_chunk::<LENGTH>().ok_or(Error::Artifact)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Error::Artifact)?;
        let (manifest, code) = rest.split_at_checked(length).ok_or(Error::Artifact)?;
        #[allow(unsafe_code, reason = "loading machine code")]
        // SAFETY: the seal says that these bytes are what `precompile` wrote, and nobody else has the key; the engine
        // itself refuses another version, target or configuration of its own.
        let compiled = unsafe { Compiled::deserialize(self.engine(), code) };
        let compiled = compiled.map_err(|error| Error::Compile(error.into()))?;
        component::component_of(self.link(&compiled)?, manifest_of(manifest)?, *digest)
    }
}

/// What is under the seal, if one of the keys made it; compared in constant time.
fn opened<'a>(artifact: &'a [u8], keys: &[Key]) -> Result<&'a [u8], Error> {
    let (head, sealed) = artifact.split_at_checked(HEAD).ok_or(Error::Artifact)?;
    let seal = head.strip_prefix(MAGIC.as_slice()).ok_or(Error::Artifact)?;
    for key in keys {
        if key.mac(sealed)?.verify_slice(seal).is_ok() {
            return Ok(sealed);
        }
    }
    Err(Error::Artifact)
}

fn manifest_of(bytes: &[u8]) -> Result<types::Manifest, Error> {
    let value: Value = serde_json::from_slice(bytes).map_err(|_| Error::Artifact)?;
    let text = |name: &str| value[name].as_str().map(str::to_owned).ok_or(Error::Artifact);
    let names = value["resourceTypes"].as_array().ok_or(Error::Artifact)?;
    Ok(types::Manifest {
        name: text("name")?,
        version: text("version")?,
        resource_types: names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        config_schema: value["configSchema"].to_string(),
    })
}
