//! What a client finds out about the token endpoint (RFC 8414), and the keys that sign access tokens.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{KEYS_PATH, TOKEN_PATH, issuer, tenant_name};
use crate::auth::oauth::SCOPE;
use crate::http::access::origin;
use crate::http::error::OauthFailure;
use crate::operation::Gateway;

pub(super) async fn handle(State(gateway): State<Gateway>, parts: Parts) -> Response {
    answer(&origin(&parts, &gateway), None)
}

/// The same for any name: the reply does not show which tenants exist.
pub(super) async fn handle_of_tenant(
    State(gateway): State<Gateway>,
    tenant: Result<Path<String>, PathRejection>,
    parts: Parts,
) -> Result<Response, OauthFailure> {
    let name = tenant_name(tenant)?;
    Ok(answer(&origin(&parts, &gateway), Some(&name)))
}

fn answer(origin: &str, tenant: Option<&str>) -> Response {
    let issuer = issuer(origin, tenant);
    let body = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}{TOKEN_PATH}"),
        "jwks_uri": format!("{origin}{KEYS_PATH}"),
        "scopes_supported": [SCOPE],
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256", "PS256", "EdDSA"],
    });
    axum::Json(body).into_response()
}

pub(super) async fn keys(State(gateway): State<Gateway>) -> Result<Response, OauthFailure> {
    let keys = gateway.auth.oauth.key_set().await.map_err(crate::operation::Error::Store)?;
    Ok(axum::Json(keys).into_response())
}
