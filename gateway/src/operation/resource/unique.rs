//! Values of mapped documents that no two resources of a type may have: a write enters them, and the database decides.

use scimgate_scim::directory_schema::path_of;
use scimgate_scim::error::ScimError;
use scimgate_scim::value::Members;
use uuid::Uuid;

use crate::mapping::{StepReport, subject};
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::settings::Settings;
use crate::store::mapped_unique::{TypedKey, UniqueChange, entries};
use crate::store::resource::content::Content;
use crate::store::resource::key::Key;

/// What a mapped document enters; without one, as of an excluded resource, nothing.
pub(super) fn change<D: Members>(settings: &Settings, resource_type: &str, document: Option<&D>) -> UniqueChange {
    match settings.rules(resource_type).filter(|rules| rules.has_unique()) {
        None => UniqueChange::None,
        Some(rules) => {
            let values = document.map(|document| rules.unique_values(document)).unwrap_or_default();
            UniqueChange::Set(entries(&values))
        }
    }
}

/// The refusal of a write that would give a second resource a value; none if the value is free by now.
///
/// # Errors
/// The database is unavailable.
pub(super) async fn refusal(
    ctx: &Context,
    (resource_type, id): (&str, Uuid),
    (content, steps): (&Content, &[StepReport]),
) -> Result<Option<Error>, Error> {
    let UniqueChange::Set(keys) = &content.unique else { return Ok(None) };
    let keys: Vec<TypedKey> = keys.iter().map(|key| (resource_type.to_owned(), key.clone())).collect();
    let holders = ctx.store.unique_holders(&keys).await?;
    let taken = keys.iter().find_map(|key| Some((&key.1, holders.get(key).copied().filter(|other| *other != id)?)));
    Ok(taken.map(|(key, other)| {
        let subject = subject(&ctx.settings.chain, resource_type, steps);
        ScimError::uniqueness(format!("{subject} cannot be stored: {}", taken_by(resource_type, key, other))).into()
    }))
}

/// "User 0198… has the emails.value "a@x" already, which the directory schema wants to be unique."
pub(crate) fn taken_by(resource_type: &str, key: &Key, other: Uuid) -> String {
    let (path, value) = (path_of(&key.attribute), &key.key);
    format!(
        "{resource_type} {other} has the {path} \"{value}\" already, which the directory schema wants to be unique."
    )
}
