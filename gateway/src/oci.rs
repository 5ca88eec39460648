//! Pulls a plugin from an OCI registry, by the registry's HTTP API (OCI distribution specification 1.1): its manifest, and the layers
//! that are a plugin and its signature. Everything is bounded, checked against its digest, and fetched from the registry itself or from
//! public addresses that it redirects to. Libraries for this follow redirects, ask token services wherever the registry says, and read
//! manifests of any length.

mod address;
mod fetch;
mod manifest;
mod reference;

use std::time::Duration;

pub use manifest::{SIGNATURE_LAYER, WASM_LAYERS};
pub use reference::Reference;

use crate::config::PluginRegistry;
use fetch::Fetcher;
use manifest::{Layer, Manifest};

/// Longest time for a pull, with all its requests.
const PULL_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest manifest.
const MAX_MANIFEST_BYTES: usize = 256 << 10;
/// Longest plugin.
const MAX_PLUGIN_BYTES: usize = 32 << 20;
/// Longest signature.
const MAX_SIGNATURE_BYTES: usize = 4096;

/// Why a plugin was not pulled; a sentence without its full stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was not done in time.
    #[error("{registry} did not send it within {} s", PULL_TIMEOUT.as_secs())]
    Timeout {
        /// The registry.
        registry: String,
    },
    /// A request failed.
    #[error("{url} cannot be fetched: {why}")]
    Request {
        /// What was asked.
        url: String,
        /// Why.
        why: String,
    },
    /// The registry refused.
    #[error("{url} was answered with status {status}")]
    Status {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
    },
    /// It is larger than it may be.
    #[error("{what} is larger than {limit} bytes, the most that is taken")]
    TooLarge {
        /// The manifest or the layer.
        what: String,
        /// The limit.
        limit: usize,
    },
    /// It is not what its digest says.
    #[error("{what} should have the digest {expected}, and has {found}")]
    Digest {
        /// The manifest or the layer.
        what: &'static str,
        /// What was asked for.
        expected: String,
        /// What came.
        found: String,
    },
    /// It has no plugin, or several.
    #[error("{0}")]
    Manifest(String),
}

/// What was pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The plugin's bytes.
    pub wasm: Vec<u8>,
    /// The signature beside it.
    pub signature: Option<String>,
    /// The reference with the manifest's digest in place of a tag.
    pub source: String,
}

/// Pulls a plugin.
///
/// # Errors
/// The registry cannot be reached, refuses, or sends what is not a plugin.
pub async fn pull(reference: &Reference, registry: &PluginRegistry) -> Result<Pulled, Error> {
    let late = |_| Error::Timeout { registry: registry.host.clone() };
    tokio::time::timeout(PULL_TIMEOUT, fetch_all(reference, registry)).await.map_err(late)?
}

async fn fetch_all(reference: &Reference, registry: &PluginRegistry) -> Result<Pulled, Error> {
    let mut fetcher = Fetcher::new(registry, &reference.repository)?;
    let text = fetcher.manifest(reference.tag_or_digest(), MAX_MANIFEST_BYTES).await?;
    let digest = manifest::digest(&text);
    if let Some(expected) = reference.digest.as_ref().filter(|expected| **expected != digest) {
        return Err(Error::Digest { what: "the manifest", expected: expected.clone(), found: digest });
    }
    let Manifest { plugin, signature } = manifest::read(&text)?;
    let wasm = blob(&mut fetcher, "the plugin", &plugin, MAX_PLUGIN_BYTES).await?;
    let signature = match signature {
        Some(layer) => {
            let bytes = blob(&mut fetcher, "the signature", &layer, MAX_SIGNATURE_BYTES).await?;
            let text = String::from_utf8(bytes);
            Some(text.map_err(|_| Error::Manifest("the signature beside the plugin is not text".to_owned()))?)
        }
        None => None,
    };
    Ok(Pulled { wasm, signature, source: format!("{}/{}@{digest}", reference.host, reference.repository) })
}

/// A layer, if it is what its digest says.
async fn blob(fetcher: &mut Fetcher, what: &'static str, layer: &Layer, limit: usize) -> Result<Vec<u8>, Error> {
    if layer.size > limit as u64 {
        return Err(Error::TooLarge { what: what.to_owned(), limit });
    }
    let bytes = fetcher.blob(&layer.digest, limit).await?;
    let found = manifest::digest(&bytes);
    if found != layer.digest {
        return Err(Error::Digest { what, expected: layer.digest.clone(), found });
    }
    Ok(bytes)
}
