//! How long a tenant keeps tombstones and events, the purge of older ones, and how far the product has read.

use std::time::SystemTime;

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::job::{JobKind, begin_run};
use crate::store::{ControlStore, Params, TenantStore};
use crate::tenant::TenantId;

/// How long a tenant keeps what, in days, as stored; none for what follows the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionRow {
    /// Tombstones, after the deletion.
    pub tombstones: Option<i32>,
    /// Events.
    pub events: Option<i32>,
    /// Rows of the provisioning log.
    pub log: Option<i32>,
}

/// How far a reader of the event feed has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderPosition {
    /// The credential with which it reads.
    pub reader: Uuid,
    /// It has read up to this event.
    pub after: i64,
}

/// What one statement purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    /// How many rows of that kind.
    pub rows: i64,
    /// Whether there may be more.
    pub may_have_more: bool,
}

/// Tenants whose next purge one look begins at most.
const MAX_DUE: i64 = 100;

/// Of resources that are still old tombstones when their rows are locked: one that is restored at the same moment stays. What the product
/// still sees of a deletion that a batch holds is not purged. Rows of other tables are found one by one and deleted by their places, as
/// everywhere.
const PURGE_TOMBSTONES: &str = "
WITH old AS (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.deleted_at < $2 AND r.deleted_at IS NOT NULL AND r.held IS NULL
  ORDER BY r.deleted_at LIMIT $3),
gone AS (DELETE FROM resource r USING (SELECT old.id FROM old LIMIT (SELECT 1000000)) old WHERE r.tenant_id = $1 AND r.id = old.id
  AND CASE WHEN r.deleted_at < $2 THEN r.held IS NULL END RETURNING r.id),
k AS (DELETE FROM tombstone_key k USING (SELECT k.place FROM gone CROSS JOIN LATERAL
    (SELECT k.ctid AS place FROM tombstone_key k WHERE k.tenant_id = $1 AND k.id = gone.id LIMIT 100) k LIMIT (SELECT 1000000)) old
  WHERE k.tenant_id = $1 AND k.ctid = old.place),
c AS (DELETE FROM group_change c USING (SELECT c.place FROM gone CROSS JOIN LATERAL
    (SELECT c.ctid AS place FROM group_change c WHERE c.tenant_id = $1 AND c.group_id = gone.id LIMIT 100) c LIMIT (SELECT 1000000)) old
  WHERE c.tenant_id = $1 AND c.ctid = old.place),
m AS (DELETE FROM mapping_reason m USING (SELECT m.place FROM gone CROSS JOIN LATERAL
    (SELECT m.ctid AS place FROM mapping_reason m WHERE m.tenant_id = $1 AND m.id = gone.id LIMIT 1) m LIMIT (SELECT 1000000)) old
  WHERE m.tenant_id = $1 AND m.ctid = old.place)
SELECT (SELECT count(*) FROM old), (SELECT count(*) FROM gone)";

/// The oldest events by their numbers, up to the first that is not old enough, and never one that a reader which still follows has not
/// read. The head keeps up to which event they are gone.
const PURGE_EVENTS: &str = "
WITH h AS (SELECT purged_through FROM event_head WHERE tenant_id = $1 FOR NO KEY UPDATE),
oldest AS (SELECT e.place, e.seq, e.at FROM h CROSS JOIN LATERAL
  (SELECT e.ctid AS place, e.seq, e.at FROM event e WHERE e.tenant_id = $1 AND e.seq > h.purged_through ORDER BY e.seq LIMIT $4) e),
upto AS MATERIALIZED (SELECT least(coalesce(min(seq) FILTER (WHERE at >= $2) - 1, max(seq)),
  (SELECT min(after_seq) FROM event_reader WHERE tenant_id = $1 AND at >= $3)) AS seq FROM oldest),
gone AS (DELETE FROM event e USING (SELECT o.place FROM oldest o, upto WHERE o.seq <= upto.seq LIMIT (SELECT 1000000)) old
  WHERE e.tenant_id = $1 AND e.ctid = old.place RETURNING e.seq),
n AS (SELECT count(*) AS rows, max(seq) AS last FROM gone),
w AS (UPDATE event_head SET purged_through = n.last FROM n WHERE tenant_id = $1 AND n.rows > 0)
SELECT n.rows FROM n";

const READ: &str = "
INSERT INTO event_reader AS r (tenant_id, reader, after_seq, at) SELECT $1, v.reader, v.after_seq, $4
  FROM unnest($2::uuid[], $3::int8[]) v (reader, after_seq) ORDER BY v.reader
ON CONFLICT (tenant_id, reader) DO UPDATE SET after_seq = excluded.after_seq, at = excluded.at";

/// Readers that have long ceased to read, and whose credentials may be gone.
const FORGET_READERS: &str = "DELETE FROM event_reader WHERE tenant_id = $1 AND at < $2";

/// Tenants of which nothing was purged for an interval, or ever.
const DUE: &str = "
SELECT t.id FROM tenant t WHERE t.state <> 'deleted' AND NOT EXISTS (SELECT 1 FROM job j WHERE j.tenant_id = t.id AND j.kind = 'retention'
  AND (j.state = 'running' OR j.resume_at > now() - $1 * interval '1 second')) ORDER BY t.id LIMIT $2";

impl ControlStore {
    /// Sets how long a tenant keeps what; gives whether there is such a tenant.
    pub async fn set_tenant_retention(
        &self,
        id: TenantId,
        retention: &RetentionRow,
        at: SystemTime,
    ) -> Result<bool, Error> {
        let sql = "UPDATE tenant SET keep_tombstones = $2, keep_events = $3, keep_log = $5, modified_at = $4, \
                   config_epoch = nextval('config_epoch') WHERE id = $1 AND state <> 'deleted' RETURNING 1";
        let RetentionRow { tombstones, events, log } = retention;
        Ok(!self.query("setting a tenant's retention", sql, &[&id.0, tombstones, events, &at, log]).await?.is_empty())
    }

    /// Tenants whose last purge was longer ago than `interval`, and whether there may be more.
    pub async fn tenants_to_purge(&self, interval: std::time::Duration) -> Result<(Vec<TenantId>, bool), Error> {
        let rows = self.query("looking for tenants to purge", DUE, &[&interval.as_secs_f64(), &MAX_DUE]).await?;
        let may_have_more = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= MAX_DUE;
        Ok((rows.iter().map(|row| TenantId(row.get(0))).collect(), may_have_more))
    }
}

impl TenantStore {
    /// Begins a purge, unless one is running.
    pub async fn begin_purge(&self, at: SystemTime) -> Result<bool, Error> {
        static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
            let begin = begin_run(JobKind::Retention, "0", "$2", "gen_random_uuid()");
            format!("WITH t AS (SELECT id FROM tenant WHERE id = $1){begin} WHERE j.state <> 'running' RETURNING 1")
        });
        Ok(!self.query("beginning a purge", &SQL, &[&self.tenant.0, &at]).await?.is_empty())
    }

    /// Purges so many resources that were deleted before a time, with what belongs to them.
    pub async fn purge_tombstones(&self, deleted_before: SystemTime, count: i64) -> Result<Purged, Error> {
        let params: Params<'_> = &[&self.tenant.0, &deleted_before, &count];
        let rows = self.query("purging tombstones", PURGE_TOMBSTONES, params).await?;
        let row = |column| rows.first().map_or(0_i64, |row| row.get(column));
        Ok(Purged { rows: row(1), may_have_more: row(0) >= count })
    }

    /// Purges so many events from before a time, but those that a reader which has read since `followed_since` has not read.
    pub async fn purge_events(
        &self,
        before: SystemTime,
        followed_since: SystemTime,
        count: i64,
    ) -> Result<Purged, Error> {
        let params: Params<'_> = &[&self.tenant.0, &before, &followed_since, &count];
        let rows = self.query("purging events", PURGE_EVENTS, params).await?;
        let rows = rows.first().map_or(0_i64, |row| row.get(0));
        Ok(Purged { rows, may_have_more: rows >= count })
    }

    /// Stores how far readers have come.
    pub async fn keep_reader_positions(&self, positions: &[ReaderPosition], at: SystemTime) -> Result<(), Error> {
        let readers: Vec<Uuid> = positions.iter().map(|it| it.reader).collect();
        let after: Vec<i64> = positions.iter().map(|it| it.after).collect();
        self.query("storing how far events were read", READ, &[&self.tenant.0, &readers, &after, &at]).await.map(drop)
    }

    /// Forgets readers that have not read since a time.
    pub async fn forget_readers(&self, before: SystemTime) -> Result<(), Error> {
        self.query("forgetting readers of events", FORGET_READERS, &[&self.tenant.0, &before]).await.map(drop)
    }
}
