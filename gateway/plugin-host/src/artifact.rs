//! Compiled code that the embedder stores, authenticated with a key of the gateway. The engine does not detect a damaged artifact, so the
//! HMAC is verified before the engine reads a byte. The files in `HostConfig::cache` are protected by the folder's permissions instead.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use wasmtime::component::Component as Compiled;

use crate::{bindings::types, component::Component, engine::Host, error::Error, instance};

const MAGIC: &[u8; 8] = b"sgplug01";
const HMAC_BYTES: usize = 32;
const DIGEST_BYTES: usize = 32;
const LENGTH_BYTES: usize = 4;
const HEADER_BYTES: usize = MAGIC.len() + HMAC_BYTES;

/// A secret of the gateway, 32 bytes, for artifacts only.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn mac(&self, payload: &[u8]) -> Result<Hmac<Sha256>, Error> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).map_err(|_| Error::Artifact)?;
        mac.update(MAGIC);
        mac.update(payload);
        Ok(mac)
    }
}

impl Component {
    /// The compiled code, its manifest and its digest, authenticated with `key`.
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
        let mut payload = Vec::with_capacity(DIGEST_BYTES + LENGTH_BYTES + manifest.len() + code.len());
        payload.extend_from_slice(self.digest_bytes());
        payload.extend_from_slice(&length.to_le_bytes());
        payload.extend_from_slice(manifest.as_bytes());
        payload.extend_from_slice(&code);
        let hmac = key.mac(&payload)?.finalize().into_bytes();
        Ok([MAGIC.as_slice(), hmac.as_slice(), &payload].concat())
    }
}

impl Host {
    /// Differs where one engine cannot load what another has compiled: by its version, the processor and its configuration.
    #[must_use]
    pub fn engine_version(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.engine().precompile_compatibility_hash().hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// Loads what [`Component::precompile`] wrote with any of these keys (the current one and, during a rotation, the
    /// previous one). After an error, for instance for an artifact of another engine version, compile again.
    pub fn load_precompiled(&self, artifact: &[u8], keys: &[Key]) -> Result<Component, Error> {
        let payload = verify(artifact, keys)?;
        let (digest, rest) = payload.split_first_chunk::<DIGEST_BYTES>().ok_or(Error::Artifact)?;
        let (length, rest) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or(Error::Artifact)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Error::Artifact)?;
        let (manifest, code) = rest.split_at_checked(length).ok_or(Error::Artifact)?;
        #[allow(unsafe_code, reason = "loading machine code")]
        // SAFETY: the HMAC proves that `precompile` wrote these bytes, since only the gateway has the key; the engine
        // itself refuses another version, target or configuration of itself.
        let compiled = unsafe { Compiled::deserialize(self.engine(), code) };
        let compiled = compiled.map_err(|error| Error::Compile(error.into()))?;
        let linked = self.link(&compiled)?;
        if linked.has_wasi {
            // An interpreter's first call is slow, and the next one is a tenant's, with a tenant's limits.
            let _ = instance::describe(self, &linked, &self.describe_limits());
        }
        Component::new(linked, parse_manifest(manifest)?, *digest)
    }
}

/// The payload, if its HMAC was made with one of the keys; compared in constant time.
fn verify<'a>(artifact: &'a [u8], keys: &[Key]) -> Result<&'a [u8], Error> {
    let (header, payload) = artifact.split_at_checked(HEADER_BYTES).ok_or(Error::Artifact)?;
    let hmac = header.strip_prefix(MAGIC.as_slice()).ok_or(Error::Artifact)?;
    for key in keys {
        if key.mac(payload)?.verify_slice(hmac).is_ok() {
            return Ok(payload);
        }
    }
    Err(Error::Artifact)
}

fn parse_manifest(bytes: &[u8]) -> Result<types::Manifest, Error> {
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
