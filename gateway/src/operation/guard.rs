//! The guard against mass deprovisioning. Removals are deactivations, deletions and exclusions that the product would see, and
//! memberships that end. While few happen within an hour they pass; what is more is held: it stands in the source, and the product
//! sees it when an operator releases it. Only removals are counted, so other writes pay nothing.
//!
//! A write that meets a held resource keeps it held as long as it would still be a removal for the product, whatever else changes;
//! one after which the product would see the resource as before, or updated, ends the hold.

use scimgate_scim::schema::ResourceType;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::store::event::EventKind;
use crate::store::guard::{Decision, RemovalKind, Removals};
use crate::store::held::{HeldKind, Hold, HoldChange};
use crate::store::membership::Members;
use crate::store::resource::content::Content;
use crate::store::resource::read::{MappingState, Stored};
use crate::store::stamp::Stamp;
use crate::telemetry;

/// Members of a group that are counted where it leaves the product.
const MAX_COUNTED_MEMBERS: i64 = 1_000_000;

/// What a write has counted, over its attempts.
#[derive(Default)]
pub(crate) struct Reservation(Vec<(RemovalKind, i64, Stamp)>);

impl Reservation {
    /// After a write that was not made: what it had counted is taken back. A failure of that is logged: the guard holds somewhat too
    /// early then.
    pub(crate) async fn take_back(self, ctx: &Context) {
        for (kind, count, stamp) in self.0 {
            if let Err(error) = ctx.store.refund_removals(kind, count, &stamp).await {
                tracing::warn!(tenant.id = %ctx.store.id(), error = telemetry::chain(&error), "counted removals cannot be taken back");
            }
        }
    }
}

/// A resource whose content is about to change, as it was before.
pub(crate) struct Subject<'a> {
    pub(crate) resource_type: &'a ResourceType,
    pub(crate) before: &'a Stored,
    /// The source document before.
    pub(crate) document: &'a Map<String, Value>,
}

/// Holds what a write, or a remap, would take from the product, if it is too much. The event of the content says what the product would
/// see.
pub(crate) async fn check(
    ctx: &Context,
    reserved: &mut Reservation,
    subject: &Subject<'_>,
    content: &mut Content,
    stamp: &Stamp,
) -> Result<(), Error> {
    let is_removal = matches!(content.event, Some(EventKind::Deleted | EventKind::Deactivated));
    let batch = match subject.before.held {
        Some(batch) if is_removal => Some(batch),
        Some(_) if content.mapping_state == MappingState::Stale => {
            // The mapping failed: whether it is a removal is unknown.
            content.mapping_state = MappingState::Held;
            return Ok(());
        }
        Some(_) => {
            content.hold = HoldChange::Cancel;
            None
        }
        None if is_removal => admit(ctx, reserved, subject, stamp).await?,
        None => None,
    };
    if let Some(batch) = batch {
        hold(content, subject, batch);
    }
    Ok(())
}

/// The product keeps its view, and the batch what it will see after the release.
fn hold(content: &mut Content, subject: &Subject<'_>, batch: Uuid) {
    let (before, Some(view), Some(event)) = (subject.before, subject.before.mapped_text(), content.event) else {
        return;
    };
    let kind = if event == EventKind::Deleted { HeldKind::Excluded } else { HeldKind::Deactivated };
    content.event = None;
    content.hold = HoldChange::Keep(Box::new(Hold {
        batch,
        kind,
        event: event.name(&subject.resource_type.name),
        source: before.source.clone(),
        set_aside: before.set_aside.clone(),
        mapped: content.mapped.replace(view.to_owned()),
        mapping_state: content.mapping_state,
        mapping_revision: content.mapping_revision,
    }));
    content.mapping_state = MappingState::Held;
}

/// The hold of a deletion; none where it passes.
pub(crate) async fn check_deletion(
    ctx: &Context,
    reserved: &mut Reservation,
    subject: &Subject<'_>,
    stamp: &Stamp,
) -> Result<Option<Hold>, Error> {
    let before = subject.before;
    if !before.mapping_state.is_visible() {
        return Ok(None);
    }
    let batch = match before.held {
        Some(batch) => Some(batch),
        None => admit(ctx, reserved, subject, stamp).await?,
    };
    Ok(batch.map(|batch| Hold {
        batch,
        kind: HeldKind::Deleted,
        event: EventKind::Deleted.name(&subject.resource_type.name),
        source: before.source.clone(),
        set_aside: before.set_aside.clone(),
        mapped: None,
        mapping_state: before.mapping_state,
        mapping_revision: ctx.settings.chain.revision,
    }))
}

/// The batch that holds the members which a change removes; none where they pass.
pub(crate) async fn check_members(
    ctx: &Context,
    reserved: &mut Reservation,
    group: Uuid,
    members: &Members,
    stamp: &Stamp,
) -> Result<Option<Uuid>, Error> {
    let Some(limits) = ctx.settings.guard.limits else { return Ok(None) };
    if !members.replace_all && members.remove.is_empty() {
        return Ok(None);
    }
    let count = ctx.store.count_removed_members(group, members).await?;
    reserve(ctx, reserved, (RemovalKind::Member, count, limits.members), stamp).await
}

/// The batch that holds the removal of a resource; none where it passes. A group counts as its memberships.
async fn admit(
    ctx: &Context,
    reserved: &mut Reservation,
    subject: &Subject<'_>,
    stamp: &Stamp,
) -> Result<Option<Uuid>, Error> {
    let (guard, before) = (&ctx.settings.guard, subject.before);
    if subject.resource_type.name == "User" && guard.protects(subject.document) {
        let decision = ctx.store.hold_protected(ctx.gateway.clock.new_id(), stamp).await?;
        return Ok(batch(ctx, decision));
    }
    let Some(limits) = guard.limits else { return Ok(None) };
    let removal = if subject.resource_type.detached.is_some() {
        let members = ctx.store.count_members(&[before.id], MAX_COUNTED_MEMBERS).await?;
        (RemovalKind::Member, members.max(1), limits.members)
    } else {
        (RemovalKind::User, 1, limits.users)
    };
    reserve(ctx, reserved, removal, stamp).await
}

/// Counts removals, unless an attempt before has counted them. What an attempt before counted otherwise is taken back.
async fn reserve(
    ctx: &Context,
    reserved: &mut Reservation,
    (kind, count, limit): (RemovalKind, i64, i64),
    stamp: &Stamp,
) -> Result<Option<Uuid>, Error> {
    let Some(limits) = ctx.settings.guard.limits.filter(|_| count > 0) else { return Ok(None) };
    if let Some(at) = reserved.0.iter().position(|(known, ..)| *known == kind) {
        if reserved.0[at].1 == count {
            return Ok(None);
        }
        Reservation(vec![reserved.0.swap_remove(at)]).take_back(ctx).await;
    }
    let removals = Removals { kind, count, limit, percent: limits.percent };
    let decision = ctx.store.reserve_removals(&removals, ctx.gateway.clock.new_id(), stamp).await?;
    if decision == Decision::Passes {
        reserved.0.push((kind, count, stamp.clone()));
    }
    Ok(batch(ctx, decision))
}

/// The batch of a decision. The operator learns of it once, when it is opened.
fn batch(ctx: &Context, decision: Decision) -> Option<Uuid> {
    match decision {
        Decision::Passes => None,
        Decision::Held { batch, is_new } => {
            if is_new {
                tracing::warn!(
                    tenant.id = %ctx.store.id(), tenant.name = %ctx.settings.name, held.batch = %batch, request.id = %ctx.request_id,
                    "removals are held until an operator releases or rejects them"
                );
            }
            Some(batch)
        }
    }
}
