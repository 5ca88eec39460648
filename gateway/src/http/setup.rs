//! `/setup/{secret}`: the page of a setup link, for a customer's administrator. GET shows it and changes nothing; POST makes the link's
//! credential, once. Replies are HTML, and refusals of clients that ask for JSON alone are problem documents.

mod browser;
mod guide;
mod mark;
mod page;
mod view;

use axum::Router;
use axum::http::{HeaderMap, Method};
use axum::middleware::{map_request, map_response};
use axum::response::Response;
use axum::routing::get;
use scimgate_scim::error::ScimError;

use super::error::{Surface, failure};
use super::{facts, page as html};
use crate::operation::{Error, Gateway};

/// The routes of setup links.
pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/setup/{secret}", get(page::show).post(page::submit))
        .route("/setup/{secret}/status", get(mark::handle))
        .method_not_allowed_fallback(method_not_allowed)
        .route_layer(map_request(facts::add_route))
        .layer(map_response(html::protected))
}

/// The reply to a request below the prefix that no route has. It does not repeat the path, which may contain a secret.
pub(super) fn nothing(headers: &HeaderMap) -> Response {
    let refusal = ScimError::new(404, "There is no such page. Open the whole link, as it was sent to you.");
    refused(headers, refusal)
}

async fn method_not_allowed(method: Method, headers: HeaderMap) -> Response {
    refused(&headers, ScimError::new(405, format!("This page has no {method}.")))
}

/// A refusal in the form that the client asks for.
fn refused(headers: &HeaderMap, error: impl Into<Error>) -> Response {
    let surface = if html::prefers_json(headers) { Surface::Api } else { Surface::Page };
    failure(&error.into(), surface)
}
