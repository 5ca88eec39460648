//! Carries out verdicts on held changes: releases them to the product, or restores the source as it was.
//!
//! A rejection is a write like a client's, so that the provider's next cycle reads what is there and repairs what differs. It changes
//! nothing that the product sees.

use std::sync::Arc;

use scimgate_scim::leniency::Warnings;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use crate::mapping::MapError;
use crate::operation::context::{Context, Gateway};
use crate::operation::error::Error;
use crate::operation::job::batch::Batch;
use crate::operation::resource::change::{Base, Change, Outcome, Prepared, Write};
use crate::operation::resource::document::{parse, parse_unknown};
use crate::operation::resource::record::Action;
use crate::operation::resource::write;
use crate::store;
use crate::store::held::batch::Verdict;
use crate::store::job::JobExample;
use crate::tenant::TenantId;

/// Resources of one batch of a release, which is one statement.
const RELEASE_SIZE: i64 = 200;
/// Memberships of one batch.
const MEMBERS_SIZE: i64 = 1_000;
/// Resources of one batch of a rejection, each of which is mapped and written.
const REJECT_SIZE: i64 = 20;
/// Most examples of resources that could not be restored.
const MAX_EXAMPLES: usize = 5;
/// The actor of the writes.
const ACTOR: &str = "held";

/// Does the next part of what is decided; returns whether nothing is left.
pub(super) async fn batch(gateway: &Gateway, tenant: TenantId, batch: &mut Batch) -> Result<bool, Error> {
    let mut ctx = Context::background(gateway, tenant, ACTOR).await?;
    let Some(&(id, verdict)) = ctx.store.undone_batches().await?.first() else { return Ok(true) };
    let more = match verdict {
        Verdict::Release => release(&ctx, id, batch).await?,
        Verdict::Reject => reject(&mut ctx, id, batch).await?,
    };
    gateway.events_waiting.add(tenant);
    if !more {
        ctx.store.close_batch(id, verdict).await?;
        batch.job.progress.after = Uuid::nil();
        tracing::info!(tenant.id = %tenant, held.batch = %id, verdict = verdict.done(), "held changes settled");
    }
    Ok(false)
}

async fn release(ctx: &Context, id: Uuid, batch: &mut Batch) -> Result<bool, Error> {
    let stamp = ctx.stamp();
    let mut done = ctx.store.release_resources(id, RELEASE_SIZE, &stamp).await?;
    if done == 0 {
        done = ctx.store.release_members(id, MEMBERS_SIZE, &stamp).await?;
    }
    batch.job.progress.examined += done;
    batch.job.progress.changed += done;
    Ok(done > 0)
}

async fn reject(ctx: &mut Context, id: Uuid, batch: &mut Batch) -> Result<bool, Error> {
    let resources = ctx.store.held_resources(id, batch.job.progress.after, REJECT_SIZE).await?;
    if resources.is_empty() {
        let mut done = ctx.store.reject_members(id, MEMBERS_SIZE, &ctx.stamp()).await?;
        if done == 0 {
            done = ctx.store.reject_references(id, MEMBERS_SIZE, &ctx.stamp()).await?;
        }
        batch.job.progress.examined += done;
        batch.job.progress.changed += done;
        return Ok(done > 0);
    }
    for resource in resources {
        if !batch.may_continue().await? {
            return Ok(true);
        }
        let (held, name) = (resource.id, resource.resource_type);
        let failure = restore(ctx, (id, held), &name).await?;
        let progress = &mut batch.job.progress;
        progress.after = held;
        progress.examined += 1;
        progress.changed += i64::from(failure.is_none());
        progress.rejected += i64::from(failure.is_some());
        if let Some(reason) = failure.filter(|_| progress.examples.len() < MAX_EXAMPLES) {
            progress.examples.push(JobExample {
                id: held,
                resource_type: name,
                attribute: "the resource".to_owned(),
                reason,
            });
        }
    }
    Ok(true)
}

/// Restores the source of one resource; returns why it cannot be restored.
///
/// # Errors
/// What may pass: the batch is tried again.
async fn restore(ctx: &mut Context, (batch, id): (Uuid, Uuid), resource_type: &str) -> Result<Option<String>, Error> {
    let Some(known) = ctx.settings.registry.resource_type(resource_type).cloned() else {
        return Ok(Some(format!("The tenant has no resource type {resource_type} any more.")));
    };
    let mut change = Restore { batch, id, resource_type: known };
    match write::run(ctx, &mut change).await {
        Ok(Outcome::Saved(rows)) if rows.iter().any(|row| row.stored.held.is_some()) => {
            Ok(Some("The mapping takes it from the product with the source as it was, too.".to_owned()))
        }
        Ok(_) => Ok(None),
        Err(Error::Scim(refusal)) if refusal.status < 500 => Ok(Some(refusal.detail)),
        Err(Error::Mapping(MapError::Rejected(refusal))) => Ok(Some(refusal.detail)),
        Err(Error::Mapping(
            lasting @ (MapError::Failed { transient: false, .. }
            | MapError::NonCompliant { .. }
            | MapError::Unusable { .. }),
        )) => Ok(Some(lasting.to_string())),
        Err(Error::Corrupt(why) | Error::Store(store::Error::Corrupt { why, .. })) => Ok(Some(why)),
        Err(passing) => Err(passing),
    }
}

struct Restore {
    batch: Uuid,
    id: Uuid,
    resource_type: Arc<ResourceType>,
}

impl Change for Restore {
    fn action(&self) -> Action {
        Action::RejectHeld
    }

    fn subject(&self) -> (&ResourceType, Option<Uuid>) {
        (&self.resource_type, Some(self.id))
    }

    fn locks(&self) -> Option<Uuid> {
        Some(self.id)
    }

    async fn prepare(&mut self, ctx: &Context) -> Result<Prepared, Error> {
        self.resource_type = ctx.current(&self.resource_type)?;
        let Some(held) = ctx.store.held(self.id).await? else { return Ok(Prepared::Gone) };
        let Some((row, deleted_at)) = ctx.store.row(self.id).await? else { return Ok(Prepared::Gone) };
        // A client may have ended the hold meanwhile, or another batch holds the resource by now. What changes after this read makes
        // the write begin again.
        if held.batch != self.batch || row.held != Some(self.batch) {
            return Ok(Prepared::Gone);
        }
        let before = held.before(&row);
        let document = parse("source", &before.source)?;
        let unknown = parse_unknown(&before)?;
        let base = if deleted_at.is_some() {
            Base::Deleted(row)
        } else {
            let document = parse("source", &row.source)?;
            Base::Living { before: row, document, guards_members: false, reads_groups: false }
        };
        Ok(Prepared::Write(vec![Write {
            resource_type: Arc::clone(&self.resource_type),
            id: self.id,
            document: Arc::new(document),
            unknown,
            validated_by: None,
            members: None,
            base,
        }]))
    }

    fn warnings(&self, _place: usize) -> Warnings {
        Warnings::default()
    }
}
