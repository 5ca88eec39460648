//! Compiled plugins by digest: a cache over the loader. One plugin is compiled at a time, since the compiler uses every
//! processor.

use std::sync::Arc;

use moka::future::Cache;
use scimgate_plugin_host::{Component, Host};
use tokio::sync::Semaphore;

use super::error::MapError;
use super::loader::PluginLoader;
use crate::telemetry;

/// The host with the plugins that are compiled for it.
#[derive(Clone)]
pub(super) struct Compiled {
    pub(super) host: Arc<Host>,
    loader: Arc<dyn PluginLoader>,
    cache: Cache<String, Arc<Component>>,
    compiler: Arc<Semaphore>,
}

impl Compiled {
    /// An empty cache of at most `max_plugins`: each uses a few of the memory maps that a process can have.
    pub(super) fn new(host: Host, loader: Arc<dyn PluginLoader>, max_plugins: u64) -> Self {
        let cache = Cache::builder().max_capacity(max_plugins).build();
        Self { host: Arc::new(host), loader, cache, compiler: Arc::new(Semaphore::new(1)) }
    }

    /// Compiles uploaded bytes and reads the plugin's manifest.
    pub(super) async fn prepare(&self, bytes: Vec<u8>) -> Result<Arc<Component>, MapError> {
        let component = Arc::new(self.compile("(uploaded)", bytes).await?);
        self.cache.insert(component.digest(), component.clone()).await;
        Ok(component)
    }

    /// A plugin by digest. Concurrent misses load and compile once, and all get the same result.
    pub(super) async fn get(&self, digest: &str) -> Result<Arc<Component>, MapError> {
        if let Some(ready) = self.cache.get(digest).await {
            return Ok(ready);
        }
        let loaded = self.cache.try_get_with_by_ref(digest, self.load(digest)).await;
        loaded.map_err(|shared: Arc<MapError>| MapError::clone(&shared))
    }

    /// The number of plugins that are kept at this moment.
    pub(super) async fn count(&self) -> u64 {
        self.cache.run_pending_tasks().await;
        self.cache.entry_count()
    }

    async fn load(&self, digest: &str) -> Result<Arc<Component>, MapError> {
        let loaded = self.loader.load(digest).await;
        let wasm = loaded.map_err(|source| MapError::Load { digest: digest.to_owned(), source: Arc::new(source) })?;
        let wasm = wasm.ok_or_else(|| unusable(digest, "it is not stored".to_owned()))?;
        Ok(Arc::new(self.compile(digest, wasm).await?))
    }

    async fn compile(&self, digest: &str, wasm: Vec<u8>) -> Result<Component, MapError> {
        let permit = self.compiler.clone().acquire_owned().await;
        let permit = permit.map_err(|closed| unusable(digest, closed.to_string()))?;
        let host = self.host.clone();
        // The task holds the permit: an abandoned request does not stop the compiler.
        let compilation = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            host.prepare(&wasm)
        });
        let prepared = compilation.await.map_err(|panicked| unusable(digest, panicked.to_string()))?;
        prepared.map_err(|error| unusable(digest, telemetry::chain(&error)))
    }
}

fn unusable(digest: &str, why: String) -> MapError {
    MapError::Unusable { digest: digest.to_owned(), why }
}

#[cfg(test)]
mod tests;
