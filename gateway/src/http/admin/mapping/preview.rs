//! `/admin/v1/tenants/{tenant}/mapping/preview`.

use axum::extract::Path;
use scimgate_scim::difference::Difference;
use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::access::OperatorAccess;
use crate::http::admin::mapping::model::{FailurePolicy, NewMapping, RevisionStateName};
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::mapping::{Level, LogLine, MapError, MappingOutcome, StepReport, StepResult};
use crate::operation::Error;
use crate::operation::admin::mappings::preview::{self, Preview, Subject, Wanted};
use crate::telemetry;

/// What to map, and by which revision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http::admin) struct PreviewRequest {
    /// The document's resource type.
    #[serde(default = "user")]
    #[schema(default = "User")]
    resource_type: String,
    /// A document as a SCIM client would send it.
    #[schema(value_type = Option<Object>)]
    document: Option<Value>,
    /// In place of a document, a stored resource: its id, or its userName or displayName in any case.
    resource: Option<String>,
    /// The revision; the active one, if it is not given.
    revision: Option<i32>,
    /// In place of a number, the newest revision, which must be a draft.
    #[serde(default)]
    draft: bool,
    /// In place of a revision, a mapping that is not stored. It is checked as a draft is, but not tried on example documents.
    mapping: Option<NewMapping>,
}

fn user() -> String {
    "User".to_owned()
}

/// What a mapping makes of a document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::admin) struct PreviewReply {
    /// The revision; 0 where mapping is off, or the mapping is not stored.
    revision: i32,
    #[schema(required)]
    state: Option<RevisionStateName>,
    on_failure: FailurePolicy,
    resource_type: String,
    /// The stored resource's id.
    #[schema(required)]
    id: Option<String>,
    outcome: OutcomeName,
    /// Why the document is excluded or rejected, or why the mapping fails.
    #[schema(required)]
    reason: Option<String>,
    /// The source document.
    #[schema(value_type = Object)]
    source: Map<String, Value>,
    /// The mapped document; null where there is none.
    #[schema(value_type = Option<Object>, required)]
    mapped: Option<Map<String, Value>>,
    /// The steps up to the one that ended the run, in order.
    steps: Vec<PreviewStep>,
    /// Leniencies by which the document was read.
    warnings: Vec<String>,
}

/// What a mapping decides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OutcomeName {
    /// The product reads the mapped document.
    Mapped,
    /// The mapped document says the same as the source document.
    Same,
    /// The product does not see the resource.
    Excluded,
    /// The client's request is refused.
    Rejected,
    /// A step failed, or its result is not one of the directory's documents.
    Failed,
    /// The step does not apply to the resource type.
    Skipped,
}

/// What one step does with the document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PreviewStep {
    /// Its position, from 1.
    number: usize,
    /// The plugin's digest.
    plugin: String,
    /// The plugin as `name@version`; empty if it could not be loaded.
    title: String,
    outcome: OutcomeName,
    /// Why the step excludes or rejects the document, or fails.
    #[schema(required)]
    reason: Option<String>,
    /// CPU time of the call.
    cpu_micros: u64,
    /// What it changed, by attribute path.
    changes: Vec<AttributeChange>,
    /// What the plugin logged.
    log: Vec<PluginLine>,
    /// Paths that the plugin could not read or write, whatever it made of that.
    refused_paths: Vec<PathRefusal>,
}

/// An attribute that a step changed.
#[derive(Debug, Serialize, ToSchema)]
struct AttributeChange {
    /// Its path: `emails[type eq "work"].value`.
    path: String,
    /// Absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// A line of a plugin's log.
#[derive(Debug, Serialize, ToSchema)]
struct PluginLine {
    /// `debug`, `info`, `warn` or `error`.
    level: &'static str,
    message: String,
}

/// A path that a plugin could not read or write.
#[derive(Debug, Serialize, ToSchema)]
struct PathRefusal {
    /// What the plugin did: `get`, `set`, `append` or `remove`.
    call: &'static str,
    path: String,
    reason: String,
}

/// Show what a mapping makes of one document, step by step.
///
/// Nothing is written.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/mapping/preview", operation_id = "previewMapping", tag = "mapping",
    request_body = PreviewRequest,
    responses(
        (status = 200, description = "What the mapping makes of it.", body = PreviewReply),
        (status = 409, description = "Several resources have the name."),
    )
)]
pub(in crate::http::admin) async fn preview(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<PreviewRequest>,
) -> Result<Json<PreviewReply>, ApiFailure> {
    let subject = match (body.document, body.resource) {
        (Some(document), None) => Subject::Document(document),
        (None, Some(resource)) => Subject::Stored(resource),
        _ => return Err(ScimError::new(400, "Give either a document or a resource.").into()),
    };
    let wanted = match (body.revision, body.draft, body.mapping) {
        (None, false, None) => Wanted::Active,
        (None, true, None) => Wanted::NewestDraft,
        (Some(revision), false, None) => Wanted::Revision(revision),
        (None, false, Some(mapping)) => Wanted::Unstored(mapping.into()),
        _ => return Err(ScimError::new(400, "Give one of revision, draft and mapping.").into()),
    };
    let shown = preview::preview(&operator, &tenant, (&body.resource_type, subject), wanted).await?;
    Ok(Json(reply(shown)?))
}

/// A failure of the machine, such as too many mappings at once, is none of the mapping.
fn reply(shown: Preview) -> Result<PreviewReply, Error> {
    let (outcome, reason, mapped) = match shown.result {
        Ok(MappingOutcome::Mapped(document)) if document.is_source() => {
            (OutcomeName::Same, None, Some(document.to_map()))
        }
        Ok(MappingOutcome::Mapped(document)) => (OutcomeName::Mapped, None, Some(document.to_map())),
        Ok(MappingOutcome::Excluded(reason)) => (OutcomeName::Excluded, Some(reason), None),
        Err(MapError::Rejected(refusal)) => (OutcomeName::Rejected, Some(refusal.detail), None),
        Err(error @ (MapError::Busy | MapError::Load { .. })) => return Err(error.into()),
        Err(error) => (OutcomeName::Failed, Some(telemetry::chain(&error)), None),
    };
    Ok(PreviewReply {
        revision: shown.revision,
        state: shown.state.map(RevisionStateName::from),
        on_failure: shown.on_failure.into(),
        resource_type: shown.resource_type,
        id: shown.id.map(|id| id.to_string()),
        outcome,
        reason,
        source: shown.source,
        mapped,
        steps: shown.steps.into_iter().map(PreviewStep::from).collect(),
        warnings: shown.warnings,
    })
}

impl From<(StepReport, Vec<Difference>)> for PreviewStep {
    fn from((step, changes): (StepReport, Vec<Difference>)) -> Self {
        let (outcome, reason) = match step.result {
            StepResult::Mapped if changes.is_empty() => (OutcomeName::Same, None),
            StepResult::Mapped => (OutcomeName::Mapped, None),
            StepResult::Excluded(reason) => (OutcomeName::Excluded, Some(reason)),
            StepResult::Rejected(reason) => (OutcomeName::Rejected, Some(reason)),
            StepResult::Failed(reason) => (OutcomeName::Failed, Some(reason)),
            StepResult::Skipped => (OutcomeName::Skipped, None),
        };
        let refused = step.refused_paths.into_iter();
        let refused =
            refused.map(|it| PathRefusal { call: it.call, path: it.path, reason: it.error.to_string() }).collect();
        Self {
            number: step.number,
            plugin: step.plugin,
            title: step.title,
            outcome,
            reason,
            cpu_micros: u64::try_from(step.cpu.as_micros()).unwrap_or(u64::MAX),
            changes: changes.into_iter().map(AttributeChange::from).collect(),
            log: step.log.into_iter().map(PluginLine::from).collect(),
            refused_paths: refused,
        }
    }
}

impl From<Difference> for AttributeChange {
    fn from(it: Difference) -> Self {
        Self { path: it.path, before: it.before, after: it.after }
    }
}

impl From<LogLine> for PluginLine {
    fn from(line: LogLine) -> Self {
        let level = match line.level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        Self { level, message: line.message }
    }
}
