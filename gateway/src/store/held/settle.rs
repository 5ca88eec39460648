//! Carrying out a verdict on a batch, some rows at a time. The rows that a statement changes are locked by the one before it, so that it
//! sees what a concurrent write made of them. Rows are deleted by their places (`ctid`), which are read in the same statement: joined by key, the
//! server may read all of the tenant.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::mapped_unique;
use crate::store::postgres::pool::Statement;
use crate::store::stamp::{Stamp, slot};

/// In the order of ids, which every statement that locks several resources keeps.
const LOCK_RESOURCES: &str = "
SELECT 1 FROM (SELECT h.id FROM held h WHERE h.tenant_id = $1 AND h.batch_id = $2 ORDER BY h.id LIMIT $3) h CROSS JOIN LATERAL
  (SELECT 1 FROM resource r WHERE r.tenant_id = $1 AND r.id = h.id FOR NO KEY UPDATE) r";

/// The product's view follows the source, of what this batch still holds. The version changes, since processes may know the row by its version; a deletion implies
/// that the memberships end.
const RELEASE: &str = "
WITH h AS (SELECT h.ctid AS place, h.* FROM held h WHERE h.tenant_id = $1 AND h.batch_id = $2 ORDER BY h.id LIMIT $3),
w AS (UPDATE resource r SET held = NULL, version = r.version + 1,
    display_version = CASE WHEN r.display_version = r.version THEN r.version + 1 ELSE r.display_version END,
    mapped = CASE WHEN h.kind = 'deleted' THEN r.mapped ELSE h.next_mapped END,
    mapping_state = CASE WHEN h.kind = 'deleted' THEN r.mapping_state ELSE h.next_state END,
    mapping_revision = CASE WHEN h.kind = 'deleted' THEN r.mapping_revision ELSE h.next_revision END
  FROM h WHERE r.tenant_id = $1 AND r.id = h.id AND CASE WHEN r.tenant_id = $1 THEN r.held = $2 END RETURNING r.id, r.version, r.resource_type, h.event, h.kind, h.actor, h.request_id),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT $1, w.event, w.resource_type, w.id, w.version, w.actor, w.request_id, $4 FROM w ORDER BY w.id),
m AS (DELETE FROM held_member m USING w WHERE m.tenant_id = $1 AND m.member_id = w.id AND w.kind <> 'deactivated'),
g AS (DELETE FROM held_member m USING w WHERE m.tenant_id = $1 AND m.group_id = w.id AND m.member_id <> w.id AND w.kind <> 'deactivated'),
d AS (DELETE FROM held d USING (SELECT h.place FROM h LIMIT (SELECT 1000000)) gone WHERE d.tenant_id = $1 AND d.ctid = gone.place)
SELECT count(*) FROM h";

const LOCK_GROUPS: &str = "
SELECT 1 FROM (SELECT DISTINCT h.group_id FROM
  (SELECT h.group_id FROM held_member h WHERE h.tenant_id = $1 AND h.batch_id = $2 ORDER BY h.group_id, h.member_id LIMIT $3) h ORDER BY 1) h
CROSS JOIN LATERAL (SELECT 1 FROM resource r WHERE r.tenant_id = $1 AND r.id = h.group_id FOR NO KEY UPDATE) r";

/// A membership that the client added again meanwhile stays, and nothing happened for the product.
const RELEASE_MEMBERS: &str = "
WITH h AS (SELECT h.ctid AS place FROM held_member h WHERE h.tenant_id = $1 AND h.batch_id = $2
  ORDER BY h.group_id, h.member_id LIMIT $3),
d AS (DELETE FROM held_member d USING (SELECT h.place FROM h LIMIT (SELECT 1000000)) gone WHERE d.tenant_id = $1 AND d.ctid = gone.place
  RETURNING d.group_id, d.member_id, d.actor, d.request_id),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, member_id, actor, request_id, at)
  SELECT $1, 'membership.removed', 'Group', d.group_id, d.member_id, d.actor, d.request_id, $4 FROM d
  CROSS JOIN LATERAL (SELECT 1 FROM resource g WHERE g.tenant_id = $1 AND g.id = d.group_id
    AND CASE WHEN g.tenant_id = $1 THEN g.mapping_state NOT IN ('excluded', 'never') AND (g.deleted_at IS NULL OR g.held IS NOT NULL) END LIMIT 1) g
  CROSS JOIN LATERAL (SELECT 1 FROM resource u WHERE u.tenant_id = $1 AND u.id = d.member_id
    AND CASE WHEN u.tenant_id = $1 THEN u.mapping_state NOT IN ('excluded', 'never') AND (u.deleted_at IS NULL OR u.held IS NOT NULL) END LIMIT 1) u
  WHERE (SELECT true FROM membership m WHERE m.tenant_id = $1 AND m.group_id = d.group_id AND m.member_id = d.member_id LIMIT 1) IS NULL
  ORDER BY d.group_id, d.member_id)
SELECT count(*) FROM h";

/// The source has the memberships again whose group and member still live. The product saw them all along.
const REJECT_MEMBERS: &str = "
WITH h AS (SELECT h.ctid AS place, h.group_id, h.member_id, h.member_type FROM held_member h WHERE h.tenant_id = $1 AND h.batch_id = $2
  ORDER BY h.group_id, h.member_id LIMIT $3),
living AS (SELECT h.* FROM h
  CROSS JOIN LATERAL (SELECT 1 FROM resource g WHERE g.tenant_id = $1 AND g.id = h.group_id AND CASE WHEN g.tenant_id = $1 THEN g.deleted_at IS NULL END LIMIT 1) g
  CROSS JOIN LATERAL (SELECT 1 FROM resource u WHERE u.tenant_id = $1 AND u.id = h.member_id AND CASE WHEN u.tenant_id = $1 THEN u.deleted_at IS NULL END LIMIT 1) u),
added AS (INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at)
  SELECT $1, l.group_id, l.member_id, l.member_type, $4 FROM living l ON CONFLICT DO NOTHING RETURNING group_id),
c AS (INSERT INTO group_change AS c (tenant_id, group_id, slot, n, at) SELECT DISTINCT $1::uuid, a.group_id, $5::smallint, 1, $4::timestamptz FROM added a ORDER BY a.group_id
  ON CONFLICT (tenant_id, group_id, slot) DO UPDATE SET n = c.n + 1, at = greatest(c.at, excluded.at)),
d AS (DELETE FROM held_member d USING (SELECT h.place FROM h LIMIT (SELECT 1000000)) gone WHERE d.tenant_id = $1 AND d.ctid = gone.place)
SELECT count(*) FROM h";

impl TenantStore {
    /// Releases the next resources of a batch: the product is sent their events. Returns how many there were.
    pub async fn release_resources(&self, batch: Uuid, count: i64, stamp: &Stamp) -> Result<i64, Error> {
        let lock = ("locking held resources", LOCK_RESOURCES);
        self.settle(lock, ("releasing held resources", RELEASE), (batch, count), &[&stamp.at]).await
    }

    /// Releases the next memberships of a batch. Returns how many there were.
    pub async fn release_members(&self, batch: Uuid, count: i64, stamp: &Stamp) -> Result<i64, Error> {
        let lock = ("locking groups of held memberships", LOCK_GROUPS);
        self.settle(lock, ("releasing held memberships", RELEASE_MEMBERS), (batch, count), &[&stamp.at]).await
    }

    /// Restores the next memberships of a batch. Returns how many there were.
    pub async fn reject_members(&self, batch: Uuid, count: i64, stamp: &Stamp) -> Result<i64, Error> {
        let lock = ("locking groups of held memberships", LOCK_GROUPS);
        let more: [&(dyn ToSql + Sync); 2] = [&stamp.at, &slot()];
        self.settle(lock, ("restoring held memberships", REJECT_MEMBERS), (batch, count), &more).await
    }

    async fn settle(
        &self,
        (locking, lock): (&'static str, &str),
        (doing, sql): (&'static str, &str),
        (batch, count): (Uuid, i64),
        more: &[&(dyn ToSql + Sync)],
    ) -> Result<i64, Error> {
        let common: [&(dyn ToSql + Sync); 3] = [&self.tenant.0, &batch, &count];
        let params = [&common, more].concat();
        let mut all = vec![Statement::new(locking, lock, &common)];
        if sql == RELEASE {
            all.extend(mapped_unique::release(&self.tenant.0, &batch, &count));
        }
        all.push(Statement { doing, sql, params });
        let answers = self.batch(&all).await?;
        Ok(answers.last().and_then(|rows| rows.first()).map_or(0, |row| row.get(0)))
    }
}
