//! Writes that began before a schema change and may still use the older schemas.

use std::time::Duration;

use crate::operation::error::Error;
use crate::store::TenantStore;

const WAIT_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits until the writes that are in flight now have ended.
///
/// # Errors
/// 503 where one of them has not ended after ten seconds.
pub(crate) async fn wait(store: &TenantStore) -> Result<(), Error> {
    let mut open = store.in_flight_writers().await?;
    let deadline = tokio::time::Instant::now() + WAIT_TIMEOUT;
    while !open.is_empty() {
        if tokio::time::Instant::now() > deadline {
            return Err(Error::Contended);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        let now = store.in_flight_writers().await?;
        open.retain(|writer| now.contains(writer));
    }
    Ok(())
}
