//! POST of a resource that exists or existed: by the client's profile it activates a deactivated user again, brings a
//! deleted resource back, or is the repetition of a request whose reply was lost.

use std::time::{Duration, SystemTime};

use scimgate_scim::aside::Aside;
use scimgate_scim::fold_in::keep_omitted;
use scimgate_scim::leniency::Leniency;
use scimgate_scim::schema::validate::check_immutable;
use serde_json::{Map, Value};

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::document::{parse, parse_set_aside};
use crate::operation::resource::new::New;
use crate::operation::resource::write::{Base, Write};
use crate::store::resource::key::{Key, Keys, name_attribute};
use crate::store::resource::read::{ReadOptions, Stored};

/// How long the same POST may be the same request once more.
const REPEATED_WITHIN: Duration = Duration::from_mins(10);

/// How long a deleted resource can be brought back.
const RESTORABLE_WITHIN: Duration = Duration::from_hours(30 * 24);

/// What a POST means whose unique value is in use, and by which attribute.
pub(crate) enum CreateConflict {
    /// The same request once more.
    Repeated(Stored, String),
    /// The deactivated resource that has the value.
    Deactivated(Write, String),
    /// A new resource.
    Unrelated,
}

/// Looks at the resource that has the name of the new one.
pub(crate) async fn resolve_conflict(ctx: &Context, new: &New, options: ReadOptions) -> Result<CreateConflict, Error> {
    let allows = |leniency| ctx.settings.leniencies.allows(leniency);
    let keys = Keys::of(&new.document, &new.resource_type);
    let Some(name) =
        name_of(&keys, new).filter(|_| allows(Leniency::RestoreDeactivated) || allows(Leniency::IdempotentCreate))
    else {
        return Ok(CreateConflict::Unrelated);
    };
    let options = ReadOptions { mapped: true, ..options };
    let Some(owner) = ctx.store.owner(&new.resource_type.name, name, options).await? else {
        // Another of its values is in use; or the owner is gone by now.
        return Ok(CreateConflict::Unrelated);
    };
    let old = parse("source", &owner.source)?;
    if allows(Leniency::IdempotentCreate) && repeats(new, &owner, &old, ctx.gateway.clock.now())? {
        return Ok(CreateConflict::Repeated(owner, name.attribute.clone()));
    }
    let says_active = new.document.get("active").and_then(Value::as_bool);
    let is_restored = old.get("active") == Some(&Value::Bool(false)) && says_active != Some(false);
    if allows(Leniency::RestoreDeactivated) && is_restored && !has_other_external_id(&old, new) {
        let attribute = name_attribute(&new.resource_type).to_owned();
        return Ok(CreateConflict::Deactivated(activate(new, owner, old)?, attribute));
    }
    Ok(CreateConflict::Unrelated)
}

/// Whether the name alone has passed to somebody else.
fn has_other_external_id(old: &Map<String, Value>, new: &New) -> bool {
    matches!((old.get("externalId"), new.document.get("externalId")), (Some(old), Some(new)) if old != new)
}

/// The key of the attribute that names resources of this type, where it is unique.
fn name_of<'a>(keys: &'a Keys, new: &New) -> Option<&'a Key> {
    keys.unique.iter().find(|key| key.attribute == name_attribute(&new.resource_type))
}

/// Whether a POST says what was stored a moment ago.
fn repeats(new: &New, owner: &Stored, old: &Map<String, Value>, now: SystemTime) -> Result<bool, Error> {
    let age = now.duration_since(owner.modified_at).unwrap_or_default();
    Ok(age < REPEATED_WITHIN && *old == new.document && parse_set_aside(owner)? == new.set_aside)
}

/// The unknown attributes of the body, and those of the resource that the body does not mention: its client cannot see them.
fn set_aside(new: &New, before: &Stored) -> Result<Aside, Error> {
    let mut set_aside = new.set_aside.clone();
    keep_omitted(&mut set_aside, &parse_set_aside(before)?, &new.document, &new.cleared, &new.resource_type)?;
    Ok(set_aside)
}

/// The deactivated resource becomes what the body says, and is active.
fn activate(new: &New, owner: Stored, old: Map<String, Value>) -> Result<Write, Error> {
    let set_aside = set_aside(new, &owner)?;
    let id = owner.id;
    let mut write = new.write(id, Base::Living { before: owner, document: old, guards_members: false }, set_aside);
    write.document.insert("active".to_owned(), Value::Bool(true));
    if let Base::Living { document, .. } = &write.base {
        check_immutable(document, &write.document, &new.resource_type)?;
    }
    Ok(write)
}

/// The deleted resource that the new one means, to be brought back, and by which attribute it is meant. Members are in no
/// document and gone with their group, so groups are created anew.
pub(crate) async fn deleted(ctx: &Context, new: &New) -> Result<Option<(Write, String)>, Error> {
    let resource_type = &new.resource_type;
    if resource_type.detached.is_some() || !ctx.settings.leniencies.allows(Leniency::RestoreDeleted) {
        return Ok(None);
    }
    let keys = Keys::of(&new.document, resource_type);
    let since = ctx.gateway.clock.now() - RESTORABLE_WITHIN;
    let Some(tombstone) = ctx.store.tombstone(&resource_type.name, &keys, since).await? else {
        return Ok(None);
    };
    let old = parse("source", &tombstone.source)?;
    if check_immutable(&old, &new.document, resource_type).is_err() {
        // An immutable attribute differs, so it is another resource.
        return Ok(None);
    }
    let set_aside = set_aside(new, &tombstone)?;
    let by = if keys.external_id.is_some() { "externalId" } else { name_attribute(resource_type) };
    Ok(Some((new.write(tombstone.id, Base::Deleted(tombstone), set_aside), by.to_owned())))
}
