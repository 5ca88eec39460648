//! Mapping: a tenant's chain of plugins, from the source document to the mapped one. Plugins come from a
//! [`PluginLoader`], so a chain also runs without a database.

mod call_counts;
pub mod chain;
mod compiled;
pub mod contain;
mod document;
mod error;
mod loader;
mod report;
mod run;
mod step;
mod trial;

use std::sync::Arc;
use std::time::Duration;

pub use chain::{Chain, Configuration, OnFailure, Step};
pub use document::{DocumentInfo, MAX_DOCUMENT_BYTES};
pub use error::MapError;
pub use loader::{LoadError, PluginLoader};
pub use report::{MappingOutcome, MappingRun, RefusedPath, StepReport, StepResult};
pub(crate) use run::subject;
pub use scimgate_plugin_host::Key;
use scimgate_plugin_host::{Component, Host};
pub use scimgate_plugin_host::{FailureKind, Level, LogLine, PathError};
pub use trial::{Trace, Trial};

use crate::clock::Clock;
use crate::counts::CacheFigures;
use call_counts::CallCounts;
use compiled::Compiled;
use contain::Containment;

/// What all tenants share.
#[derive(Clone, Copy, Debug)]
pub struct MapperConfig {
    /// Most concurrent calls; each holds a worker and an instance of the host's pool.
    pub max_calls: usize,
    /// Most concurrent calls of one tenant, so that no tenant takes all of them.
    pub max_tenant_calls: usize,
    /// How long a call waits for a permit.
    pub admission_timeout: Duration,
    /// Most compiled plugins kept: each uses a few of the memory maps that a process can have.
    pub max_compiled: u64,
    /// Most bytes of machine code of these.
    pub max_compiled_bytes: u64,
    /// How long a compiled plugin is kept after its last call.
    pub compiled_idle: Duration,
    /// Whether slow and failing steps are contained. Only a benchmark switches it off, to measure the effect.
    pub contain: bool,
}

impl Default for MapperConfig {
    fn default() -> Self {
        Self {
            max_calls: 48,
            max_tenant_calls: 32,
            admission_timeout: Duration::from_secs(2),
            max_compiled: 4_000,
            max_compiled_bytes: 1 << 30,
            compiled_idle: Duration::from_mins(30),
            contain: true,
        }
    }
}

/// Runs chains: the plugin host with the compiled plugins.
#[derive(Clone)]
pub struct Mapper {
    compiled: Compiled,
    containment: Arc<Containment>,
    calls: Arc<CallCounts>,
}

impl Mapper {
    /// A mapper that gets its plugins from `loader`.
    #[must_use]
    pub fn new(host: Host, loader: impl PluginLoader, clock: Clock, config: MapperConfig) -> Self {
        Self {
            compiled: Compiled::new(host, Arc::new(loader), &config),
            containment: Arc::new(Containment::new(&config, clock)),
            calls: Arc::default(),
        }
    }

    /// The same, which keeps what it compiles for the next process, sealed by the first of these keys.
    #[must_use]
    pub fn keeping_compiled(self, keys: Vec<Key>) -> Self {
        Self { compiled: self.compiled.keeping(keys), ..self }
    }

    /// Keeps a compiled plugin, once it is stored, for the next process.
    pub async fn keep_compiled(&self, component: &Component) {
        self.compiled.keep(component).await;
    }

    /// Takes plugins that bring a large runtime, too: [`Host::accept_large_plugins`].
    pub fn accept_large_plugins(&self) {
        self.compiled.host.accept_large_plugins();
    }

    /// Compiles uploaded bytes and reads the plugin's manifest.
    ///
    /// # Errors
    /// [`MapError::Unusable`] with the reason.
    pub async fn prepare(&self, bytes: Vec<u8>) -> Result<Arc<Component>, MapError> {
        self.compiled.prepare(bytes).await
    }

    /// The calls so far.
    #[must_use]
    pub fn call_counts(&self) -> &CallCounts {
        &self.calls
    }

    /// The compiled plugins that are kept.
    #[must_use]
    pub fn cache_figures(&self) -> CacheFigures {
        self.compiled.figures()
    }

    /// Permits for calls at the same time, and how many of them are free.
    #[must_use]
    pub fn permits(&self) -> (usize, usize) {
        self.containment.permits()
    }

    /// How many circuit breakers are open.
    #[must_use]
    pub fn open_breakers(&self) -> usize {
        self.containment.open_breakers()
    }

    /// A compiled plugin; concurrent first uses compile once.
    pub async fn component(&self, digest: &str) -> Result<Arc<Component>, MapError> {
        self.compiled.get(digest).await
    }

    /// The number of compiled plugins that are kept at this moment.
    pub async fn compiled(&self) -> u64 {
        self.compiled.count().await
    }
}
