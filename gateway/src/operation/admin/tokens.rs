//! A tenant's credentials: SCIM tokens for the identity provider, directory keys for the product. A secret is shown
//! once, when it is issued; only its digest is stored.

use std::time::{Duration, SystemTime};

use scimgate_scim::error::ScimError;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::token::{Kind, Token};
use crate::clock::rfc3339;
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store::tenant::Tenant;
use crate::store::tenant::credential::{Credential, Scope};

/// Life of a token where none is given: an identity provider that is set up once must not fail within weeks.
const DEFAULT_LIFETIME_DAYS: u32 = 365;
/// Longest life: a secret that never expires is forgotten and never replaced.
const MAX_LIFETIME_DAYS: u32 = 3_650;
/// Longest label, in characters.
const MAX_LABEL_CHARS: usize = 200;
const DAY: Duration = Duration::from_hours(24);

/// The token to issue.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What the token gives access to.
    pub scope: Scope,
    /// The operator's description of it.
    pub label: String,
    /// Its life in days; one year where none is given.
    pub expires_in_days: Option<u32>,
}

/// A new token.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What is stored of it.
    pub credential: Credential,
    /// The secret, to be shown once.
    pub secret: Token,
}

/// Whether a token is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is accepted.
    Active,
    /// Its life has ended.
    Expired,
    /// An operator revoked it.
    Revoked,
}

impl State {
    /// The state of a credential at a moment.
    #[must_use]
    pub fn of(credential: &Credential, now: SystemTime) -> Self {
        if credential.revoked_at.is_some() {
            Self::Revoked
        } else if credential.expires_at.is_some_and(|at| at <= now) {
            Self::Expired
        } else {
            Self::Active
        }
    }
}

/// Issues a token.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a label or a life out of bounds.
pub async fn issue(operator: &Operator, tenant: &str, wanted: Wanted) -> Result<Issued, Error> {
    let lifetime = lifetime(wanted.expires_in_days)?;
    check_label(&wanted.label)?;
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let kind = match wanted.scope {
        Scope::Scim => Kind::Scim,
        Scope::Directory => Kind::Directory,
    };
    let secret = Token::generate(kind, tenant.id);
    let now = gateway.clock.now();
    let credential = Credential {
        id: gateway.clock.new_id(),
        scope: wanted.scope,
        label: wanted.label,
        last_four: secret.last_four().to_owned(),
        created_at: now,
        expires_at: Some(now + lifetime),
        revoked_at: None,
    };
    let entry = operator.change_of(&tenant, "token.issue", credential.id).after(&recorded(&credential));
    gateway.store.tenant(tenant.id).audited(entry).insert_credential(&credential, &secret.digest()).await?;
    gateway.forget_tenant(tenant.id).await;
    log_change!(
        operator, tenant.id = %tenant.id, token.id = %credential.id, scope = credential.scope.word(), "token issued"
    );
    Ok(Issued { credential, secret })
}

/// Every token of a tenant with its state now, the oldest first.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn list(operator: &Operator, tenant: &str) -> Result<Vec<(Credential, State)>, Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let now = gateway.clock.now();
    let credentials = gateway.store.tenant(tenant.id).credentials().await?;
    let with_state = |credential: Credential| {
        let state = State::of(&credential, now);
        (credential, state)
    };
    Ok(credentials.into_iter().map(with_state).collect())
}

/// Revokes a token; revoking one twice is not an error.
///
/// # Errors
/// 404 for an unknown tenant or token.
pub async fn revoke(operator: &Operator, tenant: &str, id: &str) -> Result<(), Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let token: Uuid = id.parse().map_err(|_| not_found(&tenant, id))?;
    let entry = operator.change_of(&tenant, "token.revoke", token);
    let found = gateway.store.tenant(tenant.id).audited(entry).revoke_credential(token, gateway.clock.now()).await?;
    gateway.forget_tenant(tenant.id).await;
    if !found {
        return Err(not_found(&tenant, id).into());
    }
    log_change!(operator, tenant.id = %tenant.id, token.id = %token, "token revoked");
    Ok(())
}

/// What is recorded of a token: nothing of its secret.
fn recorded(credential: &Credential) -> Value {
    let Credential { scope, label, expires_at, .. } = credential;
    json!({ "scope": scope.word(), "label": label, "expiresAt": expires_at.map(rfc3339) })
}

fn not_found(tenant: &Tenant, id: &str) -> ScimError {
    ScimError::new(404, format!("The tenant {} has no token with the id {id}.", tenant.name))
}

pub(super) fn lifetime(days: Option<u32>) -> Result<Duration, ScimError> {
    match days.unwrap_or(DEFAULT_LIFETIME_DAYS) {
        days @ 1..=MAX_LIFETIME_DAYS => Ok(DAY * days),
        _ => Err(ScimError::new(400, format!("expiresInDays must be between 1 and {MAX_LIFETIME_DAYS}."))),
    }
}

pub(super) fn check_label(label: &str) -> Result<(), ScimError> {
    if label.chars().count() > MAX_LABEL_CHARS || label.chars().any(char::is_control) {
        let rule =
            format!("A label has at most {MAX_LABEL_CHARS} characters, and no line breaks or control characters.");
        return Err(ScimError::new(400, rule));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn credential(expires_at: Option<SystemTime>, revoked_at: Option<SystemTime>) -> Credential {
        Credential {
            id: Uuid::nil(),
            scope: Scope::Scim,
            label: String::new(),
            last_four: String::new(),
            created_at: UNIX_EPOCH,
            expires_at,
            revoked_at,
        }
    }

    #[test]
    fn a_token_is_active_until_it_expires_or_is_revoked() {
        let (then, now, later) = (UNIX_EPOCH + DAY, UNIX_EPOCH + DAY * 2, UNIX_EPOCH + DAY * 3);
        let cases = [
            (None, None, State::Active),
            (Some(later), None, State::Active),
            (Some(now), None, State::Expired),
            (Some(then), Some(then), State::Revoked),
            (Some(later), Some(then), State::Revoked),
        ];
        for (expires_at, revoked_at, state) in cases {
            assert_eq!(State::of(&credential(expires_at, revoked_at), now), state);
        }
    }

    #[test]
    fn a_life_is_one_year_by_default_and_bounded() {
        assert_eq!(lifetime(None), Ok(DAY * 365));
        assert_eq!(lifetime(Some(1)), Ok(DAY));
        for days in [0, MAX_LIFETIME_DAYS + 1, u32::MAX] {
            assert_eq!(lifetime(Some(days)).unwrap_err().status, 400, "{days}");
        }
    }

    #[test]
    fn a_label_is_one_short_line() {
        assert!(check_label("Entra, production").is_ok());
        assert!(check_label(&"é".repeat(200)).is_ok());
        for label in ["two\nlines", "\u{7}", &"a".repeat(201)] {
            assert!(check_label(label).is_err(), "{label:?}");
        }
    }
}
