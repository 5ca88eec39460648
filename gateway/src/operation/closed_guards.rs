//! Tenants whose removals the guard held shortly before: their next ones ask it first, rather than try to pass and fail. It saves
//! attempts, and decides nothing.

use std::time::Duration;

use moka::future::Cache;

use crate::tenant::TenantId;

/// How long that is known of a tenant.
const CLOSED_TTL: Duration = Duration::from_secs(10);
/// Most tenants of which it is.
const MAX_CLOSED_TENANTS: u64 = 10_000;

/// The tenants.
#[derive(Clone)]
pub struct ClosedGuards(Cache<TenantId, ()>);

impl Default for ClosedGuards {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_CLOSED_TENANTS).time_to_live(CLOSED_TTL).build())
    }
}

impl ClosedGuards {
    /// Adds a tenant, one of whose removals is held.
    pub(in crate::operation) async fn add(&self, tenant: TenantId) {
        self.0.insert(tenant, ()).await;
    }

    /// Whether one was, shortly before.
    pub(in crate::operation) fn contains(&self, tenant: TenantId) -> bool {
        self.0.contains_key(&tenant)
    }
}
