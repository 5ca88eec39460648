//! `/admin/v1/tenants/{tenant}/tokens`.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{Json, reply};
use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::Failure;
use crate::operation::Gateway;
use crate::operation::admin::tokens;
use crate::store::tenant::credential::{Credential, Scope};

/// The body of a POST.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct New {
    scope: Word,
    #[serde(default)]
    label: String,
    expires_in_days: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Scim,
    Directory,
}

impl From<Word> for Scope {
    fn from(word: Word) -> Self {
        match word {
            Word::Scim => Self::Scim,
            Word::Directory => Self::Directory,
        }
    }
}

pub(super) async fn issue(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
    Json(body): Json<New>,
) -> Result<Response, Failure> {
    let wanted = tokens::Wanted { scope: body.scope.into(), label: body.label, expires_in_days: body.expires_in_days };
    let issued = tokens::issue(&gateway, &tenant, wanted).await.map_err(Failure::internal)?;
    let credential = &issued.credential;
    tracing::info!(
        actor = %access.actor, tenant.id = %issued.secret.tenant, token.id = %credential.id,
        scope = credential.scope.word(), "token issued"
    );
    let mut body = shown(credential, tokens::State::Active);
    body["secret"] = issued.secret.reveal().into();
    let mut response = reply(StatusCode::CREATED, body);
    // The only reply that holds a secret: it must not stay in anyone's cache.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub(super) async fn list(
    _: OperatorAccess,
    State(gateway): State<Gateway>,
    Path(tenant): Path<String>,
) -> Result<Response, Failure> {
    let tokens = tokens::list(&gateway, &tenant).await.map_err(Failure::internal)?;
    let shown: Vec<Value> = tokens.iter().map(|(credential, state)| shown(credential, *state)).collect();
    Ok(reply(StatusCode::OK, json!({ "tokens": shown })))
}

pub(super) async fn revoke(
    access: OperatorAccess,
    State(gateway): State<Gateway>,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    tokens::revoke(&gateway, &tenant, &id).await.map_err(Failure::internal)?;
    tracing::info!(actor = %access.actor, tenant.name = %tenant, token.id = %id, "token revoked");
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn shown(credential: &Credential, state: tokens::State) -> Value {
    json!({
        "id": credential.id.to_string(),
        "scope": credential.scope.word(),
        "label": credential.label,
        "lastFour": credential.last_four,
        "state": state.word(),
        "createdAt": rfc3339(credential.created_at),
        "expiresAt": credential.expires_at.map(rfc3339),
        "revokedAt": credential.revoked_at.map(rfc3339),
    })
}
