//! The plugins that are compiled, by digest: each once, and one at a time, since the compiler takes every processor.

use std::sync::Arc;

use moka::future::Cache;
use scimgate_plugin_host::{Component, Error, Host};
use tokio::sync::Semaphore;

use super::call::MapError;
use crate::store::ControlStore;
use crate::telemetry;

/// The compiled plugins of a host.
#[derive(Clone)]
pub(super) struct Compiled {
    pub(super) host: Arc<Host>,
    store: ControlStore,
    cache: Cache<String, Arc<Component>>,
    compiler: Arc<Semaphore>,
}

impl Compiled {
    /// None yet. `most` are kept: each takes a few of the memory maps that a process can have.
    pub(super) fn new(host: Host, store: ControlStore, most: u64) -> Self {
        let cache = Cache::builder().max_capacity(most).build();
        Self { host: Arc::new(host), store, cache, compiler: Arc::new(Semaphore::new(1)) }
    }

    /// Compiles uploaded bytes and reads the plugin's manifest.
    pub(super) async fn prepare(&self, bytes: Vec<u8>) -> Result<Arc<Component>, MapError> {
        let component = Arc::new(self.compile("(uploaded)", bytes).await?);
        self.cache.insert(component.digest(), component.clone()).await;
        Ok(component)
    }

    /// A stored plugin; concurrent first uses compile once.
    pub(super) async fn get(&self, digest: &str) -> Result<Arc<Component>, MapError> {
        if let Some(ready) = self.cache.get(digest).await {
            return Ok(ready);
        }
        let loaded = self.cache.try_get_with(digest.to_owned(), self.load(digest)).await;
        loaded.map_err(|shared: Arc<MapError>| match &*shared {
            MapError::Store(source) => MapError::Store(source.clone()),
            other => MapError::Missing { digest: digest.to_owned(), why: other.to_string() },
        })
    }

    /// How many are kept at this moment.
    pub(super) async fn count(&self) -> u64 {
        self.cache.run_pending_tasks().await;
        self.cache.entry_count()
    }

    async fn load(&self, digest: &str) -> Result<Arc<Component>, MapError> {
        let wasm = self.store.plugin_wasm(digest).await.map_err(|source| MapError::Store(Arc::new(source)))?;
        let missing = || MapError::Missing { digest: digest.to_owned(), why: "it is not stored".to_owned() };
        Ok(Arc::new(self.compile(digest, wasm.ok_or_else(missing)?).await?))
    }

    async fn compile(&self, digest: &str, wasm: Vec<u8>) -> Result<Component, MapError> {
        let missing = |why: String| MapError::Missing { digest: digest.to_owned(), why };
        let turn = self.compiler.clone().acquire_owned().await.map_err(|closed| missing(closed.to_string()))?;
        let host = self.host.clone();
        // The turn goes along: a request that is given up does not stop the compiler.
        let compiling = tokio::task::spawn_blocking(move || {
            let _guard = turn;
            host.prepare(&wasm)
        });
        let prepared: Result<Component, Error> = compiling.await.map_err(|gone| missing(gone.to_string()))?;
        prepared.map_err(|why| missing(telemetry::chain(&why)))
    }
}
