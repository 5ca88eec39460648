//! A lock by resource, for the writers of one process. Between replicas the store's version check decides.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::tenant::TenantId;

/// Number of mutexes. Resources are distributed over them; two that share one block each other needlessly, which is rare.
const MUTEXES: u64 = 1024;

/// A fixed set of mutexes, chosen by the resource's id.
#[derive(Clone)]
pub struct KeyedLock {
    mutexes: Arc<Vec<Mutex<()>>>,
    hasher: RandomState,
}

impl Default for KeyedLock {
    fn default() -> Self {
        let mutexes = (0..MUTEXES).map(|_| Mutex::new(())).collect();
        Self { mutexes: Arc::new(mutexes), hasher: RandomState::new() }
    }
}

impl KeyedLock {
    /// Locks a resource, in order of arrival, until the guard is dropped.
    pub async fn lock(&self, tenant: TenantId, id: Uuid) -> Option<MutexGuard<'_, ()>> {
        let at = self.hasher.hash_one((tenant, id)) % MUTEXES;
        let mutex = usize::try_from(at).ok().and_then(|at| self.mutexes.get(at))?;
        Some(mutex.lock().await)
    }
}
