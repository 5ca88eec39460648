//! Deleting a resource: its row stays as a tombstone.

use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::event::EventKind;
use crate::store::membership::LOCK_RESOURCE;
use crate::store::postgres::pool::Statement;
use crate::store::resource::content::Written;
use crate::store::stamp::{Stamp, slot};

const TOMBSTONE: &str = "
WITH w AS (
  UPDATE resource r SET deleted_at = $4, version = r.version + 1, modified_at = $4, set_aside = NULL
  WHERE r.tenant_id = $1 AND r.id = $2 AND r.resource_type = $3 AND r.deleted_at IS NULL AND ($5::bigint IS NULL OR r.version = $5)
    AND ($6::bigint IS NULL OR $6 = (SELECT coalesce(sum(n), 0) FROM group_change g WHERE g.tenant_id = $1 AND g.group_id = $2))
  RETURNING r.tenant_id, r.id, r.version, r.mapping_state, r.name_key, r.external_id),
t AS (INSERT INTO tombstone_key (tenant_id, resource_type, attribute, key, id, deleted_at)
  SELECT w.tenant_id, $3, CASE WHEN w.external_id IS NULL THEN 'name' ELSE 'externalId' END, coalesce(w.external_id, w.name_key), w.id, $4
  FROM w WHERE $3 <> 'Group' AND coalesce(w.external_id, w.name_key) IS NOT NULL),
u AS (DELETE FROM unique_key k USING w WHERE k.tenant_id = $1 AND k.id = w.id),
s AS (DELETE FROM resource_key k USING w WHERE k.tenant_id = $1 AND k.id = w.id),
c AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n) SELECT w.tenant_id, $3, $7, -1 FROM w
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n - 1),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT w.tenant_id, $8, $3, w.id, w.version, $9, $10, $4 FROM w WHERE w.mapping_state NOT IN ('excluded', 'never'))
SELECT version FROM w";

/// Runs after the tombstone is set, with a snapshot of its own: a member added meanwhile is seen and removed.
const DELETE_MEMBERSHIPS: &str = "
WITH w AS (SELECT id FROM resource WHERE tenant_id = $1 AND id = $2 AND deleted_at = $3),
own AS (DELETE FROM membership m USING w WHERE m.tenant_id = $1 AND m.group_id = w.id),
refs AS (DELETE FROM member_ref m USING w WHERE m.tenant_id = $1 AND m.group_id = w.id),
others AS (DELETE FROM membership m USING w WHERE m.tenant_id = $1 AND m.member_id = w.id AND m.group_id <> w.id
  RETURNING m.group_id),
c AS (INSERT INTO group_change AS c (tenant_id, group_id, slot, n, at)
  SELECT $1, group_id, $4, 1, $3 FROM others ORDER BY group_id
  ON CONFLICT (tenant_id, group_id, slot) DO UPDATE SET n = c.n + 1, at = greatest(c.at, excluded.at))
SELECT count(*) FROM others";

impl TenantStore {
    /// Deletes a resource with its keys and memberships; with a version and member changes `expected`, only if it still has
    /// them.
    pub async fn delete(
        &self,
        resource_type: &str,
        id: Uuid,
        expected: Option<(i64, i64)>,
        stamp: &Stamp,
    ) -> Result<Written, Error> {
        let Stamp { at, actor, request_id } = stamp;
        let (slot, event) = (slot(), EventKind::Deleted.name(resource_type));
        let (version, changes) = expected.unzip();
        let tenant = &self.tenant.0;
        let answers = self
            .batch(&[
                Statement::new("locking a resource", LOCK_RESOURCE, &[tenant, &id]),
                Statement::new(
                    "deleting a resource",
                    TOMBSTONE,
                    &[tenant, &id, &resource_type, at, &version, &changes, &slot, &event, actor, request_id],
                ),
                Statement::new("deleting memberships", DELETE_MEMBERSHIPS, &[tenant, &id, at, &slot]),
            ])
            .await?;
        Ok(Written::from_rows(&answers[1]))
    }
}
