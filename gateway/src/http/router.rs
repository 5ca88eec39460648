//! The routers of the three listeners.

use axum::Router;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use scimgate_scim::error::ScimError;

use super::error::{ApiFailure, ScimFailure};
use super::{admin, directory, docs, oauth, page, probe, scim, setup};
use crate::operation::Gateway;

/// For identity providers, and the administrators who connect them.
pub fn public(gateway: Gateway) -> Router {
    scim::routes().merge(oauth::routes()).merge(setup::routes()).fallback(no_scim_route).with_state(gateway)
}

/// For operators and the product.
pub fn internal(gateway: Gateway) -> Router {
    Router::new()
        .merge(admin::routes())
        .merge(directory::routes())
        .merge(docs::routes())
        .fallback(no_route)
        .with_state(gateway)
}

/// For monitoring.
pub fn probes(gateway: Gateway) -> Router {
    probe::routes().fallback(no_route).with_state(gateway)
}

async fn no_scim_route(uri: Uri, headers: HeaderMap) -> Response {
    if page::is_page(uri.path()) {
        return setup::nothing(&headers);
    }
    let refusal = ScimError::new(404, format!("There is nothing at {}. The SCIM endpoint is at /scim/v2.", uri.path()));
    ScimFailure::from(refusal).into_response()
}

async fn no_route(uri: Uri) -> ApiFailure {
    ScimError::new(404, format!("There is nothing at {}.", uri.path())).into()
}
