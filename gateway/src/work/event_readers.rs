//! Stores how far the events were read, once a minute and once more at the end.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::operation::{Gateway, event_readers};

const INTERVAL: Duration = Duration::from_mins(1);
/// How long the last batch may take.
const LAST_BATCH_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut worker = gateway.workers.worker("event_readers", "how far events were read cannot be stored");
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let _ = worker.note(event_readers::flush::write(&gateway).await);
    }
    let _ = tokio::time::timeout(LAST_BATCH_TIMEOUT, event_readers::flush::write(&gateway)).await;
}
