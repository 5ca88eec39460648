//! Runs background jobs, and rolls back pending schema changes whose process is gone.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::operation::job::runner::Runner;
use crate::operation::{Gateway, schema_change};
use crate::telemetry::chain;

/// Pause after a failed poll.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Runs until cancelled. A batch that the shutdown interrupts is repeated by another process when its lease has ended; each of
/// its writes is safe to repeat.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let runner = Runner::default();
    loop {
        let round = async {
            if let Err(error) = schema_change::roll_back_abandoned(&gateway).await {
                tracing::warn!(error = chain(&error), "an abandoned schema change cannot be rolled back");
            }
            let _round = gateway.job_rounds.acquire().await;
            runner.run_due(&gateway).await
        };
        let looked = tokio::select! {
            () = stop.cancelled() => return,
            looked = round => looked,
        };
        let rest = looked.unwrap_or_else(|error| {
            tracing::warn!(error = chain(&error), "jobs cannot be looked for");
            RETRY_INTERVAL
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.schemas_changed.notified() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}
