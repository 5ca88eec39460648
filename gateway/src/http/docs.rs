//! The documents, on the internal listener. They need no key, since they say nothing about an installation.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::middleware::map_request;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use scimgate_scim::error::ScimError;

use super::error::ApiFailure;
use super::facts;
use crate::operation::Gateway;

/// Nothing but files of the site: its style, its script, its images, and the index that the script reads.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// The routes of the documents.
pub(super) fn routes() -> Router<Gateway> {
    Router::new().route("/docs", get(root)).route("/docs/{*path}", get(file)).route_layer(map_request(facts::add_route))
}

/// To the page by its name: a slash at the end of an address is dropped before it is routed, and the links of the pages are relative.
async fn root() -> Redirect {
    Redirect::permanent("/docs/index.html")
}

async fn file(State(gateway): State<Gateway>, Path(path): Path<String>) -> Result<Response, ApiFailure> {
    let file = gateway.docs.get(&path).ok_or_else(|| {
        let detail = "There is no such document. --docs names the folder of the documents that `scimgate docs` built.";
        ScimError::new(404, detail)
    })?;
    let headers = [
        (CONTENT_TYPE, file.media_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, file.content.clone()).into_response())
}
