//! The token endpoint and its metadata, beside the SCIM endpoint. Replies and refusals are those of OAuth 2.0.

mod form;
mod metadata;
mod token;

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{Method, Uri};
use axum::middleware::map_request;
use axum::routing::{get as on_get, post as on_post};
use scimgate_scim::error::ScimError;

use super::access::TENANT_PREFIX;
use super::error::OauthFailure;
use super::facts;
use crate::operation::Gateway;
use crate::tenant;

/// The token endpoint's path, also below a tenant's prefix.
pub(super) const TOKEN_PATH: &str = "/oauth2/token";
/// The path of the keys that sign access tokens.
const KEYS_PATH: &str = "/oauth2/jwks";

/// The routes of the token endpoint.
pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/oauth2/token", on_post(token::handle))
        .route("/t/{tenant}/oauth2/token", on_post(token::handle_of_tenant))
        .route("/oauth2/jwks", on_get(metadata::keys))
        .route("/.well-known/oauth-authorization-server", on_get(metadata::handle))
        .route("/.well-known/oauth-authorization-server/t/{tenant}", on_get(metadata::handle_of_tenant))
        .route_layer(map_request(facts::add_route))
        .method_not_allowed_fallback(method_not_allowed)
}

async fn method_not_allowed(method: Method, uri: Uri) -> OauthFailure {
    ScimError::new(405, format!("{} has no {method}; the Allow header lists the methods it has.", uri.path())).into()
}

/// The issuer's identifier (RFC 8414 §2).
fn issuer(origin: &str, tenant: Option<&str>) -> String {
    tenant.map_or_else(|| origin.to_owned(), |name| format!("{origin}{TENANT_PREFIX}{name}"))
}

/// The name in a path.
///
/// # Errors
/// 404 where it can be none.
fn tenant_name(path: Result<Path<String>, PathRejection>) -> Result<String, ScimError> {
    let name = path.ok().map(|Path(name)| name).filter(|name| tenant::is_name(name));
    name.ok_or_else(|| ScimError::new(404, "That is not a tenant's name."))
}
