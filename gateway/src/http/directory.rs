//! `/directory/v1`: what the product reads, with a directory key of the tenant.

mod events;
mod resources;

use std::sync::LazyLock;

use axum::Router;
use axum::http::{Method, Uri, header};
use axum::response::IntoResponse;
use scimgate_scim::error::ScimError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::DirectoryAccess;
use super::error::ApiFailure;
use super::openapi::{self, Api};
use crate::operation::Gateway;

const API: Api = Api {
    title: "Scimgate directory",
    description: "The mapped resources of one tenant, and the events of their changes.",
    key: ("directoryKey", "A token with the scope directory, as the admin API issues it."),
};

static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi::document(&API, table().into_openapi()));

/// The OpenAPI document.
pub(super) fn document() -> &'static str {
    &DOCUMENT
}

/// The routes of the directory.
pub(super) fn routes() -> Router<Gateway> {
    Router::from(table()).method_not_allowed_fallback(method_not_allowed)
}

fn table() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(routes!(openapi_json))
        .routes(routes!(events::list))
        .routes(routes!(resources::list))
        .routes(routes!(resources::get))
}

/// This document.
#[utoipa::path(
    get, path = "/directory/v1/openapi.json", operation_id = "getOpenApi", tag = "openapi",
    responses((status = 200, description = "The OpenAPI document of the directory.", body = Object))
)]
async fn openapi_json(_access: DirectoryAccess) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiFailure {
    ScimError::new(405, format!("{} has no {method}; the directory is read-only.", uri.path())).into()
}
