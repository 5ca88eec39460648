//! `/admin/v1`: what operators do, with an operator key on every request. Bodies are JSON in camelCase, failures are
//! problem documents (RFC 9457), and every change is logged with the key that made it.

mod client;
mod fold_in;
mod json;
mod mapping;
mod packs;
mod plugins;
mod resource_types;
mod schemas;
mod tenants;
mod tokens;

use axum::Router;
use axum::routing::{delete, get, post};

use super::error::Failure;
use crate::operation::Gateway;
use scimgate_scim::error::ScimError;

/// The table of the admin API.
pub fn routes() -> Router<Gateway> {
    Router::new()
        .route("/admin/v1/tenants", get(tenants::list).post(tenants::create))
        .route("/admin/v1/tenants/{tenant}", get(tenants::get).patch(tenants::patch).delete(tenants::delete))
        .route("/admin/v1/tenants/{tenant}/client", get(client::get).patch(client::patch))
        .route("/admin/v1/tenants/{tenant}/tokens", get(tokens::list).post(tokens::issue))
        .route("/admin/v1/tenants/{tenant}/tokens/{token}", delete(tokens::revoke))
        .route("/admin/v1/tenants/{tenant}/schemas", get(schemas::list).post(schemas::put))
        .route("/admin/v1/tenants/{tenant}/schemas/{urn}", get(schemas::get).delete(schemas::remove))
        .route("/admin/v1/tenants/{tenant}/resource-types", get(resource_types::list).post(resource_types::put))
        .route(
            "/admin/v1/tenants/{tenant}/resource-types/{name}",
            get(resource_types::get).delete(resource_types::remove),
        )
        .route("/admin/v1/tenants/{tenant}/schema-packs", post(packs::add))
        .route("/admin/v1/schema-packs", get(packs::list))
        .route("/admin/v1/tenants/{tenant}/fold-in", get(fold_in::get))
        .route("/admin/v1/tenants/{tenant}/mapping", get(mapping::get).put(mapping::put).delete(mapping::deactivate))
        .route("/admin/v1/plugins", get(plugins::list).post(plugins::upload))
        .method_not_allowed_fallback(method_not_allowed)
}

async fn method_not_allowed(method: axum::http::Method, uri: axum::http::Uri) -> Failure {
    Failure::internal(ScimError::new(
        405,
        format!("{} has no {method}; the Allow header says what it has.", uri.path()),
    ))
}
