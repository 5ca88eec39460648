//! The keys that sign access tokens, for the whole installation.

use serde_json::json;

use crate::auth::oauth::signing_keys;
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store::oauth::signing_key::SigningKeyRow;

/// The keys, the latest first.
///
/// # Errors
/// The database is unavailable.
pub async fn list(operator: &Operator) -> Result<Vec<SigningKeyRow>, Error> {
    Ok(operator.gateway.store.control().signing_keys().await?)
}

/// Makes a new key, which signs from now on. What the others signed is accepted until it expires, unless they are revoked.
///
/// # Errors
/// The database is unavailable.
pub async fn rotate(operator: &Operator, revoke_others: bool) -> Result<SigningKeyRow, Error> {
    let after = json!({ "revokeOthers": revoke_others });
    let record = |id| Some(operator.change("signing-key.rotate", id).after(&after));
    let made = operator.gateway.auth.oauth.keys.rotate(revoke_others, record).await.map_err(|error| match error {
        signing_keys::Error::Store(source) => Error::Store(source),
        other @ signing_keys::Error::Make => Error::Corrupt(other.to_string()),
    })?;
    if revoke_others {
        operator.gateway.auth.forget_all();
    }
    log_change!(operator, signing_key.id = %made.id, revoke_others, "signing key rotated");
    Ok(made)
}
