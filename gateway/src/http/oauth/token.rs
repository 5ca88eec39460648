//! `POST /oauth2/token`, for all tenants and at a tenant's own address.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, PRAGMA};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::form::{Credentials, Form};
use super::{TOKEN_PATH, issuer, tenant_name};
use crate::auth::oauth::{self, Presented, SCOPE};
use crate::http::access::{client, origin};
use crate::http::error::OauthFailure;
use crate::operation::Gateway;
use crate::operation::oauth::{Wanted, issue};

pub(super) async fn handle(State(gateway): State<Gateway>, request: Request) -> Result<Response, OauthFailure> {
    answer(&gateway, None, request).await
}

pub(super) async fn handle_of_tenant(
    State(gateway): State<Gateway>,
    tenant: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, OauthFailure> {
    answer(&gateway, Some(&tenant_name(tenant)?), request).await
}

async fn answer(gateway: &Gateway, tenant: Option<&str>, request: Request) -> Result<Response, OauthFailure> {
    let (parts, body): (_, Body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await?;
    let credentials = form.credentials(&parts.headers)?;
    let origin = origin(&parts, gateway);
    // A client that signs its assertion itself may name either, or the same without the tenant.
    let mut endpoints = Vec::new();
    for origin in [origin.as_str(), &gateway.public_url] {
        for tenant in [tenant, None] {
            let issuer = issuer(origin, tenant);
            endpoints.extend([format!("{issuer}{TOKEN_PATH}"), issuer]);
        }
    }
    let (client_id, presented, exchange) = match &credentials {
        Credentials::Secret { client, secret } => (Some(client.as_str()), Presented::Secret(secret), false),
        Credentials::Assertion { client, assertion, exchange } => {
            (client.as_deref(), Presented::Assertion(assertion), *exchange)
        }
    };
    let address = client(&parts, gateway);
    let client = oauth::Request { tenant, client: client_id, presented, endpoints: &endpoints, address };
    let issued =
        issue(gateway, Wanted { client, exchange, scope: form.scope.as_deref(), issuer: issuer(&origin, tenant) })
            .await?;
    let body = json!({
        "access_token": issued.token, "token_type": "Bearer", "expires_in": issued.expires_in, "scope": SCOPE,
    });
    // RFC 6749 §5.1: no cache may keep it.
    Ok(([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], axum::Json(body)).into_response())
}
