//! Loads the mapping's plugins from the store.

use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::mapping::{LoadError, PluginLoader};
use crate::store::{self, ControlStore};

/// The plugins of the store.
pub struct StoredPlugins {
    /// Where they are.
    pub store: ControlStore,
    /// When what is kept was compiled.
    pub clock: Clock,
}

impl PluginLoader for StoredPlugins {
    fn load<'a>(&'a self, digest: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, LoadError>> {
        Box::pin(async { self.store.plugin_wasm(digest).await.map_err(load_error) })
    }

    fn load_artifact<'a>(
        &'a self,
        digest: &'a str,
        engine: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, LoadError>> {
        Box::pin(async { self.store.plugin_artifact(digest, engine).await.map_err(load_error) })
    }

    fn keep_artifact<'a>(
        &'a self,
        digest: &'a str,
        engine: &'a str,
        artifact: Vec<u8>,
    ) -> BoxFuture<'a, Result<(), LoadError>> {
        Box::pin(async move {
            let now = self.clock.now();
            self.store.keep_plugin_artifact(digest, (engine, &artifact), now).await.map_err(load_error)
        })
    }
}

fn load_error(error: store::Error) -> LoadError {
    match error {
        store::Error::Unavailable { .. } => LoadError::Unavailable(Box::new(error)),
        _ => LoadError::Failed(Box::new(error)),
    }
}
