//! A tenant's credentials: SCIM tokens for the identity provider, directory keys for the product. A secret is shown
//! once, when it is issued; only its digest is stored.

pub mod rotation;

use std::time::{Duration, SystemTime};

use scimgate_scim::error::ScimError;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::token::{Kind, Token};
use crate::clock::rfc3339;
use crate::config::Network;
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store::tenant::Tenant;
use crate::store::tenant::credential::{Credential, Phase, Restrictions, Scope};
use crate::tenant::TenantId;

/// Life of a token where none is given: an identity provider that is set up once must not fail within weeks.
pub(super) const DEFAULT_LIFETIME_DAYS: u32 = 365;
/// Longest life: a secret that never expires is forgotten and never replaced.
pub(super) const MAX_LIFETIME_DAYS: u32 = 3_650;
/// Longest label, in characters.
const MAX_LABEL_CHARS: usize = 200;
/// Networks of one token.
const MAX_NETWORKS: usize = 50;
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
    /// What narrows it.
    pub restrictions: Restrictions,
}

/// A new token.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What is stored of it.
    pub credential: Credential,
    /// The secret, to be shown once.
    pub secret: Token,
}

/// Whether a token is accepted, and where it stands in a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is accepted, and is to replace another one.
    Pending,
    /// It is accepted.
    Active,
    /// It is accepted, and is to be replaced by a pending one.
    Retiring,
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
            return Self::Revoked;
        }
        if credential.expires_at.is_some_and(|at| at <= now) {
            return Self::Expired;
        }
        match credential.phase {
            Phase::Pending => Self::Pending,
            Phase::Active => Self::Active,
            Phase::Retiring => Self::Retiring,
        }
    }
}

/// Issues a token.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a label, a life or a restriction that cannot be.
pub async fn issue(operator: &Operator, tenant: &str, wanted: Wanted) -> Result<Issued, Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let Issued { credential, secret } = new(operator, &tenant, wanted).await?;
    let entry = operator.change_of(&tenant, "token.issue", credential.id).after(&recorded(&credential));
    gateway.store.tenant(tenant.id).audited(entry).insert_credential(&credential, &secret.digest()).await?;
    gateway.forget_tenant(tenant.id).await;
    log_change!(
        operator, tenant.id = %tenant.id, token.id = %credential.id, scope = credential.scope.word(), "token issued"
    );
    Ok(Issued { credential, secret })
}

/// A token that is not stored yet.
async fn new(operator: &Operator, tenant: &Tenant, wanted: Wanted) -> Result<Issued, Error> {
    let Wanted { scope, label, expires_in_days, mut restrictions } = wanted;
    let life = lifetime(expires_in_days)?;
    check_label(&label)?;
    check_restrictions(operator, tenant, scope, &mut restrictions).await?;
    let new = generate(operator, tenant.id, (scope, label), life);
    Ok(Issued { credential: Credential { restrictions, ..new.credential }, ..new })
}

/// A token of a life, without restrictions, that is not stored yet.
pub(in crate::operation) fn generate(
    operator: &Operator,
    tenant: TenantId,
    (scope, label): (Scope, String),
    life: Duration,
) -> Issued {
    let gateway = &operator.gateway;
    let kind = match scope {
        Scope::Scim => Kind::Scim,
        Scope::Directory => Kind::Directory,
    };
    let secret = Token::generate(kind, tenant);
    let now = gateway.clock.now();
    let credential = Credential {
        id: gateway.clock.new_id(),
        scope,
        label,
        last_four: secret.last_four().to_owned(),
        created_at: now,
        created_by: Some(operator.actor.clone()),
        expires_at: Some(now + life),
        revoked_at: None,
        last_used_at: None,
        phase: Phase::Active,
        replaces: None,
        restrictions: Restrictions::default(),
        setup_link: None,
    };
    Issued { credential, secret }
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

/// Revokes a token; revoking one twice is not an error. In a rotation the other token is then active.
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
pub(in crate::operation) fn recorded(credential: &Credential) -> Value {
    let Credential { scope, label, expires_at, restrictions, replaces, .. } = credential;
    let Restrictions { read_only, resource_type, networks } = restrictions;
    json!({
        "scope": scope.word(), "label": label, "expiresAt": expires_at.map(rfc3339), "readOnly": read_only,
        "resourceType": resource_type, "networks": networks, "replaces": replaces,
    })
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

/// Checks what narrows a token, and gives the resource type its own spelling.
async fn check_restrictions(
    operator: &Operator,
    tenant: &Tenant,
    scope: Scope,
    restrictions: &mut Restrictions,
) -> Result<(), Error> {
    let Restrictions { read_only, resource_type, networks } = restrictions;
    if scope == Scope::Directory && (*read_only || resource_type.is_some()) {
        let detail = "A directory key only reads, and reads all types: readOnly and resourceType are for SCIM tokens.";
        return Err(ScimError::new(400, detail).into());
    }
    if networks.len() > MAX_NETWORKS {
        return Err(ScimError::new(400, format!("A token has at most {MAX_NETWORKS} networks.")).into());
    }
    for network in networks.iter() {
        network.parse::<Network>().map_err(|why| ScimError::new(400, format!("{why}.")))?;
    }
    if let Some(name) = resource_type {
        let settings = operator.gateway.settings.get(tenant.id).await?;
        let registry = &settings.registry;
        let Some(known) = registry.resource_type(name) else {
            let known: Vec<&str> = registry.resource_types().iter().map(|known| known.name.as_str()).collect();
            let detail = format!("There is no resource type {name}. resourceType is one of: {}.", known.join(", "));
            return Err(ScimError::new(400, detail).into());
        };
        name.clone_from(&known.name);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
