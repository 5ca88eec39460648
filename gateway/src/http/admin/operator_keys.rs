//! `/admin/v1/operator-keys`.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::http::query::Parameters;
use crate::operation::admin::operator_keys;
use crate::store::operator_key::{OperatorKey as KeyRow, OperatorScope};

/// A new operator key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewOperatorKey {
    /// What the key is for, in one line.
    #[serde(default)]
    #[schema(max_length = 200)]
    label: String,
    /// What the key may do.
    #[schema(min_items = 1)]
    scopes: Vec<KeyScope>,
    /// How long the key is accepted; 365 days where nothing is given.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// What an operator key may do.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum KeyScope {
    /// Read everything but secrets, which no reply has.
    Read,
    /// Read, and change tenants and what belongs to them.
    Tenants,
    /// Read and change plugins.
    Plugins,
    /// All of that, and change operator keys.
    Everything,
}

/// Whether the key is accepted.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum KeyState {
    Active,
    Expired,
    Revoked,
}

/// An operator key without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OperatorKey {
    #[schema(format = "uuid")]
    id: String,
    label: String,
    scopes: Vec<KeyScope>,
    /// The last four characters of the secret.
    last_four: String,
    state: KeyState,
    /// Whether it is the one that `scimgate bootstrap` made.
    bootstrap: bool,
    #[schema(format = DateTime)]
    created_at: String,
    /// The operator key that issued it, or the name of a command; null for keys of versions that did not record it.
    #[schema(required)]
    created_by: Option<String>,
    #[schema(format = DateTime, required)]
    expires_at: Option<String>,
    /// To the minute.
    #[schema(format = DateTime, required)]
    last_used_at: Option<String>,
    #[schema(format = DateTime, required)]
    revoked_at: Option<String>,
}

/// An operator key with its secret, which no other reply has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssuedOperatorKey {
    #[serde(flatten)]
    key: OperatorKey,
    /// What the operator sends as the bearer token.
    secret: String,
}

/// Operator keys.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OperatorKeyList {
    operator_keys: Vec<OperatorKey>,
}

/// How a key is revoked.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RevokeQuery {
    /// Whether it may be the key of this request, or the last with the scope `everything`.
    #[serde(default)]
    #[param(default = false)]
    confirm: bool,
}

/// Issue an operator key.
#[utoipa::path(
    post, path = "/admin/v1/operator-keys", operation_id = "issueOperatorKey", tag = "operator keys",
    request_body = NewOperatorKey,
    responses((status = 201, description = "The key with its secret, which is shown only now.", body = IssuedOperatorKey))
)]
pub(super) async fn issue(
    OperatorAccess(operator): OperatorAccess,
    Json(body): Json<NewOperatorKey>,
) -> Result<impl IntoResponse, ApiFailure> {
    let NewOperatorKey { label, scopes, expires_in_days } = body;
    let scopes = scopes.into_iter().map(OperatorScope::from).collect();
    let issued = operator_keys::issue(&operator, operator_keys::NewKey { label, scopes, expires_in_days }).await?;
    let secret = issued.secret.reveal().to_owned();
    let now = issued.key.created_at;
    let reply = IssuedOperatorKey { key: wire(issued.key, now), secret };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(reply)))
}

/// List the operator keys.
#[utoipa::path(
    get, path = "/admin/v1/operator-keys", operation_id = "listOperatorKeys", tag = "operator keys",
    responses((status = 200, description = "The newest 500 keys, also revoked and expired ones, the newest first.", body = OperatorKeyList))
)]
pub(super) async fn list(OperatorAccess(operator): OperatorAccess) -> Result<Json<OperatorKeyList>, ApiFailure> {
    let (keys, now) = operator_keys::list(&operator).await?;
    Ok(Json(OperatorKeyList { operator_keys: keys.into_iter().map(|key| wire(key, now)).collect() }))
}

/// Revoke an operator key.
#[utoipa::path(
    delete, path = "/admin/v1/operator-keys/{key}", operation_id = "revokeOperatorKey", tag = "operator keys",
    params(RevokeQuery),
    responses(
        (status = 204, description = "The key is revoked, or was so before. Every replica refuses it within a second."),
        (status = 400, description = "`confirm` is neither true nor false."),
        (status = 409, description = "It is the key of this request, or the last with the scope everything."),
    )
)]
pub(super) async fn revoke(
    OperatorAccess(operator): OperatorAccess,
    Path(key): Path<String>,
    Parameters(query): Parameters<RevokeQuery>,
) -> Result<StatusCode, ApiFailure> {
    operator_keys::revoke(&operator, &key, query.confirm).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn wire(key: KeyRow, now: std::time::SystemTime) -> OperatorKey {
    let state = match (key.revoked_at, key.is_accepted(now)) {
        (Some(_), _) => KeyState::Revoked,
        (None, true) => KeyState::Active,
        (None, false) => KeyState::Expired,
    };
    OperatorKey {
        id: key.id.to_string(),
        label: key.label,
        scopes: key.scopes.into_iter().map(KeyScope::from).collect(),
        last_four: key.last_four,
        state,
        bootstrap: key.bootstrap,
        created_at: rfc3339(key.created_at),
        created_by: key.created_by,
        expires_at: key.expires_at.map(rfc3339),
        last_used_at: key.last_used_at.map(rfc3339),
        revoked_at: key.revoked_at.map(rfc3339),
    }
}

impl From<KeyScope> for OperatorScope {
    fn from(scope: KeyScope) -> Self {
        match scope {
            KeyScope::Read => Self::Read,
            KeyScope::Tenants => Self::Tenants,
            KeyScope::Plugins => Self::Plugins,
            KeyScope::Everything => Self::Everything,
        }
    }
}

impl From<OperatorScope> for KeyScope {
    fn from(scope: OperatorScope) -> Self {
        match scope {
            OperatorScope::Read => Self::Read,
            OperatorScope::Tenants => Self::Tenants,
            OperatorScope::Plugins => Self::Plugins,
            OperatorScope::Everything => Self::Everything,
        }
    }
}
