//! Folds in what was set aside, when its schema has appeared: a batch of each tenant in turn, by whoever holds the lease.
//! Where a run is cut short, the next one goes on after the last batch that was done.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::operation::{Error, Gateway, fold_in};

const LEASE: &str = "fold-in";
/// Longer than a batch takes. Who is killed leaves the lease behind, and the work waits so long.
const TERM: Duration = Duration::from_secs(30);
/// Longest rest between two looks; a change of schemas in this process is told at once.
const REST: Duration = Duration::from_secs(2);

/// Runs until told to stop.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let holder = Uuid::new_v4();
    loop {
        let more = tokio::select! {
            () = stop.cancelled() => return,
            more = once(&gateway, holder) => more,
        };
        match more {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "what is set aside waits to be folded in"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.schemas_changed.notified() => {}
            () = tokio::time::sleep(REST) => {}
        }
    }
}

/// Does a batch of every tenant that waits; tells whether there is more to do.
///
/// # Errors
/// The database is unavailable, or plugins are.
pub async fn once(gateway: &Gateway, holder: Uuid) -> Result<bool, Error> {
    let control = gateway.store.control();
    let tenants = control.tenants_folding_in().await?;
    let mut outcome = Ok(false);
    for tenant in tenants {
        if !control.take_lease(LEASE, holder, gateway.clock.now(), TERM).await? {
            return Ok(false);
        }
        match fold_in::batch(gateway, tenant).await {
            Ok(more) => outcome = outcome.map(|already| already || more),
            // One tenant's trouble is not the others'.
            Err(error) => outcome = Err(error),
        }
    }
    outcome
}
