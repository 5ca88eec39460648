//! Carrying out a verdict on a batch, some rows at a time. The rows that a statement changes are locked by the one before it, so that it
//! sees what a concurrent write made of them. Rows are deleted by their places (`ctid`), which are read in the same statement: joined by key, the
//! server may read all of the tenant.

use std::sync::LazyLock;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::guard::MembersGuard;
use crate::store::mapped_unique;
use crate::store::membership::Members;
use crate::store::membership::change::MemberStatement;
use crate::store::postgres::pool::Statement;
use crate::store::stamp::{Stamp, slot};
use crate::store::{Params, TenantStore};

/// Groups before other resources, and each in the order of ids, as every statement that locks several keeps it.
const LOCK_RESOURCES: &str = "
SELECT 1 FROM (SELECT h.id FROM
    (SELECT h.id, h.resource_type FROM held h WHERE h.tenant_id = $1 AND h.batch_id = $2 ORDER BY h.id LIMIT $3) h
  ORDER BY h.resource_type <> 'Group', h.id) h CROSS JOIN LATERAL
  (SELECT 1 FROM resource r WHERE r.tenant_id = $1 AND r.id = h.id FOR NO KEY UPDATE) r";

/// The product's view follows the source, of what this batch still holds. What a replica of a version without held changes wrote meanwhile
/// does not look held any more: the product was sent the event of that write, and gets no other (`acts`). The version changes, since
/// processes may know the row by its version; a deletion implies that the memberships end.
const RELEASE: &str = "
WITH h AS (SELECT h.*, o.source AS now,
    CASE WHEN h.kind = 'deleted' THEN o.deleted_at IS NOT NULL ELSE o.deleted_at IS NULL AND o.mapping_state = 'stale' END AS acts
  FROM (SELECT h.ctid AS place, h.* FROM held h WHERE h.tenant_id = $1 AND h.batch_id = $2 ORDER BY h.id LIMIT $3) h CROSS JOIN LATERAL
    (SELECT o.deleted_at, o.mapping_state, o.source FROM resource o WHERE o.tenant_id = $1 AND o.id = h.id LIMIT 1) o),
w AS (UPDATE resource r SET held = NULL, version = r.version + CASE WHEN h.acts THEN 1 ELSE 0 END,
    display_version = CASE WHEN h.acts AND r.display_version = r.version THEN r.version + 1 ELSE r.display_version END,
    mapped = CASE WHEN h.kind = 'deleted' OR NOT h.acts THEN r.mapped
      WHEN h.next_state = 'same' AND h.next_mapped = h.now THEN NULL ELSE h.next_mapped END,
    mapping_state = CASE WHEN h.kind = 'deleted' OR NOT h.acts THEN r.mapping_state
      WHEN h.next_state = 'same' AND h.next_mapped <> h.now THEN 'stale' ELSE h.next_state END,
    mapping_revision = CASE WHEN h.kind = 'deleted' OR NOT h.acts THEN r.mapping_revision ELSE h.next_revision END
  FROM h WHERE r.tenant_id = $1 AND r.id = h.id AND CASE WHEN r.tenant_id = $1 THEN r.held = $2 END
  RETURNING r.id, r.version, r.resource_type, h.event, h.kind, h.actor, h.request_id, h.acts),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT $1, w.event, w.resource_type, w.id, w.version, w.actor, w.request_id, $4 FROM w WHERE w.acts ORDER BY w.id),
m AS (DELETE FROM held_member m USING w WHERE m.tenant_id = $1 AND m.member_id = w.id AND w.acts AND w.kind <> 'deactivated'),
g AS (DELETE FROM held_member m USING w WHERE m.tenant_id = $1 AND m.group_id = w.id AND m.member_id <> w.id AND w.acts
  AND w.kind <> 'deactivated'),
f AS (DELETE FROM held_reference f USING w WHERE f.tenant_id = $1 AND f.group_id = w.id AND w.resource_type = 'Group'),
d AS (DELETE FROM held d USING (SELECT h.place FROM h LIMIT (SELECT 1000000)) gone WHERE d.tenant_id = $1 AND d.ctid = gone.place)
SELECT count(*) FROM h";

/// The memberships of a batch that a rejection can restore: neither the group nor the member is still deleted.
const RESTORABLE: &str = "(SELECT h.ctid AS place, h.group_id, h.member_id, h.member_type FROM held_member h
  WHERE h.tenant_id = $1 AND h.batch_id = $2
    AND (SELECT true FROM held d WHERE d.tenant_id = $1 AND d.id = h.group_id AND d.kind = 'deleted' LIMIT 1) IS NULL
    AND (SELECT true FROM held d WHERE d.tenant_id = $1 AND d.id = h.member_id AND d.kind = 'deleted' LIMIT 1) IS NULL
  ORDER BY h.group_id, h.member_id LIMIT $3)";

/// All memberships of a batch.
const HELD: &str = "(SELECT h.ctid AS place, h.group_id, h.member_id, h.member_type FROM held_member h
  WHERE h.tenant_id = $1 AND h.batch_id = $2 ORDER BY h.group_id, h.member_id LIMIT $3)";

const LOCK_GROUPS: &str = "
SELECT 1 FROM (SELECT DISTINCT h.group_id FROM {rows} h ORDER BY 1) h
CROSS JOIN LATERAL (SELECT 1 FROM resource r WHERE r.tenant_id = $1 AND r.id = h.group_id FOR NO KEY UPDATE) r";

/// Neither is one of the members deleted, nor does a remap change whether the product sees it, before the transaction ends.
const LOCK_MEMBERS: &str = "
SELECT 1 FROM (SELECT DISTINCT h.member_id FROM {rows} h ORDER BY 1) h
CROSS JOIN LATERAL (SELECT 1 FROM resource r WHERE r.tenant_id = $1 AND r.id = h.member_id FOR SHARE) r";

/// A membership that the client added again meanwhile stays, and nothing happened for the product.
const RELEASE_MEMBERS: &str = "
WITH h AS {rows},
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
WITH h AS {rows},
living AS (SELECT h.* FROM h
  CROSS JOIN LATERAL (SELECT 1 FROM resource g WHERE g.tenant_id = $1 AND g.id = h.group_id AND CASE WHEN g.tenant_id = $1 THEN g.deleted_at IS NULL END LIMIT 1) g
  CROSS JOIN LATERAL (SELECT 1 FROM resource u WHERE u.tenant_id = $1 AND u.id = h.member_id AND CASE WHEN u.tenant_id = $1 THEN u.deleted_at IS NULL END LIMIT 1) u),
added AS (INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at)
  SELECT $1, l.group_id, l.member_id, l.member_type, $4 FROM living l ON CONFLICT DO NOTHING RETURNING group_id),
c AS (INSERT INTO group_change AS c (tenant_id, group_id, slot, n, at) SELECT DISTINCT $1::uuid, a.group_id, $5::smallint, 1, $4::timestamptz FROM added a ORDER BY a.group_id
  ON CONFLICT (tenant_id, group_id, slot) DO UPDATE SET n = c.n + 1, at = greatest(c.at, excluded.at)),
d AS (DELETE FROM held_member d USING (SELECT h.place FROM h LIMIT (SELECT 1000000)) gone WHERE d.tenant_id = $1 AND d.ctid = gone.place)
SELECT count(*) FROM h";

/// The next living group with pending references of a batch.
const NEXT_REFERENCES: &str = "
SELECT f.group_id, array_agg(f.value) FROM (SELECT f.group_id, f.value FROM held_reference f WHERE f.tenant_id = $1 AND f.batch_id = $2
    AND f.group_id = (SELECT n.group_id FROM held_reference n WHERE n.tenant_id = $1 AND n.batch_id = $2
      AND (SELECT true FROM held d WHERE d.tenant_id = $1 AND d.id = n.group_id AND d.kind = 'deleted' LIMIT 1) IS NULL
      ORDER BY n.group_id LIMIT 1)
    LIMIT $3) f GROUP BY f.group_id";

const DROP_REFERENCES: &str = "
DELETE FROM held_reference f USING (SELECT f.place FROM unnest($3::text[]) v (value) CROSS JOIN LATERAL
    (SELECT f.ctid AS place FROM held_reference f WHERE f.tenant_id = $1 AND f.group_id = $2 AND f.value = v.value LIMIT 1) f
    LIMIT (SELECT 1000000)) gone WHERE f.tenant_id = $1 AND f.ctid = gone.place";

impl TenantStore {
    /// Releases the next resources of a batch: the product is sent their events. Returns how many there were.
    pub async fn release_resources(&self, batch: Uuid, count: i64, stamp: &Stamp) -> Result<i64, Error> {
        let common: [&(dyn ToSql + Sync); 4] = [&self.tenant.0, &batch, &count, &stamp.at];
        let lock = Statement::new("locking held resources", LOCK_RESOURCES, &common[..3]);
        let [freed, shown] = mapped_unique::release(&self.tenant.0, &batch, &count);
        self.settle(vec![lock, freed, shown, Statement::new("releasing held resources", RELEASE, &common)]).await
    }

    /// Releases the next memberships of a batch. Returns how many there were.
    pub async fn release_members(&self, batch: Uuid, count: i64, stamp: &Stamp) -> Result<i64, Error> {
        static SQL: LazyLock<[String; 3]> = LazyLock::new(|| of_rows(HELD, RELEASE_MEMBERS));
        self.settle_members(&SQL, ("releasing held memberships", batch, count), &[&stamp.at]).await
    }

    /// Restores the next memberships of a batch that can be restored. Returns how many there were.
    pub async fn reject_members(&self, batch: Uuid, count: i64, stamp: &Stamp) -> Result<i64, Error> {
        static SQL: LazyLock<[String; 3]> = LazyLock::new(|| of_rows(RESTORABLE, REJECT_MEMBERS));
        self.settle_members(&SQL, ("restoring held memberships", batch, count), &[&stamp.at, &slot()]).await
    }

    /// Restores the next pending references of a batch, all of one group: each is a membership if it names a resource by now. Returns how
    /// many there were.
    pub async fn reject_references(&self, batch: Uuid, count: i64, stamp: &Stamp) -> Result<i64, Error> {
        let tenant = &self.tenant.0;
        let rows = self.query("reading held references", NEXT_REFERENCES, &[tenant, &batch, &count]).await?;
        let Some(row) = rows.first() else { return Ok(0) };
        let (group, values): (Uuid, Vec<String>) = (row.get(0), row.get(1));
        let members = Members { add: values, ..Members::default() };
        let change = MemberStatement::new(self.tenant, group, false, (&members, &MembersGuard::Off), stamp);
        let drop = Statement::new("dropping held references", DROP_REFERENCES, &[tenant, &group, &members.add]);
        self.batch(&[change.statement(), drop]).await?;
        Ok(i64::try_from(members.add.len()).unwrap_or(i64::MAX))
    }

    async fn settle_members(
        &self,
        [groups, members, sql]: &[String; 3],
        (doing, batch, count): (&'static str, Uuid, i64),
        more: Params<'_>,
    ) -> Result<i64, Error> {
        let common: [&(dyn ToSql + Sync); 3] = [&self.tenant.0, &batch, &count];
        let params = [&common, more].concat();
        self.settle(vec![
            Statement::new("locking groups of held memberships", groups, &common),
            Statement::new("locking members of held memberships", members, &common),
            Statement { doing, sql, params },
        ])
        .await
    }

    async fn settle(&self, statements: Vec<Statement<'_>>) -> Result<i64, Error> {
        let answers = self.batch(&statements).await?;
        Ok(answers.last().and_then(|rows| rows.first()).map_or(0, |row| row.get(0)))
    }
}

/// The statements that lock the groups and the members of these rows, and the one that settles them.
fn of_rows(rows: &str, settle: &str) -> [String; 3] {
    [LOCK_GROUPS, LOCK_MEMBERS, settle].map(|sql| sql.replace("{rows}", rows))
}
