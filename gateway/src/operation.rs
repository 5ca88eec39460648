//! The use cases, one file each, without HTTP: a request's meaning in, a reply's content out.

pub mod admin;
pub mod bulk;
pub mod client;
mod client_signal;
mod context;
pub mod directory;
pub mod error;
pub mod job;
pub mod keyed_lock;
pub mod leniency_use;
pub mod list;
mod plugin_loader;
pub mod resource;
pub mod schema_change;
pub mod settings;

pub use context::{Context, Gateway};
pub use error::Error;

use std::sync::Arc;

use scimgate_scim::schema::ResourceType;

/// What a PUT or PATCH changes, and what its reply will show of it.
pub(crate) struct Target<'a> {
    pub(crate) resource_type: &'a Arc<ResourceType>,
    pub(crate) id: uuid::Uuid,
    pub(crate) options: crate::store::resource::read::ReadOptions,
}

/// Attempts at a write that lost a race, before the client is asked to come again.
pub(crate) const ATTEMPTS: u32 = 24;

/// A unique value in use, told with the attribute's name: row-level security hides from the error which key it was.
pub(crate) fn duplicate(ctx: &Context, error: crate::store::Error, resource_type: &ResourceType) -> Error {
    let crate::store::Error::Duplicate { .. } = error else { return error.into() };
    if ctx.settings.announced.is_some() {
        // It may be a twin only by what is not decided yet.
        return Error::SchemasChanging;
    }
    let names = crate::store::resource::key::unique_names(resource_type).join(" or ");
    let detail = format!("Another {} has this {names} already.", resource_type.name);
    scimgate_scim::error::ScimError::uniqueness(detail).into()
}

/// RFC 7644 §3.14: a write whose `If-Match` does not hold is refused.
pub(crate) fn check_match(
    if_match: Option<&scimgate_scim::etag::Condition>,
    stored: &crate::store::resource::read::Stored,
) -> Result<(), Error> {
    if if_match.is_none_or(|tags| tags.holds(Some(stored.version()))) {
        return Ok(());
    }
    Err(scimgate_scim::error::ScimError::new(
        412,
        format!("The resource has version {} now.", scimgate_scim::etag::weak(stored.version())),
    )
    .into())
}

/// A deadlock is resolved against one of the writers: for it the race is lost, too.
pub(crate) fn lost_on_conflict<T>(written: Result<T, crate::store::Error>, lost: T) -> Result<T, crate::store::Error> {
    match written {
        Err(crate::store::Error::Conflict { .. }) => Ok(lost),
        other => other,
    }
}
