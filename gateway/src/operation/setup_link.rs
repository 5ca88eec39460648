//! What the holder of a setup link may do, without an operator key: read the page, and once make the link's credential. A read changes
//! nothing, since mail scanners and chat clients open links, too.

pub mod federation;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use scimgate_scim::error::ScimError;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::auth;
use crate::auth::oauth::DEFAULT_TOKEN_LIFE;
use crate::auth::token::Token;
use crate::operation::admin::oauth_clients::{self, MAX_CLIENTS, generate_secret};
use crate::operation::admin::tokens;
use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store;
use crate::store::oauth::{AssertionRow, OauthClient};
use crate::store::setup_link::{Assertion, FoundLink, Method, SetupLink, Use};
use crate::store::tenant::credential::Scope;

const DAY: Duration = Duration::from_hours(24);

/// A request of a link's holder.
pub struct Holder {
    /// What all use cases share.
    pub gateway: Gateway,
    /// The link, as it was when the request arrived.
    pub found: Arc<FoundLink>,
    /// The value of the browser's cookie for this link.
    pub browser: Option<String>,
    /// The request's id.
    pub request_id: String,
    /// The client's address.
    pub address: Option<IpAddr>,
}

/// A credential that was just made. Its secret is in this one reply alone.
pub struct Made {
    /// The link as it is now.
    pub link: SetupLink,
    /// The secret; none where a provider signs assertions.
    pub secret: Option<Token>,
    /// What the browser's cookie is from now on.
    pub cookie: String,
}

/// Why a link makes no credential.
pub enum Refused {
    /// It has made one before.
    Used,
    /// The fields of a form are wrong, each with what is wrong.
    Fields(Vec<federation::Complaint>),
    /// Any other failure.
    Error(Error),
}

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// The open link of a secret.
///
/// # Errors
/// 404 for a secret of no link, 410 for a link that is revoked or has expired, [`Error::Suspended`] for that of a suspended tenant.
pub async fn open(
    gateway: &Gateway,
    secret: &str,
    address: impl FnOnce() -> Option<IpAddr>,
) -> Result<Arc<FoundLink>, Error> {
    let found = gateway.auth.setup_link(secret, address).await.map_err(|error| match error {
        auth::Error::Unauthorized => {
            let detail = "This link is not valid. Perhaps a part of it is missing: copy it whole. Else ask whoever sent it to you for a new one.";
            ScimError::new(404, detail).into()
        }
        other => Error::Auth(other),
    })?;
    if found.link.revoked_at.is_some() {
        return Err(ScimError::new(410, "This link was withdrawn. Ask whoever sent it to you for a new one.").into());
    }
    if found.link.expires_at <= gateway.clock.now() {
        return Err(ScimError::new(410, "This link has expired. Ask whoever sent it to you for a new one.").into());
    }
    if !found.tenant_active {
        return Err(Error::Suspended);
    }
    Ok(found)
}

impl Holder {
    /// Whether the link was used in this browser.
    #[must_use]
    pub fn is_own(&self) -> bool {
        let own = self.browser.as_ref().map(|cookie| digest(cookie));
        own.is_some() && own.as_deref() == self.found.link.browser.as_deref()
    }

    /// The life of the link's credential.
    #[must_use]
    pub fn life(&self) -> Duration {
        DAY * u32::try_from(self.found.link.credential_days).unwrap_or_default()
    }

    /// The actor of what the link makes.
    fn actor(&self) -> Operator {
        let name = format!("setup link {}", self.found.link.id);
        Operator {
            gateway: self.gateway.clone(),
            actor: name.clone(),
            name,
            key: None,
            request_id: self.request_id.clone(),
            address: self.address,
        }
    }

    /// Makes the link's token, or its client with a secret; once.
    ///
    /// # Errors
    /// [`Refused::Used`] where it was made before, or at the same moment.
    pub async fn make(&self) -> Result<Made, Refused> {
        // The database decides; this spares it those who press again and again.
        if self.found.link.used_at.is_some() {
            return Err(Refused::Used);
        }
        match self.found.link.method {
            Method::Token => self.make_token().await,
            Method::Client => self.make_client(None).await,
            Method::WorkloadIdentity => {
                let detail = "This link's page has a form: fill it in, and send it.";
                Err(ScimError::new(400, detail).into())
            }
        }
    }

    /// Makes the link's client for a provider's assertions, once; or corrects it, in the same browser until its first request.
    ///
    /// # Errors
    /// [`Refused::Fields`] for values that cannot be, [`Refused::Used`] where it was made in another browser or is in use.
    pub async fn federate(&self, entered: &federation::Entered) -> Result<Made, Refused> {
        let assertion = entered.check(self.found.link.provider).map_err(Refused::Fields)?;
        if self.found.link.used_at.is_none() {
            return self.make_client(Some(assertion)).await;
        }
        let (Some(credential), Some(cookie), true) = (self.found.link.credential, self.browser.clone(), self.is_own())
        else {
            return Err(Refused::Used);
        };
        let (actor, browser) = (self.actor(), digest(&cookie));
        let entry = actor.change("oauth-client.correct", credential).of(self.found.tenant);
        let store =
            self.gateway.store.tenant(self.found.tenant).audited(entry.after(&federation::recorded(&assertion)));
        let it = Use { link: self.found.link.id, browser: &browser, at: self.gateway.clock.now() };
        if !store.correct_setup_link(&it, &assertion).await.map_err(duplicate)? {
            return Err(self.refusal().await);
        }
        self.forget().await;
        log_change!(actor, tenant.id = %self.found.tenant, oauth_client.id = %credential, "OAuth client corrected by its setup link");
        let link = SetupLink { refused: None, ..self.found.link.clone() };
        Ok(Made { link, secret: None, cookie })
    }

    /// What the browser that used the link entered in its form.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn entered(&self) -> Result<Option<federation::Entered>, Error> {
        let Some(client) = self.found.link.credential.filter(|_| self.is_own()) else { return Ok(None) };
        let found = self.gateway.store.control().find_oauth_client(client, None, self.gateway.clock.now()).await?;
        let row = found.and_then(|(found, _)| found.client.assertion);
        Ok(row.and_then(|row| {
            let AssertionRow { issuer, subject, audience, jwks_uri, .. } = row;
            let assertion = Assertion { issuer: issuer?, subject: subject?, audience: audience?, jwks_uri: jwks_uri? };
            Some(federation::Entered::of(assertion))
        }))
    }

    async fn make_token(&self) -> Result<Made, Refused> {
        let SetupLink { id, label, .. } = &self.found.link;
        let actor = self.actor();
        let issued = tokens::generate(&actor, self.found.tenant, (Scope::Scim, label.clone()), self.life());
        let credential = issued.credential.id;
        let entry =
            actor.change("token.issue", credential).of(self.found.tenant).after(&tokens::recorded(&issued.credential));
        let store = self.gateway.store.tenant(self.found.tenant).audited(entry);
        let (cookie, browser) = new_cookie();
        let it = Use { link: *id, browser: &browser, at: self.gateway.clock.now() };
        if !store.use_setup_link_for_token(&it, &issued.credential, &issued.secret.digest()).await? {
            return Err(self.refusal().await);
        }
        self.forget().await;
        log_change!(actor, tenant.id = %self.found.tenant, token.id = %credential, "token issued by a setup link");
        Ok(Made { link: self.used(&it, credential), secret: Some(issued.secret), cookie })
    }

    async fn make_client(&self, assertion: Option<Assertion>) -> Result<Made, Refused> {
        let SetupLink { id, label, .. } = &self.found.link;
        let (actor, clock) = (self.actor(), &self.gateway.clock);
        let secret = assertion.is_none().then(|| generate_secret(clock, self.found.tenant, self.life()));
        let client = OauthClient {
            id: clock.new_id(),
            label: label.clone(),
            token_seconds: i32::try_from(DEFAULT_TOKEN_LIFE.as_secs()).unwrap_or(i32::MAX),
            assertion: assertion.map(row),
            created_at: clock.now(),
            deleted_at: None,
            setup_link: Some(*id),
        };
        let entry = actor.change("oauth-client.create", client.id).of(self.found.tenant);
        let store =
            self.gateway.store.tenant(self.found.tenant).audited(entry.after(&oauth_clients::recorded(&client)));
        let (cookie, browser) = new_cookie();
        let it = Use { link: *id, browser: &browser, at: clock.now() };
        let digest = secret.as_ref().map(|issued| issued.secret.digest());
        let stored = secret.as_ref().zip(digest.as_ref()).map(|(issued, digest)| (&issued.stored, digest.as_slice()));
        let used = store.use_setup_link_for_client(&it, &client, stored, MAX_CLIENTS).await;
        if !used.map_err(duplicate)? {
            return Err(self.refusal().await);
        }
        self.forget().await;
        log_change!(actor, tenant.id = %self.found.tenant, oauth_client.id = %client.id, "OAuth client created by a setup link");
        Ok(Made { link: self.used(&it, client.id), secret: secret.map(|issued| issued.secret), cookie })
    }

    /// The link after its use, not read again: a reply with a secret must not depend on another look-up.
    fn used(&self, it: &Use<'_>, credential: Uuid) -> SetupLink {
        SetupLink {
            used_at: Some(it.at),
            credential: Some(credential),
            browser: Some(it.browser.to_vec()),
            ..self.found.link.clone()
        }
    }

    /// Drops what this process has cached of the link, and of the tenant's credentials.
    async fn forget(&self) {
        self.gateway.auth.forget_setup_links();
        self.gateway.forget_tenant(self.found.tenant).await;
    }

    /// Why the database did not let the link be used.
    async fn refusal(&self) -> Refused {
        self.gateway.auth.forget_setup_links();
        let links = match self.gateway.store.tenant(self.found.tenant).setup_links().await {
            Ok(links) => links,
            Err(error) => return error.into(),
        };
        let now = links.into_iter().find(|link| link.id == self.found.link.id);
        match now {
            Some(link) if link.used_at.is_some() => Refused::Used,
            Some(link) if link.revoked_at.is_none() && link.expires_at > self.gateway.clock.now() => {
                let why = format!(
                    "There are {MAX_CLIENTS} OAuth clients already, or access is suspended. Ask whoever sent you this link."
                );
                ScimError::new(409, why).into()
            }
            _ => ScimError::new(410, "This link has expired or was withdrawn. Ask for a new one.").into(),
        }
    }
}

fn row(assertion: Assertion) -> AssertionRow {
    let Assertion { issuer, subject, audience, jwks_uri } = assertion;
    AssertionRow {
        issuer: Some(issuer),
        subject: Some(subject),
        audience: Some(audience),
        jwks: None,
        jwks_uri: Some(jwks_uri),
        bearer: false,
    }
}

fn duplicate(error: store::Error) -> Refused {
    match error {
        store::Error::Duplicate { .. } => Refused::Fields(vec![federation::duplicate()]),
        other => other.into(),
    }
}

/// A new value of a browser's cookie, and its digest.
fn new_cookie() -> (String, Vec<u8>) {
    use base64::Engine as _;
    let value = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let digest = digest(&value);
    (value, digest)
}

fn digest(cookie: &str) -> Vec<u8> {
    Sha256::digest(cookie.as_bytes()).to_vec()
}
