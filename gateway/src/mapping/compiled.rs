//! Compiled plugins by digest: a cache over the loader. A plugin is compiled once for all processes of a version of the engine:
//! the loader keeps what was compiled, sealed.

use std::num::NonZero;
use std::sync::Arc;

use moka::future::Cache;
use scimgate_plugin_host::{Component, Host, Key};
use tokio::sync::Semaphore;

use super::MapperConfig;
use super::error::MapError;
use super::loader::{LoadError, PluginLoader};
use crate::counts::{CacheCounts, CacheFigures};
use crate::telemetry;

/// Plugins are compiled at the same time for so many processors each: one compilation uses several, but not all the time.
const CORES_PER_COMPILATION: usize = 2;

/// The host with the plugins that are compiled for it.
#[derive(Clone)]
pub(super) struct Compiled {
    pub(super) host: Arc<Host>,
    loader: Arc<dyn PluginLoader>,
    cache: Cache<String, Arc<Component>>,
    compiler: Arc<Semaphore>,
    counts: CacheCounts,
    /// Seal what is kept: the current key, and those that are accepted, too. With none, nothing is kept.
    keys: Arc<[Key]>,
}

impl Compiled {
    /// An empty cache, bounded by the number of plugins and by their bytes.
    pub(super) fn new(host: Host, loader: Arc<dyn PluginLoader>, config: &MapperConfig) -> Self {
        // A plugin weighs at least what leaves room for the greatest number.
        let least = config.max_compiled_bytes / config.max_compiled.max(1);
        let weight = move |_: &String, plugin: &Arc<Component>| {
            let bytes = u64::try_from(plugin.code_size()).unwrap_or(u64::MAX);
            u32::try_from(bytes.max(least)).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder()
            .weigher(weight)
            .max_capacity(config.max_compiled_bytes)
            .time_to_idle(config.compiled_idle)
            .build();
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let compiler = Arc::new(Semaphore::new(cores.div_ceil(CORES_PER_COMPILATION)));
        Self { host: Arc::new(host), loader, cache, compiler, counts: CacheCounts::default(), keys: Arc::default() }
    }

    /// The same, which keeps what it compiles.
    pub(super) fn keeping(self, keys: Vec<Key>) -> Self {
        Self { keys: keys.into(), ..self }
    }

    /// Compiles uploaded bytes and reads the plugin's manifest.
    pub(super) async fn prepare(&self, bytes: Vec<u8>) -> Result<Arc<Component>, MapError> {
        let component = Arc::new(self.compile("(uploaded)", bytes).await?);
        self.cache.insert(component.digest(), component.clone()).await;
        Ok(component)
    }

    /// A plugin by digest. Concurrent misses load and compile once, and all get the same result.
    pub(super) async fn get(&self, digest: &str) -> Result<Arc<Component>, MapError> {
        if let Some(ready) = self.counts.note(self.cache.get(digest).await) {
            return Ok(ready);
        }
        let loaded = self.cache.try_get_with_by_ref(digest, self.load(digest)).await;
        loaded.map_err(|shared: Arc<MapError>| MapError::clone(&shared))
    }

    /// The cache now.
    pub(super) fn figures(&self) -> CacheFigures {
        self.counts.figures("plugins", self.cache.entry_count())
    }

    /// The number of plugins that are kept at this moment.
    pub(super) async fn count(&self) -> u64 {
        self.cache.run_pending_tasks().await;
        self.cache.entry_count()
    }

    /// Loads a plugin in a task of its own: when the request that began it has gone, the next one finds it compiled.
    async fn load(&self, digest: &str) -> Result<Arc<Component>, MapError> {
        let (this, digest) = (self.clone(), digest.to_owned());
        let name = digest.clone();
        let loading = tokio::spawn(async move {
            let component = this.load_now(&digest).await?;
            this.cache.insert(digest, component.clone()).await;
            Ok(component)
        });
        loading.await.map_err(|panicked| unusable(&name, panicked.to_string()))?
    }

    async fn load_now(&self, digest: &str) -> Result<Arc<Component>, MapError> {
        let failed = |source| MapError::Load { digest: digest.to_owned(), source: Arc::new(source) };
        if let Some(component) = self.load_artifact(digest).await.map_err(failed)? {
            return Ok(Arc::new(component));
        }
        let wasm = self.loader.load(digest).await.map_err(failed)?;
        let wasm = wasm.ok_or_else(|| unusable(digest, "it is not stored".to_owned()))?;
        let component = Arc::new(self.compile(digest, wasm).await?);
        if component.digest() != digest {
            return Err(unusable(digest, format!("what is stored has the digest {}", component.digest())));
        }
        self.keep(&component).await;
        Ok(component)
    }

    /// What another process has compiled; none if it was sealed by other keys or made by another engine.
    async fn load_artifact(&self, digest: &str) -> Result<Option<Component>, LoadError> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let artifact = self.loader.load_artifact(digest, &self.host.engine_version()).await?;
        let loaded = artifact.and_then(|artifact| self.host.load_precompiled(&artifact, &self.keys).ok());
        Ok(loaded.filter(|component| component.digest() == digest))
    }

    /// Keeps a compiled plugin. If that fails, the next process compiles it again.
    pub(super) async fn keep(&self, component: &Component) {
        let Some(key) = self.keys.first() else { return };
        let kept = match component.precompile(key) {
            Ok(artifact) => {
                let engine = self.host.engine_version();
                self.loader.keep_artifact(&component.digest(), &engine, artifact).await.map_err(|why| why.to_string())
            }
            Err(why) => Err(why.to_string()),
        };
        if let Err(why) = kept {
            tracing::warn!(plugin.digest = %component.digest(), why, "a compiled plugin is not kept");
        }
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
