//! Maps live writes by drafts, beside the requests, and stores what was found every two seconds and once more at the end.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::operation::Gateway;
use crate::operation::shadow::Collector;

const FLUSH_INTERVAL: Duration = Duration::from_secs(2);
/// How long the last flush may take.
const LAST_FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut collector = Collector::default();
    let mut worker = gateway.workers.worker("shadow", "what drafts made of live writes cannot be stored");
    let mut next_flush = Instant::now() + FLUSH_INTERVAL;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = gateway.shadow.added() => {}
            () = tokio::time::sleep_until(next_flush) => {}
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = collector.run_queued(&gateway, next_flush) => {}
        }
        if Instant::now() >= next_flush {
            let _ = worker.note(collector.flush(&gateway).await);
            next_flush = Instant::now() + FLUSH_INTERVAL;
        }
    }
    let _ = tokio::time::timeout(LAST_FLUSH_TIMEOUT, collector.flush(&gateway)).await;
}
