//! Purges what a tenant has kept long enough: resources that were deleted, events that every reader which still follows has read, and rows
//! of the provisioning log.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::operation::job::batch::{Batch, End};
use crate::operation::provisioning_log::row_id::first_id;
use crate::operation::retention;
use crate::tenant::TenantId;

/// Tombstones that one statement purges.
const TOMBSTONES: i64 = 200;
/// Events that one statement purges.
const EVENTS: i64 = 1_000;
/// Rows of the provisioning log that one statement purges.
const LOG_ROWS: i64 = 1_000;
const DAY_SECONDS: u64 = 24 * 3_600;
/// How long a batch purges, before it pauses.
const MAX_BATCH_TIME: Duration = Duration::from_millis(100);
/// Time from one purge of a tenant to the next.
pub(super) const INTERVAL: Duration = Duration::from_hours(6);

/// Runs the next batch. Each statement is safe to repeat.
pub(super) async fn batch(gateway: &Gateway, tenant: TenantId, batch: &mut Batch) -> Result<End, Error> {
    let Some(row) = gateway.store.control().tenant_by_id(tenant).await? else { return Ok(End::Finished) };
    let (store, kept, now) = (gateway.store.tenant(tenant), retention::of(row.retention), gateway.clock.now());
    let (deleted_before, events_before) = (now - kept.tombstones, now - kept.events);
    let begun = Instant::now();
    // By whole days: those that all tenants have kept long enough go as partitions.
    let log_before = first_id(start_of_day(now - kept.log));
    let (mut has_tombstones, mut has_events, mut has_log) = (true, true, true);
    while (has_tombstones || has_events || has_log) && begun.elapsed() < MAX_BATCH_TIME {
        if !batch.may_continue().await? {
            return Ok(End::More);
        }
        if has_tombstones {
            let purged = store.purge_tombstones(deleted_before, TOMBSTONES).await?;
            has_tombstones = purged.may_have_more;
            batch.job.progress.examined += purged.rows;
        }
        if has_events {
            let purged = store.purge_events(events_before, events_before, EVENTS).await?;
            has_events = purged.may_have_more;
            batch.job.progress.changed += purged.rows;
        }
        if has_log {
            has_log = store.purge_log(log_before, LOG_ROWS).await?.may_have_more;
        }
    }
    if has_tombstones || has_events || has_log {
        return Ok(End::More);
    }
    store.forget_readers(events_before).await?;
    Ok(End::Finished)
}

fn start_of_day(at: SystemTime) -> SystemTime {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    UNIX_EPOCH + Duration::from_secs(seconds - seconds % DAY_SECONDS)
}
