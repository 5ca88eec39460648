//! Runs a chain: the same document goes from step to step without being serialised in between.

use std::sync::Arc;

use moka::future::Cache;
use scimgate_plugin_host::{Component, Failure, Host, Level, Limits, Outcome as StepOutcome};
use scimgate_scim::error::ScimError;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::chain::{Chain, Step};
use super::document::ScimDocument;
use crate::store::{self, ControlStore};
use crate::telemetry;

/// What a chain decides for a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The mapped document, without its id.
    Mapped(Map<String, Value>),
    /// Accepted from the client, invisible to the product; the plugin's reason.
    Excluded(String),
}

/// Why a chain gave no outcome.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// A plugin rejects the document: a SCIM error for the client.
    #[error("rejected by the mapping")]
    Refused(#[source] ScimError),
    /// A step failed.
    #[error("The mapping plugin {plugin} (step {step}) failed on this {resource_type}: {reason}.")]
    Failed {
        /// The plugin's name and version.
        plugin: String,
        /// Which step, from 1.
        step: usize,
        /// The type of the document.
        resource_type: String,
        /// What happened.
        reason: String,
        /// Whether the same document may pass next time: it was time or overload that was short.
        may_pass: bool,
    },
    /// A plugin of the chain is not stored or cannot be prepared.
    #[error("plugin {digest} cannot be loaded: {why}")]
    Missing {
        /// Its digest.
        digest: String,
        /// What happened.
        why: String,
    },
    /// Too many calls are in flight.
    #[error("too many mappings run at once")]
    Busy,
    /// The database.
    #[error("a plugin could not be read")]
    Store(#[source] Arc<store::Error>),
}

/// One document to map.
pub struct Call<'a> {
    /// The tenant's name.
    pub tenant: &'a str,
    /// The type by the directory's schemas.
    pub resource_type: &'a Arc<ResourceType>,
    /// The resource's id.
    pub id: Uuid,
    /// The plugin's only notion of now.
    pub last_modified: String,
}

/// Most calls in flight; each holds a worker and a slot of the host's pool.
const IN_FLIGHT: usize = 48;
/// Most calls of one tenant in flight, so that no tenant takes all.
const OF_TENANT: usize = 32;
/// Longest wait for a free slot.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// The plugin host with the compiled plugins.
#[derive(Clone)]
pub struct Mapper {
    host: Arc<Host>,
    store: ControlStore,
    compiled: Cache<String, Arc<Component>>,
    slots: Arc<Semaphore>,
    of_tenant: Cache<String, Arc<Semaphore>>,
}

impl Mapper {
    /// A mapper that reads plugins from the store.
    #[must_use]
    pub fn new(host: Host, store: ControlStore) -> Self {
        Self {
            host: Arc::new(host),
            store,
            compiled: Cache::builder().max_capacity(4_000).build(),
            slots: Arc::new(Semaphore::new(IN_FLIGHT)),
            of_tenant: Cache::builder().time_to_idle(std::time::Duration::from_mins(5)).build(),
        }
    }

    /// Compiles uploaded bytes and reads the plugin's manifest.
    ///
    /// # Errors
    /// [`MapError::Missing`] with the reason the bytes are no usable plugin.
    pub async fn prepare(&self, bytes: Vec<u8>) -> Result<Arc<Component>, MapError> {
        let host = self.host.clone();
        let prepared = tokio::task::spawn_blocking(move || host.prepare(&bytes)).await;
        let component = match prepared {
            Ok(Ok(component)) => Arc::new(component),
            Ok(Err(why)) => {
                return Err(MapError::Missing { digest: "(uploaded)".to_owned(), why: telemetry::chain(&why) });
            }
            Err(gone) => return Err(MapError::Missing { digest: "(uploaded)".to_owned(), why: gone.to_string() }),
        };
        self.compiled.insert(component.digest().clone(), component.clone()).await;
        Ok(component)
    }

    /// A stored plugin, compiled; concurrent first uses compile once.
    ///
    /// # Errors
    /// It is not stored, cannot be prepared, or the database is unavailable.
    pub async fn component(&self, digest: &str) -> Result<Arc<Component>, MapError> {
        if let Some(ready) = self.compiled.get(digest).await {
            return Ok(ready);
        }
        let loaded = self.compiled.try_get_with(digest.to_owned(), self.load(digest)).await;
        loaded.map_err(|shared: Arc<MapError>| match &*shared {
            MapError::Store(source) => MapError::Store(source.clone()),
            other => MapError::Missing { digest: digest.to_owned(), why: other.to_string() },
        })
    }

    async fn load(&self, digest: &str) -> Result<Arc<Component>, MapError> {
        let missing = |why: String| MapError::Missing { digest: digest.to_owned(), why };
        let wasm = self.store.plugin_wasm(digest).await.map_err(|source| MapError::Store(Arc::new(source)))?;
        let wasm = wasm.ok_or_else(|| missing("it is not stored".to_owned()))?;
        let host = self.host.clone();
        let prepared = tokio::task::spawn_blocking(move || host.prepare(&wasm)).await;
        let component =
            prepared.map_err(|gone| missing(gone.to_string()))?.map_err(|why| missing(telemetry::chain(&why)))?;
        Ok(Arc::new(component))
    }

    /// Runs a chain over a canonical document. Without steps for its type the document is its own mapped document.
    ///
    /// # Errors
    /// What the chain refuses, and where it fails.
    pub async fn run(&self, chain: &Chain, call: Call<'_>, document: Map<String, Value>) -> Result<Outcome, MapError> {
        let mut tree = document;
        let mut mapped = false;
        for (index, step) in chain.steps.iter().enumerate() {
            let component = self.component(&step.plugin).await?;
            if !step.applies_to(&call.resource_type.name, &component.manifest().resource_types) {
                continue;
            }
            if !mapped {
                tree.shift_insert(0, "id".to_owned(), call.id.to_string().into());
                mapped = true;
            }
            match self.step(index, step, &component, &call, tree).await? {
                Outcome::Mapped(next) => tree = next,
                excluded @ Outcome::Excluded(_) => return Ok(excluded),
            }
        }
        if mapped {
            tree.shift_remove("id");
            check(chain, &call, &tree)?;
        }
        Ok(Outcome::Mapped(tree))
    }

    async fn step(
        &self,
        index: usize,
        step: &Step,
        component: &Component,
        call: &Call<'_>,
        tree: Map<String, Value>,
    ) -> Result<Outcome, MapError> {
        let of_tenant =
            self.of_tenant.get_with_by_ref(call.tenant, async { Arc::new(Semaphore::new(OF_TENANT)) }).await;
        let slots =
            async { Ok::<_, tokio::sync::AcquireError>((of_tenant.acquire().await?, self.slots.acquire().await?)) };
        let slots = tokio::time::timeout(PATIENCE, slots).await;
        let _slots = slots.map_err(|_| MapError::Busy)?.map_err(|_| MapError::Busy)?;
        let context = scimgate_plugin_host::Context {
            tenant: call.tenant.to_owned(),
            resource_type: call.resource_type.name.clone(),
            resource_id: call.id.to_string(),
            last_modified: call.last_modified.clone(),
        };
        let document = ScimDocument { tree, resource_type: call.resource_type.clone() };
        let config = step.config.to_string();
        let result = self.host.run(component, &context, &config, document, &Limits::default());
        for line in &result.log {
            log(call, component, line.level, &line.message);
        }
        match result.outcome {
            Ok(StepOutcome::Mapped) => Ok(Outcome::Mapped(result.document.tree)),
            Ok(StepOutcome::Excluded(reason)) => Ok(Outcome::Excluded(reason)),
            Ok(StepOutcome::Rejected { scim_type, detail }) => {
                Err(MapError::Refused(rejection(scim_type.as_deref(), detail)))
            }
            Err(failure) => Err(failed(index, component, call, &failure)),
        }
    }
}

fn failed(index: usize, component: &Component, call: &Call<'_>, failure: &Failure) -> MapError {
    let manifest = component.manifest();
    let plugin = format!("{} {}", manifest.name, manifest.version);
    tracing::warn!(
        tenant.name = call.tenant, plugin.id = component.digest(), resource.type = %call.resource_type.name,
        resource.id = %call.id, kind = ?failure.kind, reason = %failure.reason, "plugin {plugin} failed"
    );
    MapError::Failed {
        plugin,
        step: index + 1,
        resource_type: call.resource_type.name.clone(),
        reason: failure.reason.trim_end_matches('.').to_owned(),
        may_pass: failure.kind.may_pass(),
    }
}

/// What comes out must be what the directory's schemas allow: the product relies on it.
fn check(chain: &Chain, call: &Call<'_>, tree: &Map<String, Value>) -> Result<(), MapError> {
    validate(tree, call.resource_type).map_err(|refusal| MapError::Failed {
        plugin: format!("of revision {}", chain.revision),
        step: chain.steps.len(),
        resource_type: call.resource_type.name.clone(),
        reason: format!("what came out does not fit the directory's schemas: {}", refusal.detail.trim_end_matches('.')),
        may_pass: false,
    })
}

/// A plugin's rejection becomes the client's error; its keyword only where RFC 7644 knows it.
fn rejection(scim_type: Option<&str>, detail: String) -> ScimError {
    use scimgate_scim::error::ScimType;
    match scim_type {
        Some("uniqueness") => ScimError::uniqueness(detail),
        Some("mutability") => ScimError::mutability(detail),
        Some("invalidSyntax") => ScimError::invalid_syntax(detail),
        _ => ScimError::bad_request(ScimType::InvalidValue, detail),
    }
}

fn log(call: &Call<'_>, component: &Component, level: Level, message: &str) {
    let (tenant, plugin, id) = (call.tenant, component.digest(), call.id);
    match level {
        Level::Error | Level::Warn => {
            tracing::warn!(tenant.name = tenant, plugin.id = plugin, resource.id = %id, plugin.message = message, "plugin says");
        }
        Level::Info | Level::Debug => {
            tracing::debug!(tenant.name = tenant, plugin.id = plugin, resource.id = %id, plugin.message = message, "plugin says");
        }
    }
}
