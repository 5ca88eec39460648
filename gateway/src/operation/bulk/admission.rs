//! The admission limit of bulk requests. A parsed one is many times as large as its text, and means up to a thousand writes.
//! Beyond the limit a request stays unparsed until it gets a permit or reaches its deadline.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::tenant::TenantId;

/// Most concurrent bulk requests.
const MAX_CONCURRENT: usize = 8;
/// Most of one tenant.
const MAX_CONCURRENT_PER_TENANT: usize = 2;
/// Number of per-tenant queues. Tenants are distributed over them; two that share one block each other needlessly, which is
/// rare.
const QUEUES: u64 = 1024;

/// Hands out permits for bulk requests.
#[derive(Clone)]
pub struct BulkAdmission {
    all: Arc<Semaphore>,
    queues: Arc<Vec<Arc<Semaphore>>>,
    hasher: RandomState,
}

/// A permit, until it is dropped.
pub struct BulkPermit {
    _of_tenant: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl Default for BulkAdmission {
    fn default() -> Self {
        Self::new(MAX_CONCURRENT, MAX_CONCURRENT_PER_TENANT)
    }
}

impl BulkAdmission {
    /// With so many permits in all, and for one tenant.
    #[must_use]
    pub fn new(of_all: usize, of_tenant: usize) -> Self {
        let queues = (0..QUEUES).map(|_| Arc::new(Semaphore::new(of_tenant))).collect();
        Self { all: Arc::new(Semaphore::new(of_all)), queues: Arc::new(queues), hasher: RandomState::new() }
    }

    /// Waits for a permit, in order of arrival.
    pub async fn admit(&self, tenant: TenantId) -> BulkPermit {
        let queue = usize::try_from(self.hasher.hash_one(tenant) % QUEUES).ok().and_then(|at| self.queues.get(at));
        // The tenant's permit first: a request must not hold a common permit while it waits for its tenant's. The semaphores are
        // never closed.
        let of_tenant = match queue {
            Some(queue) => queue.clone().acquire_owned().await.ok(),
            None => None,
        };
        let of_all = self.all.clone().acquire_owned().await.ok();
        BulkPermit { _of_tenant: of_tenant, _of_all: of_all }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn permits_are_limited_per_tenant_and_in_all() {
        let admission = BulkAdmission::new(3, 2);
        let admit = |tenant: u128| admission.admit(TenantId(Uuid::from_u128(tenant))).now_or_never();
        let (first, _second) = (admit(1), admit(1));
        assert!(first.is_some() && admit(1).is_none(), "two of one tenant");
        // Another tenant is admitted, unless chance has put it on the same queue.
        let other = (2..100).find_map(admit);
        assert!(other.is_some() && (100..200).all(|tenant| admit(tenant).is_none()), "three of all");
        drop(first);
        assert!(admit(1).is_some(), "a permit is given back");
        drop(other);
        assert!((2..100).any(|tenant| admit(tenant).is_some()));
    }
}
