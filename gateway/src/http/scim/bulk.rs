//! `POST /Bulk` (RFC 7644 §3.7).

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use scimgate_scim::bulk::{
    Action, MAX_PAYLOAD_BYTES, MAX_VALUES, OperationResponse, Request, failed_dependency, response,
};
use scimgate_scim::error::ScimError;
use scimgate_scim::json;
use scimgate_scim::recognition::{self, Signal};

use super::response::scim_json;
use super::{body, run_detached};
use crate::http::access::ScimAccess;
use crate::http::error::{ScimFailure, log_and_convert};
use crate::operation::bulk::{self, OperationOutcome, OperationResult};

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, ScimFailure> {
    let bytes = body::read_bytes(&ctx, &headers, content, (MAX_PAYLOAD_BYTES, "the maxPayloadSize")).await?;
    let outcomes = run_detached((ctx.deadline, ctx.large.clone()), async move {
        let _permits = ctx.bulk().await?;
        // Parsing 8 MiB takes too long for a thread that serves other requests.
        let body = tokio::task::spawn_blocking(move || json::parse_within(body::text(&bytes)?, MAX_VALUES)).await??;
        let settings = &ctx.settings;
        let request = Request::parse(body, &settings.registry, &settings.leniencies, &ctx.base_url)?;
        ctx.record_leniencies(&request.warnings);
        let ctx = ctx.record_client_signal(signal(&request)).await;
        Ok(bulk::run(ctx, request).await)
    });
    Ok(scim_json(render(&outcomes.await?)))
}

/// The strongest signal that the operations' bodies give about the client.
fn signal(request: &Request) -> Option<&'static Signal> {
    let shown = request.operations.iter().filter_map(|operation| match &operation.task.as_ref().ok()?.action {
        Action::Create(body) => recognition::in_body("POST", body),
        Action::Patch(_, body) => recognition::in_body("PATCH", body),
        Action::Replace(..) | Action::Delete(_) => None,
    });
    shown.reduce(|best, next| if next.strength > best.strength { next } else { best })
}

fn render(outcomes: &[Option<OperationOutcome>]) -> String {
    // A failure is logged once, and repeated in the operations that needed the failed one.
    let causes: Vec<Option<ScimError>> = outcomes.iter().map(|it| it.as_ref().and_then(cause)).collect();
    let name = |index: usize| outcomes.get(index).and_then(Option::as_ref).and_then(|failed| failed.bulk_id.as_deref());
    let cause = |index: usize| causes.get(index).cloned().flatten().unwrap_or_else(late);
    let all = outcomes.iter().enumerate().filter_map(|(index, outcome)| {
        let OperationOutcome { method, bulk_id, location, result: operation } = outcome.as_ref()?;
        let (version, result) = match operation {
            OperationResult::Done(reply) => (reply.version, Ok(reply.status)),
            OperationResult::Failed(_) | OperationResult::NotStarted => (None, Err(cause(index))),
            OperationResult::DependencyFailed { needed, failed } => {
                (None, Err(failed_dependency(needed, name(*failed).unwrap_or_default(), &cause(*failed))))
            }
        };
        let (bulk_id, location) = (bulk_id.as_deref(), location.as_deref());
        Some(OperationResponse { method, bulk_id, location, version, result })
    });
    response(&all.collect::<Vec<_>>()).to_string()
}

fn cause(outcome: &OperationOutcome) -> Option<ScimError> {
    match &outcome.result {
        OperationResult::Failed(error) => Some(log_and_convert(error)),
        OperationResult::Done(_) | OperationResult::DependencyFailed { .. } | OperationResult::NotStarted => None,
    }
}

fn late() -> ScimError {
    ScimError::new(503, "Not begun: the time of the request was used up. Send this operation again.")
}
