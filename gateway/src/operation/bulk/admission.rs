//! How many bulk requests are at work at once. Each is a tree many times as large as its text, and a thousand writes; who
//! comes when all places are taken waits as text, for as long as the request has.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::tenant::TenantId;

/// Of all tenants.
const OF_ALL: usize = 8;
/// Of one tenant, so that none takes all.
const OF_TENANT: usize = 2;
/// Tenants that fall on one queue wait for each other without need; so many queues make that rare.
const QUEUES: u64 = 1024;

/// The places there are.
#[derive(Clone)]
pub struct BulkAdmission {
    all: Arc<Semaphore>,
    queues: Arc<Vec<Arc<Semaphore>>>,
    hasher: RandomState,
}

/// A place, until it is dropped.
pub struct Place {
    _of_tenant: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl Default for BulkAdmission {
    fn default() -> Self {
        Self::new(OF_ALL, OF_TENANT)
    }
}

impl BulkAdmission {
    /// So many of all tenants, and of one.
    #[must_use]
    pub fn new(of_all: usize, of_tenant: usize) -> Self {
        let queues = (0..QUEUES).map(|_| Arc::new(Semaphore::new(of_tenant))).collect();
        Self { all: Arc::new(Semaphore::new(of_all)), queues: Arc::new(queues), hasher: RandomState::new() }
    }

    /// Waits for a place, in order of arrival.
    pub async fn take(&self, tenant: TenantId) -> Place {
        let queue = usize::try_from(self.hasher.hash_one(tenant) % QUEUES).ok().and_then(|at| self.queues.get(at));
        // The tenant's own first: who waits for that must not keep a place from others. Neither is ever closed.
        let of_tenant = match queue {
            Some(queue) => queue.clone().acquire_owned().await.ok(),
            None => None,
        };
        let of_all = self.all.clone().acquire_owned().await.ok();
        Place { _of_tenant: of_tenant, _of_all: of_all }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn no_tenant_takes_more_than_its_places_and_all_together_no_more_than_there_are() {
        let places = BulkAdmission::new(3, 2);
        let take = |tenant: u128| places.take(TenantId(Uuid::from_u128(tenant))).now_or_never();
        let (first, _second) = (take(1), take(1));
        assert!(first.is_some() && take(1).is_none(), "two of one tenant");
        // Another tenant is let in, unless chance has put it on the same queue.
        let other = (2..100).find_map(take);
        assert!(other.is_some() && (100..200).all(|tenant| take(tenant).is_none()), "three of all");
        drop(first);
        assert!(take(1).is_some(), "a place is given back");
        drop(other);
        assert!((2..100).any(|tenant| take(tenant).is_some()));
    }
}
