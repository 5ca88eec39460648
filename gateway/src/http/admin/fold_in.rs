//! `/admin/v1/tenants/{tenant}/fold-in`: the progress of the job that reconciles unknown attributes with new schemas.

use axum::extract::Path;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::Error;
use crate::operation::job::reconcile::{self, Progress};

/// The progress of the latest run; of a tenant whose schemas never changed, the state and `setAside` alone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoldIn {
    state: FoldInState,
    /// Resources with unknown attributes.
    set_aside: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_revision: Option<i64>,
    /// Resources that were examined.
    #[serde(skip_serializing_if = "Option::is_none")]
    examined: Option<i64>,
    /// Resources that were changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    folded: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    misfits: Option<Misfits>,
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
enum FoldInState {
    /// The schemas never changed.
    Idle,
    Running,
    Finished,
}

/// Values that do not fit the new schemas.
#[derive(Debug, Serialize, ToSchema)]
struct Misfits {
    /// Resources with such a value.
    count: i64,
    /// Some of them.
    #[schema(value_type = Vec<Object>)]
    examples: Value,
}

/// Show how far unknown attributes are reconciled with the tenant's schemas.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/fold-in", operation_id = "getFoldIn", tag = "schemas",
    responses((status = 200, description = "The progress.", body = FoldIn))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<FoldIn>, ApiFailure> {
    Ok(Json(reconcile::progress(&operator, &tenant).await?.try_into()?))
}

impl TryFrom<Progress> for FoldIn {
    type Error = Error;

    fn try_from(progress: Progress) -> Result<Self, Error> {
        let run = progress.run.as_ref();
        let state = match run {
            None => FoldInState::Idle,
            Some(run) if run.finished => FoldInState::Finished,
            Some(_) => FoldInState::Running,
        };
        let examples = run.map(|run| serde_json::from_str(&run.examples)).transpose();
        let examples = examples.map_err(|why| Error::Corrupt(format!("the examples of a fold-in run: {why}")))?;
        Ok(Self {
            state,
            set_aside: progress.set_aside,
            schema_revision: run.map(|run| run.schema_revision),
            examined: run.map(|run| run.examined),
            folded: run.map(|run| run.folded),
            misfits: run.zip(examples).map(|(run, examples)| Misfits { count: run.misfits, examples }),
            begun_at: run.map(|run| rfc3339(run.begun_at)),
            moved_at: run.map(|run| rfc3339(run.moved_at)),
        })
    }
}
