//! Writes down which leniencies were used, every second and once more at the end, when no request is left that could use one.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::operation::Gateway;
use crate::operation::leniency_use;
use crate::telemetry;

const REST: Duration = Duration::from_secs(1);
/// At the end a database that says nothing is waited for no longer than this.
const LAST: Duration = Duration::from_secs(3);

/// Runs until told to stop.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(REST) => {}
        }
        let written = tokio::select! {
            () = stop.cancelled() => break,
            written = leniency_use::flush::write(&gateway) => written,
        };
        if let Err(error) = written {
            tracing::warn!(error = %telemetry::chain(&error), "uses of leniencies wait to be written");
        }
    }
    let _ = tokio::time::timeout(LAST, leniency_use::flush::write(&gateway)).await;
    let lost = gateway.uses.waiting();
    if lost > 0 {
        tracing::error!(lost, "uses of leniencies are lost: the database could not be reached at the end");
    }
}
