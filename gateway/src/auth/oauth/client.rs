//! How a client authenticates itself at the token endpoint: by a secret, or by an assertion, which is accepted once.

use std::net::IpAddr;
use std::time::SystemTime;

use uuid::Uuid;

use super::assertion::{self, Expected, Refused};
use super::{Auth, Error, digest};
use crate::auth::token::{Kind, Token, TokenDigest};
use crate::store::oauth::FoundClient;

/// What a client presents.
#[derive(Clone, Copy)]
pub enum Presented<'a> {
    /// A secret of its own.
    Secret(&'a str),
    /// An assertion.
    Assertion(&'a str),
}

/// A client that authenticates itself.
pub struct Request<'a> {
    /// The tenant in the address; none at the address for all tenants.
    pub tenant: Option<&'a str>,
    /// The `client_id`.
    pub client: Option<&'a str>,
    /// What it presents.
    pub presented: Presented<'a>,
    /// The addresses of the token endpoint, which are the audience of an assertion that the client signs itself.
    pub endpoints: &'a [String],
    /// The client's own address.
    pub address: Option<IpAddr>,
}

/// A client that has authenticated itself.
#[derive(Debug)]
pub struct Authenticated {
    /// The client and its tenant.
    pub found: FoundClient,
    /// By which secret; none for an assertion.
    pub secret: Option<Uuid>,
    /// When the assertion expires.
    pub expires_at: Option<SystemTime>,
}

impl Auth {
    /// Authenticates a client.
    ///
    /// # Errors
    /// As [`Auth::verify_jwt`]: an unknown client, another tenant's, a wrong, expired or revoked secret and a wrong assertion are
    /// all [`Error::Unauthorized`].
    pub async fn authenticate(&self, request: &Request<'_>) -> Result<Authenticated, Error> {
        let (kind, text) = match request.presented {
            Presented::Secret(text) => ("secret", text),
            Presented::Assertion(text) => ("assertion", text),
        };
        let digest = digest(&[kind, request.tenant.unwrap_or_default(), request.client.unwrap_or_default(), text]);
        self.check_stranger(digest, request.address).await?;
        let authenticated = match request.presented {
            Presented::Secret(text) => self.by_secret(request, text).await?,
            Presented::Assertion(text) => self.by_assertion(request, text).await?,
        };
        let of_tenant = |it: &Authenticated| request.tenant.is_none_or(|name| it.found.tenant_names.has(name));
        match authenticated.filter(of_tenant) {
            Some(authenticated) => {
                if authenticated.secret.is_some() {
                    self.known.insert(digest, ()).await;
                }
                Ok(authenticated)
            }
            None => Err(self.refuse(digest, request.address).await),
        }
    }

    async fn refuse(&self, digest: TokenDigest, address: Option<IpAddr>) -> Error {
        self.note_unknown(digest, address).await;
        Error::Unauthorized
    }

    async fn by_secret(&self, request: &Request<'_>, text: &str) -> Result<Option<Authenticated>, Error> {
        let secret = Token::parse(text).filter(|token| token.kind == Kind::Client);
        let client = request.client.and_then(|id| Uuid::parse_str(id).ok());
        let (Some(secret), Some(client)) = (secret, client) else { return Ok(None) };
        let now = self.clock.now();
        let control = self.store.control();
        let (digest, since) = (secret.digest(), self.revoked_since());
        let found = control.find_oauth_client(client, Some(&digest), since).await.map_err(Error::Store)?;
        let is_valid = |row: &crate::store::oauth::OauthSecret| row.revoked_at.is_none() && now < row.expires_at;
        let Some((found, row)) = found else { return Ok(None) };
        let Some(row) = row.filter(is_valid) else {
            self.note_refused(
                found.tenant,
                "its client secret is not accepted: it is another one, revoked or expired".into(),
            );
            return Ok(None);
        };
        Ok(Some(Authenticated { found, secret: Some(row.id), expires_at: None }))
    }

    async fn by_assertion(&self, request: &Request<'_>, text: &str) -> Result<Option<Authenticated>, Error> {
        let Some(found) = self.client_of_assertion(request, text).await? else { return Ok(None) };
        // Before the assertion counts as used: at another tenant's address it must not.
        if request.tenant.is_some_and(|name| !found.tenant_names.has(name)) {
            return Ok(None);
        }
        let Some(row) = &found.client.assertion else { return Ok(None) };
        let now = self.clock.now();
        let expected = Expected::of(row, found.client.id, request.endpoints);
        let accepted = match assertion::verify(&self.oauth.issuers, text, &expected, now).await {
            // A token would expire with it.
            Ok(accepted) if accepted.expires_at <= now => Err("it has expired"),
            Ok(accepted) => {
                let forget_at = accepted.expires_at + assertion::MAX_SKEW;
                let store = self.store.tenant(found.tenant);
                let is_first = store.use_assertion(&accepted.once, forget_at, now).await.map_err(Error::Store)?;
                if is_first { Ok(accepted) } else { Err("it was used before") }
            }
            Err(Refused::Because(why)) => Err(why),
            Err(Refused::Keys(why)) => return Err(Error::IssuerKeys(why.into())),
        };
        match accepted {
            Ok(accepted) => Ok(Some(Authenticated { found, secret: None, expires_at: Some(accepted.expires_at) })),
            Err(why) => {
                tracing::info!(tenant.id = %found.tenant, oauth_client.id = %found.client.id, why, "assertion refused");
                self.note_refused_assertion(found.tenant, why);
                Ok(None)
            }
        }
    }

    /// The client that is named; or that an assertion by itself names; or, at a tenant's address, that of its issuer and subject.
    async fn client_of_assertion(&self, request: &Request<'_>, text: &str) -> Result<Option<FoundClient>, Error> {
        let control = self.store.control();
        let Some(names) = assertion::names(text) else { return Ok(None) };
        let client_id = request.client.or_else(|| (names.iss == names.sub).then_some(names.sub.as_str()));
        if let Some(client) = client_id.and_then(|id| Uuid::parse_str(id).ok()) {
            let found = control.find_oauth_client(client, None, self.revoked_since()).await.map_err(Error::Store)?;
            return Ok(found.map(|(found, _)| found));
        }
        match (request.client, request.tenant) {
            (None, Some(tenant)) => {
                let found = control.find_oauth_client_of_issuer(tenant, &names.iss, &names.sub).await;
                found.map_err(Error::Store)
            }
            _ => Ok(None),
        }
    }
}
