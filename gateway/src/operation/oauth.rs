//! The token endpoint (RFC 6749 §4.4): a client authenticates itself and gets an access token for the SCIM endpoint.

use std::time::Duration;

use crate::auth;
use crate::auth::oauth::access_token::Grant;
use crate::auth::oauth::token_error::TokenError;
use crate::auth::oauth::{self, DEFAULT_TOKEN_LIFE, SCOPE, signing_keys};
use crate::operation::context::Gateway;
use crate::operation::error::Error;

/// A request for an access token.
pub struct Wanted<'a> {
    /// Who asks.
    pub client: oauth::Request<'a>,
    /// Whether an assertion is exchanged (RFC 7523 §2.1), and not presented as the client's credentials (§2.2).
    pub exchange: bool,
    /// The scope that is asked for.
    pub scope: Option<&'a str>,
    /// The address under which the client reached the token endpoint.
    pub issuer: String,
}

/// An access token, to be shown once.
pub struct Issued {
    /// The token.
    pub token: String,
    /// Its life in seconds.
    pub expires_in: u64,
}

/// Issues an access token. It never outlives the assertion by which it was issued.
///
/// # Errors
/// [`Error::Oauth`] for a client that is not authenticated, [`Error::Suspended`] for a suspended tenant's.
pub async fn issue(gateway: &Gateway, wanted: Wanted<'_>) -> Result<Issued, Error> {
    if !wanted.scope.is_none_or(|scope| scope.is_empty() || scope.split(' ').any(|word| word == SCOPE)) {
        return Err(TokenError::InvalidScope.into());
    }
    let authenticated = gateway.auth.authenticate(&wanted.client).await.map_err(|error| match error {
        auth::Error::Unauthorized if wanted.exchange => TokenError::InvalidGrant.into(),
        auth::Error::Unauthorized => TokenError::InvalidClient.into(),
        other => Error::Auth(other),
    })?;
    let found = &authenticated.found;
    if !found.tenant_active {
        return Err(Error::Suspended);
    }
    let now = gateway.clock.now();
    let life = u64::try_from(found.client.token_seconds).map_or(DEFAULT_TOKEN_LIFE, Duration::from_secs);
    let expires_at = authenticated.expires_at.map_or(now + life, |at| at.min(now + life));
    let grant = Grant {
        issuer: wanted.issuer,
        tenant: found.tenant,
        client: found.client.id,
        secret: authenticated.secret,
        expires_at,
    };
    let token = gateway.auth.sign(&grant).await.map_err(|error| match error {
        signing_keys::Error::Store(source) => Error::Store(source),
        other @ signing_keys::Error::Make => Error::Corrupt(other.to_string()),
    })?;
    tracing::debug!(tenant.id = %found.tenant, oauth_client.id = %found.client.id, "access token issued");
    Ok(Issued { token, expires_in: expires_at.duration_since(now).unwrap_or_default().as_secs() })
}
