//! `/admin/v1/tenants/{tenant}/mapping/revisions` and what is done with them.

use axum::extract::Path;
use axum::http::StatusCode;
use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::http::access::OperatorAccess;
use crate::http::admin::mapping::model::{
    CheckQuery, FailurePolicy, ListedRevision, Mapping, MappingStep, NewMapping, dry_run, yes,
};
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::http::query::{Parameters, number};
use crate::operation::admin::mappings::diff::{self, MappingDiff, StepDiff};
use crate::operation::admin::mappings::{self, MAX_LISTED};
use crate::operation::plan;

/// Revisions, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct RevisionList {
    revisions: Vec<ListedRevision>,
    /// `before` of the next page; null after the last.
    #[schema(required)]
    next: Option<i32>,
}

/// Which revisions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct ListQuery {
    /// Revisions with a lower number.
    before: Option<i32>,
    /// Most revisions of the reply.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 100)]
    limit: Option<String>,
}

/// List the revisions.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/mapping/revisions", operation_id = "listMappingRevisions", tag = "mapping",
    params(ListQuery), responses((status = 200, description = "The revisions.", body = RevisionList))
)]
pub(in crate::http::admin) async fn list(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<RevisionList>, ApiFailure> {
    let limit = number("limit", query.limit.as_deref(), MAX_LISTED, 1..=MAX_LISTED)?;
    let listed = mappings::list(&operator, &tenant, query.before, limit).await?;
    let revisions = listed.revisions.into_iter().map(ListedRevision::from).collect();
    Ok(Json(RevisionList { revisions, next: listed.next }))
}

/// Store a draft.
///
/// It is checked whole: the plugins, the configurations, every path that they name, and the steps on example documents.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/mapping/revisions", operation_id = "draftMapping", tag = "mapping",
    params(CheckQuery), request_body = NewMapping,
    responses((status = 201, description = "The draft is stored.", body = Mapping))
)]
pub(in crate::http::admin) async fn draft(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Parameters(query): Parameters<CheckQuery>,
    Json(body): Json<NewMapping>,
) -> Result<(StatusCode, Json<Mapping>), ApiFailure> {
    let drafted = mappings::draft(&operator, &tenant, body.into(), query.dry_run()).await?;
    Ok((StatusCode::CREATED, Json(drafted.into())))
}

/// Show a revision.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/mapping/revisions/{revision}", operation_id = "getMappingRevision", tag = "mapping",
    responses((status = 200, description = "The revision.", body = Mapping))
)]
pub(in crate::http::admin) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, revision)): Path<(String, String)>,
) -> Result<Json<Mapping>, ApiFailure> {
    Ok(Json(mappings::get(&operator, &tenant, numbered(&revision)?).await?.into()))
}

/// How a draft is activated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http::admin) struct Activation {
    /// Whether the steps are tried on example documents again.
    #[serde(default = "yes")]
    #[schema(default = true)]
    dry_run: bool,
    /// Whether users may vanish from the product, as the stored plan says.
    #[serde(default)]
    accept_vanishing: bool,
}

/// Activate a draft.
///
/// It is checked again, since the schemas may have changed. Stored resources are mapped by it in the background.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/mapping/revisions/{revision}/activate", operation_id = "activateMapping",
    tag = "mapping", request_body = Activation,
    responses(
        (status = 200, description = "The revision is active.", body = Mapping),
        (status = 400, description = "It cannot be run any more."),
        (status = 409, description = "It is not a draft, users would vanish, or the tenant changed at the same moment."),
    )
)]
pub(in crate::http::admin) async fn activate(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, revision)): Path<(String, String)>,
    Json(body): Json<Activation>,
) -> Result<Json<Mapping>, ApiFailure> {
    let revision = numbered(&revision)?;
    if !body.accept_vanishing {
        plan::check_vanishing(&operator, &tenant, revision).await?;
    }
    Ok(Json(mappings::activate(&operator, &tenant, revision, dry_run(body.dry_run)).await?.into()))
}

/// Which revision to return to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Rollback {
    /// A retired one; the newest that is older than the active one, if it is not given.
    revision: Option<i32>,
}

/// Return to a revision that was active before.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/mapping/rollback", operation_id = "rollbackMapping", tag = "mapping",
    request_body = Rollback,
    responses(
        (status = 200, description = "The revision is active.", body = Mapping),
        (status = 409, description = "It was never active or is so now, there is none, or the tenant changed at the same moment."),
    )
)]
pub(in crate::http::admin) async fn rollback(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<Rollback>,
) -> Result<Json<Mapping>, ApiFailure> {
    Ok(Json(mappings::rollback(&operator, &tenant, body.revision).await?.into()))
}

/// Which revisions to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct DiffQuery {
    /// The first; the active one, if it is not given. 0 is none.
    from: Option<i32>,
    /// The second; the newest, if it is not given.
    to: Option<i32>,
}

/// The differences of two revisions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::admin) struct DiffReply {
    /// The first revision; 0 is none.
    from: i32,
    /// The second.
    to: i32,
    /// What a failure does, where that differs.
    #[schema(required)]
    on_failure: Option<PolicyChange>,
    /// Steps that differ, in their order.
    steps: Vec<StepChange>,
}

/// What a failure does in two revisions.
#[derive(Debug, Serialize, ToSchema)]
struct PolicyChange {
    #[schema(required)]
    before: Option<FailurePolicy>,
    #[schema(required)]
    after: Option<FailurePolicy>,
}

/// A step that one of two revisions lacks, or that differs in them.
#[derive(Debug, Serialize, ToSchema)]
struct StepChange {
    /// Its position in the first, from 1; null if it was added.
    #[schema(required)]
    from: Option<usize>,
    /// Its position in the second; null if it was removed.
    #[schema(required)]
    to: Option<usize>,
    step: MappingStep,
    /// What differs of a step that both have.
    changes: Vec<ValueChange>,
}

/// A value that differs.
#[derive(Debug, Serialize, ToSchema)]
struct ValueChange {
    /// A JSON pointer into the step.
    path: String,
    /// Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// Compare two revisions.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/mapping/diff", operation_id = "diffMapping", tag = "mapping", params(DiffQuery),
    responses((status = 200, description = "The differences.", body = DiffReply))
)]
pub(in crate::http::admin) async fn diff(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Parameters(query): Parameters<DiffQuery>,
) -> Result<Json<DiffReply>, ApiFailure> {
    Ok(Json(diff::diff(&operator, &tenant, query.from, query.to).await?.into()))
}

/// Revisions are numbers; anything else names none.
pub(super) fn numbered(revision: &str) -> Result<i32, ScimError> {
    revision.parse().map_err(|_| ScimError::new(404, format!("There is no mapping revision {revision}.")))
}

impl From<MappingDiff> for DiffReply {
    fn from(diff: MappingDiff) -> Self {
        let on_failure = diff.on_failure.map(|(before, after)| PolicyChange {
            before: before.map(FailurePolicy::from),
            after: after.map(FailurePolicy::from),
        });
        Self { from: diff.from, to: diff.to, on_failure, steps: diff.steps.into_iter().map(StepChange::from).collect() }
    }
}

impl From<StepDiff> for StepChange {
    fn from(diff: StepDiff) -> Self {
        let changes = diff.changes.into_iter();
        let changes = changes.map(|it| ValueChange { path: it.path, before: it.before, after: it.after }).collect();
        Self { from: diff.from, to: diff.to, step: diff.step.into(), changes }
    }
}
