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
use crate::operation::request_facts::{BulkOperation, Refusal};

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, ScimFailure> {
    let facts = ctx.facts.clone();
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
    let outcomes = outcomes.await?;
    let results = results(&outcomes);
    let text = render(&outcomes, &results);
    facts.add(|facts| facts.operations = operations(outcomes, results));
    Ok(scim_json(text))
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

/// The status of each operation, and why it was refused.
fn results(outcomes: &[Option<OperationOutcome>]) -> Vec<Option<(u16, Option<Refusal>)>> {
    // A failure is logged once, and repeated in the operations that needed the failed one.
    let causes: Vec<Option<Refusal>> = outcomes.iter().map(|it| it.as_ref().and_then(cause)).collect();
    let name = |index: usize| outcomes.get(index).and_then(Option::as_ref).and_then(|failed| failed.bulk_id.as_deref());
    let cause = |index: usize| causes.get(index).cloned().flatten().unwrap_or_else(late);
    let result = |(index, outcome): (usize, &Option<OperationOutcome>)| {
        let refusal = match &outcome.as_ref()?.result {
            OperationResult::Done(reply) => return Some((reply.status, None)),
            OperationResult::Failed(_) | OperationResult::NotStarted => cause(index),
            OperationResult::DependencyFailed { needed, failed } => refused(
                "dependency",
                failed_dependency(needed, name(*failed).unwrap_or_default(), &cause(*failed).error),
            ),
        };
        Some((refusal.error.status, Some(refusal)))
    };
    outcomes.iter().enumerate().map(result).collect()
}

fn render(outcomes: &[Option<OperationOutcome>], results: &[Option<(u16, Option<Refusal>)>]) -> String {
    let all = outcomes.iter().zip(results).filter_map(|(outcome, result)| {
        let OperationOutcome { method, bulk_id, location, result: operation, .. } = outcome.as_ref()?;
        let version = if let OperationResult::Done(reply) = operation { reply.version } else { None };
        let result = match result.as_ref()? {
            (status, None) => Ok(*status),
            (_, Some(refusal)) => Err(refusal.error.clone()),
        };
        let (bulk_id, location) = (bulk_id.as_deref(), location.as_deref());
        Some(OperationResponse { method, bulk_id, location, version, result })
    });
    response(&all.collect::<Vec<_>>()).to_string()
}

/// The operations as the facts of the request have them.
fn operations(
    outcomes: Vec<Option<OperationOutcome>>,
    results: Vec<Option<(u16, Option<Refusal>)>>,
) -> Vec<BulkOperation> {
    let all = outcomes.into_iter().zip(results).zip(1..);
    let operation = |((outcome, result), number): ((Option<OperationOutcome>, _), usize)| {
        let (OperationOutcome { method, target, write, .. }, (status, refusal)) = (outcome?, result?);
        Some(BulkOperation { number, method, status, refusal, target, write })
    };
    all.filter_map(operation).collect()
}

fn cause(outcome: &OperationOutcome) -> Option<Refusal> {
    match &outcome.result {
        OperationResult::Failed(error) => Some(log_and_convert(error)),
        OperationResult::Done(_) | OperationResult::DependencyFailed { .. } | OperationResult::NotStarted => None,
    }
}

fn late() -> Refusal {
    let detail = "Not begun: the time of the request was used up. Send this operation again.";
    refused("not_started", ScimError::new(503, detail))
}

fn refused(kind: &'static str, error: ScimError) -> Refusal {
    Refusal { error, kind, limit: None, failure: None, is_unavailable: false }
}
