//! POST of a resource that exists or existed: by the client's profile it reactivates a deactivated user, restores a deleted
//! resource, or is answered as the repetition of a request whose reply was lost.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use scimgate_scim::leniency::{Leniency, Warnings};
use scimgate_scim::schema::validate::check_immutable;
use scimgate_scim::unknown::keep_omitted;
use serde_json::{Map, Value};

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::change::{Base, Write};
use crate::operation::resource::document::{parse, parse_unknown};
use crate::operation::resource::new::New;
use crate::store::resource::indexed::{IndexedAttributes, name_attribute};
use crate::store::resource::key::{Key, Keys};
use crate::store::resource::read::{ReadOptions, Stored};

/// How long after a write the same POST counts as its repetition.
const REPEATED_WITHIN: Duration = Duration::from_mins(10);

/// How long a deleted resource can be restored.
const RESTORABLE_WITHIN: Duration = Duration::from_hours(30 * 24);

/// How to handle a POST whose unique value is in use, and the leniencies that allow it.
pub(crate) enum CreateConflict {
    /// It repeats an earlier request: answer with what is stored.
    Repeated(Stored, Warnings),
    /// It reactivates the deactivated resource that has the value.
    Deactivated(Box<Write>, Warnings),
    /// It is for another resource: 409.
    Unrelated,
}

/// Compares the new resource with the stored one that has its name.
pub(crate) async fn resolve_conflict(ctx: &Context, new: &New, options: ReadOptions) -> Result<CreateConflict, Error> {
    let allows = |leniency| ctx.settings.leniencies.allows(leniency);
    let keys = Keys::of(&new.document, &new.resource_type, &IndexedAttributes::unique(&new.resource_type));
    let Some(name) =
        name_of(&keys, new).filter(|_| allows(Leniency::RestoreDeactivated) || allows(Leniency::IdempotentCreate))
    else {
        return Ok(CreateConflict::Unrelated);
    };
    let options = ReadOptions { mapped: true, ..options };
    let Some(owner) = ctx.store.owner(&new.resource_type.name, name, options).await? else {
        // Another unique value is in use, or the resource with the name was deleted meanwhile.
        return Ok(CreateConflict::Unrelated);
    };
    let old = parse("source", &owner.source)?;
    if allows(Leniency::IdempotentCreate) && repeats(new, &owner, &old, ctx.gateway.clock.now())? {
        let mut used = Warnings::default();
        used.add(Leniency::IdempotentCreate, name.attribute.to_string());
        return Ok(CreateConflict::Repeated(owner, used));
    }
    let says_active = new.document.get("active").and_then(Value::as_bool);
    let is_restored = old.get("active") == Some(&Value::Bool(false)) && says_active != Some(false);
    if allows(Leniency::RestoreDeactivated) && is_restored && !has_other_external_id(&old, new) {
        let (write, mut used) = activate(ctx, new, owner, old)?;
        used.add(Leniency::RestoreDeactivated, name_attribute(&new.resource_type));
        return Ok(CreateConflict::Deactivated(Box::new(write), used));
    }
    Ok(CreateConflict::Unrelated)
}

/// Whether the name is the same but the externalId differs: another person with the name.
fn has_other_external_id(old: &Map<String, Value>, new: &New) -> bool {
    matches!((old.get("externalId"), new.document.get("externalId")), (Some(old), Some(new)) if old != new)
}

/// The key of the attribute that names resources of this type, where it is unique.
fn name_of<'a>(keys: &'a Keys, new: &New) -> Option<&'a Key> {
    keys.unique.iter().find(|key| *key.attribute == *name_attribute(&new.resource_type))
}

/// Whether a POST has the content of a resource that was written shortly before.
fn repeats(new: &New, owner: &Stored, old: &Map<String, Value>, now: SystemTime) -> Result<bool, Error> {
    let age = now.duration_since(owner.modified_at).unwrap_or_default();
    Ok(age < REPEATED_WITHIN && *old == *new.document && parse_unknown(owner)? == new.unknown)
}

/// The update that replaces the deactivated resource by the body and sets `active`.
fn activate(ctx: &Context, new: &New, owner: Stored, old: Map<String, Value>) -> Result<(Write, Warnings), Error> {
    // Unknown attributes that the body does not mention stay: its client cannot see them.
    let (mut unknown, kept, leniencies) = (new.unknown.clone(), parse_unknown(&owner)?, &ctx.settings.leniencies);
    let dropped = keep_omitted(&mut unknown, &kept, &new.document, &new.cleared, &new.resource_type, leniencies)?;
    let id = owner.id;
    let mut write = new.write(
        id,
        Base::Living { before: owner, document: old, guards_members: false, reads_groups: false },
        unknown,
    );
    Arc::make_mut(&mut write.document).insert("active".to_owned(), Value::Bool(true));
    if let Base::Living { document, .. } = &write.base {
        check_immutable(document, &write.document, &new.resource_type)?;
    }
    Ok((write, dropped))
}

/// The write that restores the deleted resource with the externalId or name of the new one, and the leniency that allows
/// it. Groups are never restored: their members are in no document and were deleted with them.
pub(crate) async fn deleted(ctx: &Context, new: &New) -> Result<Option<(Write, Warnings)>, Error> {
    let resource_type = &new.resource_type;
    if resource_type.detached.is_some() || !ctx.settings.leniencies.allows(Leniency::RestoreDeleted) {
        return Ok(None);
    }
    let keys = ctx.settings.keys(&new.document, resource_type);
    let since = ctx.gateway.clock.now() - RESTORABLE_WITHIN;
    let Some(tombstone) = ctx.store.tombstone(&resource_type.name, &keys, since).await? else {
        return Ok(None);
    };
    let old = parse("source", &tombstone.source)?;
    if check_immutable(&old, &new.document, resource_type).is_err() {
        // An immutable attribute differs, so it is another resource.
        return Ok(None);
    }
    let mut used = Warnings::default();
    used.add(
        Leniency::RestoreDeleted,
        if keys.external_id.is_some() { "externalId" } else { name_attribute(resource_type) },
    );
    Ok(Some((new.write(tombstone.id, Base::Deleted(tombstone), new.unknown.clone()), used)))
}
