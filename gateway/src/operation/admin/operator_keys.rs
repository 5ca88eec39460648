//! The operators' keys: issued, listed and revoked. A secret is shown once, when it is issued; only its digest is stored.

use std::time::SystemTime;

use scimgate_scim::error::ScimError;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::token::{Kind, Token};
use crate::clock::rfc3339;
use crate::operation::admin::tokens::{check_label, lifetime};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store::operator_key::{OperatorKey, OperatorScope};
use crate::tenant::TenantId;

/// The key to issue.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What it is for, in one line.
    pub label: String,
    /// What it may do; one at least.
    pub scopes: Vec<OperatorScope>,
    /// Its life in days; one year where none is given.
    pub expires_in_days: Option<u32>,
}

/// A key with its secret, to be shown once.
#[derive(Clone, Debug)]
pub struct IssuedKey {
    /// What is stored of it.
    pub key: OperatorKey,
    /// The secret.
    pub secret: Token,
}

/// Generates a key's secret.
#[must_use]
pub fn secret() -> Token {
    Token::generate(Kind::Operator, TenantId(Uuid::nil()))
}

/// What is recorded of a key: nothing of its secret.
#[must_use]
pub fn recorded(key: &OperatorKey) -> Value {
    json!({
        "label": key.label,
        "scopes": key.scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>(),
        "expiresAt": key.expires_at.map(rfc3339),
    })
}

/// Issues a key.
///
/// # Errors
/// 400 for a label or a life out of bounds, and without a scope.
pub async fn issue(operator: &Operator, wanted: NewKey) -> Result<IssuedKey, Error> {
    let NewKey { label, mut scopes, expires_in_days } = wanted;
    let life = lifetime(expires_in_days)?;
    check_label(&label)?;
    scopes.sort_by_key(|scope| scope.word());
    scopes.dedup();
    if scopes.is_empty() {
        return Err(ScimError::new(400, "A key has at least one scope: read, tenants, plugins or everything.").into());
    }
    let (gateway, now) = (&operator.gateway, operator.gateway.clock.now());
    let secret = secret();
    let key = OperatorKey {
        id: gateway.clock.new_id(),
        label,
        scopes,
        last_four: secret.last_four().to_owned(),
        bootstrap: false,
        created_at: now,
        created_by: Some(operator.actor.clone()),
        expires_at: Some(now + life),
        last_used_at: None,
        revoked_at: None,
    };
    store(operator, key, secret).await
}

/// Stores a new key.
pub async fn store(operator: &Operator, key: OperatorKey, secret: Token) -> Result<IssuedKey, Error> {
    let entry = operator.change("operator-key.issue", key.id).after(&recorded(&key));
    operator.gateway.store.control().audited(entry).insert_operator_key(&key, &secret.digest()).await?;
    log_change!(operator, key.id = %key.id, scopes = ?key.scopes, "operator key issued");
    Ok(IssuedKey { key, secret })
}

/// The newest keys, revoked and expired ones too, with the time now.
pub async fn list(operator: &Operator) -> Result<(Vec<OperatorKey>, SystemTime), Error> {
    Ok((operator.gateway.store.control().operator_keys().await?, operator.gateway.clock.now()))
}

/// Revokes a key; revoking one twice is not an error.
///
/// # Errors
/// 404 for an unknown key, 409 for the key of this request and for the last that may do everything, unless that is `confirmed`.
pub async fn revoke(operator: &Operator, id: &str, confirmed: bool) -> Result<(), Error> {
    let not_found = || ScimError::new(404, format!("There is no operator key with the id {id}."));
    let parsed: Uuid = id.parse().map_err(|_| not_found())?;
    let (gateway, control) = (&operator.gateway, operator.gateway.store.control());
    let key = control.operator_key(parsed).await?.ok_or_else(not_found)?;
    if key.revoked_at.is_some() {
        return Ok(());
    }
    if operator.key == Some(key.id) && !confirmed {
        return Err(unconfirmed("This request was made with that key, which would be its last."));
    }
    let entry = operator.change("operator-key.revoke", key.id).before(&recorded(&key)).if_key_changes();
    let revoked = control.audited(entry).revoke_operator_key(key.id, !confirmed, gateway.clock.now()).await?;
    gateway.auth.forget_operators();
    if revoked {
        log_change!(operator, key.id = %key.id, "operator key revoked");
        return Ok(());
    }
    match gateway.store.control().operator_key(key.id).await? {
        Some(now) if now.revoked_at.is_none() => Err(unconfirmed(
            "It is the last key with the scope everything; without one only `scimgate bootstrap --replace` makes another.",
        )),
        _ => Ok(()),
    }
}

fn unconfirmed(why: &str) -> Error {
    ScimError::new(409, format!("{why} Confirm that to revoke it: confirm=true in the request, or --yes.")).into()
}
