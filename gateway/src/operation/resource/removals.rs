//! What the guard says of many documents that are mapped again: one question for all users of a batch, however many it removes.

use std::collections::HashMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::guard::{self, MAX_COUNTED_MEMBERS, Reservation, Subject};
use crate::operation::resource::document::parse;
use crate::operation::resource::mapped::Mapped;
use crate::store::guard::RemovalKind;
use crate::store::resource::content::Content;
use crate::store::resource::read::Stored;
use crate::store::stamp::Stamp;

/// What is stored of the documents that a batch holds, or held until now, by their ids. All others are stored as they are mapped.
///
/// # Errors
/// The guard cannot be asked.
pub(super) async fn held(
    ctx: &Context,
    reserved: &mut Reservation,
    mapped: &[(Stored, Mapped)],
    stamp: &Stamp,
) -> Result<HashMap<Uuid, Content>, Error> {
    let mut held = HashMap::new();
    let mut removed = Vec::new();
    for (stored, mapped) in mapped {
        let is_removal = guard::is_removal(mapped.event);
        let known = ctx.settings.registry.resource_type(&stored.resource_type);
        let Some(resource_type) = known.filter(|_| is_removal || stored.held.is_some()) else { continue };
        let document = parse("source", &stored.source)?;
        let mut content = mapped.content(ctx, stored);
        if stored.held.is_some() {
            let subject = Subject { resource_type, before: stored, document: &document, is_deleted: false };
            guard::check(ctx, reserved, &subject, &mut content, stamp).await?;
            held.insert(stored.id, content);
        } else {
            removed.push(Removed { stored, document, content, batch: None });
        }
    }
    protect(ctx, &mut removed, stamp).await?;
    admit(ctx, reserved, &mut removed, stamp).await?;
    for Removed { stored, document, mut content, batch } in removed {
        let Some(resource_type) = ctx.settings.registry.resource_type(&stored.resource_type) else { continue };
        if let Some(batch) = batch {
            let subject = Subject { resource_type, before: stored, document: &document, is_deleted: false };
            guard::hold(&mut content, &subject, batch);
            held.insert(stored.id, content);
        }
    }
    Ok(held)
}

/// A resource that the product would lose.
struct Removed<'a> {
    stored: &'a Stored,
    document: Map<String, Value>,
    content: Content,
    /// The batch that holds it.
    batch: Option<Uuid>,
}

/// Holds protected users, in a batch of their own.
async fn protect(ctx: &Context, removed: &mut [Removed<'_>], stamp: &Stamp) -> Result<(), Error> {
    let mut batch = None;
    for it in removed {
        let Some(resource_type) = ctx.settings.registry.resource_type(&it.stored.resource_type) else { continue };
        let subject = Subject { resource_type, before: it.stored, document: &it.document, is_deleted: false };
        if guard::is_protected(ctx, &subject) {
            if batch.is_none() {
                batch = guard::hold_protected(ctx, stamp).await?;
            }
            it.batch = batch;
        }
    }
    Ok(())
}

/// Counts what may pass, in the order of ids, and holds the rest. A group counts as its memberships.
async fn admit(
    ctx: &Context,
    reserved: &mut Reservation,
    removed: &mut [Removed<'_>],
    stamp: &Stamp,
) -> Result<(), Error> {
    let Some(limits) = ctx.settings.guard.limits else { return Ok(()) };
    let is_group = |it: &Removed<'_>| {
        let known = ctx.settings.registry.resource_type(&it.stored.resource_type);
        known.is_some_and(|known| known.detached.is_some())
    };
    let mut others: Vec<_> = removed.iter_mut().filter(|it| it.batch.is_none()).collect();
    let users = others.iter().filter(|it| !is_group(it)).count();
    let count = i64::try_from(users).unwrap_or(i64::MAX);
    let (passes, mut batch) = guard::reserve(ctx, (RemovalKind::User, limits.of_users()), (count, true), stamp).await?;
    reserved.add(RemovalKind::User, passes, stamp);
    let held = others.iter_mut().filter(|it| !is_group(it)).skip(usize::try_from(passes).unwrap_or_default());
    held.for_each(|it| it.batch = batch);
    for it in others.iter_mut().filter(|it| is_group(it)) {
        if batch.is_none() {
            let members = ctx.store.count_memberships(it.stored.id, MAX_COUNTED_MEMBERS).await?.max(1);
            let kind = (RemovalKind::Member, limits.of_members());
            let (passes, held) = guard::reserve(ctx, kind, (members, false), stamp).await?;
            reserved.add(RemovalKind::Member, passes, stamp);
            batch = held;
        }
        it.batch = batch;
    }
    Ok(())
}
