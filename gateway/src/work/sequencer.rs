//! Numbers committed events. A number taken before commit would let a reader skip events that commit late, so events are
//! written without one and numbered here.
//!
//! Each process numbers the events that it wrote itself, and those that a killed process left behind. Two may number at the
//! same time: the rows with the tenants' last numbers are locked for it.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::operation::Gateway;
use crate::store::Error;
use crate::tenant::TenantId;

/// Events are collected for so long before they are numbered together: one commit instead of many.
const COLLECT_FOR: Duration = Duration::from_millis(10);
/// Time between two looks for events that no running process has numbered. After a process is killed, its last events stay
/// unnumbered for up to that long.
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);
/// Pause after a failed look or numbering.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut next_sweep = Instant::now();
    let mut worker = gateway.workers.worker("sequencer", "events cannot be numbered");
    loop {
        // A database that does not answer must not delay the shutdown; what is cut short here is numbered by the next sweep.
        let numbered = tokio::select! {
            () = stop.cancelled() => return,
            numbered = round(&gateway, &mut next_sweep) => numbered,
        };
        if worker.note(numbered).is_none() {
            next_sweep = Instant::now() + RETRY_INTERVAL;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.events_waiting.added() => tokio::time::sleep(COLLECT_FOR).await,
            () = tokio::time::sleep_until(next_sweep) => {}
        }
    }
}

/// Numbers events of every tenant that has some, a limited number of each: one with many delays no other.
async fn round(gateway: &Gateway, next_sweep: &mut Instant) -> Result<(), Error> {
    let mut tenants: HashSet<TenantId> = gateway.events_waiting.take();
    let control = gateway.store.control();
    if Instant::now() >= *next_sweep {
        *next_sweep = Instant::now() + SWEEP_INTERVAL;
        tenants.extend(control.tenants_with_unnumbered_events().await?);
    }
    for tenant in control.number_events(tenants.into_iter().map(|tenant| tenant.0).collect()).await? {
        gateway.events_waiting.add(tenant);
    }
    Ok(())
}
