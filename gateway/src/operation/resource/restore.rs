//! POST of what is there already, or was: by the client's profile it activates a deactivated user again, brings back what was
//! deleted, or is the repetition of a request whose reply was lost.

use std::time::{Duration, SystemTime};

use scimgate_scim::leniency::Leniency;
use scimgate_scim::schema::validate::check_immutable;
use scimgate_scim::unknown::keep_omitted;
use serde_json::{Map, Value};

use crate::operation::Context;
use crate::operation::Error;
use crate::operation::resource::document::{Draft, content, parse, parse_unknown};
use crate::operation::resource::members;
use crate::operation::resource::new::New;
use crate::operation::resource::reply::{Reply, show};
use crate::store::resource::key::Key;
use crate::store::resource::key::Keys;
use crate::store::resource::key::name_attribute;
use crate::store::resource::read::ReadOptions;
use crate::store::resource::read::Stored;
use crate::store::resource::restore::Restore;
use crate::store::resource::update::Update;
use crate::store::resource::update::Written;

/// How long the same POST may be the same request once more.
const REPEATED_WITHIN: Duration = Duration::from_mins(10);

/// How long what was deleted can be brought back.
const RETAINED: Duration = Duration::from_hours(30 * 24);

/// What came of a POST that may mean something else than a new resource.
pub(crate) enum CreateConflict {
    /// It meant the resource that has the name, which is shown.
    Answered(Reply),
    /// It meant another one.
    Other,
    /// The resource changed meanwhile: look again from the beginning.
    Changed,
}

/// Looks at the resource that has the name of the new one, and does what the client's profile has for it.
pub(crate) async fn meet(ctx: &Context, new: &New) -> Result<CreateConflict, Error> {
    let allows = |leniency| ctx.settings.leniencies.allows(leniency);
    let keys = Keys::of(&new.document, &new.resource_type);
    let Some(name) =
        name_of(&keys, new).filter(|_| allows(Leniency::RestoreDeactivated) || allows(Leniency::IdempotentCreate))
    else {
        return Ok(CreateConflict::Other);
    };
    let options = ReadOptions { mapped: true, ..members::read_options(&new.resource_type, new.projection.as_ref()) };
    let Some(owner) = ctx.store.owner(&new.resource_type.name, name, options).await? else {
        // Another of its values is in use; or the owner is gone, but had it when this one was refused.
        return Ok(CreateConflict::Other);
    };
    let old = parse("source", &owner.source)?;
    if allows(Leniency::IdempotentCreate) && repeats(new, &owner, &old, ctx.gateway.clock.now())? {
        ctx.record_leniency(Leniency::IdempotentCreate, &name.attribute);
        return answer(ctx, new, &owner).map(CreateConflict::Answered);
    }
    let says_active = new.document.get("active").and_then(Value::as_bool);
    let is_restored = old.get("active") == Some(&Value::Bool(false)) && says_active != Some(false);
    if allows(Leniency::RestoreDeactivated) && is_restored && !is_another(&old, new) {
        return activate(ctx, new, owner, &old).await;
    }
    Ok(CreateConflict::Other)
}

/// Whether both have an externalId, and not the same: then the name alone went over to somebody else.
fn is_another(old: &Map<String, Value>, new: &New) -> bool {
    matches!((old.get("externalId"), new.document.get("externalId")), (Some(old), Some(new)) if old != new)
}

/// The key of the attribute that names resources of this type, where it is unique.
fn name_of<'a>(keys: &'a Keys, new: &New) -> Option<&'a Key> {
    keys.unique.iter().find(|key| key.attribute == name_attribute(&new.resource_type))
}

/// Whether a POST says what was stored a moment ago.
fn repeats(new: &New, owner: &Stored, old: &Map<String, Value>, now: SystemTime) -> Result<bool, Error> {
    let age = now.duration_since(owner.modified_at).unwrap_or_default();
    Ok(age < REPEATED_WITHIN && *old == new.document && parse_unknown(owner)? == new.unknown)
}

/// The deactivated resource becomes what the body says, and is active.
async fn activate(ctx: &Context, new: &New, owner: Stored, old: &Map<String, Value>) -> Result<CreateConflict, Error> {
    let resource_type = &new.resource_type;
    let mut document = new.document.clone();
    document.insert("active".to_owned(), Value::Bool(true));
    check_immutable(old, &document, resource_type)?;
    let stamp = ctx.stamp();
    // What the body does not mention stays: its client cannot see it.
    let (mut unknown, kept, leniencies) = (new.unknown.clone(), parse_unknown(&owner)?, &ctx.settings.leniencies);
    let warnings = keep_omitted(&mut unknown, &kept, &new.document, &new.cleared, resource_type, leniencies)?;
    ctx.record_leniencies(&warnings);
    let draft = Draft { resource_type, id: owner.id, document, unknown, before: Some(&owner) };
    let content = content(ctx, draft, &stamp).await?;
    let update = Update {
        resource_type: &resource_type.name,
        id: owner.id,
        version: owner.own_version,
        member_changes: None,
        before: &ctx.settings.keys(old, resource_type),
        content: &content,
        members: None,
    };
    let written = ctx.store.update(&update, &stamp).await;
    match crate::operation::lost_on_conflict(written, (Written::Lost, 0))
        .map_err(|error| crate::operation::duplicate(ctx, error, resource_type))?
    {
        (Written::Lost, _) => Ok(CreateConflict::Changed),
        (Written::Done(version), joined) => {
            ctx.gateway.events_waiting.notify_one();
            ctx.record_leniency(Leniency::RestoreDeactivated, name_attribute(resource_type));
            let options = members::read_options(resource_type, new.projection.as_ref());
            let stored =
                members::reload_if_joined(ctx, options, content.stored(owner, version, stamp.at), joined).await?;
            answer(ctx, new, &stored).map(CreateConflict::Answered)
        }
    }
}

/// Looks for what was deleted and is meant by the new one, and brings it back. Members are in no document and gone with
/// their group, so groups are made anew.
pub(crate) async fn deleted(ctx: &Context, new: &New) -> Result<CreateConflict, Error> {
    let resource_type = &new.resource_type;
    if resource_type.detached.is_some() || !ctx.settings.leniencies.allows(Leniency::RestoreDeleted) {
        return Ok(CreateConflict::Other);
    }
    let keys = Keys::of(&new.document, resource_type);
    let retained = ctx.gateway.clock.now() - RETAINED;
    let Some(tombstone) = ctx.store.tombstone(&resource_type.name, &keys, retained).await? else {
        return Ok(CreateConflict::Other);
    };
    let old = parse("source", &tombstone.source)?;
    if check_immutable(&old, &new.document, resource_type).is_err() {
        // What cannot have changed has: it is another one.
        return Ok(CreateConflict::Other);
    }
    let stamp = ctx.stamp();
    // Unknown attributes went with the deletion.
    let (document, unknown) = (new.document.clone(), new.unknown.clone());
    let draft = Draft { resource_type, id: tombstone.id, document, unknown, before: None };
    let content = content(ctx, draft, &stamp).await?;
    let restore = Restore {
        resource_type: &resource_type.name,
        id: tombstone.id,
        version: tombstone.own_version,
        content: &content,
    };
    let (version, groups) = match ctx.store.restore(&restore, &stamp).await {
        Ok((Written::Done(version), groups)) => (version, groups),
        Ok((Written::Lost, _)) | Err(crate::store::Error::Conflict { .. }) => return Ok(CreateConflict::Changed),
        Err(error) => return Err(crate::operation::duplicate(ctx, error, resource_type)),
    };
    ctx.gateway.events_waiting.notify_one();
    let by = if keys.external_id.is_some() { "externalId" } else { name_attribute(resource_type) };
    ctx.record_leniency(Leniency::RestoreDeleted, by);
    let options = members::read_options(resource_type, new.projection.as_ref());
    let stored = members::reload_if_joined(ctx, options, content.stored(tombstone, version, stamp.at), groups).await?;
    answer(ctx, new, &stored).map(CreateConflict::Answered)
}

/// As if it had been made: clients of POST wait for nothing else.
fn answer(ctx: &Context, new: &New, stored: &Stored) -> Result<Reply, Error> {
    show(ctx, 201, &new.resource_type, stored, &[], new.projection.as_ref())
}
