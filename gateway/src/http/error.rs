//! The only place where a failure becomes a reply. The reply carries it to the request's line in the log (`operation/request_end.rs`).
//! Every body is JSON, but for the pages of setup links.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt as _;
use scimgate_scim::error::{ScimError, ScimType};
use serde::Serialize;
use utoipa::ToSchema;

use super::page;
use crate::auth::oauth::token_error::TokenError;
use crate::mapping::MapError;
use crate::operation::Error;
use crate::operation::request_facts::Refusal;
use crate::operation::resource::large_group::Parts;
use crate::operation::schema_change::conflict::Example;
use crate::store::memory::MAX_PAGE_BYTES;
use crate::{auth, operation, store, telemetry};

/// The form of a listener's refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// SCIM errors (RFC 7644 §3.12).
    Scim,
    /// Problem documents of the admin API, the directory and the probes (RFC 9457).
    Api,
    /// Errors of the token endpoint (RFC 6749 §5.2).
    Oauth,
    /// HTML for the administrators who open a setup link.
    Page,
}

/// A failed request to the SCIM endpoint.
#[derive(Debug)]
pub struct ScimFailure(Error);

/// A failed request to the admin API or the directory.
#[derive(Debug)]
pub struct ApiFailure(Error);

impl<E: Into<Error>> From<E> for ScimFailure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl<E: Into<Error>> From<E> for ApiFailure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// A failed request to the token endpoint.
#[derive(Debug)]
pub struct OauthFailure(Error);

impl<E: Into<Error>> From<E> for OauthFailure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for OauthFailure {
    fn into_response(self) -> Response {
        failure(&self.0, Surface::Oauth)
    }
}

impl IntoResponse for ScimFailure {
    fn into_response(self) -> Response {
        failure(&self.0, Surface::Scim)
    }
}

impl IntoResponse for ApiFailure {
    fn into_response(self) -> Response {
        failure(&self.0, Surface::Api)
    }
}

/// The problem document of a refusal (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The name of the status.
    title: &'static str,
    /// The status of the reply.
    status: u16,
    /// What is wrong, in a sentence.
    detail: String,
    /// For a change of schemas that is refused: how many stored resources conflict with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    count: Option<u64>,
    /// For a change of schemas that is refused: some of those resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    examples: Option<Vec<ConflictingResource>>,
    /// Where events are not kept any more: the number after which to go on once all resources were read anew.
    #[serde(rename = "lastSeq", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_seq: Option<i64>,
}

/// A stored resource that conflicts with a change of schemas.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConflictingResource {
    /// Its id.
    id: String,
    /// Its type.
    resource_type: String,
    /// Which rule it would break.
    reason: String,
}

impl From<&Example> for ConflictingResource {
    fn from(example: &Example) -> Self {
        Self { id: example.id.to_string(), resource_type: example.resource_type.clone(), reason: example.why.clone() }
    }
}

/// Seconds after which a client is asked to try again. Whole seconds: some clients understand nothing else.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Seconds until an address that sent too many unknown tokens may send others.
const UNKNOWN_TOKENS_RETRY_SECONDS: u32 = 60;

/// A failure in the form of a surface.
pub(super) fn failure(error: &Error, surface: Surface) -> Response {
    let refusal = refusal(error);
    tracing::debug!(status = refusal.error.status, detail = %refusal.error.detail, "request refused");
    let mut response = render(&refusal.error, surface, Some(error));
    response.extensions_mut().insert(refusal);
    let seconds = match error {
        // The breaker has the time until the step is called again.
        Error::Mapping(MapError::Open { seconds, .. }) => Some(HeaderValue::from(*seconds)),
        Error::Busy(busy) => Some(HeaderValue::from(busy.retry_after)),
        Error::Auth(auth::Error::TooMany) => Some(HeaderValue::from(UNKNOWN_TOKENS_RETRY_SECONDS)),
        _ => None,
    };
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// What the client reads of a failure, and what the log has of it.
fn refusal(error: &Error) -> Refusal {
    let refusal = to_client_error(error);
    // 501 answers a request for something that is not implemented; it is not a failure.
    let is_failure = refusal.status >= 500 && refusal.status != 501;
    Refusal {
        kind: error.kind(),
        limit: error.limit(),
        failure: is_failure.then(|| telemetry::chain(error)),
        is_unavailable: error.is_unavailable(),
        error: refusal,
    }
}

/// Logs the failure of a part of a request, which the request's own line lacks, and returns it.
pub(super) fn log_and_convert(error: &Error) -> Refusal {
    let refusal = refusal(error);
    let Refusal { error, failure, kind, is_unavailable, .. } = &refusal;
    match failure {
        Some(failure) if !is_unavailable => {
            tracing::error!(status = error.status, kind, error = failure, "operation failed");
        }
        _ => tracing::debug!(status = error.status, kind, detail = %error.detail, "operation refused"),
    }
    refusal
}

/// A body in parts. A failure can only end it: its status has been sent.
pub(super) fn body(parts: Parts) -> Body {
    Body::from_stream(parts.map_err(|error| {
        let _ = log_and_convert(&error);
        std::io::Error::other("a part could not be read")
    }))
}

/// The media type and the text of a refusal.
pub(super) fn media_type_and_body(
    refusal: &ScimError,
    surface: Surface,
    error: Option<&Error>,
) -> (&'static str, String) {
    match surface {
        Surface::Scim => ("application/scim+json", refusal.to_json().to_string()),
        Surface::Api => ("application/problem+json", problem(refusal, error)),
        Surface::Oauth => {
            let code = oauth_code(refusal.status, error);
            let body = serde_json::json!({ "error": code, "error_description": refusal.detail });
            ("application/json", body.to_string())
        }
        Surface::Page => ("text/html; charset=utf-8", page::refusal(refusal.status, &refusal.detail)),
    }
}

/// The code of a refusal of the token endpoint.
fn oauth_code(status: u16, error: Option<&Error>) -> &'static str {
    match (status, error) {
        (_, Some(Error::Oauth(refused))) => refused.code(),
        (403, _) => "unauthorized_client",
        (429 | 503, _) => "temporarily_unavailable",
        (500.., _) => "server_error",
        _ => "invalid_request",
    }
}

fn problem(refusal: &ScimError, error: Option<&Error>) -> String {
    let conflicts = if let Some(Error::SchemaConflicts(found)) = error { Some(found) } else { None };
    let last_seq = if let Some(Error::EventsPurged { last_seq, .. }) = error { Some(*last_seq) } else { None };
    let reason = StatusCode::from_u16(refusal.status).ok().and_then(|status| status.canonical_reason());
    let problem = Problem {
        title: reason.unwrap_or("Error"),
        status: refusal.status,
        detail: refusal.detail.clone(),
        count: conflicts.map(|found| found.count),
        examples: conflicts.map(|found| found.examples.iter().map(ConflictingResource::from).collect()),
        last_seq,
    };
    serde_json::to_string(&problem).unwrap_or_default()
}

fn render(refusal: &ScimError, surface: Surface, error: Option<&Error>) -> Response {
    let (media_type, body) = media_type_and_body(refusal, surface, error);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if refusal.status == 401 {
        let scheme = if surface == Surface::Oauth { "Basic realm=\"scimgate\"" } else { "Bearer realm=\"scimgate\"" };
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    if surface == Surface::Page {
        page::protect(headers);
    }
    if surface == Surface::Oauth {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if matches!(refusal.status, 429 | 503) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    }
    response
}

/// What the client reads of a failure: all of a refusal, no internals.
fn to_client_error(error: &Error) -> ScimError {
    match error {
        Error::Scim(refusal) => refusal.clone(),
        Error::Auth(auth::Error::Unauthorized) => {
            ScimError::new(401, "The token is missing, or not accepted at this address.")
        }
        Error::Auth(auth::Error::TooMany) => {
            ScimError::new(429, "Too many unknown secrets came from this address. Try again in a minute.")
        }
        Error::Busy(busy) => {
            let seconds = if busy.retry_after == 1 { "second" } else { "seconds" };
            let detail = format!(
                "Too much at once from this tenant: {}. Try again in {} {seconds}.",
                busy.why, busy.retry_after
            );
            ScimError::new(429, detail)
        }
        Error::Auth(auth::Error::IssuerKeys(_)) => {
            ScimError::new(503, "The keys of the token's issuer cannot be read now. Please try again.")
        }
        Error::Oauth(TokenError::InvalidClient) => ScimError::new(401, TokenError::InvalidClient.to_string()),
        Error::Oauth(refused) => ScimError::new(400, refused.to_string()),
        Error::Suspended => ScimError::new(403, "This tenant is suspended. Ask the provider of the application."),
        Error::Store(store::Error::Unavailable { .. })
        | Error::Auth(auth::Error::Store(store::Error::Unavailable { .. } | store::Error::Conflict { .. })) => {
            unavailable()
        }
        Error::Store(store::Error::TooLong { fit }) => too_long(*fit),
        Error::Store(store::Error::Memory { bytes }) => {
            let mebibytes = bytes >> 20;
            let detail = format!("The {mebibytes} MiB for bodies and replies are in use. Try again in a moment.");
            ScimError::new(429, detail)
        }
        Error::Store(store::Error::Turn { .. }) => {
            ScimError::new(503, "This tenant's requests have waited too long for the database. Please try again.")
        }
        Error::Store(store::Error::Deleted { .. }) => operation::tenant_deleted(),
        Error::Store(store::Error::Duplicate { .. }) => {
            ScimError::uniqueness("A resource with the same unique value exists already.")
        }
        Error::Contended | Error::Store(store::Error::Conflict { .. }) => {
            ScimError::new(503, "There were too many concurrent writes to this resource. Please try again.")
        }
        Error::TimedOut => ScimError::new(503, "The request took too long. Please try again."),
        Error::SchemaConflicts(found) => ScimError::new(409, found.to_string()),
        Error::SchemasChanging => {
            ScimError::new(503, "The tenant's schemas are being changed. Please try again in a moment.")
        }
        Error::EventsPurged { purged_through, last_seq } => ScimError::new(
            410,
            format!(
                "Events up to {purged_through} are not kept any more. Read all resources anew, and then the events after {last_seq}."
            ),
        ),
        Error::Mapping(failure) => mapping_error(failure),
        Error::Store(_) | Error::Auth(_) | Error::Task(_) | Error::Corrupt(_) => {
            ScimError::new(500, "The service failed in a way that its log explains.")
        }
    }
}

fn too_long(fit: Option<usize>) -> ScimError {
    let limit = MAX_PAGE_BYTES >> 20;
    let detail = match fit {
        Some(fit) => format!("The reply would be longer than {limit} MiB. Ask for at most {fit} resources at once."),
        None => format!(
            "The reply would be longer than {limit} MiB. Ask for fewer groups at once, or for groups without members by \
             excludedAttributes=members."
        ),
    };
    ScimError::bad_request(ScimType::TooMany, detail)
}

fn mapping_error(error: &MapError) -> ScimError {
    match error {
        MapError::Rejected(refusal) => refusal.clone(),
        MapError::Failed { transient: true, .. } | MapError::Open { .. } => ScimError::new(503, error.to_string()),
        // The same document fails the same way again, so a retry cannot help: 400, with plugin and reason.
        MapError::Failed { .. } | MapError::NonCompliant { .. } => ScimError::invalid_value(error.to_string()),
        MapError::Load { source, .. } if source.is_unavailable() => unavailable(),
        MapError::Busy => ScimError::new(503, "Too many mappings run at once. Please try again."),
        MapError::Load { .. } | MapError::Unusable { .. } => {
            ScimError::new(500, "The tenant's mapping cannot be run; the service's log explains.")
        }
    }
}

fn unavailable() -> ScimError {
    ScimError::new(503, "The service cannot reach its database now. Please try again.")
}
