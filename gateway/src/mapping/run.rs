//! Runs a chain: the same document goes from step to step without being serialised in between.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use scimgate_plugin_host::{Component, Decision as StepOutcome, Host};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::breaker::Breakers;
use super::call::{Call, MapError, Outcome};
use super::chain::Chain;
use super::compiled::Compiled;
use super::document::ScimDocument;
use super::lane::Lane;
use super::report::{At, check, rejection};
use super::slow::Seats;
use crate::clock::Clock;
use crate::store::ControlStore;

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
    /// Whether calls that last take turns in a lane of their own, and steps that keep failing are left alone. Off only to measure what that is
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
    pub(super) bounds: Bounds,
    pub(super) compiled: Compiled,
    pub(super) slots: Arc<Semaphore>,
    pub(super) of_tenant: Cache<String, Arc<Semaphore>>,
    pub(super) breakers: Arc<Breakers>,
    pub(super) seats: Arc<Seats>,
    pub(super) lane: Arc<Lane>,
}

impl Mapper {
    /// A mapper that reads plugins from the store.
    #[must_use]
    pub fn new(host: Host, store: ControlStore, clock: Clock, bounds: Bounds) -> Self {
        Self {
            compiled: Compiled::new(host, store, bounds.compiled),
            slots: Arc::new(Semaphore::new(bounds.in_flight)),
            of_tenant: Cache::builder().time_to_idle(Duration::from_mins(5)).build(),
            breakers: Arc::new(Breakers::new(clock.clone())),
            lane: Arc::new(Lane::of_this_machine(clock)),
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
}

/// What a step came to.
pub(super) struct Done {
    pub(super) outcome: StepOutcome,
    pub(super) document: ScimDocument,
    pub(super) written: usize,
}
