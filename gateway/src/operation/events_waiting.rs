//! Tenants that this process wrote events of, until the sequencer numbers them.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::tenant::TenantId;

/// Tenants that are remembered; events of others are found by the sequencer's next look at the database.
const MAX_WAITING_TENANTS: usize = 10_000;

/// The tenants, and what wakes the sequencer.
#[derive(Debug, Default)]
pub struct EventsWaiting {
    tenants: Mutex<HashSet<TenantId>>,
    added: Notify,
}

impl EventsWaiting {
    /// The tenant may have unnumbered events.
    pub fn add(&self, tenant: TenantId) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() < MAX_WAITING_TENANTS {
            tenants.insert(tenant);
        }
        drop(tenants);
        self.added.notify_one();
    }

    /// How many tenants there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Returns when a tenant was added since the last call.
    pub async fn added(&self) {
        self.added.notified().await;
    }

    /// The tenants that were added since the last call.
    #[must_use]
    pub fn take(&self) -> HashSet<TenantId> {
        std::mem::take(&mut self.tenants.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
