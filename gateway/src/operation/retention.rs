//! How long a tenant keeps what was deleted, what it told the product, and its provisioning log.

use std::time::Duration;

use crate::store::retention::RetentionRow;

/// Days for which tombstones are kept.
pub const DEFAULT_TOMBSTONE_DAYS: u32 = 30;
/// Days for which events are kept.
pub const DEFAULT_EVENT_DAYS: u32 = 30;
/// Days for which the provisioning log is kept.
pub const DEFAULT_LOG_DAYS: u32 = 30;
/// Most days that can be set for the provisioning log: each is a partition.
pub const MAX_LOG_DAYS: u32 = 366;
/// Most days that can be set for the others: ten years.
pub const MAX_DAYS: u32 = 3_650;

/// How long a tenant keeps what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Tombstones, after the deletion.
    pub tombstones: Duration,
    /// Events.
    pub events: Duration,
    /// The provisioning log, to the end of the day.
    pub log: Duration,
}

/// The retention of a tenant's row.
#[must_use]
pub fn of(row: RetentionRow) -> Retention {
    let days = |set: Option<i32>, default| set.and_then(|days| u32::try_from(days).ok()).unwrap_or(default);
    let time = |days: u32| Duration::from_hours(24) * days;
    Retention {
        tombstones: time(days(row.tombstones, DEFAULT_TOMBSTONE_DAYS)),
        events: time(days(row.events, DEFAULT_EVENT_DAYS)),
        log: time(days(row.log, DEFAULT_LOG_DAYS)),
    }
}
