//! Where plugins come from: the store in a server, a map of digests and bytes in a test or a preview.

use std::collections::BTreeMap;
use std::error::Error;

use futures_util::future::BoxFuture;

/// Loads a plugin's WASM bytes.
pub trait PluginLoader: Send + Sync + 'static {
    /// The bytes of the plugin with this digest; none if it does not exist.
    fn load<'a>(&'a self, digest: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, LoadError>>;

    /// The plugin as a version of the engine has compiled it; none if it is not kept.
    fn load_artifact<'a>(
        &'a self,
        _digest: &'a str,
        _engine: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, LoadError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Keeps a compiled plugin for the next process, where that is possible.
    fn keep_artifact<'a>(
        &'a self,
        _digest: &'a str,
        _engine: &'a str,
        _artifact: Vec<u8>,
    ) -> BoxFuture<'a, Result<(), LoadError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Why a plugin could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The source of plugins cannot be reached; worth a retry.
    #[error(transparent)]
    Unavailable(Box<dyn Error + Send + Sync>),
    /// It must not be run, with the reason.
    #[error("{0}")]
    Refused(String),
    /// It failed in a way that a retry does not change.
    #[error(transparent)]
    Failed(Box<dyn Error + Send + Sync>),
}

impl LoadError {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Plugins in memory, by digest.
impl PluginLoader for BTreeMap<String, Vec<u8>> {
    fn load<'a>(&'a self, digest: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, LoadError>> {
        Box::pin(std::future::ready(Ok(self.get(digest).cloned())))
    }
}
