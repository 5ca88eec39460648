//! Setup links: an operator creates one for a customer's administrator, who gets one credential by it (`operation/setup_link.rs`). The
//! link is shown once; only the digest of its secret is stored.

use std::time::{Duration, SystemTime};

use scimgate_scim::error::ScimError;
use serde_json::{Value, json};
use uuid::Uuid;

use super::oauth_clients::{DEFAULT_SECRET_DAYS, MAX_SECRET_DAYS};
use super::tokens::{DEFAULT_LIFETIME_DAYS, MAX_LIFETIME_DAYS, check_label};
use crate::auth::token::{Kind, Token};
use crate::clock::rfc3339;
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store::setup_link::{Method, Provider, SetupLink};
use crate::store::tenant::Tenant;

/// Life of a link where none is given, in hours.
const DEFAULT_LINK_HOURS: u32 = 72;
/// Longest life of a link, in hours.
const MAX_LINK_HOURS: u32 = 720;
/// Links of a tenant that have not expired.
const MAX_LINKS: i64 = 100;

/// The link to create.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// Which provider's page it shows.
    pub provider: Provider,
    /// Which credential it makes.
    pub method: Method,
    /// The operator's label for it and its credential.
    pub label: String,
    /// Its life in hours; three days where none is given.
    pub expires_in_hours: Option<u32>,
    /// The life of its credential in days; one year where none is given.
    pub credential_days: Option<u32>,
}

/// A new link.
#[derive(Clone, Debug)]
pub struct CreatedLink {
    /// What is stored of it.
    pub link: SetupLink,
    /// The secret in its address, to be shown once.
    pub secret: Token,
}

/// How far a link has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be used.
    Open,
    /// It has made its credential.
    Used,
    /// A request with that credential was accepted.
    Connected,
    /// Its life has ended before it was used.
    Expired,
    /// An operator revoked it.
    Revoked,
}

impl State {
    /// The state of a link at a moment.
    #[must_use]
    pub fn of(link: &SetupLink, now: SystemTime) -> Self {
        if link.revoked_at.is_some() {
            return Self::Revoked;
        }
        match (link.first_used_at, link.used_at) {
            (Some(_), _) => Self::Connected,
            (None, Some(_)) => Self::Used,
            (None, None) if link.expires_at <= now => Self::Expired,
            (None, None) => Self::Open,
        }
    }
}

/// The methods that a provider has fields for.
fn methods(provider: Provider) -> &'static [Method] {
    match provider {
        Provider::Entra | Provider::Other => Method::ALL,
        Provider::Okta | Provider::OneLogin | Provider::JumpCloud | Provider::Ping | Provider::Google => {
            &[Method::Token]
        }
    }
}

/// Creates a link.
///
/// # Errors
/// 404 for an unknown tenant, 400 for what cannot be, 409 where there are too many.
pub async fn create(operator: &Operator, tenant: &str, new: NewLink) -> Result<CreatedLink, Error> {
    let NewLink { provider, method, label, expires_in_hours, credential_days } = new;
    check_label(&label)?;
    check_method(provider, method)?;
    let (life, credential_days) = (life(expires_in_hours)?, days(method, credential_days)?);
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let (secret, now) = (Token::generate(Kind::Setup, tenant.id), gateway.clock.now());
    let link = SetupLink {
        id: gateway.clock.new_id(),
        provider,
        method,
        label,
        credential_days,
        created_at: now,
        created_by: operator.actor.clone(),
        expires_at: now + life,
        revoked_at: None,
        used_at: None,
        credential: None,
        browser: None,
        first_used_at: None,
        recognised: None,
        refused: None,
    };
    let entry = operator.change_of(&tenant, "setup-link.create", link.id).after(&recorded(&link));
    let store = gateway.store.tenant(tenant.id).audited(entry);
    if !store.insert_setup_link(&link, &secret.digest(), MAX_LINKS).await? {
        let why =
            format!("The tenant {} has {MAX_LINKS} setup links that have not expired, the most at once.", tenant.name);
        return Err(ScimError::new(409, why).into());
    }
    log_change!(operator, tenant.id = %tenant.id, setup_link.id = %link.id, provider = provider.word(), "setup link created");
    Ok(CreatedLink { link, secret })
}

/// Every link of a tenant that is kept, with its state now, the oldest first.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn list(operator: &Operator, tenant: &str) -> Result<Vec<(SetupLink, State)>, Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let now = gateway.clock.now();
    let links = gateway.store.tenant(tenant.id).setup_links().await?;
    let with_state = |link: SetupLink| {
        let state = State::of(&link, now);
        (link, state)
    };
    Ok(links.into_iter().map(with_state).collect())
}

/// Revokes a link; revoking one twice is not an error. The credential that it made stays.
///
/// # Errors
/// 404 for an unknown tenant or link.
pub async fn revoke(operator: &Operator, tenant: &str, id: &str) -> Result<(), Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let link: Uuid = id.parse().map_err(|_| not_found(&tenant, id))?;
    let entry = operator.change_of(&tenant, "setup-link.revoke", link);
    let found = gateway.store.tenant(tenant.id).audited(entry).revoke_setup_link(link, gateway.clock.now()).await?;
    gateway.auth.forget_setup_links();
    if !found {
        return Err(not_found(&tenant, id).into());
    }
    log_change!(operator, tenant.id = %tenant.id, setup_link.id = %link, "setup link revoked");
    Ok(())
}

/// What is recorded of a link: nothing of its secret.
fn recorded(link: &SetupLink) -> Value {
    let SetupLink { provider, method, label, credential_days, expires_at, .. } = link;
    json!({
        "provider": provider.word(), "method": method.word(), "label": label, "credentialDays": credential_days,
        "expiresAt": rfc3339(*expires_at),
    })
}

fn not_found(tenant: &Tenant, id: &str) -> ScimError {
    ScimError::new(404, format!("The tenant {} has no setup link with the id {id}.", tenant.name))
}

fn check_method(provider: Provider, method: Method) -> Result<(), ScimError> {
    if methods(provider).contains(&method) {
        return Ok(());
    }
    let words: Vec<&str> = methods(provider).iter().map(|method| method.word()).collect();
    let detail =
        format!("The page of {} has no {}: its method is {}.", provider.word(), method.word(), words.join(", "));
    Err(ScimError::new(400, detail))
}

fn life(hours: Option<u32>) -> Result<Duration, ScimError> {
    match hours.unwrap_or(DEFAULT_LINK_HOURS) {
        hours @ 1..=MAX_LINK_HOURS => Ok(Duration::from_hours(hours.into())),
        _ => Err(ScimError::new(400, format!("expiresInHours must be between 1 and {MAX_LINK_HOURS}."))),
    }
}

/// The life of the credential, which what a provider signs itself has none of.
fn days(method: Method, days: Option<u32>) -> Result<i32, ScimError> {
    let (default, max) = match method {
        Method::Token => (DEFAULT_LIFETIME_DAYS, MAX_LIFETIME_DAYS),
        Method::Client => (DEFAULT_SECRET_DAYS, MAX_SECRET_DAYS),
        Method::WorkloadIdentity if days.is_some() => {
            let detail = "With workload identity there is no secret that could expire: leave credentialDays out.";
            return Err(ScimError::new(400, detail));
        }
        Method::WorkloadIdentity => return Ok(0),
    };
    let days = days.unwrap_or(default);
    let out = || ScimError::new(400, format!("credentialDays must be between 1 and {max} for this method."));
    i32::try_from(days).ok().filter(|_| (1..=max).contains(&days)).ok_or_else(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_bounded_by_the_method() {
        assert_eq!(life(None), Ok(Duration::from_hours(72)));
        assert!(life(Some(0)).is_err() && life(Some(721)).is_err() && life(Some(720)).is_ok());
        for (method, given, expected) in [
            (Method::Token, None, Some(365)),
            (Method::Token, Some(3_650), Some(3_650)),
            (Method::Token, Some(3_651), None),
            (Method::Client, Some(1_096), Some(1_096)),
            (Method::Client, Some(1_097), None),
            (Method::Client, Some(0), None),
            (Method::WorkloadIdentity, None, Some(0)),
            (Method::WorkloadIdentity, Some(1), None),
        ] {
            assert_eq!(days(method, given).ok(), expected, "{method:?} {given:?}");
        }
    }
}
