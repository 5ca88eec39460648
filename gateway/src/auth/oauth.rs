//! OAuth 2.0 for the SCIM endpoint: clients that authenticate themselves at the token endpoint, the access tokens that they get,
//! and assertions of other issuers. A token is verified from what this process has cached of the keys and of the client; a change of
//! either reaches it as that of a tenant's token does.

pub mod access_token;
mod assertion;
mod client;
mod crypto;
pub mod fetch;
mod issuer_keys;
pub mod key_set;
pub mod signing_keys;
pub mod token_error;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, OctetKeyPairParameters,
    OctetKeyPairType, PublicKeyUse,
};
use moka::future::Cache;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::token::TokenDigest;
use super::{Auth, Error, MAX_VALID, Miss, SetupOrigin, VALID_TTL, Verified, refusal};
use crate::clock::Clock;
use crate::root_key::Keys;
use crate::store::oauth::FoundClient;
use crate::store::tenant::credential::Scope;
use crate::store::{self, Store};
use crate::tenant::TenantId;
use access_token::Grant;
pub use client::{Authenticated, Presented, Request};
use fetch::FetchRules;
pub use issuer_keys::Error as IssuerKeysError;
use issuer_keys::IssuerKeys;
use signing_keys::SigningKeys;

/// The scope of every access token.
pub const SCOPE: &str = "scim";
/// The shortest life of an access token that can be set.
pub const MIN_TOKEN_LIFE: Duration = Duration::from_mins(5);
/// The longest life of an access token.
pub const MAX_TOKEN_LIFE: Duration = Duration::from_hours(6);
/// The life of an access token where none is set.
pub const DEFAULT_TOKEN_LIFE: Duration = Duration::from_hours(1);

/// Longest access token or assertion in bytes.
const MAX_JWT_BYTES: usize = 16 * 1024;

type ClientKey = (TenantId, Uuid, u64);

/// What is known of keys and clients.
#[derive(Clone)]
pub struct Oauth {
    /// The keys that sign access tokens.
    pub keys: SigningKeys,
    /// By the generation of the tenant's credentials; none for a client that does not exist.
    clients: Cache<ClientKey, Option<Arc<FoundClient>>>,
    issuers: IssuerKeys,
}

impl Oauth {
    pub(super) fn new(store: Store, clock: Clock, root: Arc<Keys>) -> Self {
        Self {
            keys: SigningKeys::new(store, clock.clone(), root),
            clients: Cache::builder().max_capacity(MAX_VALID).time_to_live(VALID_TTL).build(),
            issuers: IssuerKeys::new(clock),
        }
    }

    /// Sets where the keys of issuers may be. The first call counts, and only before the first key is read.
    pub fn set_fetch_rules(&self, rules: FetchRules) {
        self.issuers.set_rules(rules);
    }

    /// The public keys of access tokens as a JSON Web Key Set (RFC 7517).
    ///
    /// # Errors
    /// The keys cannot be read.
    pub async fn key_set(&self) -> Result<JwkSet, store::Error> {
        use base64::Engine as _;
        let encoded = |key: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key);
        let keys = self.keys.all_public().await?.into_iter().map(|(id, key)| Jwk {
            common: CommonParameters {
                public_key_use: Some(PublicKeyUse::Signature),
                key_algorithm: Some(KeyAlgorithm::EdDSA),
                key_id: Some(id.to_string()),
                ..CommonParameters::default()
            },
            algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
                key_type: OctetKeyPairType::OctetKeyPair,
                curve: EllipticCurve::Ed25519,
                x: encoded(&key),
            }),
        });
        Ok(JwkSet { keys: keys.collect() })
    }
}

/// Whether a credential has the form of a JSON Web Token.
#[must_use]
pub fn is_jwt(text: &str) -> bool {
    text.starts_with("ey") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// A digest of texts, each with its length.
fn digest(parts: &[&str]) -> TokenDigest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// What a client's token stands for: all that the SCIM endpoint has.
fn verified(found: &FoundClient, expires_at: SystemTime, generation: u64) -> Verified {
    Verified {
        tenant: found.tenant,
        tenant_names: found.tenant_names.clone(),
        tenant_active: found.tenant_active,
        credential: found.client.id,
        scope: Scope::Scim,
        read_only: false,
        resource_type: None,
        networks: Vec::new(),
        expires_at: Some(expires_at),
        setup_link: SetupOrigin { link: found.client.setup_link, ..SetupOrigin::default() },
        used: AtomicU64::new(0),
        generation,
    }
}

impl Auth {
    /// Signs an access token.
    ///
    /// # Errors
    /// There is no key, and none can be made.
    pub async fn sign(&self, grant: &Grant) -> Result<String, signing_keys::Error> {
        access_token::sign(&self.oauth.keys, grant, (self.clock.new_id(), self.clock.now())).await
    }

    /// Verifies an access token; or, at a tenant's own address, an assertion of an issuer that the tenant accepts as a bearer token.
    ///
    /// # Errors
    /// As [`Auth::verify`], and [`Error::IssuerKeys`] where the keys of another issuer cannot be read.
    pub async fn verify_jwt(
        &self,
        text: &str,
        tenant: Option<&str>,
        address: impl FnOnce() -> Option<IpAddr>,
    ) -> Result<Arc<Verified>, Error> {
        if text.len() > MAX_JWT_BYTES {
            return Err(Error::Unauthorized);
        }
        let digest = digest(&["bearer", tenant.unwrap_or_default(), text]);
        let verified = match self.valid.get(&digest).await {
            Some(verified) if verified.generation == self.generation(verified.tenant).load(Ordering::SeqCst) => {
                verified
            }
            outdated => {
                if outdated.is_some() {
                    self.valid.invalidate(&digest).await;
                }
                let look_up = Box::pin(self.look_up_jwt((text, tenant), digest, address()));
                self.valid.try_get_with(digest, look_up).await.map_err(|miss| refusal(&miss))?
            }
        };
        let expired = verified.expires_at.is_some_and(|at| at <= self.clock.now());
        if expired { Err(Error::Unauthorized) } else { Ok(verified) }
    }

    async fn look_up_jwt(
        &self,
        (text, tenant): (&str, Option<&str>),
        digest: TokenDigest,
        address: Option<IpAddr>,
    ) -> Result<Arc<Verified>, Miss> {
        // Another request's look-up may have ended since this one checked.
        if self.invalid.contains_key(&digest) {
            return Err(Miss::Unknown);
        }
        crypto::install();
        let header = jsonwebtoken::decode_header(text).ok();
        let kid = header.as_ref().and_then(access_token::key_of);
        // Asked before the token is read: the key may become known while that goes on.
        let is_new_key = kid.is_some_and(|kid| self.oauth.keys.public(kid).is_none());
        // What a known key signed is recognised whatever else comes from its address: each access token is new to this process.
        let mut found = self.own_token(text, kid).await?;
        if found.is_none() {
            if let Err(Error::TooMany) = self.check_stranger(digest, address).await {
                return Err(Miss::TooMany);
            }
            if is_new_key {
                self.oauth.keys.look_for_new().await.map_err(Miss::Store)?;
                found = self.own_token(text, kid).await?;
            }
        }
        if let Some(verified) = found {
            return Ok(Arc::new(verified));
        }
        let found = match (tenant, header) {
            (Some(tenant), Some(_)) => self.foreign_token(text, tenant).await?,
            _ => None,
        };
        if let Some(verified) = found {
            return Ok(Arc::new(verified));
        }
        // Before the look-up ends, or the next request would make another.
        self.note_unknown(digest, address).await;
        Err(Miss::Unknown)
    }

    /// What an access token of this installation stands for, also if it has expired.
    async fn own_token(&self, text: &str, kid: Option<Uuid>) -> Result<Option<Verified>, Miss> {
        let key = kid.and_then(|kid| self.oauth.keys.public(kid));
        let Some(claims) = key.and_then(|key| access_token::read(text, &key)) else { return Ok(None) };
        let tenant = TenantId(claims.aud);
        let generation = self.generation(tenant).load(Ordering::SeqCst);
        let found = self.client((tenant, claims.sub, generation)).await.map_err(Miss::Store)?;
        let found = found.filter(|found| {
            found.tenant == tenant && claims.secret.is_none_or(|secret| !found.revoked_secrets.contains(&secret))
        });
        Ok(found.map(|found| verified(&found, claims.expires_at(), generation)))
    }

    /// A client as it is cached of this generation of its tenant's credentials.
    async fn client(&self, key: ClientKey) -> Result<Option<Arc<FoundClient>>, store::Error> {
        let read = async {
            let found = self.store.control().find_oauth_client(key.1, None, self.revoked_since()).await?;
            Ok(found.map(|(found, _)| Arc::new(found)))
        };
        self.oauth.clients.try_get_with(key, read).await.map_err(|error: Arc<store::Error>| (*error).clone())
    }

    /// Secrets that were revoked before have no access tokens any more.
    fn revoked_since(&self) -> SystemTime {
        self.clock.now() - MAX_TOKEN_LIFE * 2
    }

    /// What an assertion stands for that a tenant accepts as a bearer token.
    async fn foreign_token(&self, text: &str, tenant: &str) -> Result<Option<Verified>, Miss> {
        let Some(names) = assertion::names(text) else { return Ok(None) };
        let control = self.store.control();
        let found = control.find_oauth_client_of_issuer(tenant, &names.iss, &names.sub).await.map_err(Miss::Store)?;
        let Some(found) = found else { return Ok(None) };
        // Again, no earlier than the generation, which is the tenant's.
        let generation = self.generation(found.tenant).load(Ordering::SeqCst);
        let found = self.client((found.tenant, found.client.id, generation)).await.map_err(Miss::Store)?;
        let Some(found) = found else { return Ok(None) };
        let Some(row) = found.client.assertion.as_ref().filter(|row| row.bearer) else { return Ok(None) };
        let expected = assertion::Expected::of(row, found.client.id, &[]);
        match assertion::verify(&self.oauth.issuers, text, &expected, self.clock.now()).await {
            Ok(accepted) => Ok(Some(verified(&found, accepted.expires_at + assertion::MAX_SKEW, generation))),
            Err(assertion::Refused::Keys(why)) => Err(Miss::IssuerKeys(Arc::new(why))),
            Err(assertion::Refused::Because(why)) => {
                tracing::info!(tenant.id = %found.tenant, oauth_client.id = %found.client.id, why, "bearer assertion refused");
                self.note_refused_assertion(found.tenant, why);
                Ok(None)
            }
        }
    }
}
