//! Whose batch gets the next connection: a tenant has at most half of them, and a few serve no tenant but authentication,
//! readiness and the sequencer. A tenant's batches wait for each other before they wait for those of others, so tenants take
//! turns, also for a single connection.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::tenant::TenantId;
use crate::tenant::in_use::InUse;

/// One connection in so many is reserved for authentication, readiness and the sequencer.
const RESERVED_ONE_IN: usize = 8;

/// The connections that tenants may have.
pub(super) struct Turns {
    of_all: Arc<Semaphore>,
    each: usize,
    tenants: InUse<TenantId, Semaphore>,
}

/// Lets a tenant's batch have a connection, until it is dropped.
pub(super) struct Turn {
    _of_all: Option<OwnedSemaphorePermit>,
    _of_tenant: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// For a pool of so many connections.
    pub(super) fn of(size: usize) -> Self {
        let of_all = Arc::new(Semaphore::new(size - reserved(size)));
        Self { of_all, each: (size / 2).max(1), tenants: InUse::default() }
    }

    /// Waits for the tenant's turn.
    pub(super) async fn take(&self, tenant: TenantId) -> Turn {
        // The semaphores are never closed.
        let of_tenant = self.tenants.get(tenant, |_| true, || Semaphore::new(self.each)).acquire_owned().await.ok();
        let of_all = Arc::clone(&self.of_all).acquire_owned().await.ok();
        Turn { _of_all: of_all, _of_tenant: of_tenant }
    }
}

/// At least one where there are three or more.
fn reserved(size: usize) -> usize {
    if size < 3 { 0 } else { (size / RESERVED_ONE_IN).max(1) }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    fn take(turns: &Turns, tenant: u128) -> impl Future<Output = Turn> {
        turns.take(TenantId(Uuid::from_u128(tenant)))
    }

    #[test]
    fn a_tenant_has_half_and_one_is_kept() {
        let turns = Turns::of(8);
        let first: Vec<Turn> = (0..4).filter_map(|_| take(&turns, 1).now_or_never()).collect();
        assert_eq!(first.len(), 4);
        assert!(take(&turns, 1).now_or_never().is_none(), "half of eight");
        let others: Vec<Turn> = (2..10).filter_map(|tenant| take(&turns, tenant).now_or_never()).collect();
        assert_eq!(others.len(), 3, "one of eight is kept");
        drop(first);
        assert!(take(&turns, 1).now_or_never().is_some());
    }

    #[test]
    fn one_connection_goes_from_tenant_to_tenant() {
        let turns = Turns::of(1);
        let first = take(&turns, 1).now_or_never().unwrap();
        let mut more: Vec<_> = (0..3).map(|_| Box::pin(take(&turns, 1))).collect();
        assert!(more.iter_mut().all(|it| it.now_or_never().is_none()));
        let mut other = Box::pin(take(&turns, 2));
        assert!((&mut other).now_or_never().is_none());
        drop(first);
        // The tenant's second batch has come to the common queue only now, behind the other tenant's first.
        assert!(more.iter_mut().all(|it| it.now_or_never().is_none()));
        drop((&mut other).now_or_never().unwrap());
        assert!(more[0].as_mut().now_or_never().is_some());
    }

    #[test]
    fn small_pools_keep_something_for_everybody() {
        for size in 1..4 {
            assert!(take(&Turns::of(size), 1).now_or_never().is_some(), "{size}");
        }
    }
}
