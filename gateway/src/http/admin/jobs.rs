//! `/admin/v1/tenants/{tenant}/jobs/{kind}`: how far a tenant's background job has come, and ending it.

use axum::extract::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::job::{self, JobStatus};
use crate::store::job::{Job, JobExample, JobState};

/// A job's progress; of one that never ran, the kind, the state and `withUnknownAttributes` alone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobReply {
    /// What the job does: `reconcile` moves unknown attributes into the documents once a schema defines them, `search-keys`
    /// completes the keys of attributes that are searched by value, `remap` maps stored documents by the active mapping,
    /// `plan` finds out what another revision would do to them.
    kind: &'static str,
    state: JobStateName,
    /// Resources of which unknown attributes are kept.
    with_unknown_attributes: i64,
    /// The number of the tenant's resources, where the job examines all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
    /// What the run applies: the schema revision; of a remap, the mapping revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<i64>,
    /// Resources that were examined.
    #[serde(skip_serializing_if = "Option::is_none")]
    examined: Option<i64>,
    /// Resources that were changed; by a remap, for the product.
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
    /// How often a remap tried documents again whose mapping had failed for a reason that may pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<i32>,
    /// While it waits for that: when it tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    retries_at: Option<String>,
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
    state: NewState,
}

/// What an operator can make of a job.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum NewState {
    /// Ends it.
    Cancelled,
    /// Begins a remap.
    Running,
}

/// End a running job after the resource or the batch it is at, or begin a remap. What is done stays done.
#[utoipa::path(
    patch, path = "/admin/v1/tenants/{tenant}/jobs/{kind}", operation_id = "changeJob", tag = "jobs",
    request_body = JobChange,
    responses(
        (status = 200, description = "The progress.", body = JobReply),
        (status = 409, description = "The job is not running, is running already, or begins by itself alone."),
    )
)]
pub(super) async fn patch(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, kind)): Path<(String, String)>,
    Json(change): Json<JobChange>,
) -> Result<Json<JobReply>, ApiFailure> {
    let status = match change.state {
        NewState::Cancelled => job::cancel(&operator, &tenant, &kind).await?,
        NewState::Running => job::start(&operator, &tenant, &kind).await?,
    };
    Ok(Json(status.into()))
}

/// How many documents are mapped by which revision.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MappedDocuments {
    /// A line for each revision and state, the oldest revision first.
    documents: Vec<MappedDocumentCount>,
}

/// The documents of one revision and state.
#[derive(Debug, Serialize, ToSchema)]
struct MappedDocumentCount {
    /// The revision that mapped them last, or failed to; 0 where no mapping was active.
    revision: i32,
    /// `same`, `mapped`, `excluded`, `stale` or `never`.
    state: &'static str,
    count: i64,
}

/// Count a tenant's documents by the mapping revision that mapped them. While a remap runs, or after it was cancelled, some are
/// mapped by an older one.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/mapping/documents", operation_id = "countMappedDocuments", tag = "mapping",
    responses((status = 200, description = "The counts.", body = MappedDocuments))
)]
pub(super) async fn documents(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<MappedDocuments>, ApiFailure> {
    let counts = job::documents(&operator, &tenant).await?.into_iter();
    let documents = counts.map(|((revision, state), count)| MappedDocumentCount { revision, state, count }).collect();
    Ok(Json(MappedDocuments { documents }))
}

/// Whether its next pass over what failed has not begun.
fn is_waiting(job: &Job) -> bool {
    job.state == JobState::Running && job.progress.attempt > 0 && job.progress.after.is_nil()
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
            total: status.total,
            revision: job.map(|job| job.revision),
            examined: progress.map(|it| it.examined),
            changed: progress.map(|it| it.changed),
            rejected: progress
                .map(|it| Rejected { count: it.rejected, examples: it.examples.iter().map(Into::into).collect() }),
            begun_at: job.map(|job| rfc3339(job.begun_at)),
            moved_at: job.map(|job| rfc3339(job.moved_at)),
            retries: progress.map(|it| it.attempt).filter(|retries| *retries > 0),
            retries_at: job.filter(|job| is_waiting(job)).map(|job| rfc3339(job.resume_at)),
        }
    }
}

impl From<&JobExample> for RejectedResource {
    fn from(example: &JobExample) -> Self {
        let JobExample { id, resource_type, attribute, reason } = example.clone();
        Self { id: id.to_string(), resource_type, attribute, reason }
    }
}
