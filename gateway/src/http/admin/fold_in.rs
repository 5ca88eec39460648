//! `/admin/v1/tenants/{tenant}/fold-in`: how far reconciling unknown attributes has come.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::json::reply;
use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::Failure;
use crate::operation::Gateway;
use crate::operation::job::{self, Reconciliation};

pub(super) async fn get(
    _: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
) -> Result<Response, Failure> {
    let progress = job::reconciliation(&gateway, &tenant).await.map_err(Failure::internal)?;
    Ok(reply(StatusCode::OK, shown(&progress)))
}

/// `idle` says that the schemas never changed.
fn shown(progress: &Reconciliation) -> Value {
    let mut shown = json!({ "state": "idle", "setAside": progress.with_unknown });
    let Some(job) = &progress.job else { return shown };
    shown["state"] = job.state.name().into();
    shown["schemaRevision"] = job.revision.into();
    shown["examined"] = job.progress.examined.into();
    shown["folded"] = job.progress.changed.into();
    shown["misfits"] = json!({ "count": job.progress.rejected, "examples": job.progress.examples });
    shown["begunAt"] = rfc3339(job.begun_at).into();
    shown["movedAt"] = rfc3339(job.moved_at).into();
    shown
}
