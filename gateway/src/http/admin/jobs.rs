//! `/admin/v1/tenants/{tenant}/jobs/{kind}`: how far a tenant's background job has come, and ending it.

use axum::extract::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::job::{self, JobStatus};
use crate::store::job::{JobExample, JobState};

/// A job's progress; of one that never ran, the kind, the state and `withUnknownAttributes` alone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobReply {
    /// What the job does: `reconcile` moves unknown attributes into the documents once a schema defines them.
    kind: &'static str,
    state: JobStateName,
    /// Resources of which unknown attributes are kept.
    with_unknown_attributes: i64,
    /// What the run applies: the schema revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<i64>,
    /// Resources that were examined.
    #[serde(skip_serializing_if = "Option::is_none")]
    examined: Option<i64>,
    /// Resources that were changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<Rejected>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    begun_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    moved_at: Option<String>,
}

/// Whether a run is at work.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum JobStateName {
    /// There never was a run.
    Idle,
    Running,
    Finished,
    Cancelled,
}

/// Resources of which something could not be applied.
#[derive(Debug, Serialize, ToSchema)]
struct Rejected {
    /// How many.
    count: i64,
    /// Some of them.
    examples: Vec<RejectedResource>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RejectedResource {
    id: String,
    resource_type: String,
    /// The attribute, or what else was rejected.
    attribute: String,
    /// Why.
    reason: String,
}

/// Show how far a tenant's job has come.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/jobs/{kind}", operation_id = "getJob", tag = "jobs",
    responses((status = 200, description = "The progress.", body = JobReply))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, kind)): Path<(String, String)>,
) -> Result<Json<JobReply>, ApiFailure> {
    Ok(Json(job::status(&operator, &tenant, &kind).await?.into()))
}

/// The body of a PATCH.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JobChange {
    #[serde(rename = "state")]
    _state: NewState,
}

/// The one state that an operator can set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum NewState {
    Cancelled,
}

/// End a running job after the resource it is at. What is done stays done.
#[utoipa::path(
    patch, path = "/admin/v1/tenants/{tenant}/jobs/{kind}", operation_id = "cancelJob", tag = "jobs",
    request_body = JobChange,
    responses(
        (status = 200, description = "The progress at the end.", body = JobReply),
        (status = 409, description = "The job is not running."),
    )
)]
pub(super) async fn patch(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, kind)): Path<(String, String)>,
    Json(_): Json<JobChange>,
) -> Result<Json<JobReply>, ApiFailure> {
    Ok(Json(job::cancel(&operator, &tenant, &kind).await?.into()))
}

impl From<JobStatus> for JobReply {
    fn from(status: JobStatus) -> Self {
        let job = status.job.as_ref();
        let state = match job.map(|job| job.state) {
            None => JobStateName::Idle,
            Some(JobState::Running) => JobStateName::Running,
            Some(JobState::Finished) => JobStateName::Finished,
            Some(JobState::Cancelled) => JobStateName::Cancelled,
        };
        let progress = job.map(|job| &job.progress);
        Self {
            kind: status.kind.name(),
            state,
            with_unknown_attributes: status.with_unknown,
            revision: job.map(|job| job.revision),
            examined: progress.map(|it| it.examined),
            changed: progress.map(|it| it.changed),
            rejected: progress
                .map(|it| Rejected { count: it.rejected, examples: it.examples.iter().map(Into::into).collect() }),
            begun_at: job.map(|job| rfc3339(job.begun_at)),
            moved_at: job.map(|job| rfc3339(job.moved_at)),
        }
    }
}

impl From<&JobExample> for RejectedResource {
    fn from(example: &JobExample) -> Self {
        let JobExample { id, resource_type, attribute, reason } = example.clone();
        Self { id: id.to_string(), resource_type, attribute, reason }
    }
}
