//! What a mapping makes of one document: each step's changes, outcome and log. Nothing is written.

use std::sync::Arc;
use std::time::SystemTime;

use scimgate_scim::access::Overlay;
use scimgate_scim::difference::{Difference, differences};
use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Warnings;
use scimgate_scim::normalise::normalise;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::mapping::{Chain, DocumentInfo, MapError, MappingOutcome, OnFailure, StepReport, Trace};
use crate::operation::admin::mappings::{self, NewMapping};
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::operator::Operator;
use crate::operation::resource::document;
use crate::operation::resource::get::{find, parse_id};
use crate::operation::settings;
use crate::store::mapping::RevisionState;
use crate::store::resource::read::{ReadOptions, Stored};
use crate::store::tenant::Tenant;

/// Which revision is shown.
#[derive(Clone, Debug, Default)]
pub enum Wanted {
    /// The active one.
    #[default]
    Active,
    /// The newest, which must be a draft.
    NewestDraft,
    /// The one of this number.
    Revision(i32),
    /// One that is not stored.
    Unstored(NewMapping),
}

/// The document that is mapped.
#[derive(Clone, Debug)]
pub enum Subject {
    /// As a SCIM client would send it.
    Document(Value),
    /// A stored resource, by its id or its name.
    Stored(String),
}

/// What a mapping makes of a document.
#[derive(Debug)]
pub struct Preview {
    /// The revision; 0 where mapping is off, or the mapping is not stored.
    pub revision: i32,
    /// Its state.
    pub state: Option<RevisionState>,
    /// What a failure does.
    pub on_failure: OnFailure,
    /// The document's type.
    pub resource_type: String,
    /// The stored resource's id.
    pub id: Option<Uuid>,
    /// The source document.
    pub source: Map<String, Value>,
    /// The mapped document or the reason for its exclusion, or why there is neither.
    pub result: Result<MappingOutcome, MapError>,
    /// The steps up to the one that ended the run, each with its changes.
    pub steps: Vec<(StepReport, Vec<Difference>)>,
    /// Where the document is not what the client would be read as having sent.
    pub warnings: Vec<String>,
}

/// The source document, and what a chain needs to know of it.
struct Source {
    resource_type: Arc<ResourceType>,
    id: Option<Uuid>,
    document: Map<String, Value>,
    modified_at: SystemTime,
    warnings: Vec<String>,
}

/// Maps one document.
///
/// # Errors
/// 404 for an unknown tenant, revision, resource type or resource, 400 for a document that the SCIM endpoint would refuse and for a
/// mapping that cannot be run, 409 for a name that several resources have.
pub async fn preview(
    operator: &Operator,
    tenant: &str,
    (resource_type, subject): (&str, Subject),
    wanted: Wanted,
) -> Result<Preview, Error> {
    let row = operator.tenant(tenant).await?;
    mappings::current_settings(operator, &row).await?;
    let ctx = Context::background(&operator.gateway, row.id, &operator.actor).await?;
    let (chain, state) = chain((operator, &row), &ctx, wanted).await?;
    let resource_type = named_type(&ctx, resource_type)?;
    let source = match subject {
        Subject::Document(body) => sent(&ctx, resource_type, body).await?,
        Subject::Stored(name) => stored(&ctx, resource_type, &name).await?,
    };
    let directory_type = directory_type(&ctx, &source.resource_type.name)?;
    let trace = run(&ctx, &chain, (&source, directory_type)).await;
    let steps = changes(trace.run.steps, &trace.documents, directory_type);
    Ok(Preview {
        revision: chain.revision,
        state,
        on_failure: chain.on_failure,
        resource_type: source.resource_type.name.clone(),
        id: source.id,
        source: source.document,
        result: trace.run.result,
        steps,
        warnings: source.warnings,
    })
}

async fn chain(
    (operator, tenant): (&Operator, &Tenant),
    ctx: &Context,
    wanted: Wanted,
) -> Result<(Arc<Chain>, Option<RevisionState>), Error> {
    let active = &ctx.settings.chain;
    let revision = match wanted {
        Wanted::Active if active.revision == 0 => return Ok((Arc::clone(active), None)),
        Wanted::Active => return Ok((Arc::clone(active), Some(RevisionState::Active))),
        Wanted::Revision(revision) => revision,
        Wanted::Unstored(new) => {
            let chain = mappings::unstored(operator, tenant, &ctx.settings, new).await?;
            return Ok((Arc::new(chain), None));
        }
        Wanted::NewestDraft => {
            let newest = ctx.store.mappings(i32::MAX, 1).await?.pop();
            let draft = newest.as_ref().filter(|newest| newest.state == RevisionState::Draft);
            let Some(draft) = draft else {
                let newest = newest.map_or("There is no revision".to_owned(), |newest| {
                    format!("The newest revision, {}, is {}", newest.revision, newest.state.name())
                });
                return Err(ScimError::new(404, format!("{newest}. Name the revision, or make a draft.")).into());
            };
            draft.revision
        }
    };
    let row = ctx.store.mapping(revision).await?;
    let row = row.ok_or_else(|| ScimError::new(404, format!("There is no mapping revision {revision}.")))?;
    let state = row.head.state;
    Ok((Arc::new(settings::chain(row)?), Some(state)))
}

fn named_type(ctx: &Context, name: &str) -> Result<Arc<ResourceType>, ScimError> {
    let registry = &ctx.settings.registry;
    registry.resource_type(name).cloned().ok_or_else(|| {
        let all: Vec<&str> = registry.resource_types().iter().map(|known| known.name.as_str()).collect();
        ScimError::new(404, format!("There is no resource type {name}. There are: {}.", all.join(", ")))
    })
}

/// A document as the SCIM endpoint would read it of this tenant's client, which records no leniency here.
async fn sent(ctx: &Context, resource_type: Arc<ResourceType>, body: Value) -> Result<Source, Error> {
    ctx.compute(body.to_string().len()).await;
    let read = normalise(body, &resource_type, &ctx.settings.leniencies)?;
    validate(&read.document, &resource_type)?;
    let warnings = described(&read.warnings);
    Ok(Source { resource_type, id: None, document: read.document, modified_at: ctx.gateway.clock.now(), warnings })
}

fn described(warnings: &Warnings) -> Vec<String> {
    let tolerated =
        warnings.into_iter().map(|it| format!("Tolerated of this client: {} ({}).", it.leniency, it.attribute));
    tolerated.collect()
}

/// A living resource, under the current schemas.
async fn stored(ctx: &Context, resource_type: Arc<ResourceType>, name: &str) -> Result<Source, Error> {
    let options = ReadOptions::default();
    let stored = match parse_id(name) {
        Some(id) => find(ctx, &resource_type, id, options).await?,
        None => named(ctx, &resource_type, name).await?,
    };
    ctx.compute(stored.bytes()).await;
    let (mut resource_type, id, modified_at) = (resource_type, stored.id, stored.modified_at);
    let mut source = Arc::new(document::parse("source", &stored.source)?);
    document::refit(ctx, &mut resource_type, &mut source, &mut document::parse_unknown(&stored)?)?;
    let document = Arc::unwrap_or_clone(source);
    Ok(Source { resource_type, id: Some(id), document, modified_at, warnings: Vec::new() })
}

async fn named(ctx: &Context, resource_type: &ResourceType, name: &str) -> Result<Stored, Error> {
    // The database refuses a text with a NUL; no name has one.
    let mut found =
        if name.contains('\0') { Vec::new() } else { ctx.store.named(&resource_type.name, name, 2).await? };
    match (found.pop(), found.pop()) {
        (Some(stored), None) => Ok(stored),
        (None, _) => {
            let (kind, attribute) = (&resource_type.name, &resource_type.name_attribute);
            Err(ScimError::new(404, format!("There is no {kind} with the {attribute} {name}.")).into())
        }
        (Some(one), Some(other)) => {
            let detail =
                format!("Several resources are called {name}. Give the id: {}, {} or another.", other.id, one.id);
            Err(ScimError::new(409, detail).into())
        }
    }
}

/// The type of the mapped documents, which may have extensions that the client's have not.
fn directory_type<'c>(ctx: &'c Context, name: &str) -> Result<&'c Arc<ResourceType>, Error> {
    let known = ctx.settings.directory.resource_type(name);
    known.ok_or_else(|| Error::Corrupt(format!("the directory has no resource type {name}")))
}

async fn run(ctx: &Context, chain: &Chain, (source, directory_type): (&Source, &Arc<ResourceType>)) -> Trace {
    let size = serde_json::to_string(&source.document).map_or(0, |text| text.len());
    ctx.compute(size).await;
    let info = DocumentInfo {
        tenant: &ctx.settings.name,
        resource_type: directory_type,
        rules: ctx.settings.rules(&directory_type.name),
        id: source.id.unwrap_or_else(|| ctx.gateway.clock.new_id()),
        last_modified: rfc3339(source.modified_at),
        size,
    };
    ctx.gateway.mapper.trace(chain, info, Arc::new(source.document.clone())).await
}

/// Each step with what it changed; one that did not complete changed nothing.
fn changes(
    steps: Vec<StepReport>,
    documents: &[Overlay],
    resource_type: &ResourceType,
) -> Vec<(StepReport, Vec<Difference>)> {
    let changed = |index: usize| match (documents.get(index), documents.get(index + 1)) {
        (Some(before), Some(after)) => differences(before, after, resource_type),
        _ => Vec::new(),
    };
    steps.into_iter().enumerate().map(|(index, step)| (step, changed(index))).collect()
}
