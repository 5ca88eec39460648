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
use crate::store::guard::{Allowance, Counted, HeldIn, MembersGuard, RemovalKind, Removals};
use crate::store::held::{HeldKind, Hold, HoldChange};
use crate::store::membership::Members;
use crate::store::resource::content::Content;
use crate::store::resource::read::{MappingState, Stored};
use crate::store::stamp::Stamp;
use crate::telemetry;

/// Members of a group that are counted where it leaves the product.
pub(crate) const MAX_COUNTED_MEMBERS: i64 = 1_000_000;

/// What a write has asked the guard, over its attempts.
#[derive(Default)]
pub(crate) struct Reservation {
    /// Kinds of removals that an attempt has counted in its own transaction.
    tried: Vec<RemovalKind>,
    /// What was counted before the attempt that makes it.
    counted: Vec<(RemovalKind, i64, Stamp)>,
}

impl Reservation {
    /// Adds what was counted.
    pub(crate) fn add(&mut self, kind: RemovalKind, count: i64, stamp: &Stamp) {
        if count > 0 {
            self.counted.push((kind, count, stamp.clone()));
        }
    }

    /// After a write that was not made: what it had counted is taken back. A failure of that is logged: the guard holds somewhat too
    /// early then.
    pub(crate) async fn take_back(self, ctx: &Context) {
        for (kind, count, stamp) in self.counted {
            if let Err(error) = ctx.store.refund_removals(kind, count, &stamp).await {
                tracing::warn!(tenant.id = %ctx.store.id(), error = telemetry::chain(&error), "counted removals cannot be taken back");
            }
        }
    }
}

/// How a removal passes, or where it is held.
enum Admission {
    /// Counted already, or not limited.
    Free,
    /// The write counts it.
    Counts(Counted),
    /// The batch holds it.
    Held(Uuid),
}

/// A resource whose content is about to change, as it was before.
pub(crate) struct Subject<'a> {
    pub(crate) resource_type: &'a ResourceType,
    pub(crate) before: &'a Stored,
    /// The source document before.
    pub(crate) document: &'a Map<String, Value>,
    /// Whether it is a tombstone, which the write restores.
    pub(crate) is_deleted: bool,
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
    let is_removal = is_removal(content.event);
    match subject.before.held {
        Some(batch) if is_removal => hold(content, subject, batch),
        Some(_) if content.mapping_state == MappingState::Stale && !subject.is_deleted => {
            // The mapping failed: whether it is a removal is unknown.
            content.mapping_state = MappingState::Held;
            content.hold = HoldChange::Stale;
        }
        Some(_) => content.hold = HoldChange::Cancel,
        None if is_removal => match admit(ctx, reserved, subject, stamp).await? {
            Admission::Free => {}
            Admission::Counts(counted) => content.hold = HoldChange::Count(counted),
            Admission::Held(batch) => hold(content, subject, batch),
        },
        None => {}
    }
    Ok(())
}

/// Whether the product loses something by it.
pub(crate) fn is_removal(event: Option<EventKind>) -> bool {
    matches!(event, Some(EventKind::Deleted | EventKind::Deactivated))
}

/// The product keeps its view, and the batch what it will see after the release.
pub(crate) fn hold(content: &mut Content, subject: &Subject<'_>, batch: Uuid) {
    let (before, Some(view), Some(event)) = (subject.before, subject.before.mapped_text(), content.event) else {
        return;
    };
    let kind = if event == EventKind::Deleted { HeldKind::Excluded } else { HeldKind::Deactivated };
    content.event = None;
    let next = content.mapped.replace(view.to_owned());
    content.hold = HoldChange::Keep(Box::new(Hold {
        batch,
        kind,
        event: event.name(&subject.resource_type.name),
        source: before.source.clone(),
        set_aside: before.set_aside.clone(),
        // Of a document that is the source the text, too: the source may change while the mapping fails.
        mapped: next.or_else(|| (content.mapping_state == MappingState::Same).then(|| content.source.clone())),
        mapping_state: content.mapping_state,
        mapping_revision: content.mapping_revision,
    }));
    content.mapping_state = MappingState::Held;
}

/// How a deletion passes, or what holds it.
pub(crate) async fn check_deletion(
    ctx: &Context,
    reserved: &mut Reservation,
    subject: &Subject<'_>,
    stamp: &Stamp,
) -> Result<HoldChange, Error> {
    let before = subject.before;
    if !before.mapping_state.is_visible() {
        return Ok(HoldChange::None);
    }
    let batch = match before.held {
        Some(batch) => batch,
        None => match admit(ctx, reserved, subject, stamp).await? {
            Admission::Free => return Ok(HoldChange::None),
            Admission::Counts(counted) => return Ok(HoldChange::Count(counted)),
            Admission::Held(batch) => batch,
        },
    };
    Ok(HoldChange::Keep(Box::new(Hold {
        batch,
        kind: HeldKind::Deleted,
        event: EventKind::Deleted.name(&subject.resource_type.name),
        source: before.source.clone(),
        set_aside: before.set_aside.clone(),
        mapped: None,
        mapping_state: before.mapping_state,
        mapping_revision: ctx.settings.chain.revision,
    })))
}

/// How the members that a change removes pass, or what holds them.
pub(crate) async fn check_members(
    ctx: &Context,
    reserved: &mut Reservation,
    group: Uuid,
    members: &Members,
    stamp: &Stamp,
) -> Result<MembersGuard, Error> {
    let Some(limits) = ctx.settings.guard.limits else { return Ok(MembersGuard::Off) };
    if !members.replace_all && members.remove.is_empty() {
        return Ok(MembersGuard::Off);
    }
    let count = async || Ok(ctx.store.count_removed_members(group, members).await?);
    Ok(match ask(ctx, reserved, (RemovalKind::Member, limits.of_members()), count, stamp).await? {
        Admission::Free => MembersGuard::Off,
        Admission::Counts(counted) => MembersGuard::Counted(counted),
        Admission::Held(batch) => MembersGuard::Held(batch),
    })
}

/// A group counts as its memberships.
async fn admit(
    ctx: &Context,
    reserved: &mut Reservation,
    subject: &Subject<'_>,
    stamp: &Stamp,
) -> Result<Admission, Error> {
    if is_protected(ctx, subject) {
        return Ok(hold_protected(ctx, stamp).await?.map_or(Admission::Free, Admission::Held));
    }
    let Some(limits) = ctx.settings.guard.limits else { return Ok(Admission::Free) };
    if subject.resource_type.detached.is_none() {
        return ask(ctx, reserved, (RemovalKind::User, limits.of_users()), async || Ok(1), stamp).await;
    }
    let count = async || Ok(ctx.store.count_memberships(subject.before.id, MAX_COUNTED_MEMBERS).await?.max(1));
    ask(ctx, reserved, (RemovalKind::Member, limits.of_members()), count, stamp).await
}

/// Whether a resource is a protected user.
pub(crate) fn is_protected(ctx: &Context, subject: &Subject<'_>) -> bool {
    subject.resource_type.name == "User" && ctx.settings.guard.protects(subject.document)
}

/// The batch that holds protected users.
pub(crate) async fn hold_protected(ctx: &Context, stamp: &Stamp) -> Result<Option<Uuid>, Error> {
    let decision = ctx.store.hold_protected(ctx.gateway.clock.new_id(), stamp).await?;
    Ok(decision.held.map(|held| opened(ctx, held)))
}

/// The first attempt of a write counts what it removes in its own transaction. Where that fails, or others were held shortly before, the
/// guard is asked: removals join the open batch, or are counted, unless an attempt before has counted them. What an attempt before
/// counted otherwise is taken back.
async fn ask(
    ctx: &Context,
    reserved: &mut Reservation,
    (kind, allowance): (RemovalKind, Allowance),
    count: impl AsyncFnOnce() -> Result<i64, Error>,
    stamp: &Stamp,
) -> Result<Admission, Error> {
    let tenant = ctx.store.id();
    if !reserved.tried.contains(&kind) {
        reserved.tried.push(kind);
        if !ctx.gateway.closed_guards.contains(tenant) {
            return Ok(Admission::Counts(Counted::new(kind, allowance, stamp)));
        }
    }
    if let Some(batch) = ctx.store.open_batch().await? {
        ctx.gateway.closed_guards.add(tenant).await;
        return Ok(Admission::Held(batch));
    }
    let count = count().await?;
    if let Some(at) = reserved.counted.iter().position(|(known, ..)| *known == kind) {
        if reserved.counted[at].1 == count {
            return Ok(Admission::Free);
        }
        let counted = vec![reserved.counted.swap_remove(at)];
        Reservation { tried: Vec::new(), counted }.take_back(ctx).await;
    }
    let (passes, held) = reserve(ctx, (kind, allowance), (count, false), stamp).await?;
    reserved.add(kind, passes, stamp);
    Ok(held.map_or(Admission::Free, Admission::Held))
}

/// Counts removals, all or some of them; returns how many pass, and the batch that holds the others.
pub(crate) async fn reserve(
    ctx: &Context,
    (kind, allowance): (RemovalKind, Allowance),
    (count, may_be_split): (i64, bool),
    stamp: &Stamp,
) -> Result<(i64, Option<Uuid>), Error> {
    if count == 0 {
        return Ok((0, None));
    }
    let removals = Removals { kind, count, may_be_split, allowance };
    let decision = ctx.store.reserve_removals(&removals, ctx.gateway.clock.new_id(), stamp).await?;
    let held = decision.held.filter(|_| decision.passes < count);
    if held.is_some() {
        ctx.gateway.closed_guards.add(ctx.store.id()).await;
    }
    Ok((decision.passes, held.map(|held| opened(ctx, held))))
}

/// The operator learns of a batch once, when it is opened.
fn opened(ctx: &Context, held: HeldIn) -> Uuid {
    if held.is_new {
        tracing::warn!(
            tenant.id = %ctx.store.id(), tenant.name = %ctx.settings.name, held.batch = %held.batch, request.id = %ctx.request_id,
            "removals are held until an operator releases or rejects them"
        );
    }
    held.batch
}
