//! Runs background jobs, and rolls back pending schema changes whose process is gone.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::operation::job::runner::Runner;
use crate::operation::{Gateway, schema_change};

/// Pause after a failed poll.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Runs until cancelled. A batch that the shutdown interrupts is repeated by another process when its lease has ended; each of
/// its writes is safe to repeat.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let runner = if gateway.store.is_embedded() { Runner::alone() } else { Runner::default() };
    let mut worker = gateway.workers.worker("jobs", "jobs cannot be looked for");
    let mut rollback = gateway.workers.worker("schema_changes", "abandoned schema changes cannot be rolled back");
    loop {
        let round = async {
            let _ = rollback.note(schema_change::roll_back_abandoned(&gateway).await);
            let _round = gateway.job_rounds.acquire().await;
            runner.run_due(&gateway).await
        };
        let looked = tokio::select! {
            () = stop.cancelled() => return,
            looked = round => looked,
        };
        let rest = worker.note(looked).unwrap_or(RETRY_INTERVAL);
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.schemas_changed.notified() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}
