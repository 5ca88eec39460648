//! Looks for settings and credentials that another replica changed, so that a revoked token stops working everywhere
//! within about a second.

use std::collections::HashMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::operation::Gateway;
use crate::tenant::TenantId;

const REST: Duration = Duration::from_millis(700);
/// Epochs are taken before commit, so a late one may be smaller than what was seen.
const OVERLAP: i64 = 200;

/// Runs until told to stop.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut seen: HashMap<TenantId, i64> = HashMap::new();
    let mut newest = 0;
    // Forgotten once more at the next look: what was being read when the change was made may have been cached since.
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
                    gateway.forget(tenant).await;
                }
                for (tenant, epoch) in changed {
                    newest = newest.max(epoch);
                    if seen.insert(tenant, epoch) != Some(epoch) {
                        gateway.forget(tenant).await;
                        again.push(tenant);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "changed settings cannot be looked for"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(REST) => {}
        }
    }
}
