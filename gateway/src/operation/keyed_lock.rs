//! A lock by resource, for the writers of one process. Between replicas the store's version check decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use crate::tenant::TenantId;

type Key = (TenantId, Uuid);
type Mutexes = Arc<Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>>;

/// One mutex for each resource that is being written: there are no more of them than requests.
#[derive(Clone, Default)]
pub struct KeyedLock {
    mutexes: Mutexes,
}

/// A locked resource, until it is dropped.
pub struct Locked {
    _guard: OwnedMutexGuard<()>,
    _entry: Entry,
}

/// A resource's mutex, and who must take it out of the map.
struct Entry {
    key: Key,
    /// None once it is dropped.
    mutex: Option<Arc<tokio::sync::Mutex<()>>>,
    mutexes: Mutexes,
}

impl KeyedLock {
    /// Locks a resource, in order of arrival.
    pub async fn lock(&self, tenant: TenantId, id: Uuid) -> Locked {
        let key = (tenant, id);
        let mutex = {
            let mut mutexes = self.mutexes.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(mutexes.entry(key).or_default())
        };
        // Before the wait, which may be cancelled.
        let entry = Entry { key, mutex: Some(Arc::clone(&mutex)), mutexes: Arc::clone(&self.mutexes) };
        Locked { _guard: mutex.lock_owned().await, _entry: entry }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut mutexes = self.mutexes.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that of two that end at the same time one is the last.
        self.mutex = None;
        if mutexes.get(&self.key).is_some_and(|mutex| Arc::strong_count(mutex) == 1) {
            mutexes.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_resource_is_locked_in_order_and_others_are_not() {
        let locks = KeyedLock::default();
        let lock = |tenant: u128, id: u128| locks.lock(TenantId(Uuid::from_u128(tenant)), Uuid::from_u128(id));
        let first = lock(1, 1).await;
        let mut second = Box::pin(lock(1, 1));
        let mut third = Box::pin(lock(1, 1));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        for other in 2..50 {
            assert!(lock(1, other).now_or_never().is_some() && lock(other, 1).now_or_never().is_some());
        }
        drop(first);
        assert!((&mut third).now_or_never().is_none(), "the second is first");
        drop(second.await);
        drop(third.await);
        assert!(locks.mutexes.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_cancelled_wait_leaves_nothing() {
        let locks = KeyedLock::default();
        let first = locks.lock(TenantId(Uuid::nil()), Uuid::nil()).await;
        let mut second = Box::pin(locks.lock(TenantId(Uuid::nil()), Uuid::nil()));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        drop(second);
        assert!(locks.mutexes.lock().unwrap().is_empty());
    }
}
