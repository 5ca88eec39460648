//! Writes the counted uses of leniencies, every second and once more at the end, when no request is left that could use one.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::operation::{Gateway, leniency_use};

const INTERVAL: Duration = Duration::from_secs(1);
/// How long the last flush may take.
const LAST_FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut worker = gateway.workers.worker("leniency_flush", "uses of leniencies cannot be written");
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let written = tokio::select! {
            () = stop.cancelled() => break,
            written = leniency_use::flush::write(&gateway) => written,
        };
        let _ = worker.note(written);
    }
    let _ = tokio::time::timeout(LAST_FLUSH_TIMEOUT, leniency_use::flush::write(&gateway)).await;
    let lost = gateway.uses.unwritten();
    if lost > 0 {
        tracing::error!(lost, "uses of leniencies are lost: the database could not be reached at the end");
    }
}
