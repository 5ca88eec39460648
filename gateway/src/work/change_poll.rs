//! Polls for settings and credentials that another replica changed, so that a revoked token stops working everywhere within
//! about a second.

use std::collections::HashMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::operation::Gateway;
use crate::tenant::TenantId;

const POLL_INTERVAL: Duration = Duration::from_millis(700);
/// How many older epochs each poll repeats. Epochs are numbered before commit, so one that commits late may be smaller than
/// those already seen.
const OVERLAP: i64 = 200;

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut seen: HashMap<TenantId, i64> = HashMap::new();
    let mut newest = 0;
    // Dropped once more at the next poll, because a read that began before the change may have been cached since.
    let mut again: Vec<TenantId> = Vec::new();
    loop {
        let control = gateway.store.control();
        let answered = tokio::select! {
            () = stop.cancelled() => return,
            answered = control.config_epochs_after(newest - OVERLAP) => answered,
        };
        match answered {
            Ok(changed) => {
                for tenant in again.drain(..) {
                    gateway.forget_tenant(tenant).await;
                }
                for (tenant, epoch) in changed {
                    newest = newest.max(epoch);
                    if seen.insert(tenant, epoch) != Some(epoch) {
                        gateway.forget_tenant(tenant).await;
                        again.push(tenant);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "changed settings cannot be read"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
    }
}
