//! Loads the mapping's plugins from the store.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::config::Plugins;
use crate::mapping::{LoadError, PluginLoader};
use crate::operation::signature;
use crate::store::{self, ControlStore};

/// The plugins of the store.
pub struct StoredPlugins {
    /// Where they are.
    pub store: ControlStore,
    /// When what is kept was compiled.
    pub clock: Clock,
    /// Which plugins are run.
    pub plugins: Arc<Plugins>,
}

impl StoredPlugins {
    /// A plugin's bytes, with an accepted signature where one is required.
    async fn verified(&self, digest: &str) -> Result<Option<Vec<u8>>, LoadError> {
        let Some(wasm) = self.store.plugin_wasm(digest).await.map_err(load_error)? else { return Ok(None) };
        if !self.plugins.require_signature {
            return Ok(Some(wasm));
        }
        let signatures = self.store.plugin_signatures(digest).await.map_err(load_error)?;
        let plugins = Arc::clone(&self.plugins);
        let checking = tokio::task::spawn_blocking(move || {
            let checked = signature::check_any(&plugins, &wasm, &signatures);
            checked.map(|()| wasm)
        });
        let checked = checking.await.map_err(|panicked| LoadError::Failed(Box::new(panicked)))?;
        checked.map(Some).map_err(|why| LoadError::Refused(why.to_string()))
    }
}

impl PluginLoader for StoredPlugins {
    fn load<'a>(&'a self, digest: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, LoadError>> {
        Box::pin(self.verified(digest))
    }

    fn load_artifact<'a>(
        &'a self,
        digest: &'a str,
        engine: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, LoadError>> {
        Box::pin(async move {
            // What was compiled of a plugin is not what was signed.
            if self.plugins.require_signature && self.verified(digest).await?.is_none() {
                return Ok(None);
            }
            self.store.plugin_artifact(digest, engine).await.map_err(load_error)
        })
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
