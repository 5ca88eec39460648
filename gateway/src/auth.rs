//! Authentication: from a secret to a verified credential, through a cache that coalesces misses.
//!
//! A database outage is an outage, never a bad credential: an identity provider quarantines a whole job at the first 401.

pub mod bearer;
pub mod first_use;
mod known_tenants;
pub mod last_used;
pub mod oauth;
mod setup_link;
mod strangers;
pub mod token;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use moka::future::Cache;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config::Network;
use crate::counts::{CacheCounts, CacheFigures};
use crate::root_key::Keys;
use crate::store::operator_key::OperatorKey;
use crate::store::setup_link::FoundLink;
use crate::store::tenant::credential::Scope;
use crate::store::tenant::names::TenantNames;
use crate::store::{self, Store};
use crate::tenant::TenantId;
use first_use::FirstUses;
use known_tenants::KnownTenants;
use last_used::LastUsed;
use oauth::Oauth;
use setup_link::{MAX_SETUP_LINKS, SETUP_LINK_TTL};
use strangers::Strangers;
use token::{Kind, Token, TokenDigest};

/// A verified credential.
#[derive(Debug)]
pub struct Verified {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The tenant's names, as in its URL.
    pub tenant_names: TenantNames,
    /// Whether the tenant is active; a suspended one gets 403.
    pub tenant_active: bool,
    /// The credential's id: the actor.
    pub credential: Uuid,
    /// What it gives access to.
    pub scope: Scope,
    /// Whether it only reads.
    pub read_only: bool,
    /// The only resource type that it reaches; none for all.
    pub resource_type: Option<String>,
    /// From where it is accepted; empty for everywhere.
    networks: Vec<Network>,
    expires_at: Option<SystemTime>,
    setup_link: SetupOrigin,
    /// The minute of the last use that was noted, in seconds since 1970.
    used: AtomicU64,
    /// The generation of the tenant's credentials when the look-up began.
    generation: u64,
}

/// The setup link that made a credential, until its first use is noted. Once for each time that the credential is cached.
#[derive(Debug, Default)]
struct SetupOrigin {
    link: Option<Uuid>,
    is_noted: AtomicBool,
}

/// Why a request is not authenticated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Missing, malformed, unknown, expired, revoked, or of another scope: one answer for all.
    #[error("the credentials are not accepted")]
    Unauthorized,
    /// The address has sent too many unknown ones.
    #[error("too many unknown credentials from one address")]
    TooMany,
    /// The credential cannot be read from the database.
    #[error("credentials cannot be checked now")]
    Store(#[source] store::Error),
    /// The keys of a token's issuer cannot be read.
    #[error("a token cannot be checked now")]
    IssuerKeys(#[source] Arc<oauth::IssuerKeysError>),
}

/// A revoked credential is dropped by the poll for changes, and everything is if that poll fails for long
/// (`work/change_poll.rs`). This only frees the memory of unused ones.
const VALID_TTL: Duration = Duration::from_mins(10);
/// How long a credential that was valid is looked up without regard to its address.
const KNOWN_TTL: Duration = Duration::from_hours(24);
const INVALID_TTL: Duration = Duration::from_secs(5);
/// How long an operator key is not looked up again: no poll finds out that another replica has revoked it.
const OPERATOR_TTL: Duration = Duration::from_millis(500);

/// Entries of each cache.
const MAX_VALID: u64 = 100_000;
const MAX_INVALID: u64 = 10_000;
const MAX_OPERATORS: u64 = 1_000;

/// Verifies credentials.
#[derive(Clone)]
pub struct Auth {
    store: Store,
    clock: Clock,
    valid: Cache<TokenDigest, Arc<Verified>>,
    valid_counts: CacheCounts,
    /// Apart from the valid ones, so that garbage cannot evict them.
    invalid: Cache<TokenDigest, ()>,
    operators: Cache<TokenDigest, Arc<OperatorKey>>,
    operator_counts: CacheCounts,
    setup_links: Cache<TokenDigest, Arc<FoundLink>>,
    /// First uses of what setup links made, until they are stored.
    pub first_uses: FirstUses,
    /// When credentials were used, until it is stored.
    pub used: LastUsed,
    /// Access tokens and the clients that get them.
    pub oauth: Oauth,
    strangers: Strangers,
    tenants: KnownTenants,
    /// Credentials that were valid, which strangers cannot know: they are looked up whatever else comes from their address.
    known: Cache<TokenDigest, ()>,
    /// `forget` increments a tenant's: what was read before it, even if it is cached after it, is read again.
    generations: Arc<[AtomicU64; GENERATIONS]>,
}

/// Tenants that share a counter have their credentials read again together.
const GENERATIONS: usize = 256;

impl Verified {
    /// The setup link, at the first call.
    fn take_setup_link(&self) -> Option<Uuid> {
        let SetupOrigin { link, is_noted } = &self.setup_link;
        link.filter(|_| !is_noted.swap(true, Ordering::Relaxed))
    }

    /// Whether it is accepted from an address.
    #[must_use]
    pub fn admits(&self, address: impl FnOnce() -> Option<IpAddr>) -> bool {
        self.networks.is_empty()
            || address().is_some_and(|address| self.networks.iter().any(|network| network.contains(address)))
    }
}

enum Miss {
    Unknown,
    TooMany,
    Store(store::Error),
    IssuerKeys(Arc<oauth::IssuerKeysError>),
}

impl Auth {
    /// An empty cache over the store.
    #[must_use]
    pub fn new(store: Store, clock: Clock, keys: Arc<Keys>) -> Self {
        Self {
            oauth: Oauth::new(store.clone(), clock.clone(), keys),
            store,
            clock,
            valid_counts: CacheCounts::default(),
            operator_counts: CacheCounts::default(),
            valid: Cache::builder().max_capacity(MAX_VALID).time_to_live(VALID_TTL).build(),
            invalid: Cache::builder().max_capacity(MAX_INVALID).time_to_live(INVALID_TTL).build(),
            operators: Cache::builder().max_capacity(MAX_OPERATORS).time_to_live(OPERATOR_TTL).build(),
            setup_links: Cache::builder().max_capacity(MAX_SETUP_LINKS).time_to_live(SETUP_LINK_TTL).build(),
            first_uses: FirstUses::default(),
            used: LastUsed::default(),
            strangers: Strangers::default(),
            tenants: KnownTenants::default(),
            known: Cache::builder().max_capacity(MAX_VALID).time_to_live(KNOWN_TTL).build(),
            generations: Arc::new(std::array::from_fn(|_| AtomicU64::new(0))),
        }
    }

    /// Verifies a tenant's credential for a scope.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for a credential that is not valid, [`Error::TooMany`] for one that is not looked up because its
    /// address has sent too many unknown ones, [`Error::Store`] where it cannot be checked.
    pub async fn verify(
        &self,
        text: &str,
        scope: Scope,
        address: impl FnOnce() -> Option<IpAddr>,
    ) -> Result<Arc<Verified>, Error> {
        let token = Token::parse(text).ok_or(Error::Unauthorized)?;
        let wanted = match scope {
            Scope::Scim => Kind::Scim,
            Scope::Directory => Kind::Directory,
        };
        if token.kind != wanted {
            return Err(Error::Unauthorized);
        }
        let digest = token.digest();
        let verified = match self.valid_counts.note(self.valid.get(&digest).await) {
            Some(verified) if verified.generation == self.generation(verified.tenant).load(Ordering::SeqCst) => {
                verified
            }
            outdated => {
                if outdated.is_some() {
                    self.valid.invalidate(&digest).await;
                }
                self.look_up_once(&token, digest, address()).await?
            }
        };
        let now = self.clock.now();
        let expired = verified.expires_at.is_some_and(|at| at <= now);
        if expired || verified.scope != scope {
            return Err(Error::Unauthorized);
        }
        self.note_use(&verified, now);
        Ok(verified)
    }

    fn note_use(&self, verified: &Verified, now: SystemTime) {
        let minute = last_used::minute(now);
        let seconds = minute.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        if verified.used.swap(seconds, Ordering::Relaxed) != seconds {
            self.used.tokens.note((verified.tenant, verified.credential), minute);
        }
    }

    /// Verifies an operator key.
    ///
    /// # Errors
    /// As [`Auth::verify`].
    pub async fn verify_operator(
        &self,
        text: &str,
        address: impl FnOnce() -> Option<IpAddr>,
    ) -> Result<Arc<OperatorKey>, Error> {
        let token = Token::parse(text).filter(|token| token.kind == Kind::Operator).ok_or(Error::Unauthorized)?;
        let digest = token.digest();
        let key = match self.operator_counts.note(self.operators.get(&digest).await) {
            Some(key) => key,
            None => self.look_up_operator(digest, address()).await?,
        };
        let now = self.clock.now();
        if !key.is_accepted(now) {
            return Err(Error::Unauthorized);
        }
        self.used.operators.note(key.id, last_used::minute(now));
        Ok(key)
    }

    async fn look_up_operator(&self, digest: TokenDigest, address: Option<IpAddr>) -> Result<Arc<OperatorKey>, Error> {
        self.check_stranger(digest, address).await?;
        let look_up = async {
            let found = self.store.control().find_operator_key(&digest).await.map_err(Miss::Store)?;
            let Some(key) = found.filter(|key| key.revoked_at.is_none()) else {
                self.note_unknown(digest, address).await;
                return Err(Miss::Unknown);
            };
            self.known.insert(digest, ()).await;
            Ok(Arc::new(key))
        };
        self.operators.try_get_with(digest, look_up).await.map_err(|miss| refusal(&miss))
    }

    /// The caches of credentials now.
    #[must_use]
    pub fn cache_figures(&self) -> [CacheFigures; 2] {
        [
            self.valid_counts.figures("credentials", self.valid.entry_count()),
            self.operator_counts.figures("operator_keys", self.operators.entry_count()),
        ]
    }

    /// The tenant that a secret names; none if that tenant certainly does not exist.
    #[must_use]
    pub fn tenant_of(&self, secret: &str) -> Option<TenantId> {
        let tenant = Token::parse(secret)?.tenant;
        (!self.tenants.excludes(tenant, self.clock.now())).then_some(tenant)
    }

    /// Drops what is cached of operator keys.
    pub fn forget_operators(&self) {
        self.operators.invalidate_all();
    }

    /// A poll for changes that began then has read these tenants: all, or those that have changed.
    pub fn confirm_tenants(&self, tenants: impl Iterator<Item = TenantId>, began: SystemTime, is_sweep: bool) {
        self.tenants.confirm(tenants, began, is_sweep);
    }

    /// Whether a poll for changes has read which tenants exist.
    #[must_use]
    pub fn knows_tenants(&self) -> bool {
        self.tenants.is_known()
    }

    /// Drops what is cached of a tenant's credentials.
    pub fn forget(&self, tenant: TenantId) {
        self.generation(tenant).fetch_add(1, Ordering::SeqCst);
    }

    fn generation(&self, tenant: TenantId) -> &AtomicU64 {
        // The last byte of an id is random.
        &self.generations[usize::from(tenant.0.as_bytes()[15])]
    }

    /// Drops what is cached of all tenants' credentials.
    pub fn forget_all(&self) {
        for generation in self.generations.iter() {
            generation.fetch_add(1, Ordering::SeqCst);
        }
        self.valid.invalidate_all();
    }

    /// Concurrent requests with the same token share one look-up.
    async fn look_up_once(
        &self,
        token: &Token,
        digest: TokenDigest,
        address: Option<IpAddr>,
    ) -> Result<Arc<Verified>, Error> {
        if self.tenants.excludes(token.tenant, self.clock.now()) {
            return Err(Error::Unauthorized);
        }
        self.check_stranger(digest, address).await?;
        match self.valid.try_get_with(digest, self.look_up(token, digest, address)).await {
            Ok(verified) => Ok(verified),
            Err(miss) => Err(refusal(&miss)),
        }
    }

    /// Refuses a credential that is known to be invalid, or that its address may not have looked up.
    async fn check_stranger(&self, digest: TokenDigest, address: Option<IpAddr>) -> Result<(), Error> {
        if self.invalid.contains_key(&digest) {
            return Err(Error::Unauthorized);
        }
        match address {
            Some(address) if !self.known.contains_key(&digest) && !self.strangers.may_look_up(address).await => {
                Err(Error::TooMany)
            }
            _ => Ok(()),
        }
    }

    async fn look_up(
        &self,
        token: &Token,
        digest: TokenDigest,
        address: Option<IpAddr>,
    ) -> Result<Arc<Verified>, Miss> {
        // Another request's look-up may have ended since this one checked.
        if self.invalid.contains_key(&digest) {
            return Err(Miss::Unknown);
        }
        let generation = self.generation(token.tenant).load(Ordering::SeqCst);
        let found = self.store.control().find_credential(token.tenant, &digest).await.map_err(Miss::Store)?;
        let Some(found) = found.filter(|found| found.credential.revoked_at.is_none()) else {
            // Before the look-up ends, or the next request would make another.
            self.note_unknown(digest, address).await;
            return Err(Miss::Unknown);
        };
        self.known.insert(digest, ()).await;
        let restrictions = found.credential.restrictions;
        let networks: Result<Vec<Network>, String> = restrictions.networks.iter().map(|text| text.parse()).collect();
        let networks = networks.map_err(|why| Miss::Store(store::Error::Corrupt { what: "credential", why }))?;
        Ok(Arc::new(Verified {
            read_only: restrictions.read_only,
            resource_type: restrictions.resource_type,
            networks,
            tenant: token.tenant,
            tenant_names: found.tenant_names,
            tenant_active: found.tenant_active,
            credential: found.credential.id,
            scope: found.credential.scope,
            expires_at: found.credential.expires_at,
            setup_link: SetupOrigin { link: found.credential.setup_link, ..SetupOrigin::default() },
            used: AtomicU64::new(0),
            generation,
        }))
    }

    /// Remembers an unknown credential, and counts it once.
    async fn note_unknown(&self, digest: TokenDigest, address: Option<IpAddr>) {
        if let Some(address) = address {
            self.strangers.count(address).await;
        }
        self.invalid.insert(digest, ()).await;
    }
}

fn refusal(miss: &Miss) -> Error {
    match miss {
        Miss::Unknown => Error::Unauthorized,
        Miss::TooMany => Error::TooMany,
        Miss::Store(source) => Error::Store(source.clone()),
        Miss::IssuerKeys(source) => Error::IssuerKeys(Arc::clone(source)),
    }
}
