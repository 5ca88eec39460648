//! Limits concurrent calls: of all tenants together, and of each.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// How long the limit of a tenant without calls is kept.
const IDLE_TENANT_TTL: Duration = Duration::from_mins(5);

/// The permits for concurrent calls.
pub(super) struct AdmissionLimit {
    total: Arc<Semaphore>,
    max_calls: usize,
    max_tenant_calls: usize,
    tenants: Cache<String, Arc<Semaphore>>,
}

/// Allows one call until it is dropped.
pub(super) struct Permit {
    _tenant: OwnedSemaphorePermit,
    _total: OwnedSemaphorePermit,
}

impl AdmissionLimit {
    pub(super) fn new(max_calls: usize, max_tenant_calls: usize) -> Self {
        Self {
            total: Arc::new(Semaphore::new(max_calls)),
            max_calls,
            max_tenant_calls,
            tenants: Cache::builder().time_to_idle(IDLE_TENANT_TTL).build(),
        }
    }

    /// All permits, and how many of them are free.
    pub(super) fn permits(&self) -> (usize, usize) {
        (self.max_calls, self.total.available_permits())
    }

    /// A permit for a tenant's call, or none if there was none in time.
    pub(super) async fn acquire(&self, tenant: &str, timeout: Duration) -> Option<Permit> {
        let of_tenant = async { Arc::new(Semaphore::new(self.max_tenant_calls)) };
        let of_tenant = self.tenants.get_with_by_ref(tenant, of_tenant).await;
        // The tenant's permit first: no tenant has more than its limit in the common queue, so tenants alternate there.
        let permit = async {
            let tenant = of_tenant.acquire_owned().await?;
            Ok::<_, AcquireError>(Permit { _tenant: tenant, _total: self.total.clone().acquire_owned().await? })
        };
        tokio::time::timeout(timeout, permit).await.ok()?.ok()
    }
}
