//! `/admin/v1/signing-keys`.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::admin::signing_keys;
use crate::store::oauth::signing_key::SigningKeyRow;

/// A key that signs access tokens, or did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SigningKey {
    /// The `kid` of what it signs.
    #[schema(format = "uuid")]
    id: String,
    state: SigningKeyState,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime, required)]
    retired_at: Option<String>,
    #[schema(format = DateTime, required)]
    revoked_at: Option<String>,
}

/// What the key does.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SigningKeyState {
    /// It signs.
    Active,
    /// It signs no more; what it signed is accepted until it expires.
    Retired,
    /// What it signed is refused.
    Revoked,
}

/// The keys that sign access tokens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SigningKeyList {
    signing_keys: Vec<SigningKey>,
}

/// How keys are rotated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rotation {
    /// Whether what the other keys signed is refused from now on; else it is accepted until it expires.
    #[serde(default)]
    revoke_others: bool,
}

/// List the keys that sign access tokens.
#[utoipa::path(
    get, path = "/admin/v1/signing-keys", operation_id = "listSigningKeys", tag = "signing keys",
    responses((status = 200, description = "The keys, the latest first.", body = SigningKeyList))
)]
pub(super) async fn list(OperatorAccess(operator): OperatorAccess) -> Result<Json<SigningKeyList>, ApiFailure> {
    let keys = signing_keys::list(&operator).await?;
    Ok(Json(SigningKeyList { signing_keys: keys.iter().map(wire).collect() }))
}

/// Sign access tokens by a new key from now on.
#[utoipa::path(
    post, path = "/admin/v1/signing-keys", operation_id = "rotateSigningKey", tag = "signing keys", request_body = Rotation,
    responses((status = 201, description = "The new key.", body = SigningKey))
)]
pub(super) async fn rotate(
    OperatorAccess(operator): OperatorAccess,
    Json(body): Json<Rotation>,
) -> Result<impl IntoResponse, ApiFailure> {
    let made = signing_keys::rotate(&operator, body.revoke_others).await?;
    Ok((StatusCode::CREATED, Json(wire(&made))))
}

fn wire(row: &SigningKeyRow) -> SigningKey {
    SigningKey {
        id: row.id.to_string(),
        state: match (row.revoked_at, row.retired_at) {
            (Some(_), _) => SigningKeyState::Revoked,
            (None, Some(_)) => SigningKeyState::Retired,
            (None, None) => SigningKeyState::Active,
        },
        created_at: rfc3339(row.created_at),
        retired_at: row.retired_at.map(rfc3339),
        revoked_at: row.revoked_at.map(rfc3339),
    }
}
