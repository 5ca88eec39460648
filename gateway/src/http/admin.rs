//! `/admin/v1`: what operators do, with an operator key on every request. Bodies are JSON in camelCase, refusals are problem
//! documents (RFC 9457). A handler converts between the wire and a use case, which logs what it changes.

mod audit;
mod client;
mod directory_schema;
mod erasures;
mod explain;
mod export;
mod group_rules;
mod guard;
mod health;
mod held;
mod import;
mod jobs;
mod mapping;
mod oauth_clients;
mod operator_keys;
mod packs;
mod plugins;
mod provisioning_log;
mod resource_types;
mod schemas;
mod search_attributes;
mod setup_links;
mod signing_keys;
mod sso_subject;
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
use super::scope::{ANY, CONTENT, KEYS, OPERATOR_KEY, PLUGINS, READ, TENANTS};
use crate::operation::Gateway;

const API: Api = Api {
    title: "Scimgate admin API",
    description: "Tenants and what belongs to them: tokens, schemas, resource types, mappings and the SCIM client. Beside them plugins, operator keys and the audit.",
    key: (OPERATOR_KEY, "An operator key, as `scimgate bootstrap` prints it."),
};

static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi::document(&API, table().into_openapi()));

/// The OpenAPI document.
pub(super) fn document() -> &'static str {
    &DOCUMENT
}

/// The routes of the admin API.
pub(super) fn routes() -> Router<Gateway> {
    Router::from(table()).method_not_allowed_fallback(method_not_allowed)
}

fn table() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(ANY.on(routes!(openapi_json)))
        .routes(TENANTS.on(routes!(tenants::list, tenants::create)))
        .routes(TENANTS.on(routes!(tenants::get, tenants::patch, tenants::delete)))
        .routes(TENANTS.on(routes!(tenants::forget_name)))
        .routes(TENANTS.on(routes!(erasures::begin)))
        .routes(READ.on(routes!(erasures::list)))
        .routes(READ.on(routes!(erasures::get)))
        .routes(READ.on(routes!(erasures::deleted)))
        .routes(CONTENT.on(routes!(export::export)))
        .routes(CONTENT.on(routes!(import::import)))
        .routes(TENANTS.on(routes!(client::get, client::patch)))
        .routes(TENANTS.on(routes!(tokens::list, tokens::issue)))
        .routes(TENANTS.on(routes!(tokens::revoke)))
        .routes(TENANTS.on(routes!(tokens::start_rotation, tokens::end_rotation)))
        .routes(TENANTS.on(routes!(oauth_clients::list, oauth_clients::create)))
        .routes(TENANTS.on(routes!(oauth_clients::delete)))
        .routes(TENANTS.on(routes!(oauth_clients::add_secret)))
        .routes(TENANTS.on(routes!(oauth_clients::revoke_secret)))
        .routes(TENANTS.on(routes!(setup_links::list, setup_links::create)))
        .routes(TENANTS.on(routes!(setup_links::revoke)))
        .routes(KEYS.on(routes!(signing_keys::list, signing_keys::rotate)))
        .routes(TENANTS.on(routes!(schemas::list, schemas::put)))
        .routes(TENANTS.on(routes!(schemas::get, schemas::remove)))
        .routes(TENANTS.on(routes!(resource_types::list, resource_types::put)))
        .routes(TENANTS.on(routes!(resource_types::get, resource_types::remove)))
        .routes(TENANTS.on(routes!(search_attributes::get, search_attributes::put)))
        .routes(TENANTS.on(routes!(packs::add)))
        .routes(READ.on(routes!(packs::list)))
        .routes(TENANTS.on(routes!(jobs::get, jobs::patch)))
        .merge(looking())
        .routes(TENANTS.on(routes!(guard::get, guard::put)))
        .routes(TENANTS.on(routes!(held::list)))
        .routes(TENANTS.on(routes!(held::get, held::patch)))
        .routes(TENANTS.on(routes!(directory_schema::get, directory_schema::put)))
        .routes(TENANTS.on(routes!(sso_subject::get, sso_subject::put)))
        .routes(TENANTS.on(routes!(directory_schema::check, directory_schema::begin_check)))
        .routes(TENANTS.on(routes!(group_rules::get, group_rules::put, group_rules::delete)))
        .routes(TENANTS.on(routes!(jobs::documents)))
        .routes(TENANTS.on(routes!(mapping::get, mapping::put, mapping::deactivate)))
        .routes(TENANTS.on(routes!(mapping::revisions::list, mapping::revisions::draft)))
        .routes(TENANTS.on(routes!(mapping::revisions::get)))
        .routes(TENANTS.on(routes!(mapping::revisions::activate)))
        .routes(TENANTS.on(routes!(mapping::revisions::rollback)))
        .routes(TENANTS.on(routes!(mapping::revisions::diff)))
        .routes(READ.on(routes!(mapping::preview::preview)))
        .routes(TENANTS.on(routes!(mapping::plan::begin, mapping::plan::get)))
        .routes(TENANTS.on(routes!(mapping::shadow::get, mapping::shadow::put, mapping::shadow::delete)))
        .routes(PLUGINS.on(routes!(plugins::list, plugins::upload)))
        .routes(PLUGINS.on(routes!(plugins::pull::pull)))
        .routes(PLUGINS.on(routes!(plugins::release::get, plugins::release::patch, plugins::release::remove)))
        .routes(PLUGINS.on(routes!(plugins::release::list_uses)))
        .routes(KEYS.on(routes!(operator_keys::list, operator_keys::issue)))
        .routes(KEYS.on(routes!(operator_keys::revoke)))
        .routes(READ.on(routes!(audit::list)))
}

/// What happened at a tenant, and how it is.
fn looking() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(TENANTS.on(routes!(explain::explain)))
        .routes(CONTENT.on(routes!(provisioning_log::search)))
        .routes(TENANTS.on(routes!(health::get)))
        .routes(READ.on(routes!(health::list)))
        .routes(TENANTS.on(routes!(explain::unmapped)))
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
