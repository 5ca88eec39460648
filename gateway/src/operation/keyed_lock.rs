//! Writers of one resource in this process take turns. The store's version check decides between replicas; without turns,
//! sixteen writers on one user would read, map and lose against each other again and again.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::tenant::TenantId;

/// Resources that fall on one place wait for each other without need; so many places make that rare.
const PLACES: u64 = 1024;

/// Whose turn it is.
#[derive(Clone)]
pub struct KeyedLock {
    places: Arc<Vec<Mutex<()>>>,
    hasher: RandomState,
}

impl Default for KeyedLock {
    fn default() -> Self {
        let places = (0..PLACES).map(|_| Mutex::new(())).collect();
        Self { places: Arc::new(places), hasher: RandomState::new() }
    }
}

impl KeyedLock {
    /// Waits for this resource's turn, in order of arrival; it ends when the guard is dropped.
    pub async fn take(&self, tenant: TenantId, id: Uuid) -> Option<MutexGuard<'_, ()>> {
        let place = self.hasher.hash_one((tenant, id)) % PLACES;
        let mutex = usize::try_from(place).ok().and_then(|place| self.places.get(place))?;
        Some(mutex.lock().await)
    }
}
