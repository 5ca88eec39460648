//! Numbers committed events. A number taken before commit would let a reader skip events that commit late, so events are
//! written without one and numbered here, by the process that holds the lease.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::operation::Gateway;
use crate::store::Error;

const LEASE: &str = "sequencer";
/// How long a lease lasts. After a process is killed, events stay unnumbered for up to that long.
const LEASE_TTL: Duration = Duration::from_secs(3);
/// Longest time between two polls; a write of this process wakes the sequencer at once.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let holder = Uuid::new_v4();
    loop {
        // A database that does not answer must not delay the shutdown; what is cut short here is numbered by the next run.
        let numbered = tokio::select! {
            () = stop.cancelled() => return,
            numbered = once(&gateway, holder) => numbered,
        };
        if let Err(error) = numbered {
            tracing::warn!(%error, "events cannot be numbered");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.events_waiting.notified() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
    }
}

/// Numbers the events that are unnumbered now. After an error the next run continues where this one stopped.
pub async fn once(gateway: &Gateway, holder: Uuid) -> Result<(), Error> {
    let control = gateway.store.control();
    let tenants = control.tenants_with_unnumbered_events().await?;
    if tenants.is_empty() || !control.take_lease(LEASE, holder, gateway.clock.now(), LEASE_TTL).await? {
        return Ok(());
    }
    let mut outcome = Ok(());
    for tenant in tenants {
        // An error of one tenant does not affect the others; a tenant with many events is continued by the next run.
        if let Err(error) = gateway.store.tenant(tenant).number_events().await {
            outcome = Err(error);
        }
    }
    outcome
}
