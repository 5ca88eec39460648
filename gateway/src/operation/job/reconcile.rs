//! Moves unknown attributes into the documents, once a schema defines them.
//!
//! This is a write like a client's: it changes version, `lastModified` and ETag, or a client that caches what it read would
//! never see the new attributes. The resource is mapped again, and an event is written if the product's view changed.

use std::sync::Arc;

use scimgate_scim::attribute::Uniqueness;
use scimgate_scim::leniency::Warnings;
use scimgate_scim::schema::{AttributeRef, ResourceType};
use scimgate_scim::unknown::{self, Reconciled, RejectedValue, UnknownAttributes};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::mapping::MapError;
use crate::operation::context::{Context, Gateway};
use crate::operation::error::Error;
use crate::operation::job::batch::Batch;
use crate::operation::resource::change::{Base, Change, Outcome, Prepared, Refusal, Write};
use crate::operation::resource::document::{parse, parse_unknown};
use crate::operation::resource::record::Action;
use crate::operation::resource::write;
use crate::operation::schema_change::{in_flight, stale_keys};
use crate::store::job::JobExample;
use crate::store::resource::read::{ReadOptions, Stored};
use crate::tenant::TenantId;
use crate::{store, telemetry};

/// Resources of one batch: a document may have a megabyte, and the embedded database has one connection for all.
const BATCH_SIZE: i64 = 20;
/// Most examples of resources with rejected values in a job's progress.
const MAX_EXAMPLES: usize = 5;
/// The names in an example where something other than an attribute was rejected.
const MAPPING: &str = "the mapping";
const RESOURCE: &str = "the resource";
/// The actor of the events.
const ACTOR: &str = "reconcile";

/// Runs the next batch; returns whether it was the last. Resources done before an error stay done.
pub(super) async fn batch(gateway: &Gateway, tenant: TenantId, batch: &mut Batch) -> Result<bool, Error> {
    let (store, is_first) = (gateway.store.tenant(tenant), batch.job.progress.after.is_nil());
    if is_first {
        // A write that began under the older schemas may still add unknown attributes.
        in_flight::wait(&store).await?;
    }
    let mut ctx = Context::background(gateway, tenant, ACTOR).await?;
    if ctx.settings.schema_revision < batch.job.revision {
        ctx = ctx.refreshed().await?;
    }
    if is_first {
        stale_keys::drop(&ctx).await?;
    }
    let resources = store.with_unknown_after(batch.job.progress.after, BATCH_SIZE).await?;
    let is_last = resources.is_empty();
    for stored in resources {
        if !batch.may_continue().await? {
            return Ok(false);
        }
        let (id, resource_type) = (stored.id, stored.resource_type.clone());
        let done = match reconcile(&mut ctx, stored).await {
            Ok(done) => done,
            Err(error) => Done { changed: false, rejected: vec![lasting(&resource_type, id, error)?] },
        };
        let progress = &mut batch.job.progress;
        progress.after = id;
        progress.examined += 1;
        progress.changed += i64::from(done.changed);
        progress.rejected += i64::from(!done.rejected.is_empty());
        if let Some(RejectedValue { name, why }) =
            done.rejected.into_iter().next().filter(|_| progress.examples.len() < MAX_EXAMPLES)
        {
            progress.examples.push(JobExample { id, resource_type, attribute: name, reason: why });
        }
    }
    Ok(is_last)
}

/// A permanent error of one resource as a rejected value, so that the job continues with the next resource.
///
/// # Errors
/// The same error, where it is transient: the batch is tried again.
fn lasting(resource_type: &str, id: Uuid, error: Error) -> Result<RejectedValue, Error> {
    let (name, why) = match error {
        Error::Mapping(MapError::Rejected(refusal)) => (MAPPING, refusal.detail),
        Error::Mapping(
            lasting @ (MapError::Failed { transient: false, .. }
            | MapError::NonCompliant { .. }
            | MapError::Unusable { .. }),
        ) => (MAPPING, lasting.to_string()),
        Error::Scim(refusal) if refusal.status < 500 => (RESOURCE, refusal.detail),
        Error::Corrupt(_) | Error::Store(store::Error::Corrupt { .. }) => {
            tracing::error!(resource.type = resource_type, resource.id = %id, error = telemetry::chain(&error), "a resource cannot be read");
            (RESOURCE, "What is stored of it cannot be understood; the log has more.".to_owned())
        }
        passing => return Err(passing),
    };
    Ok(RejectedValue { name: name.to_owned(), why })
}

struct Done {
    changed: bool,
    rejected: Vec<RejectedValue>,
}

async fn reconcile(ctx: &mut Context, stored: Stored) -> Result<Done, Error> {
    let Some(resource_type) = ctx.settings.registry.resource_type(&stored.resource_type).cloned() else {
        return Ok(Done { changed: false, rejected: Vec::new() });
    };
    let mut change =
        Reconcile { id: stored.id, resource_type, read: Some(stored), skips_unique: false, rejected: Vec::new() };
    let outcome = write::run(ctx, &mut change).await?;
    Ok(Done { changed: matches!(outcome, Outcome::Saved(_)), rejected: change.rejected })
}

struct Reconcile {
    id: Uuid,
    resource_type: Arc<ResourceType>,
    /// The resource as the batch read it, for the first attempt.
    read: Option<Stored>,
    /// Whether unique attributes are left out, after the index refused one. Its error does not contain which.
    skips_unique: bool,
    rejected: Vec<RejectedValue>,
}

impl Change for Reconcile {
    fn action(&self) -> Action {
        Action::Reconcile
    }

    fn subject(&self) -> (&ResourceType, Option<Uuid>) {
        (&self.resource_type, Some(self.id))
    }

    fn locks(&self) -> Option<Uuid> {
        Some(self.id)
    }

    async fn prepare(&mut self, ctx: &Context) -> Result<Prepared, Error> {
        let Some(now) = ctx.settings.registry.resource_type(&self.resource_type.name) else {
            return Ok(Prepared::Gone);
        };
        self.resource_type = Arc::clone(now);
        let before = match self.read.take() {
            Some(read) => read,
            None => match ctx.store.get(&self.resource_type.name, self.id, ReadOptions::default()).await? {
                Some(now) => now,
                None => return Ok(Prepared::Gone),
            },
        };
        let old = parse("source", &before.source)?;
        let reconciled = self.fitting(ctx, &old, parse_unknown(&before)?);
        self.rejected = reconciled.rejected;
        if !reconciled.changed {
            return Ok(Prepared::Unchanged(before));
        }
        Ok(Prepared::Write(vec![Write {
            resource_type: Arc::clone(&self.resource_type),
            id: self.id,
            document: Arc::new(reconciled.document),
            unknown: reconciled.unknown,
            validated_by: None,
            members: None,
            base: Base::Living { before, document: old, guards_members: false, reads_groups: false },
        }]))
    }

    fn recover(&mut self, _place: usize, refusal: Refusal) -> Result<(), Error> {
        match refusal {
            Refusal::Taken(_) if !self.skips_unique => {
                self.skips_unique = true;
                Ok(())
            }
            refusal => Err(refusal.into()),
        }
    }

    fn warnings(&self, _place: usize) -> Warnings {
        Warnings::default()
    }
}

impl Reconcile {
    /// The document after reconciling the unknown attributes that fit.
    fn fitting(&self, ctx: &Context, old: &Map<String, Value>, kept: UnknownAttributes) -> Reconciled {
        let allowed = |found: &AttributeRef| {
            if !self.skips_unique || found.leaf().uniqueness == Uniqueness::None {
                return Ok(());
            }
            Err(format!("Another {} has this {} already.", self.resource_type.name, found.name()))
        };
        unknown::reconcile(old.clone(), kept, &self.resource_type, &ctx.settings.leniencies, &allowed)
    }
}
