//! Decides the health of tenants, twice a minute or as fast as pages of tenants can be read: one replica on a lease. What changes is
//! announced. The lease only saves work: a change is stored once, even if two replicas decide it.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::operation::Gateway;
use crate::operation::health::{announcement, delivery};
use crate::store::Error;
use crate::tenant::TenantId;

const LEASE: &str = "health";
/// From the begin of one pass over all tenants to the next.
const INTERVAL: Duration = Duration::from_secs(30);
/// A replica that has not renewed its lease for so long has ended.
const LEASE_TERM: Duration = Duration::from_mins(2);
/// Tenants of one page.
const PAGE: i64 = 25;
/// After each page, a pause of so many times as long as it took: a pass leaves the database to the requests.
const PAUSES_PER_PAGE: u32 = 3;

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let holder = Uuid::new_v4();
    let mut worker = gateway.workers.worker("health", "the health of tenants cannot be decided");
    loop {
        let begun = Instant::now();
        let passed = tokio::select! {
            () = stop.cancelled() => return,
            passed = pass(&gateway, Some(holder)) => passed,
        };
        worker.note(passed);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(begun + INTERVAL) => {}
        }
    }
}

/// Decides the health of every tenant, and returns how many changes were announced.
///
/// # Errors
/// The database is unavailable.
pub async fn once(gateway: &Gateway) -> Result<usize, Error> {
    pass(gateway, None).await
}

/// The same, as long as this holder has the lease.
async fn pass(gateway: &Gateway, holder: Option<Uuid>) -> Result<usize, Error> {
    let control = gateway.store.control();
    let (mut after, mut announced) = (TenantId(Uuid::nil()), 0);
    loop {
        if let Some(holder) = holder
            && !control.take_lease(LEASE, holder, LEASE_TERM).await?
        {
            return Ok(announced);
        }
        let begun = Instant::now();
        let page = control.health_after(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        announced += announcement::decide(gateway, page).await?;
        if holder.is_some() {
            tokio::time::sleep(begun.elapsed() * PAUSES_PER_PAGE).await;
        }
    }
    delivery::give_up_abandoned(gateway).await?;
    Ok(announced)
}
