//! Where a resource stands and why, for an operator: what is stored of it, what the active chain makes of its source now, and what
//! the product was sent. Nothing is written.

mod granted;
mod sentences;

use std::sync::Arc;
use std::time::SystemTime;

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::text::Printed;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::mapping::{DocumentInfo, MapError, MappingOutcome, StepReport};
use crate::operation::context::Context;
use crate::operation::error::Error;
pub use crate::operation::explain::granted::Granted;
use crate::operation::operator::Operator;
use crate::operation::resource::document::parse;
use crate::operation::settings;
use crate::store::event::Event;
use crate::store::explain::{MAX_NAMED, Named};
use crate::store::held::HeldBefore;
use crate::store::mapping_reason::{KeptReason, Unmapped};
use crate::store::resource::read::{MappingState, Stored};

/// Most events of an explanation.
pub const MAX_EVENTS: i64 = 20;

/// Where a resource stands.
#[derive(Debug)]
pub struct Explanation {
    /// What is stored of it.
    pub stored: Stored,
    /// Since when it is deleted.
    pub deleted_at: Option<SystemTime>,
    /// Its userName, or what else names resources of its type.
    pub name: Option<String>,
    /// What it all means, in sentences.
    pub sentences: Vec<String>,
    /// The source document.
    pub source: Map<String, Value>,
    /// The document that the product sees.
    pub mapped: Option<Map<String, Value>>,
    /// Why the product does not see it, or sees an older document.
    pub reason: Option<KeptReason>,
    /// The digest of the plugin that gave it.
    pub reason_digest: Option<String>,
    /// What a batch holds of it.
    pub held: Option<HeldBefore>,
    /// What group rules give to it, in the order of the rules.
    pub granted: Vec<Granted>,
    /// What the active chain makes of the source now; none of a deleted resource.
    pub now: Option<DryRun>,
    /// The last events that the product was sent about it, the latest first.
    pub events: Vec<Event>,
}

/// A run of the active chain, of which nothing is stored.
#[derive(Debug)]
pub struct DryRun {
    /// The active revision; 0 for none.
    pub revision: i32,
    /// The outcome.
    pub outcome: DryOutcome,
    /// What each step did.
    pub steps: Vec<StepReport>,
}

/// The outcome of a dry run.
#[derive(Debug, PartialEq, Eq)]
pub enum DryOutcome {
    /// The product would see a document: the text.
    Mapped(String),
    /// The product would not see it, for this reason.
    Excluded(String),
    /// A write of it would be refused, for this reason.
    Rejected(String),
    /// The chain fails, for this reason.
    Failed(String),
}

/// Explains the resource that a userName, a displayName, an externalId or an id means.
///
/// # Errors
/// 404 for an unknown tenant or resource, 409 where several are meant.
pub async fn explain(
    operator: &Operator,
    tenant: &str,
    name: &str,
    resource_type: Option<&str>,
) -> Result<Explanation, Error> {
    let tenant = operator.tenant(tenant).await?;
    let ctx = Context::background(&operator.gateway, tenant.id, &operator.actor).await?;
    let found = one(&ctx, name, resource_type).await?;
    let (stored, deleted_at) = ctx.store.row(found.id).await?.ok_or_else(|| not_found(name))?;
    let source = parse("source", &stored.source)?;
    let mapped = match stored.mapped_text().filter(|_| deleted_at.is_none() || stored.held.is_some()) {
        Some(text) => Some(parse("mapped", text)?),
        None => None,
    };
    let known = ctx.settings.directory.resource_type(&stored.resource_type).cloned();
    let now = match &known {
        Some(known) if deleted_at.is_none() => Some(dry_run(&ctx, known, &stored, source.clone()).await),
        _ => None,
    };
    let reason = ctx.store.mapping_reason(stored.id).await?;
    let granted = granted::of(&ctx, &stored, mapped.as_ref()).await?;
    let mut explanation = Explanation {
        name: known.and_then(|known| name_of(&source, &known)),
        reason_digest: match &reason {
            Some(kept) => digest_of(&ctx, kept).await?,
            None => None,
        },
        reason,
        granted,
        held: if stored.held.is_some() { ctx.store.held(stored.id).await? } else { None },
        events: ctx.store.events_of(stored.id, MAX_EVENTS).await?,
        sentences: Vec::new(),
        stored,
        deleted_at,
        source,
        mapped,
        now,
    };
    explanation.sentences = sentences::of(&explanation);
    Ok(explanation)
}

/// The plugin of the step that decided.
async fn digest_of(ctx: &Context, kept: &KeptReason) -> Result<Option<String>, Error> {
    let Some(row) = ctx.store.mapping(kept.revision).await? else { return Ok(None) };
    let mut steps = settings::chain(row)?.steps.into_iter();
    let index = usize::try_from(kept.reason.step).ok().and_then(|number| number.checked_sub(1));
    Ok(index.and_then(|index| steps.nth(index)).map(|step| step.plugin))
}

/// What names a resource.
pub(super) fn name_of(source: &Map<String, Value>, resource_type: &ResourceType) -> Option<String> {
    source.get(&resource_type.name_attribute).and_then(Value::as_str).map(str::to_owned)
}

/// The one resource that is meant; deleted ones only where there is no living one.
async fn one(ctx: &Context, name: &str, resource_type: Option<&str>) -> Result<Named, Error> {
    let types = ctx.settings.registry.resource_types().iter().map(|known| known.name.clone());
    let types: Vec<String> = types.filter(|known| resource_type.is_none_or(|only| only == *known)).collect();
    if types.is_empty() {
        let detail = format!("The tenant has no resource type {}.", resource_type.unwrap_or_default());
        return Err(ScimError::new(404, detail).into());
    }
    // The database refuses U+0000, and no name has it.
    if name.contains('\0') {
        return Err(not_found(name));
    }
    let mut found = ctx.store.resources_called(name, &types).await?;
    found.retain(|it| types.contains(&it.resource_type));
    if found.iter().any(|it| !it.is_deleted) {
        found.retain(|it| !it.is_deleted);
    }
    match found.as_slice() {
        [] => Err(not_found(name)),
        [one] => Ok(one.clone()),
        several => {
            let shown: Vec<String> =
                several.iter().take(MAX_NAMED).map(|it| format!("{} {}", it.resource_type, it.id)).collect();
            let more = if several.len() > MAX_NAMED { " and others" } else { "" };
            let detail =
                format!("Several resources are called {name}: {}{more}. Name one by its id.", shown.join(", "));
            Err(ScimError::new(409, detail).into())
        }
    }
}

fn not_found(name: &str) -> Error {
    let detail = format!(
        "No resource has the userName, displayName, externalId or id {name}. The SCIM client may never have sent it."
    );
    ScimError::new(404, detail).into()
}

/// Runs the active chain on the source. As every run it is without effect.
async fn dry_run(
    ctx: &Context,
    resource_type: &Arc<ResourceType>,
    stored: &Stored,
    source: Map<String, Value>,
) -> DryRun {
    let chain = &ctx.settings.chain;
    let info = DocumentInfo {
        tenant: &ctx.settings.name,
        resource_type,
        rules: ctx.settings.rules(&stored.resource_type),
        id: stored.id,
        last_modified: rfc3339(stored.modified_at),
        size: stored.source.len(),
    };
    let source = Arc::new(source);
    let run = ctx.gateway.mapper.run(chain, info, Arc::clone(&source)).await;
    let outcome = match run.result {
        Ok(MappingOutcome::Mapped(document)) if document.is_source() => DryOutcome::Mapped(stored.source.clone()),
        Ok(MappingOutcome::Mapped(document)) => DryOutcome::Mapped(document.print(&Printed::of(&source))),
        Ok(MappingOutcome::Excluded(why)) => DryOutcome::Excluded(why),
        Err(MapError::Rejected(rejection)) => DryOutcome::Rejected(rejection.detail),
        Err(MapError::Failed { reason, .. }) => DryOutcome::Failed(reason),
        Err(error @ MapError::NonCompliant { .. }) => DryOutcome::Failed(error.to_string()),
        Err(other) => DryOutcome::Failed(crate::telemetry::chain(&other)),
    };
    DryRun { revision: chain.revision, outcome, steps: run.steps }
}

/// One page of the resources in a state that the product does not see as the source is, after an id.
#[derive(Debug)]
pub struct UnmappedPage {
    /// The resources with their names.
    pub resources: Vec<(Unmapped, Option<String>)>,
    /// The id to continue after; none after the last page.
    pub next: Option<Uuid>,
}

/// Lists the living resources in a mapping state, in the order of their ids.
///
/// # Errors
/// 404 for an unknown tenant, 400 for another state.
pub async fn unmapped(
    operator: &Operator,
    tenant: &str,
    state: &str,
    (after, limit): (Uuid, i64),
) -> Result<UnmappedPage, Error> {
    let tenant = operator.tenant(tenant).await?;
    let all = [MappingState::Excluded, MappingState::Stale, MappingState::Never];
    let known = all.into_iter().find(|known| known.word() == state);
    let state =
        known.ok_or_else(|| ScimError::new(400, format!("state must be excluded, stale or never, not {state}.")))?;
    let ctx = Context::background(&operator.gateway, tenant.id, &operator.actor).await?;
    // One more than the limit shows whether there is another page.
    let mut page = ctx.store.unmapped(state, after, limit + 1).await?;
    let more = page.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        page.pop();
    }
    let next = page.last().filter(|_| more).map(|last| last.id);
    let mut resources = Vec::with_capacity(page.len());
    for found in page {
        let source = parse("source", &found.source)?;
        let known = ctx.settings.directory.resource_type(&found.resource_type);
        let name = known.and_then(|known| name_of(&source, known));
        resources.push((found, name));
    }
    Ok(UnmappedPage { resources, next })
}
