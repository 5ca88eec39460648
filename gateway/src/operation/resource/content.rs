//! What is stored of a document: its texts, its index keys, the mapped document, and the event for the product.

use std::sync::Arc;
use std::time::Instant;

use scimgate_scim::access::Overlay;
use scimgate_scim::error::ScimError;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::compatibility::conflict;
use scimgate_scim::schema::validate::validate;
use scimgate_scim::text::Printed;
use scimgate_scim::unknown::UnknownAttributes;
use scimgate_scim::value::Members;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::mapping::{DocumentInfo, MAX_DOCUMENT_BYTES, MapError, MappingOutcome, OnFailure, StepReport};
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::request_facts::SlowPart;
use crate::operation::resource::unique;
use crate::store::event::EventKind;
use crate::store::held::HoldChange;
use crate::store::mapped_unique::UniqueChange;
use crate::store::mapping_reason::{MappingReason, ReasonChange};
use crate::store::resource::content::{Content, Origin};
use crate::store::resource::read::{MappingState, Stored};
use crate::store::stamp::Stamp;

/// A validated document about to be stored.
pub(crate) struct Draft<'a> {
    pub(crate) resource_type: &'a ResourceType,
    pub(crate) id: Uuid,
    /// The canonical source document.
    pub(crate) document: &'a Arc<Map<String, Value>>,
    pub(crate) unknown: &'a UnknownAttributes,
    /// The living resource that it replaces.
    pub(crate) before: Option<&'a Stored>,
    /// Of an imported resource: its life before.
    pub(crate) origin: Option<Origin>,
}

/// Runs the tenant's chain and puts together what is to be stored. `steps` gets the report of each step, also where the chain
/// fails.
pub(crate) async fn content(
    ctx: &Context,
    draft: Draft<'_>,
    stamp: &Stamp,
    steps: &mut Vec<StepReport>,
) -> Result<Content, Error> {
    check_pending_schemas(ctx, &draft)?;
    let keys = ctx.settings.keys(draft.document, draft.resource_type);
    let source = Printed::of(draft.document);
    let set_aside = (!draft.unknown.is_empty()).then(|| draft.unknown.to_json().to_string());
    check_size(source.text(), set_aside.as_deref())?;
    let mut is_deactivated = is_inactive(&**draft.document);
    let (mut reason, mut unique, name) = (None, UniqueChange::None, draft.resource_type.name.as_str());
    let (mapping_state, mapped) = match map(ctx, &draft, (stamp, source.text().len()), steps).await? {
        Ok(MappingOutcome::Mapped(document)) if document.is_source() => {
            unique = unique::change(&ctx.settings, name, Some(&document));
            (MappingState::Same, None)
        }
        Ok(MappingOutcome::Mapped(document)) => {
            check_pending_directory(ctx, draft.resource_type, &document)?;
            is_deactivated = is_inactive(&document);
            unique = unique::change(&ctx.settings, name, Some(&document));
            (MappingState::Mapped, Some(document.print(&source)))
        }
        Ok(MappingOutcome::Excluded(why)) => {
            let (step, plugin) = steps.last().map_or((0, ""), |step| (step.number, &step.title));
            reason = Some(MappingReason::new(step, plugin, &why));
            unique = unique::change(&ctx.settings, name, None::<&Overlay>);
            (MappingState::Excluded, None)
        }
        Err(failure) => {
            reason = Some(failure);
            kept(draft.before)
        }
    };
    let had_reason = draft.before.is_some_and(|before| before.mapping_state.has_reason());
    let mut content = Content {
        source: source.into_text(),
        set_aside,
        mapped,
        mapping_state,
        mapping_revision: ctx.settings.chain.revision,
        schema_revision: ctx.settings.schema_revision,
        key_layout: ctx.settings.search.layout,
        awaits_references: ctx.settings.awaits_references,
        keys,
        event: None,
        reason: match reason {
            Some(reason) => ReasonChange::Keep(mapping_state, reason),
            None if had_reason => ReasonChange::Drop,
            None => ReasonChange::None,
        },
        hold: HoldChange::None,
        unique,
        has_ruled_names: name == "Group" && ctx.settings.group_rules.have_names(),
        origin: draft.origin,
    };
    content.event = event(draft.before.and_then(Stored::mapped_text), visible_text(&content), is_deactivated)?;
    Ok(content)
}

/// Whether the document says that its resource is deactivated.
pub(super) fn is_inactive(document: &impl Members) -> bool {
    document.get("active") == Some(&Value::Bool(false))
}

/// While a schema change is pending, a document that the new schemas forbid is refused; the client may retry later.
fn check_pending_schemas(ctx: &Context, draft: &Draft<'_>) -> Result<(), Error> {
    let Some(next) = &ctx.settings.pending else { return Ok(()) };
    let next = next.client.resource_type(&draft.resource_type.name).map(AsRef::as_ref);
    conflict(draft.document, draft.resource_type, next).map_or(Ok(()), |_| Err(Error::SchemasChanging))
}

pub(super) fn check_pending_directory(
    ctx: &Context,
    resource_type: &ResourceType,
    mapped: &Overlay,
) -> Result<(), Error> {
    let next = ctx.settings.pending.as_ref().and_then(|next| next.directory.resource_type(&resource_type.name));
    next.map_or(Ok(()), |next| validate(mapped, next).map_err(|_| Error::SchemasChanging))
}

/// The limit of a request's body does not bound a document that grows with each PATCH.
fn check_size(source: &str, set_aside: Option<&str>) -> Result<(), ScimError> {
    if source.len() + set_aside.map_or(0, str::len) <= MAX_DOCUMENT_BYTES {
        return Ok(());
    }
    Err(ScimError::new(
        413,
        format!("The resource would be longer than {MAX_DOCUMENT_BYTES} bytes, the longest accepted."),
    ))
}

/// The chain's outcome, or why it failed where the mapping's `onFailure` is `keep`.
async fn map(
    ctx: &Context,
    draft: &Draft<'_>,
    (stamp, size): (&Stamp, usize),
    steps: &mut Vec<StepReport>,
) -> Result<Result<MappingOutcome, MappingReason>, Error> {
    let chain = &ctx.settings.chain;
    let name = &draft.resource_type.name;
    let Some(directory_type) = ctx.settings.directory.resource_type(name) else {
        return Err(Error::Corrupt(format!("the directory has no resource type {name}")));
    };
    let info = DocumentInfo {
        tenant: &ctx.settings.name,
        resource_type: directory_type,
        rules: ctx.settings.rules(name),
        id: draft.id,
        last_modified: rfc3339(draft.origin.map_or(stamp.at, |origin| origin.modified_at)),
        size,
    };
    let begun = Instant::now();
    let run = ctx.gateway.mapper.run(chain, info, Arc::clone(draft.document)).await;
    ctx.facts.took(SlowPart::Plugins, begun);
    steps.extend(run.steps);
    match run.result {
        Ok(outcome) => Ok(Ok(outcome)),
        Err(failure @ (MapError::Failed { .. } | MapError::Open { .. } | MapError::NonCompliant { .. }))
            if chain.on_failure == OnFailure::Keep =>
        {
            tracing::warn!(
                tenant.name = %ctx.settings.name, resource.type = %name, resource.id = %draft.id, step = steps.len(),
                "mapping failed; the source is kept and the mapped document is stale"
            );
            Ok(Err(reason(&failure, steps)))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// The reason of a failure, as it is kept.
fn reason(failure: &MapError, steps: &[StepReport]) -> MappingReason {
    let (step, plugin) = steps.last().map_or((0, ""), |step| (step.number, &step.title));
    MappingReason::new(step, plugin, &failure.reason())
}

/// What the product still reads where the chain failed: the older mapped document, if there is one.
pub(super) fn kept(before: Option<&Stored>) -> (MappingState, Option<String>) {
    match before.and_then(Stored::mapped_text) {
        Some(older) => (MappingState::Stale, Some(older.to_owned())),
        None => (MappingState::Never, None),
    }
}

/// The text that the product reads; none if the resource is hidden from it.
fn visible_text(content: &Content) -> Option<&str> {
    match content.mapping_state {
        MappingState::Same => Some(&content.source),
        MappingState::Mapped | MappingState::Stale | MappingState::Held => content.mapped.as_deref(),
        MappingState::Excluded | MappingState::Never => None,
    }
}

/// The event for the product, by the text that it read and the one that it reads now. A resource that it does not see does not
/// exist for it: showing one creates it, hiding one deletes it.
pub(super) fn event(old: Option<&str>, new: Option<&str>, is_deactivated: bool) -> Result<Option<EventKind>, Error> {
    Ok(match (old, new) {
        (None, None) => None,
        (None, Some(_)) => Some(EventKind::Created),
        (Some(_), None) => Some(EventKind::Deleted),
        (Some(old), Some(new)) if old == new => None,
        (Some(old), Some(_)) if is_deactivated && was_active(old)? => Some(EventKind::Deactivated),
        (Some(_), Some(_)) => Some(EventKind::Updated),
    })
}

/// Whether a stored document says nothing else. Parses no other attribute.
fn was_active(text: &str) -> Result<bool, Error> {
    #[derive(serde::Deserialize)]
    struct Activity {
        #[serde(default)]
        active: Value,
    }
    let document: Activity =
        serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("a mapped document: {why}")))?;
    Ok(document.active.as_bool().unwrap_or(true))
}
