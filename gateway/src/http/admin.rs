//! `/admin/v1`: what operators do, with an operator key on every request. Bodies are JSON in camelCase, refusals are problem
//! documents (RFC 9457). A handler converts between the wire and a use case, which logs what it changes.

mod client;
mod directory_schema;
mod explain;
mod guard;
mod held;
mod jobs;
mod mapping;
mod packs;
mod plugins;
mod resource_types;
mod schemas;
mod search_attributes;
mod tenants;
mod tokens;

use std::sync::LazyLock;

use axum::Router;
use axum::http::{Method, Uri, header};
use axum::response::IntoResponse;
use scimgate_scim::error::ScimError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::OperatorAccess;
use super::error::ApiFailure;
use super::openapi::{self, Api};
use crate::operation::Gateway;

const API: Api = Api {
    title: "Scimgate admin API",
    description: "Tenants and what belongs to them: tokens, schemas, resource types, mappings and the SCIM client.",
    key: ("operatorKey", "An operator key, as `scimgate bootstrap` prints it."),
    key_has_tenant: false,
};

static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi::document(&API, table().into_openapi()));

/// The routes of the admin API.
pub(super) fn routes() -> Router<Gateway> {
    Router::from(table()).method_not_allowed_fallback(method_not_allowed)
}

fn table() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(routes!(openapi_json))
        .routes(routes!(tenants::list, tenants::create))
        .routes(routes!(tenants::get, tenants::patch, tenants::delete))
        .routes(routes!(client::get, client::patch))
        .routes(routes!(tokens::list, tokens::issue))
        .routes(routes!(tokens::revoke))
        .routes(routes!(schemas::list, schemas::put))
        .routes(routes!(schemas::get, schemas::remove))
        .routes(routes!(resource_types::list, resource_types::put))
        .routes(routes!(resource_types::get, resource_types::remove))
        .routes(routes!(search_attributes::get, search_attributes::put))
        .routes(routes!(packs::add))
        .routes(routes!(packs::list))
        .routes(routes!(jobs::get, jobs::patch))
        .routes(routes!(explain::explain))
        .routes(routes!(explain::unmapped))
        .routes(routes!(guard::get, guard::put))
        .routes(routes!(held::list))
        .routes(routes!(held::get, held::patch))
        .routes(routes!(directory_schema::get, directory_schema::put))
        .routes(routes!(directory_schema::check, directory_schema::begin_check))
        .routes(routes!(jobs::documents))
        .routes(routes!(mapping::get, mapping::put, mapping::deactivate))
        .routes(routes!(mapping::revisions::list, mapping::revisions::draft))
        .routes(routes!(mapping::revisions::get))
        .routes(routes!(mapping::revisions::activate))
        .routes(routes!(mapping::revisions::rollback))
        .routes(routes!(mapping::revisions::diff))
        .routes(routes!(mapping::preview::preview))
        .routes(routes!(mapping::plan::begin, mapping::plan::get))
        .routes(routes!(mapping::shadow::get, mapping::shadow::put, mapping::shadow::delete))
        .routes(routes!(plugins::list, plugins::upload))
}

/// This document.
#[utoipa::path(
    get, path = "/admin/v1/openapi.json", operation_id = "getOpenApi", tag = "openapi",
    responses((status = 200, description = "The OpenAPI document of the admin API.", body = Object))
)]
async fn openapi_json(_access: OperatorAccess) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiFailure {
    ScimError::new(405, format!("{} has no {method}; the Allow header lists the methods it has.", uri.path())).into()
}
