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
use crate::operation::admin::tokens::{self, State, rotation};
use crate::store::tenant::credential::{Credential, Restrictions, Scope};

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
    /// Whether the token only reads.
    #[serde(default)]
    #[schema(default = false)]
    read_only: bool,
    /// The only resource type that the token reaches, such as `User`; all where nothing is given. It sends no bulk requests.
    resource_type: Option<String>,
    /// From where the token is accepted, such as `192.0.2.0/24`; from everywhere where nothing is given.
    #[serde(default)]
    #[schema(max_items = 50)]
    networks: Vec<String>,
}

/// A token that is to replace another one, with its scope and what narrows it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewRotation {
    /// What the new token is for; that of the old one where nothing is given.
    #[schema(max_length = 200)]
    label: Option<String>,
    /// How long the new token is accepted; 365 days where nothing is given.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// How a rotation ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotationEnd {
    state: RotationState,
    /// Whether to complete it although the new token was never used.
    #[serde(default)]
    #[schema(default = false)]
    confirm: bool,
}

/// Which of the two tokens stays.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RotationState {
    /// The new one; the old one is revoked.
    Completed,
    /// The old one; the new one is revoked.
    Cancelled,
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
    /// It is accepted, and is to replace another one.
    Pending,
    Active,
    /// It is accepted, and is to be replaced by a pending one.
    Retiring,
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
    /// Whether it only reads.
    read_only: bool,
    /// The only resource type that it reaches; null for all.
    #[schema(required)]
    resource_type: Option<String>,
    /// From where it is accepted; empty for everywhere.
    networks: Vec<String>,
    /// The token that it was issued to replace.
    #[schema(format = "uuid", required)]
    replaces: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// The operator key that issued it, or the name of a command; null for tokens of versions that did not record it.
    #[schema(required)]
    created_by: Option<String>,
    /// To the minute.
    #[schema(format = DateTime, required)]
    last_used_at: Option<String>,
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
    let NewToken { scope, label, expires_in_days, read_only, resource_type, networks } = body;
    let restrictions = Restrictions { read_only, resource_type, networks };
    let wanted = tokens::Wanted { scope: scope.into(), label, expires_in_days, restrictions };
    Ok(shown_once(tokens::issue(&operator, &tenant, wanted).await?, State::Active))
}

/// A reply with a secret, which no cache may keep.
fn shown_once(issued: tokens::Issued, state: State) -> impl IntoResponse {
    let secret = issued.secret.reveal().to_owned();
    let token = wire(issued.credential, state);
    (StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(IssuedToken { token, secret }))
}

/// Start a token's rotation: a second token is issued, and both are accepted.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/tokens/{token}/rotation", operation_id = "startTokenRotation", tag = "tokens",
    request_body = NewRotation,
    responses(
        (status = 201, description = "The new token with its secret, which is shown only now.", body = IssuedToken),
        (status = 409, description = "The token is being rotated already, or is not accepted any more."),
    )
)]
pub(super) async fn start_rotation(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, id)): Path<(String, String)>,
    Json(body): Json<NewRotation>,
) -> Result<impl IntoResponse, ApiFailure> {
    let issued = rotation::start(&operator, &tenant, &id, (body.label, body.expires_in_days)).await?;
    Ok(shown_once(issued, State::Pending))
}

/// Complete or cancel a token's rotation: one of the two tokens is revoked.
#[utoipa::path(
    patch, path = "/admin/v1/tenants/{tenant}/tokens/{token}/rotation", operation_id = "endTokenRotation", tag = "tokens",
    request_body = RotationEnd,
    responses(
        (status = 204, description = "The rotation has ended."),
        (status = 409, description = "The token is not being rotated, or the new one was never used."),
    )
)]
pub(super) async fn end_rotation(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, id)): Path<(String, String)>,
    Json(body): Json<RotationEnd>,
) -> Result<StatusCode, ApiFailure> {
    match body.state {
        RotationState::Completed => rotation::complete(&operator, &tenant, &id, body.confirm).await?,
        RotationState::Cancelled => rotation::cancel(&operator, &tenant, &id).await?,
    }
    Ok(StatusCode::NO_CONTENT)
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
        read_only: credential.restrictions.read_only,
        resource_type: credential.restrictions.resource_type,
        networks: credential.restrictions.networks,
        replaces: credential.replaces.map(|id| id.to_string()),
        created_at: rfc3339(credential.created_at),
        created_by: credential.created_by,
        last_used_at: credential.last_used_at.map(rfc3339),
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
            State::Pending => Self::Pending,
            State::Active => Self::Active,
            State::Retiring => Self::Retiring,
            State::Expired => Self::Expired,
            State::Revoked => Self::Revoked,
        }
    }
}
