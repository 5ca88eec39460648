//! Stores when credentials were used, a batch at a time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::operation::Gateway;
use crate::store::Error;

const INTERVAL: Duration = Duration::from_secs(5);
/// How long the last batch may take.
const LAST_BATCH_TIMEOUT: Duration = Duration::from_secs(3);
/// Credentials of one statement.
const MAX_BATCH: usize = 1_000;

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut worker = gateway.workers.worker("last_used", "when credentials were used cannot be stored");
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let _ = worker.note(write(&gateway).await);
    }
    let _ = tokio::time::timeout(LAST_BATCH_TIMEOUT, write(&gateway)).await;
}

/// Stores what is noted. What cannot be stored is noted again with the next use.
///
/// # Errors
/// The database is unavailable.
pub async fn write(gateway: &Gateway) -> Result<(), Error> {
    let control = gateway.store.control();
    for batch in gateway.auth.used.operators.take().chunks(MAX_BATCH) {
        control.mark_operator_keys_used(batch).await?;
    }
    for batch in gateway.auth.used.tokens.take().chunks(MAX_BATCH) {
        control.mark_credentials_used(batch).await?;
    }
    Ok(())
}
