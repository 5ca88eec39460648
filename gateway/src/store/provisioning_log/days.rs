//! The days of the log: a partition each, and the purge of what a tenant has kept long enough.

use std::time::SystemTime;

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::retention::Purged;
use crate::store::{ControlStore, TenantStore};

/// Of tenants that are being erased, too: their rows go by the erasure.
const LONGEST: &str = "SELECT coalesce(max(coalesce(keep_log, $1)), $1) FROM tenant";

/// The days of UTC by the gateway's clock, since ids have its time. Nothing is dropped that is not old by the database's clock, too.
const KEEP_DAYS: &str = "
SELECT d.added, d.dropped FROM (SELECT ($1::timestamptz AT TIME ZONE 'UTC')::date AS today,
    (least($1::timestamptz, now()) AT TIME ZONE 'UTC')::date AS earliest) t,
  LATERAL provisioning_log_days(t.today - 1, t.today + $2::int4, t.earliest - $3::int4) d";
/// Older than all partitions, so that none is dropped.
const ALL_DAYS: i32 = 100_000;

/// The oldest rows, in the order of the primary key.
const PURGE: &str = "
WITH upto AS MATERIALIZED (SELECT o.id FROM (SELECT p.id FROM provisioning_log p WHERE p.tenant_id = $1 AND p.id < $2 ORDER BY p.id LIMIT $3) o
  ORDER BY o.id DESC LIMIT 1),
gone AS (DELETE FROM provisioning_log p WHERE p.tenant_id = $1 AND p.id <= (SELECT id FROM upto) RETURNING 1)
SELECT count(*) FROM gone";

/// What a look at the partitions did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// Partitions that were added.
    pub added: i32,
    /// Partitions that were dropped.
    pub dropped: i32,
}

impl ControlStore {
    /// The longest time for which a tenant keeps its log, in days.
    pub async fn longest_log_retention(&self, default: i32) -> Result<i32, Error> {
        let rows = self.query("looking for the longest retention of a log", LONGEST, &[&default]).await?;
        Ok(rows.first().map_or(default, |row| row.get(0)))
    }

    /// Adds the partitions of yesterday, today and so many days ahead, and drops those that are older than `keep` days.
    pub async fn keep_log_days(&self, now: SystemTime, ahead: i32, keep: i32) -> Result<Days, Error> {
        // The new ones first, and by themselves: a long reader may keep the old ones from being dropped.
        let added = self.days(now, ahead, ALL_DAYS).await?.added;
        Ok(Days { added, ..self.days(now, ahead, keep).await? })
    }

    async fn days(&self, now: SystemTime, ahead: i32, keep: i32) -> Result<Days, Error> {
        let rows = self.query("keeping the log's days", KEEP_DAYS, &[&now, &ahead, &keep]).await?;
        Ok(rows.first().map_or(Days { added: 0, dropped: 0 }, |row| Days { added: row.get(0), dropped: row.get(1) }))
    }
}

impl TenantStore {
    /// Purges so many rows of the log with ids below one.
    pub async fn purge_log(&self, before: Uuid, count: i64) -> Result<Purged, Error> {
        let rows = self.query("purging the provisioning log", PURGE, &[&self.tenant.0, &before, &count]).await?;
        let rows = rows.first().map_or(0_i64, |row| row.get(0));
        Ok(Purged { rows, may_have_more: rows >= count })
    }
}
