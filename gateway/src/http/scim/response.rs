//! Replies of the SCIM endpoint.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use scimgate_scim::etag;

use crate::http::error;
use crate::operation::resource::large_group::Parts;
use crate::operation::resource::reply::Reply;

/// The media type of every SCIM reply (RFC 7644 §8.1), whatever the Accept header.
const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let has_body = self.body.is_some();
        let mut response = Response::new(self.body.map_or_else(Body::empty, Body::from));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if has_body {
            response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
        }
        put(&mut response, header::LOCATION, self.location.filter(|_| self.status != 304));
        put(&mut response, header::ETAG, self.version.map(etag::weak));
        response
    }
}

impl Reply {
    /// The reply, whose body comes in parts if there are any.
    pub(super) fn in_parts(self, parts: Option<Parts>) -> Response {
        let mut response = self.into_response();
        if let Some(parts) = parts {
            response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
            *response.body_mut() = error::body(parts);
        }
        response
    }
}

fn put(response: &mut Response, name: HeaderName, value: Option<String>) {
    if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
        response.headers_mut().insert(name, value);
    }
}

/// A reply that is not a single resource.
#[must_use]
pub(super) fn scim_json(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
    response
}
