//! A tenant's OAuth clients: with secrets, of which several are valid at once, or with keys for assertions. A secret is shown once,
//! when it is issued; only its digest is stored.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use scimgate_scim::error::ScimError;
use serde_json::{Value, json};
use uuid::Uuid;

use super::tokens::check_label;
use crate::auth::oauth::key_set::KeySet;
use crate::auth::oauth::{DEFAULT_TOKEN_LIFE, MAX_TOKEN_LIFE, MIN_TOKEN_LIFE, fetch};
use crate::auth::token::{Kind, Token};
use crate::clock::{Clock, rfc3339};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store;
use crate::store::oauth::{AssertionRow, OauthClient, OauthSecret};
use crate::store::tenant::Tenant;
use crate::tenant::TenantId;

/// Clients of a tenant that are not deleted.
pub(in crate::operation) const MAX_CLIENTS: i64 = 100;
/// Secrets of a client that are valid at once.
const MAX_SECRETS: i64 = 10;
/// Life of a secret where none is given.
pub(super) const DEFAULT_SECRET_DAYS: u32 = 365;
/// Longest life of a secret.
pub(super) const MAX_SECRET_DAYS: u32 = 1_096;
/// Longest issuer, subject or audience, in characters.
pub(in crate::operation) const MAX_CLAIM_CHARS: usize = 500;
const DAY: Duration = Duration::from_hours(24);

/// The client to create.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// The operator's description of it.
    pub label: String,
    /// The life of its access tokens in seconds.
    pub token_seconds: Option<u32>,
    /// Which assertions it may present; none for a client with secrets.
    pub assertion: Option<AssertionRow>,
}

/// Whether a secret is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretState {
    /// It is accepted.
    Active,
    /// Its life has ended.
    Expired,
    /// An operator revoked it.
    Revoked,
}

impl SecretState {
    fn of(secret: &OauthSecret, now: SystemTime) -> Self {
        match (secret.revoked_at, secret.expires_at <= now) {
            (Some(_), _) => Self::Revoked,
            (None, true) => Self::Expired,
            (None, false) => Self::Active,
        }
    }
}

/// A client with the secrets that it has or had.
#[derive(Clone, Debug)]
pub struct WithSecrets {
    /// The client.
    pub client: OauthClient,
    /// Its secrets, the oldest first.
    pub secrets: Vec<(OauthSecret, SecretState)>,
}

/// A new secret.
#[derive(Clone, Debug)]
pub struct IssuedSecret {
    /// What is stored of it.
    pub stored: OauthSecret,
    /// The secret, to be shown once.
    pub secret: Token,
}

/// Creates a client. One without keys for assertions gets its first secret.
///
/// # Errors
/// 404 for an unknown tenant, 400 for what cannot be, 409 where there are too many.
pub async fn create(
    operator: &Operator,
    tenant: &str,
    new: NewClient,
) -> Result<(WithSecrets, Option<IssuedSecret>), Error> {
    check_label(&new.label)?;
    let token_seconds = token_seconds(new.token_seconds)?;
    if let Some(assertion) = &new.assertion {
        check_assertion(assertion)?;
    }
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let client = OauthClient {
        id: gateway.clock.new_id(),
        label: new.label,
        token_seconds,
        assertion: new.assertion,
        created_at: gateway.clock.now(),
        deleted_at: None,
        setup_link: None,
    };
    let entry = operator.change_of(&tenant, "oauth-client.create", client.id).if_anything_changes();
    let store = gateway.store.tenant(tenant.id).audited(entry.after(&recorded(&client)));
    let inserted = store.insert_oauth_client(&client, MAX_CLIENTS).await;
    if let Err(store::Error::Duplicate { .. }) = inserted {
        let why = format!("The tenant {} has an OAuth client with this issuer and subject.", tenant.name);
        return Err(ScimError::new(409, why).into());
    }
    if !inserted? {
        let why = format!("The tenant {} has {MAX_CLIENTS} OAuth clients, the most; delete one first.", tenant.name);
        return Err(ScimError::new(409, why).into());
    }
    log_change!(operator, tenant.id = %tenant.id, oauth_client.id = %client.id, "OAuth client created");
    let mut created = WithSecrets { client, secrets: Vec::new() };
    if created.client.assertion.is_some() {
        return Ok((created, None));
    }
    // The client's record says that it has one.
    let issued = insert_secret(operator, &tenant, (created.client.id, None), false).await?;
    created.secrets.push((issued.stored.clone(), SecretState::Active));
    Ok((created, Some(issued)))
}

/// Every client of a tenant, deleted ones too, the oldest first.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn list(operator: &Operator, tenant: &str) -> Result<Vec<WithSecrets>, Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let store = gateway.store.tenant(tenant.id);
    let (clients, secrets) = (store.oauth_clients().await?, store.oauth_secrets().await?);
    let now = gateway.clock.now();
    let mut of_client: HashMap<Uuid, Vec<(OauthSecret, SecretState)>> = HashMap::new();
    for (client, secret) in secrets {
        let state = SecretState::of(&secret, now);
        of_client.entry(client).or_default().push((secret, state));
    }
    let with_secrets = |client: OauthClient| {
        let secrets = of_client.remove(&client.id).unwrap_or_default();
        WithSecrets { client, secrets }
    };
    Ok(clients.into_iter().map(with_secrets).collect())
}

/// Issues another secret for a client; those that it has stay valid.
///
/// # Errors
/// 404 for an unknown tenant or client, 400 for a life out of bounds, 409 where there are too many.
pub async fn add_secret(
    operator: &Operator,
    (tenant, client): (&str, &str),
    days: Option<u32>,
) -> Result<IssuedSecret, Error> {
    let (tenant, client) = find(operator, (tenant, client)).await?;
    insert_secret(operator, &tenant, (client, days), true).await
}

async fn insert_secret(
    operator: &Operator,
    tenant: &Tenant,
    (client, days): (Uuid, Option<u32>),
    is_recorded: bool,
) -> Result<IssuedSecret, Error> {
    let gateway = &operator.gateway;
    let IssuedSecret { stored, secret } = generate_secret(&gateway.clock, tenant.id, secret_life(days)?);
    let mut store = gateway.store.tenant(tenant.id);
    if is_recorded {
        let entry = operator.change_of(tenant, "oauth-client.secret-add", client).if_anything_changes();
        store = store.audited(entry.after(&json!({ "secret": stored.id, "expiresAt": rfc3339(stored.expires_at) })));
    }
    if !store.insert_oauth_secret(client, &stored, &secret.digest(), MAX_SECRETS).await? {
        let why = format!("The client {client} has {MAX_SECRETS} valid secrets, the most; revoke one first.");
        return Err(ScimError::new(409, why).into());
    }
    log_change!(
        operator, tenant.id = %tenant.id, oauth_client.id = %client, oauth_secret.id = %stored.id, "OAuth secret issued"
    );
    Ok(IssuedSecret { stored, secret })
}

/// How long a new secret is valid.
///
/// # Errors
/// 400 for a life out of bounds.
fn secret_life(days: Option<u32>) -> Result<Duration, ScimError> {
    match days.unwrap_or(DEFAULT_SECRET_DAYS) {
        days @ 1..=MAX_SECRET_DAYS => Ok(DAY * days),
        _ => Err(ScimError::new(400, format!("expiresInDays must be between 1 and {MAX_SECRET_DAYS}."))),
    }
}

/// A secret that is not stored yet.
pub(in crate::operation) fn generate_secret(clock: &Clock, tenant: TenantId, life: Duration) -> IssuedSecret {
    let (secret, now) = (Token::generate(Kind::Client, tenant), clock.now());
    let stored = OauthSecret {
        id: clock.new_id(),
        last_four: secret.last_four().to_owned(),
        created_at: now,
        expires_at: now + life,
        revoked_at: None,
    };
    IssuedSecret { stored, secret }
}

/// Revokes a client's secret. The access tokens that it got stay valid until they expire, unless these are revoked, too. Revoking
/// one twice is not an error.
///
/// # Errors
/// 404 for an unknown tenant, client or secret.
pub async fn revoke_secret(
    operator: &Operator,
    (tenant, client, secret): (&str, &str, &str),
    with_tokens: bool,
) -> Result<(), Error> {
    let missing = || ScimError::new(404, format!("The OAuth client {client} has no secret with the id {secret}."));
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let (client, secret): (Uuid, Uuid) = client.parse().ok().zip(secret.parse().ok()).ok_or_else(missing)?;
    let entry = operator.change_of(&tenant, "oauth-client.secret-revoke", client);
    let entry = entry.after(&json!({ "secret": secret, "withTokens": with_tokens }));
    let store = gateway.store.tenant(tenant.id).audited(entry);
    let found = store.revoke_oauth_secret(client, secret, with_tokens, gateway.clock.now()).await?;
    gateway.forget_tenant(tenant.id).await;
    if !found {
        return Err(missing().into());
    }
    log_change!(
        operator, tenant.id = %tenant.id, oauth_client.id = %client, oauth_secret.id = %secret, with_tokens, "OAuth secret revoked"
    );
    Ok(())
}

/// Deletes a client; its access tokens are refused at once.
///
/// # Errors
/// 404 for an unknown tenant or client.
pub async fn delete(operator: &Operator, tenant: &str, client: &str) -> Result<(), Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let id: Uuid = client.parse().map_err(|_| no_client(&tenant, client))?;
    let entry = operator.change_of(&tenant, "oauth-client.delete", id);
    let found = gateway.store.tenant(tenant.id).audited(entry).delete_oauth_client(id, gateway.clock.now()).await?;
    gateway.forget_tenant(tenant.id).await;
    if !found {
        return Err(no_client(&tenant, client).into());
    }
    log_change!(operator, tenant.id = %tenant.id, oauth_client.id = %id, "OAuth client deleted");
    Ok(())
}

/// What is recorded of a client: nothing of its secrets.
pub(in crate::operation) fn recorded(client: &OauthClient) -> Value {
    let OauthClient { label, token_seconds, assertion, .. } = client;
    let assertion = assertion.as_ref().map(|row| {
        let AssertionRow { issuer, subject, audience, jwks, jwks_uri, bearer } = row;
        json!({
            "issuer": issuer, "subject": subject, "audience": audience, "keys": jwks, "jwksUri": jwks_uri, "bearer": bearer,
        })
    });
    json!({ "label": label, "tokenSeconds": token_seconds, "hasSecret": assertion.is_none(), "assertion": assertion })
}

/// The tenant, and the id of a client that it has and that is not deleted.
async fn find(operator: &Operator, (tenant, client): (&str, &str)) -> Result<(Tenant, Uuid), Error> {
    let tenant = operator.tenant(tenant).await?;
    let id: Uuid = client.parse().map_err(|_| no_client(&tenant, client))?;
    let clients = operator.gateway.store.tenant(tenant.id).oauth_clients().await?;
    if clients.iter().any(|known| known.id == id && known.deleted_at.is_none()) {
        Ok((tenant, id))
    } else {
        Err(no_client(&tenant, client).into())
    }
}

fn no_client(tenant: &Tenant, id: &str) -> ScimError {
    ScimError::new(404, format!("The tenant {} has no OAuth client with the id {id}.", tenant.name))
}

fn token_seconds(wanted: Option<u32>) -> Result<i32, ScimError> {
    let life = wanted.map_or(DEFAULT_TOKEN_LIFE, |seconds| Duration::from_secs(seconds.into()));
    let (min, max) = (MIN_TOKEN_LIFE.as_secs(), MAX_TOKEN_LIFE.as_secs());
    let out = || ScimError::new(400, format!("tokenSeconds must be between {min} and {max}."));
    if life < MIN_TOKEN_LIFE || life > MAX_TOKEN_LIFE {
        return Err(out());
    }
    i32::try_from(life.as_secs()).map_err(|_| out())
}

pub(in crate::operation) fn check_assertion(row: &AssertionRow) -> Result<(), ScimError> {
    let refuse = |why: String| Err(ScimError::new(400, why));
    match (&row.jwks, &row.jwks_uri) {
        (Some(keys), None) => {
            if let Err(why) = KeySet::parse(keys.as_bytes()) {
                return refuse(format!("The keys cannot be used: {why}."));
            }
        }
        (None, Some(uri)) => {
            if let Err(why) = fetch::parse(uri) {
                return refuse(format!("jwksUri cannot be used: {why}."));
            }
        }
        _ => return refuse("An assertion needs either keys or a jwksUri.".to_owned()),
    }
    let claims = [("issuer", &row.issuer), ("subject", &row.subject), ("audience", &row.audience)];
    for (name, claim) in claims {
        let is_text = |text: &String| !text.is_empty() && text.chars().count() <= MAX_CLAIM_CHARS;
        if !claim.as_ref().is_none_or(is_text) {
            return refuse(format!("The {name} must have between 1 and {MAX_CLAIM_CHARS} characters."));
        }
    }
    let named = claims.iter().filter(|(_, claim)| claim.is_some()).count();
    if row.issuer.is_some() != row.subject.is_some() || row.issuer.is_some() && row.audience.is_none() {
        return refuse("Another issuer's assertion needs issuer, subject and audience.".to_owned());
    }
    if row.bearer && named < 3 {
        return refuse("Only another issuer's assertion can be accepted as a bearer token.".to_owned());
    }
    Ok(())
}
