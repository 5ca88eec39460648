//! Stores what is noted of requests with the credentials of setup links: at once, since an administrator looks at the page meanwhile.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::auth::first_use::Noted;
use crate::operation::Gateway;
use crate::store::Error;

/// Pause between two batches.
const PAUSE: Duration = Duration::from_millis(500);
/// Pause after a failed one.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut worker = gateway.workers.worker("first_use", "first uses of setup links cannot be stored");
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.auth.first_uses.changed.notified() => {}
        }
        let pause = if worker.note(write(&gateway).await).is_some() {
            PAUSE
        } else {
            gateway.auth.first_uses.changed.notify_one();
            RETRY_INTERVAL
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Stores what is noted.
///
/// # Errors
/// The database is unavailable; what it has not stored is noted again.
pub async fn write(gateway: &Gateway) -> Result<(), Error> {
    let mut noted = gateway.auth.first_uses.take();
    let written = write_all(gateway, &mut noted).await;
    if written.is_err() {
        gateway.auth.first_uses.put_back(noted);
    }
    written
}

/// Removes from `noted` what is stored.
async fn write_all(gateway: &Gateway, noted: &mut Noted) -> Result<(), Error> {
    while let Some((&(tenant, link), first)) = noted.uses.iter().next() {
        gateway.store.tenant(tenant).note_first_use(link, first.recognised, first.at).await?;
        noted.uses.remove(&(tenant, link));
    }
    while let Some((&tenant, refusal)) = noted.refusals.iter().next() {
        gateway.store.tenant(tenant).note_refused(&refusal.why, refusal.at).await?;
        noted.refusals.remove(&tenant);
    }
    Ok(())
}
