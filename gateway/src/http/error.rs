//! The only place where a failure becomes a reply, and the only one that logs it. Every body is JSON.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use scimgate_scim::error::ScimError;
use serde_json::{Value, json};

use crate::auth;
use crate::mapping::MapError;
use crate::operation::Error;
use crate::operation::schema_change::conflicts::Contradictions;
use crate::store;
use crate::telemetry;

/// Whose words a failure is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// A SCIM error (RFC 7644 §3.12).
    Scim,
    /// A problem document of the admin API and the directory (RFC 9457).
    Internal,
}

/// A failed request.
#[derive(Debug)]
pub struct Failure {
    /// What failed.
    pub error: Error,
    /// In whose words to tell it.
    pub surface: Surface,
}

impl Failure {
    /// A failure of the SCIM endpoint.
    pub fn scim(error: impl Into<Error>) -> Self {
        Self { error: error.into(), surface: Surface::Scim }
    }

    /// A failure of the admin API or the directory.
    pub fn internal(error: impl Into<Error>) -> Self {
        Self { error: error.into(), surface: Surface::Internal }
    }
}

/// Seconds after which a client is asked to come again. Whole seconds: some clients understand nothing else.
const RETRY_AFTER: u32 = 2;

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let told = told(&self.error);
        let mut response = match &self.error {
            Error::Contradicted(found) => reply_with(&told, self.surface, &shown(found)),
            _ => reply(&told, self.surface),
        };
        // A step that is not called for a while says for how long.
        if let Error::Mapping(MapError::Open { seconds, .. }) = &self.error {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
        }
        response
    }
}

/// What the client is told of a failure, which is logged: of a request, or of one operation of a bulk request.
pub(super) fn told(error: &Error) -> ScimError {
    let told = tell(error);
    // What is not implemented was asked for, and nothing failed.
    if told.status >= 500 && told.status != 501 {
        tracing::error!(status = told.status, error = %telemetry::chain(error), "request failed");
    } else {
        tracing::debug!(status = told.status, detail = %told.detail, "request refused");
    }
    told
}

/// The parts of a problem document that are its own (RFC 9457 §3.2).
fn shown(found: &Contradictions) -> Value {
    let examples = found.examples.iter();
    let examples =
        examples.map(|it| json!({ "id": it.id.to_string(), "resourceType": it.resource_type, "reason": it.why }));
    json!({ "count": found.count, "examples": examples.collect::<Vec<_>>() })
}

/// A refusal as a reply.
#[must_use]
pub fn reply(told: &ScimError, surface: Surface) -> Response {
    reply_with(told, surface, &Value::Null)
}

/// The media type and the text of a refusal.
pub(super) fn reply_parts(told: &ScimError, surface: Surface) -> (&'static str, String) {
    let (media, body) = form(told, surface);
    (media, body.to_string())
}

fn form(told: &ScimError, surface: Surface) -> (&'static str, Value) {
    let reason = || StatusCode::from_u16(told.status).ok().and_then(|it| it.canonical_reason()).unwrap_or("Error");
    match surface {
        Surface::Scim => ("application/scim+json", told.to_json()),
        Surface::Internal => {
            ("application/problem+json", json!({ "title": reason(), "status": told.status, "detail": told.detail }))
        }
    }
}

fn reply_with(told: &ScimError, surface: Surface, extra: &Value) -> Response {
    let status = StatusCode::from_u16(told.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (media, mut body) = form(told, surface);
    for (name, value) in extra.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    if told.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"scimgate\""));
    }
    if matches!(told.status, 429 | 503) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER));
    }
    response
}

/// What the client is told: all of a refusal, nothing of our insides.
fn tell(error: &Error) -> ScimError {
    const DOWN: &str = "The service cannot reach its database now. Please try again.";
    match error {
        Error::Scim(refusal) => refusal.clone(),
        Error::Auth(auth::Error::Unauthorized) => {
            ScimError::new(401, "The token is missing, or not accepted at this address.")
        }
        Error::Suspended => ScimError::new(403, "This tenant is suspended. Ask the provider of the application."),
        Error::Store(store::Error::Unavailable { .. }) | Error::Auth(auth::Error::Store(_)) => {
            ScimError::new(503, DOWN)
        }
        Error::Store(store::Error::Duplicate { .. }) => {
            ScimError::uniqueness("A resource with the same unique value exists already.")
        }
        Error::Contended | Error::Store(store::Error::Conflict { .. }) => {
            ScimError::new(503, "Too many writes met on this resource. Please try again.")
        }
        Error::Contradicted(found) => ScimError::new(409, found.to_string()),
        Error::SchemasChanging => {
            ScimError::new(503, "The tenant's schemas are being changed. Please try again in a moment.")
        }
        Error::Mapping(refusal) => tell_mapping(refusal),
        Error::Store(_) | Error::Task(_) | Error::Corrupt(_) => {
            ScimError::new(500, "The service failed in a way that its log explains.")
        }
    }
}

fn tell_mapping(error: &MapError) -> ScimError {
    match error {
        MapError::Rejected(refusal) => refusal.clone(),
        MapError::Failed { transient: true, .. } | MapError::Open { .. } => ScimError::new(503, error.to_string()),
        // The same document fails the same way again, so a retry cannot help: 400, with plugin and reason.
        MapError::Failed { .. } => ScimError::invalid_value(error.to_string()),
        MapError::Load { source, .. } if source.is_unavailable() => {
            ScimError::new(503, "The service cannot reach its database now. Please try again.")
        }
        MapError::Busy => ScimError::new(503, "Too many mappings run at once. Please try again."),
        MapError::Load { .. } | MapError::Unusable { .. } => {
            ScimError::new(500, "The tenant's mapping cannot be run; the service's log explains.")
        }
    }
}
