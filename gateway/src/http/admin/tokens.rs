//! `/admin/v1/tenants/{tenant}/tokens`.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::admin::tokens::{self, State};
use crate::store::tenant::credential::{Credential, Scope};

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewToken {
    scope: TokenScope,
    /// What the token is for, in one line.
    #[serde(default)]
    #[schema(max_length = 200)]
    label: String,
    /// How long the token is accepted; 365 days where nothing is given.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// What the token gives access to.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TokenScope {
    /// The SCIM endpoint, for the identity provider.
    Scim,
    /// The directory, for the product.
    Directory,
}

/// Whether the token is accepted.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TokenState {
    Active,
    Expired,
    Revoked,
}

/// A token without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Token {
    #[schema(format = "uuid")]
    id: String,
    scope: TokenScope,
    label: String,
    /// The last four characters of the secret.
    last_four: String,
    state: TokenState,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime, required)]
    expires_at: Option<String>,
    #[schema(format = DateTime, required)]
    revoked_at: Option<String>,
}

/// A token with its secret, which no other reply has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssuedToken {
    #[serde(flatten)]
    token: Token,
    /// What the client sends as its bearer token.
    secret: String,
}

/// The tokens of a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenList {
    tokens: Vec<Token>,
}

/// Issue a token.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/tokens", operation_id = "issueToken", tag = "tokens",
    request_body = NewToken,
    responses((status = 201, description = "The token with its secret, which is shown only now.", body = IssuedToken))
)]
pub(super) async fn issue(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<NewToken>,
) -> Result<impl IntoResponse, ApiFailure> {
    let NewToken { scope, label, expires_in_days } = body;
    let issued =
        tokens::issue(&operator, &tenant, tokens::Wanted { scope: scope.into(), label, expires_in_days }).await?;
    let secret = issued.secret.reveal().to_owned();
    let token = wire(issued.credential, State::Active);
    // The only reply with a secret: no cache may keep it.
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(IssuedToken { token, secret })))
}

/// List a tenant's tokens.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/tokens", operation_id = "listTokens", tag = "tokens",
    responses((status = 200, description = "Every token, the oldest first.", body = TokenList))
)]
pub(super) async fn list(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<TokenList>, ApiFailure> {
    let tokens = tokens::list(&operator, &tenant).await?;
    Ok(Json(TokenList { tokens: tokens.into_iter().map(|(credential, state)| wire(credential, state)).collect() }))
}

/// Revoke a token.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{tenant}/tokens/{token}", operation_id = "revokeToken", tag = "tokens",
    responses((status = 204, description = "The token is revoked, or was so before."))
)]
pub(super) async fn revoke(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiFailure> {
    tokens::revoke(&operator, &tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn wire(credential: Credential, state: State) -> Token {
    Token {
        id: credential.id.to_string(),
        scope: credential.scope.into(),
        label: credential.label,
        last_four: credential.last_four,
        state: state.into(),
        created_at: rfc3339(credential.created_at),
        expires_at: credential.expires_at.map(rfc3339),
        revoked_at: credential.revoked_at.map(rfc3339),
    }
}

impl From<TokenScope> for Scope {
    fn from(scope: TokenScope) -> Self {
        match scope {
            TokenScope::Scim => Self::Scim,
            TokenScope::Directory => Self::Directory,
        }
    }
}

impl From<Scope> for TokenScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Scim => Self::Scim,
            Scope::Directory => Self::Directory,
        }
    }
}

impl From<State> for TokenState {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Expired => Self::Expired,
            State::Revoked => Self::Revoked,
        }
    }
}
