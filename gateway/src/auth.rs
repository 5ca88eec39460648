//! Who is calling: from a secret to a verified credential, through a cache that coalesces misses.
//!
//! A database outage is an outage, never a bad credential: an identity provider quarantines a whole job at the first 401.

pub mod bearer;
pub mod token;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::future::Cache;
use uuid::Uuid;

use crate::clock::Clock;
use crate::store::tenant::credential::Scope;
use crate::store::{self, Store};
use crate::tenant::TenantId;
use token::{Kind, Token, TokenDigest};

/// A credential that was found good, as long as it is cached.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Whose it is.
    pub tenant: TenantId,
    /// The tenant's name, as in its URL.
    pub tenant_name: String,
    /// Whether the tenant may work.
    pub tenant_active: bool,
    /// The credential's id: the actor.
    pub credential: Uuid,
    /// What it opens.
    pub scope: Scope,
    expires_at: Option<SystemTime>,
}

/// Why nobody is let in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Missing, malformed, unknown, expired, revoked, or of another scope: one answer for all.
    #[error("the credentials are not accepted")]
    Unauthorized,
    /// The credential cannot be read from the database.
    #[error("credentials cannot be checked now")]
    Store(#[source] store::Error),
}

/// Longest time a revoked credential may go on working while no change can be read.
const GOOD_FOR: Duration = Duration::from_secs(30);
const BAD_FOR: Duration = Duration::from_secs(5);

/// Verifies credentials.
#[derive(Clone)]
pub struct Auth {
    store: Store,
    clock: Clock,
    good: Cache<TokenDigest, Arc<Verified>>,
    /// Apart from the good ones, so that garbage cannot evict them.
    bad: Cache<TokenDigest, ()>,
    operators: Cache<TokenDigest, Uuid>,
}

enum Miss {
    Unknown,
    Store(store::Error),
}

impl Auth {
    /// An empty cache over the store.
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            good: Cache::builder().max_capacity(100_000).time_to_live(GOOD_FOR).support_invalidation_closures().build(),
            bad: Cache::builder().max_capacity(10_000).time_to_live(BAD_FOR).build(),
            operators: Cache::builder().max_capacity(1_000).time_to_live(BAD_FOR).build(),
        }
    }

    /// Verifies a tenant's credential for a scope.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for everything that is not good, [`Error::Store`] when it cannot be known.
    pub async fn verify(&self, text: &str, scope: Scope) -> Result<Arc<Verified>, Error> {
        let token = Token::parse(text).ok_or(Error::Unauthorized)?;
        let wanted = match scope {
            Scope::Scim => Kind::Scim,
            Scope::Directory => Kind::Directory,
        };
        if token.kind != wanted {
            return Err(Error::Unauthorized);
        }
        let digest = token.digest();
        let verified = match self.good.get(&digest).await {
            Some(verified) => verified,
            None => self.look_up_once(&token, digest).await?,
        };
        let expired = verified.expires_at.is_some_and(|at| at <= self.clock.now());
        if expired || verified.scope != scope { Err(Error::Unauthorized) } else { Ok(verified) }
    }

    /// Verifies an operator key and gives its id.
    ///
    /// # Errors
    /// As [`Auth::verify`].
    pub async fn verify_operator(&self, text: &str) -> Result<Uuid, Error> {
        let token = Token::parse(text).filter(|token| token.kind == Kind::Operator).ok_or(Error::Unauthorized)?;
        let digest = token.digest();
        let control = self.store.control();
        let look_up =
            async move { control.find_operator_key(&digest).await.map_err(Miss::Store)?.ok_or(Miss::Unknown) };
        match self.operators.try_get_with(digest, look_up).await {
            Ok(id) => Ok(id),
            Err(miss) => Err(self.refuse(digest, &miss).await),
        }
    }

    /// Forgets what is cached of a tenant's credentials.
    pub fn forget(&self, tenant: TenantId) {
        // The closure form is refused only by a cache built without support for it.
        let _ = self.good.invalidate_entries_if(move |_, verified| verified.tenant == tenant);
    }

    /// Whoever comes with the same token meanwhile waits for the same answer.
    async fn look_up_once(&self, token: &Token, digest: TokenDigest) -> Result<Arc<Verified>, Error> {
        if self.bad.contains_key(&digest) {
            return Err(Error::Unauthorized);
        }
        match self.good.try_get_with(digest, self.look_up(token, digest)).await {
            Ok(verified) => Ok(verified),
            Err(miss) => Err(self.refuse(digest, &miss).await),
        }
    }

    async fn look_up(&self, token: &Token, digest: TokenDigest) -> Result<Arc<Verified>, Miss> {
        let found = self.store.control().find_credential(token.tenant, &digest).await.map_err(Miss::Store)?;
        let found = found.filter(|found| found.credential.revoked_at.is_none()).ok_or(Miss::Unknown)?;
        Ok(Arc::new(Verified {
            tenant: token.tenant,
            tenant_name: found.tenant_name,
            tenant_active: found.tenant_active,
            credential: found.credential.id,
            scope: found.credential.scope,
            expires_at: found.credential.expires_at,
        }))
    }

    async fn refuse(&self, digest: TokenDigest, miss: &Arc<Miss>) -> Error {
        match &**miss {
            Miss::Unknown => {
                self.bad.insert(digest, ()).await;
                Error::Unauthorized
            }
            Miss::Store(source) => Error::Store(source.clone()),
        }
    }
}
