//! Runs a chain: the same document goes from step to step without being serialised in between.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use scimgate_plugin_host::{Component, Failure, FailureKind, Host, Limits, LogLine, Outcome as StepOutcome};
use scimgate_scim::error::ScimError;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::breaker::{self, Breakers, Change, Cost};
use super::chain::{Chain, Step};
use super::compiled::Compiled;
use super::document::ScimDocument;
use super::slow::{Seats, Turn};
use crate::clock::Clock;
use crate::store::{self, ControlStore};

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
    /// A step has kept failing and is not called for a while.
    #[error(
        "The mapping plugin {plugin} (step {step}) kept using up its time or memory. It is called again in {seconds} s."
    )]
    Open {
        /// The plugin's name and version.
        plugin: String,
        /// Which step, from 1.
        step: usize,
        /// Until it is called again.
        seconds: u32,
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
    /// The length of the document as text.
    pub size: usize,
}

/// Longest document in bytes, as the client wrote it and as any step leaves it.
pub const LONGEST: usize = 1024 * 1024;

/// What all tenants share.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Most calls in flight; each holds a worker and a slot of the host's pool.
    pub in_flight: usize,
    /// Most calls of one tenant in flight, so that no tenant takes all.
    pub of_tenant: usize,
    /// Longest wait for a free slot.
    pub patience: Duration,
    /// Most compiled plugins kept.
    pub compiled: u64,
    /// Whether calls that last take turns and steps that keep failing are left alone. Off only to measure what that is
    /// worth.
    pub contain: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { in_flight: 48, of_tenant: 32, patience: Duration::from_secs(2), compiled: 4_000, contain: true }
    }
}

/// The plugin host with the compiled plugins.
#[derive(Clone)]
pub struct Mapper {
    bounds: Bounds,
    compiled: Compiled,
    slots: Arc<Semaphore>,
    of_tenant: Cache<String, Arc<Semaphore>>,
    breakers: Arc<Breakers>,
    seats: Arc<Seats>,
}

impl Mapper {
    /// A mapper that reads plugins from the store.
    #[must_use]
    pub fn new(host: Host, store: ControlStore, clock: Clock, bounds: Bounds) -> Self {
        Self {
            compiled: Compiled::new(host, store, bounds.compiled),
            slots: Arc::new(Semaphore::new(bounds.in_flight)),
            of_tenant: Cache::builder().time_to_idle(Duration::from_mins(5)).build(),
            breakers: Arc::new(Breakers::new(clock)),
            seats: Arc::new(Seats::of_this_machine()),
            bounds,
        }
    }

    /// Compiles uploaded bytes and reads the plugin's manifest.
    ///
    /// # Errors
    /// [`MapError::Missing`] with the reason the bytes are no usable plugin.
    pub async fn prepare(&self, bytes: Vec<u8>) -> Result<Arc<Component>, MapError> {
        self.compiled.prepare(bytes).await
    }

    /// A stored plugin, compiled; concurrent first uses compile once.
    ///
    /// # Errors
    /// It is not stored, cannot be prepared, or the database is unavailable.
    pub async fn component(&self, digest: &str) -> Result<Arc<Component>, MapError> {
        self.compiled.get(digest).await
    }

    /// How many compiled plugins are kept at this moment.
    pub async fn compiled(&self) -> u64 {
        self.compiled.count().await
    }

    /// Runs a chain over a canonical document. Without steps for its type the document is its own mapped document.
    ///
    /// # Errors
    /// What the chain refuses, and where it fails.
    pub async fn run(&self, chain: &Chain, call: Call<'_>, document: Map<String, Value>) -> Result<Outcome, MapError> {
        let mut tree = document;
        let mut mapped = false;
        // No less than the document's length, and cheaper to know.
        let mut length = call.size;
        for (index, step) in chain.steps.iter().enumerate() {
            let component = self.component(&step.plugin).await?;
            if !step.applies_to(&call.resource_type.name, &component.manifest().resource_types) {
                continue;
            }
            if !mapped {
                tree.shift_insert(0, "id".to_owned(), call.id.to_string().into());
                mapped = true;
            }
            let at = At { revision: chain.revision, index, step, component: &component };
            let result = self.step(&at, &call, tree).await?;
            tree = match result.outcome {
                StepOutcome::Mapped => result.document.tree,
                StepOutcome::Excluded(reason) => return Ok(Outcome::Excluded(reason)),
                StepOutcome::Rejected { scim_type, detail } => {
                    return Err(MapError::Refused(rejection(scim_type.as_deref(), detail)));
                }
            };
            length = at.check_length(&call, &tree, length.saturating_add(result.written))?;
        }
        if mapped {
            tree.shift_remove("id");
            check(chain, &call, &tree)?;
        }
        Ok(Outcome::Mapped(tree))
    }

    async fn step(&self, at: &At<'_>, call: &Call<'_>, tree: Map<String, Value>) -> Result<Done, MapError> {
        let step = breaker::Step { tenant: call.tenant.to_owned(), revision: at.revision, index: at.index };
        self.breakers.check(&step).map_err(|remaining| at.open(remaining))?;
        let of_tenant = async { Arc::new(Semaphore::new(self.bounds.of_tenant)) };
        let of_tenant = self.of_tenant.get_with_by_ref(call.tenant, of_tenant).await;
        let slots =
            async { Ok::<_, tokio::sync::AcquireError>((of_tenant.acquire().await?, self.slots.acquire().await?)) };
        let slots = tokio::time::timeout(self.bounds.patience, slots).await;
        let _slots = slots.map_err(|_| MapError::Busy)?.map_err(|_| MapError::Busy)?;
        // From here to the report nothing waits, so nothing can be given up in between.
        self.breakers.admit(&step).map_err(|remaining| at.open(remaining))?;
        let context = scimgate_plugin_host::Context {
            tenant: call.tenant.to_owned(),
            resource_type: call.resource_type.name.clone(),
            resource_id: call.id.to_string(),
            last_modified: call.last_modified.clone(),
        };
        let document = ScimDocument { tree, resource_type: call.resource_type.clone() };
        let config = at.step.config.to_string();
        let turn = self.bounds.contain.then(|| Turn::begin(&self.seats, &self.breakers, &step));
        let result = self.compiled.host.run(at.component, &context, &config, document, &Limits::default());
        drop(turn);
        if self.bounds.contain {
            at.tell(call, self.breakers.report(&step, cost(&result.outcome)));
        }
        for line in &result.log {
            at.log(call, line);
        }
        match result.outcome {
            Ok(outcome) => Ok(Done { outcome, document: result.document, written: result.written }),
            Err(failure) => Err(at.failed(call, &failure)),
        }
    }
}

/// What a step came to.
struct Done {
    outcome: StepOutcome,
    document: ScimDocument,
    written: usize,
}

/// Time that the wall clock alone counts is the machine's: a plugin cannot wait by itself.
fn cost(outcome: &Result<StepOutcome, Failure>) -> Cost {
    match outcome.as_ref().map_err(|failure| failure.kind) {
        Err(FailureKind::CpuTime | FailureKind::Memory) => Cost::Unbearable,
        Err(FailureKind::Overloaded | FailureKind::WallTime) => Cost::Unknown,
        Ok(_) | Err(_) => Cost::Bearable,
    }
}

/// Which step it is that runs, for what is told of it.
struct At<'a> {
    revision: i32,
    index: usize,
    step: &'a Step,
    component: &'a Component,
}

impl At<'_> {
    fn plugin(&self) -> String {
        let manifest = self.component.manifest();
        format!("{} {}", manifest.name, manifest.version)
    }

    fn open(&self, remaining: Duration) -> MapError {
        let seconds = u32::try_from(remaining.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
        MapError::Open { plugin: self.plugin(), step: self.index + 1, seconds }
    }

    /// The document's length, exactly where it may be too much.
    fn check_length(&self, call: &Call<'_>, tree: &Map<String, Value>, at_most: usize) -> Result<usize, MapError> {
        if at_most <= LONGEST {
            return Ok(at_most);
        }
        let length = serde_json::to_string(tree).map_or(usize::MAX, |text| text.len());
        if length <= LONGEST {
            return Ok(length);
        }
        let reason = format!("the document would be longer than {LONGEST} bytes, the longest accepted");
        tracing::warn!(
            tenant.name = call.tenant, plugin.id = self.component.digest(), resource.type = %call.resource_type.name,
            resource.id = %call.id, kind = "document_size", %reason, "a plugin failed"
        );
        Err(self.failure(call, reason, false))
    }

    fn failed(&self, call: &Call<'_>, failure: &Failure) -> MapError {
        // A plugin's own words may hold what it read, and personal data has no place in the log.
        let reason = match failure.kind {
            FailureKind::Reported => "the plugin said why, to the client alone",
            _ => failure.reason.as_str(),
        };
        tracing::warn!(
            tenant.name = call.tenant, plugin.id = self.component.digest(), resource.type = %call.resource_type.name,
            resource.id = %call.id, kind = failure.kind.as_str(), reason, "a plugin failed"
        );
        self.failure(call, failure.reason.trim_end_matches('.').to_owned(), failure.kind.may_pass())
    }

    fn failure(&self, call: &Call<'_>, reason: String, may_pass: bool) -> MapError {
        let resource_type = call.resource_type.name.clone();
        MapError::Failed { plugin: self.plugin(), step: self.index + 1, resource_type, reason, may_pass }
    }

    fn tell(&self, call: &Call<'_>, change: Change) {
        let (tenant, plugin, step) = (call.tenant, self.component.digest(), self.index + 1);
        match change {
            Change::None => {}
            Change::Opened(length) => tracing::warn!(
                tenant.name = tenant,
                plugin.id = plugin,
                mapping.revision = self.revision,
                step,
                seconds = length.as_secs(),
                "a plugin keeps failing and is not called for a while"
            ),
            Change::Closed => tracing::info!(
                tenant.name = tenant,
                plugin.id = plugin,
                mapping.revision = self.revision,
                step,
                "a plugin that kept failing is called again"
            ),
        }
    }

    /// A plugin's lines are for its author, and may hold what it read: they are left out unless asked for.
    fn log(&self, call: &Call<'_>, line: &LogLine) {
        tracing::debug!(
            tenant.name = call.tenant, plugin.id = self.component.digest(), resource.id = %call.id,
            plugin.level = ?line.level, plugin.message = line.message, "plugin says"
        );
    }
}

/// What comes out must be what the directory's schemas allow: the product relies on it.
fn check(chain: &Chain, call: &Call<'_>, tree: &Map<String, Value>) -> Result<(), MapError> {
    validate(tree, call.resource_type).map_err(|refusal| {
        let reason = "what came out does not fit the directory's schemas";
        // What exactly does not fit may be a plugin's own invention: it is told to the client alone.
        tracing::warn!(
            tenant.name = call.tenant, mapping.revision = chain.revision, resource.type = %call.resource_type.name,
            resource.id = %call.id, kind = "bad_output", reason, "a mapping failed"
        );
        MapError::Failed {
            plugin: format!("of revision {}", chain.revision),
            step: chain.steps.len(),
            resource_type: call.resource_type.name.clone(),
            reason: format!("{reason}: {}", refusal.detail.trim_end_matches('.')),
            may_pass: false,
        }
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
