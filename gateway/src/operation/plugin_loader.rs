//! Loads the mapping's plugins from the store.

use futures_util::future::BoxFuture;

use crate::mapping::{LoadError, PluginLoader};
use crate::store::{self, ControlStore};

impl PluginLoader for ControlStore {
    fn load<'a>(&'a self, digest: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, LoadError>> {
        Box::pin(async {
            self.plugin_wasm(digest).await.map_err(|error| match error {
                store::Error::Unavailable { .. } => LoadError::Unavailable(Box::new(error)),
                _ => LoadError::Failed(Box::new(error)),
            })
        })
    }
}
