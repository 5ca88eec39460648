//! Writes the provisioning log, ten times a second and once more at the end, and keeps its partitions.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::operation::provisioning_log::writer::Writer;
use crate::operation::{Gateway, retention};
use crate::store::Error;

const FLUSH_INTERVAL: Duration = Duration::from_millis(100);
/// Pause after rows that could not be written.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);
/// How long the last rows and counts may take together, with the batch that was begun.
const LAST_FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

const LEASE: &str = "provisioning-log-days";
/// From the start to the first look at the partitions: a process that ends before needs none.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// From one look at the partitions to the next.
const LOOK_INTERVAL: Duration = Duration::from_hours(1);
/// … after one that failed.
const RETRY_LOOK_INTERVAL: Duration = Duration::from_mins(1);
/// Partitions that are there before their day comes.
const DAYS_AHEAD: i32 = 7;

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut writer = Writer::default();
    let mut writing =
        gateway.workers.worker("provisioning_log", "the provisioning log cannot be written; its rows wait");
    let mut keeping =
        gateway.workers.worker("provisioning_log_days", "the partitions of the provisioning log cannot be kept");
    let mut counting = gateway.workers.worker("health_traffic", "what providers send cannot be counted");
    let (holder, mut next_look) = (Uuid::new_v4(), Instant::now() + FIRST_LOOK);
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(LAST_FLUSH_TIMEOUT).await;
    }
    .shared();
    loop {
        let pause = if writing.is_failing() { RETRY_INTERVAL } else { FLUSH_INTERVAL };
        tokio::select! {
            () = stop.cancelled() => break,
            () = gateway.provisioning_log.filled(), if !writing.is_failing() => {}
            () = tokio::time::sleep(pause) => {}
        }
        // A batch that is begun is not given up when the process stops, but for its time.
        let written = tokio::select! {
            () = overdue.clone() => break,
            written = write_all(&gateway, &mut writer) => written,
        };
        writing.note(written);
        let counted = tokio::select! {
            () = overdue.clone() => break,
            counted = writer.flush_traffic(&gateway.store, false) => counted,
        };
        counting.note(counted);
        if Instant::now() >= next_look {
            next_look = Instant::now() + LOOK_INTERVAL;
            let looked = tokio::select! {
                () = stop.cancelled() => break,
                looked = look(&gateway, holder) => looked,
            };
            if keeping.note(looked).is_none() {
                next_look = Instant::now() + RETRY_LOOK_INTERVAL;
            }
        }
    }
    write_last(&gateway, &mut writer, overdue).await;
}

/// Writes what is left when the process stops, as long as there is time.
async fn write_last(gateway: &Gateway, writer: &mut Writer, overdue: impl Future<Output = ()>) {
    writer.tell_lost();
    let (mut written, mut counted) = (false, false);
    tokio::select! {
        () = overdue => {}
        () = async {
            written = write_all(gateway, writer).await.is_ok();
            counted = writer.flush_traffic(&gateway.store, true).await.is_ok();
        } => {}
    }
    if !counted {
        tracing::error!(
            "the last counts of what providers sent are lost: the database could not be reached at the end"
        );
    }
    let rest = gateway.provisioning_log.waiting();
    if rest > 0 || !written {
        tracing::error!(
            rows = rest,
            "rows of the provisioning log are lost: the database could not be reached at the end"
        );
    }
}

/// Keeps the partitions, unless another replica does.
async fn look(gateway: &Gateway, holder: Uuid) -> Result<(), Error> {
    if gateway.store.control().take_lease(LEASE, holder, LOOK_INTERVAL).await? {
        keep_days(gateway).await?;
    }
    Ok(())
}

/// Writes all that is in the queue.
///
/// # Errors
/// The database is unavailable; what was not written stays.
pub async fn write_all(gateway: &Gateway, writer: &mut Writer) -> Result<(), Error> {
    while writer.write(&gateway.provisioning_log, &gateway.store).await? {}
    Ok(())
}

/// Adds the partitions of the next days, and drops those that no tenant keeps.
///
/// # Errors
/// The database is unavailable, or a partition is in use at this moment.
pub async fn keep_days(gateway: &Gateway) -> Result<(), Error> {
    let control = gateway.store.control();
    let default = i32::try_from(retention::DEFAULT_LOG_DAYS).unwrap_or(i32::MAX);
    let kept = control.longest_log_retention(default).await?;
    let days = control.keep_log_days(gateway.clock.now(), DAYS_AHEAD, kept).await?;
    if days.added > 0 || days.dropped > 0 {
        tracing::info!(added = days.added, dropped = days.dropped, "partitions of the provisioning log");
    }
    Ok(())
}
