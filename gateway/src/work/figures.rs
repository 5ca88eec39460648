//! Reads figures of all tenants together from the database, for metrics, twice a minute. Every replica does, so that each has current
//! ones.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::operation::Gateway;

const INTERVAL: Duration = Duration::from_secs(30);

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut worker = gateway.workers.worker("figures", "figures for metrics cannot be read");
    loop {
        let control = gateway.store.control();
        let read = tokio::select! {
            () = stop.cancelled() => return,
            read = control.figures() => read,
        };
        if let Some(figures) = worker.note(read) {
            gateway.figures.set(figures);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}
