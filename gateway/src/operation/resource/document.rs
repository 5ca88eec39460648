//! From a canonical source document to what is stored: keys, mapping, and what the product is told.

use std::sync::Arc;

use scimgate_scim::aside::Aside;
use scimgate_scim::fold_in;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::compatibility::conflict;
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::mapping::{LONGEST, MapError, OnFailure, Outcome};
use crate::operation::{Context, Error};
use crate::store::event::{Words, words};
use crate::store::resource::read::MappingState;
use crate::store::resource::read::Stored;
use crate::store::resource::update::Content;
use crate::store::stamp::Stamp;

/// A document about to be stored.
pub(crate) struct Draft<'a> {
    /// The resource's type.
    pub(crate) resource_type: &'a ResourceType,
    /// Its id.
    pub(crate) id: Uuid,
    /// The canonical source document.
    pub(crate) document: Map<String, Value>,
    /// What no schema knows yet.
    pub(crate) set_aside: Aside,
    /// What is stored of it now; none for a new resource.
    pub(crate) before: Option<&'a Stored>,
}

/// Reads a stored document.
pub(crate) fn parse(what: &str, text: &str) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("a {what} document: {why}")))
}

/// Reads what was set aside of a stored resource.
pub(crate) fn parse_set_aside(stored: &Stored) -> Result<Aside, Error> {
    let Some(text) = stored.set_aside.as_deref() else { return Ok(Aside::default()) };
    let corrupt = |why: &dyn std::fmt::Display| Error::Corrupt(format!("what is set aside: {why}"));
    let stored = serde_json::from_str(text).map_err(|why| corrupt(&why))?;
    Aside::from_json(stored).ok_or_else(|| corrupt(&"it is neither values nor changes"))
}

/// A document, and what is set aside of it.
pub(crate) type Fitted = (Map<String, Value>, Aside);

/// What was understood by other schemas than the ones that hold now, by these.
///
/// # Errors
/// 404 where the resource type is gone.
pub(crate) fn refit(
    ctx: &Context,
    resource_type: &mut Arc<ResourceType>,
    document: Map<String, Value>,
    set_aside: Aside,
) -> Result<Fitted, Error> {
    let now = ctx.current(resource_type)?;
    if Arc::ptr_eq(&now, resource_type) {
        return Ok((document, set_aside));
    }
    *resource_type = now;
    let fitted = fold_in::refit(document, set_aside, resource_type, &ctx.settings.leniencies);
    Ok((fitted.document, fitted.set_aside))
}

/// Runs the tenant's chain and puts together what is to be stored.
pub(crate) async fn content(ctx: &Context, draft: Draft<'_>, stamp: &Stamp) -> Result<Content, Error> {
    check_announced(ctx, &draft)?;
    let keys = ctx.settings.keys(&draft.document, draft.resource_type);
    let source = Value::Object(draft.document.clone()).to_string();
    let set_aside = (!draft.set_aside.is_empty()).then(|| draft.set_aside.to_json().to_string());
    check_size(&source, set_aside.as_deref())?;
    let outcome = map(ctx, &draft, stamp, source.len()).await?;
    let (mapping_state, mapped) = match outcome {
        Some(Outcome::Mapped(document)) if document == draft.document => (MappingState::Same, None),
        Some(Outcome::Mapped(document)) => {
            check_announced_mapped(ctx, draft.resource_type, &document)?;
            (MappingState::Mapped, Some(Value::Object(document).to_string()))
        }
        Some(Outcome::Excluded(_)) => (MappingState::Excluded, None),
        None => kept(draft.before),
    };
    let mut content = Content {
        source,
        set_aside,
        mapped,
        mapping_state,
        mapping_revision: ctx.settings.chain.revision,
        schema_revision: ctx.settings.schema_revision,
        keys,
        event: None,
    };
    content.event = event(draft.resource_type, draft.before, &content)?;
    Ok(content)
}

/// While a change of the schemas is checked, what it forbids is not stored: the client comes again when it is decided.
fn check_announced(ctx: &Context, draft: &Draft<'_>) -> Result<(), Error> {
    let Some(next) = &ctx.settings.announced else { return Ok(()) };
    let next = next.client.resource_type(&draft.resource_type.name).map(AsRef::as_ref);
    conflict(&draft.document, draft.resource_type, next).map_or(Ok(()), |_| Err(Error::SchemasChanging))
}

fn check_announced_mapped(
    ctx: &Context,
    resource_type: &ResourceType,
    mapped: &Map<String, Value>,
) -> Result<(), Error> {
    let next = ctx.settings.announced.as_ref().and_then(|next| next.directory.resource_type(&resource_type.name));
    next.map_or(Ok(()), |next| validate(mapped, next).map_err(|_| Error::SchemasChanging))
}

/// What PATCH adds and adds must end somewhere.
fn check_size(source: &str, set_aside: Option<&str>) -> Result<(), Error> {
    if source.len() + set_aside.map_or(0, str::len) <= LONGEST {
        return Ok(());
    }
    let detail = format!("The resource would be longer than {LONGEST} bytes, the longest accepted.");
    Err(scimgate_scim::error::ScimError::new(413, detail).into())
}

/// The chain's outcome; none where it failed and the tenant keeps what it had.
async fn map(ctx: &Context, draft: &Draft<'_>, stamp: &Stamp, size: usize) -> Result<Option<Outcome>, Error> {
    let chain = &ctx.settings.chain;
    let name = &draft.resource_type.name;
    let Some(directory_type) = ctx.settings.directory.resource_type(name) else {
        return Err(Error::Corrupt(format!("the directory has no resource type {name}")));
    };
    let call = crate::mapping::call::Call {
        tenant: &ctx.settings.name,
        resource_type: directory_type,
        id: draft.id,
        last_modified: rfc3339(stamp.at),
        size,
    };
    match ctx.gateway.mapper.run(chain, call, draft.document.clone()).await {
        Ok(outcome) => Ok(Some(outcome)),
        Err(MapError::Failed { step, .. } | MapError::Open { step, .. }) if chain.on_failure == OnFailure::Keep => {
            tracing::warn!(
                tenant.name = %ctx.settings.name, resource.type = %name, resource.id = %draft.id, step,
                "mapping failed; the source is kept and the mapped document is stale"
            );
            Ok(None)
        }
        Err(failure) => Err(failure.into()),
    }
}

/// What the product goes on reading while a chain fails: the older mapped document, where there is one.
fn kept(before: Option<&Stored>) -> (MappingState, Option<String>) {
    match before.and_then(Stored::mapped_text) {
        Some(older) => (MappingState::Stale, Some(older.to_owned())),
        None => (MappingState::Never, None),
    }
}

/// What happened as the product sees it: a resource it may not see does not exist for it.
fn event(
    resource_type: &ResourceType,
    before: Option<&Stored>,
    after: &Content,
) -> Result<Option<&'static str>, Error> {
    let Words { created, updated, deactivated, deleted } = words(&resource_type.name);
    let old = before.and_then(Stored::mapped_text);
    let new = match after.mapping_state {
        MappingState::Same => Some(after.source.as_str()),
        MappingState::Mapped | MappingState::Stale => after.mapped.as_deref(),
        MappingState::Excluded | MappingState::Never => None,
    };
    Ok(match (old, new) {
        (None, None) => None,
        (None, Some(_)) => Some(created),
        (Some(_), None) => Some(deleted),
        (Some(old), Some(new)) if old == new => None,
        (Some(old), Some(new)) if is_active(old)? && !is_active(new)? => Some(deactivated),
        (Some(_), Some(_)) => Some(updated),
    })
}

/// Reads past everything else: with every change two documents are asked.
fn is_active(text: &str) -> Result<bool, Error> {
    #[derive(serde::Deserialize)]
    struct Activity {
        #[serde(default)]
        active: Value,
    }
    let document: Activity =
        serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("a mapped document: {why}")))?;
    Ok(document.active.as_bool().unwrap_or(true))
}
