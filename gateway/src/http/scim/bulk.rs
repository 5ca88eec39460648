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

use super::run_detached;
use crate::http::access::ScimAccess;
use crate::http::body;
use crate::http::error::{Failure, told};
use crate::http::response::scim_json;
use crate::operation::bulk::{self, Fate, Outcome};

pub(super) async fn handle(
    ScimAccess(ctx): ScimAccess,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, Failure> {
    let bytes = body::read_bytes(&headers, content, MAX_PAYLOAD_BYTES, "the maxPayloadSize").await;
    let bytes = bytes.map_err(Failure::scim)?;
    let outcomes = run_detached(ctx.deadline, async move {
        let _place = ctx.gateway.bulks.take(ctx.store.id()).await;
        // It may take as long as some mappings do, which have threads of their own, too.
        let body = tokio::task::spawn_blocking(move || json::parse_within(body::text(&bytes)?, MAX_VALUES)).await??;
        let settings = &ctx.settings;
        let request = Request::parse(body, &settings.registry, &settings.leniencies, &ctx.base_url)?;
        ctx.record_leniencies(&request.warnings);
        let ctx = ctx.record_client_signal(signal(&request)).await;
        Ok(bulk::run(ctx, request).await)
    });
    Ok(scim_json(answer(&outcomes.await?)))
}

/// What the operations show of who sent them, as they would one by one.
fn signal(request: &Request) -> Option<&'static Signal> {
    let shown = request.operations.iter().filter_map(|operation| match &operation.task.as_ref().ok()?.action {
        Action::Create(body) => recognition::in_body("POST", body),
        Action::Patch(_, body) => recognition::in_body("PATCH", body),
        Action::Replace(..) | Action::Delete(_) => None,
    });
    shown.reduce(|best, next| if next.strength > best.strength { next } else { best })
}

fn answer(outcomes: &[Option<Outcome>]) -> String {
    // What failed by itself is told, and logged, once; those that needed it are told the same again.
    let causes: Vec<Option<ScimError>> = outcomes.iter().map(|it| it.as_ref().and_then(cause)).collect();
    let name = |place: usize| outcomes.get(place).and_then(Option::as_ref).and_then(|failed| failed.bulk_id.as_deref());
    let cause = |place: usize| causes.get(place).cloned().flatten().unwrap_or_else(late);
    let all = outcomes.iter().enumerate().filter_map(|(place, outcome)| {
        let Outcome { method, bulk_id, location, fate } = outcome.as_ref()?;
        let (version, result) = match fate {
            Fate::Done(reply) => (reply.version, Ok(reply.status)),
            Fate::Failed(_) | Fate::Late => (None, Err(cause(place))),
            Fate::Unmet { needed, failed } => {
                (None, Err(failed_dependency(needed, name(*failed).unwrap_or_default(), &cause(*failed))))
            }
        };
        let (bulk_id, location) = (bulk_id.as_deref(), location.as_deref());
        Some(OperationResponse { method, bulk_id, location, version, result })
    });
    response(&all.collect::<Vec<_>>()).to_string()
}

fn cause(outcome: &Outcome) -> Option<ScimError> {
    match &outcome.fate {
        Fate::Failed(error) => Some(told(error)),
        Fate::Done(_) | Fate::Unmet { .. } | Fate::Late => None,
    }
}

fn late() -> ScimError {
    ScimError::new(503, "Not begun: the time of the request was used up. Send this operation again.")
}
