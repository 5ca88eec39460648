//! `/admin/v1/tenants/{tenant}/fold-in`: how far the run through what was set aside has come.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::json::reply;
use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::Failure;
use crate::operation::job::reconcile::{self as fold_in, Progress};
use crate::operation::{Error, Gateway};

pub(super) async fn get(
    _: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
) -> Result<Response, Failure> {
    let progress = fold_in::progress(&gateway, &tenant).await.map_err(Failure::internal)?;
    Ok(reply(StatusCode::OK, shown(&progress).map_err(Failure::internal)?))
}

/// `idle` says that the schemas never changed.
fn shown(progress: &Progress) -> Result<Value, Error> {
    let mut shown = json!({ "state": "idle", "setAside": progress.set_aside });
    let Some(run) = &progress.run else { return Ok(shown) };
    let examples: Value = serde_json::from_str(&run.examples)
        .map_err(|why| Error::Corrupt(format!("the examples of a fold-in run: {why}")))?;
    shown["state"] = if run.finished { "finished" } else { "running" }.into();
    shown["schemaRevision"] = run.schema_revision.into();
    shown["examined"] = run.examined.into();
    shown["folded"] = run.folded.into();
    shown["misfits"] = json!({ "count": run.misfits, "examples": examples });
    shown["begunAt"] = rfc3339(run.begun_at).into();
    shown["movedAt"] = rfc3339(run.moved_at).into();
    Ok(shown)
}
