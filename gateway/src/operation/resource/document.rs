//! Stored documents as trees, and documents under schemas that changed since they were read.

use std::sync::Arc;

use scimgate_scim::schema::ResourceType;
use scimgate_scim::unknown::{self, UnknownAttributes};
use serde_json::{Map, Value};

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::store::resource::read::Stored;

/// Parses a stored document.
pub(crate) fn parse(what: &str, text: &str) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("a {what} document: {why}")))
}

/// Parses the unknown attributes that are kept of a resource.
pub(crate) fn parse_unknown(stored: &Stored) -> Result<UnknownAttributes, Error> {
    let Some(text) = stored.set_aside.as_deref() else { return Ok(UnknownAttributes::default()) };
    let corrupt = |why: &dyn std::fmt::Display| Error::Corrupt(format!("unknown attributes: {why}"));
    let stored = serde_json::from_str(text).map_err(|why| corrupt(&why))?;
    UnknownAttributes::from_json(stored).ok_or_else(|| corrupt(&"they are neither values nor changes"))
}

/// Converts a document that was read under other schemas to the current ones.
///
/// # Errors
/// 404 where the resource type is gone.
pub(crate) fn refit(
    ctx: &Context,
    resource_type: &mut Arc<ResourceType>,
    document: &mut Arc<Map<String, Value>>,
    kept: &mut UnknownAttributes,
) -> Result<(), Error> {
    let now = ctx.current(resource_type)?;
    if Arc::ptr_eq(&now, resource_type) {
        return Ok(());
    }
    *resource_type = now;
    let read = Arc::unwrap_or_clone(std::mem::take(document));
    let fitted = unknown::refit(read, std::mem::take(kept), resource_type, &ctx.settings.leniencies);
    (*document, *kept) = (Arc::new(fitted.document), fitted.unknown);
    Ok(())
}
