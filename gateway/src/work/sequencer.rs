//! Numbers committed events. A number taken before commit would let a reader skip what commits late, so events are
//! written unnumbered and numbered here, by whoever holds the lease.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::operation::Gateway;
use crate::store::Error;

const LEASE: &str = "sequencer";
/// Who is killed leaves the lease behind, and events wait so long.
const TERM: Duration = Duration::from_secs(3);
/// Longest rest between two looks; a write of this process wakes the sequencer at once.
const REST: Duration = Duration::from_millis(500);

/// Runs until told to stop.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let holder = Uuid::new_v4();
    loop {
        // A database that says nothing must not hold the end up; what is cut here is numbered by the next.
        let numbered = tokio::select! {
            () = stop.cancelled() => return,
            numbered = once(&gateway, holder) => numbered,
        };
        if let Err(error) = numbered {
            tracing::warn!(%error, "events wait to be numbered");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.events_waiting.notified() => {}
            () = tokio::time::sleep(REST) => {}
        }
    }
}

/// Numbers what waits now.
///
/// # Errors
/// The database is unavailable; the next run goes on where this one stopped.
pub async fn once(gateway: &Gateway, holder: Uuid) -> Result<(), Error> {
    let control = gateway.store.control();
    let tenants = control.tenants_with_unnumbered_events().await?;
    if tenants.is_empty() || !control.take_lease(LEASE, holder, gateway.clock.now(), TERM).await? {
        return Ok(());
    }
    let mut outcome = Ok(());
    for tenant in tenants {
        // One tenant's trouble is not the others'; the next run goes on where this one left a tenant with many.
        if let Err(error) = gateway.store.tenant(tenant).number_events().await {
            outcome = Err(error);
        }
    }
    outcome
}
