//! The three doors.

use axum::Router;

use super::error::Failure;
use super::{admin, directory, probe, scim};
use crate::operation::Gateway;
use scimgate_scim::error::ScimError;

/// For identity providers.
pub fn public(gateway: Gateway) -> Router {
    scim::routes().fallback(unknown_to_clients).with_state(gateway)
}

/// For operators and the product.
pub fn internal(gateway: Gateway) -> Router {
    Router::new().merge(admin::routes()).merge(directory::routes()).fallback(unknown_inside).with_state(gateway)
}

/// For whoever watches the process.
pub fn probes(gateway: Gateway) -> Router {
    probe::routes().fallback(unknown_inside).with_state(gateway)
}

async fn unknown_to_clients(uri: axum::http::Uri) -> Failure {
    Failure::scim(ScimError::new(404, format!("There is nothing at {}. The SCIM endpoint is at /scim/v2.", uri.path())))
}

async fn unknown_inside(uri: axum::http::Uri) -> Failure {
    Failure::internal(ScimError::new(404, format!("There is nothing at {}.", uri.path())))
}
