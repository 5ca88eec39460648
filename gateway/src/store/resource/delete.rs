//! Deleting a resource: its row stays as a tombstone.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::event::EventKind;
use crate::store::held::HoldChange;
use crate::store::mapped_unique::{UniqueChange, UniqueWrite};
use crate::store::mapping_reason::drop_reason;
use crate::store::membership::LOCK_RESOURCE;
use crate::store::postgres::pool::Statement;
use crate::store::postgres::sql::Variants;
use crate::store::resource::content::{RowParams, Written, delete_search_keys, if_row_unchanged};
use crate::store::resource::indexed::KeyLayout;
use crate::store::resource::key::{Key, Keys};
use crate::store::resource::read::RowVersion;
use crate::store::stamp::{Stamp, slot};

/// The parts of the statement that depend on what is deleted.
#[derive(Clone, Copy)]
struct Parts {
    /// Whether the version before may have written keys.
    text: bool,
    /// Whether there are search keys.
    searchable: bool,
    /// Whether the product sees the resource: then its event counts it.
    visible: bool,
}

impl Parts {
    fn sql(self) -> &'static str {
        static TEXTS: Variants = Variants::new();
        TEXTS.get([self.text, self.searchable, self.visible], || self.tombstone())
    }

    fn tombstone(self) -> String {
        let text = if self.text {
            ",
st AS (DELETE FROM resource_key k USING w WHERE k.tenant_id = $1 AND k.id = w.id)"
        } else {
            ""
        };
        let searchable = if self.searchable {
            format!(
                ",
s AS ({})",
                delete_search_keys(FIRST_OWN_PARAM + if self.visible { 3 } else { 1 })
            )
        } else {
            String::new()
        };
        let counted = if self.visible {
            ",
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at, delta)
  SELECT w.tenant_id, $9, $3, w.id, w.version, $10, $11, $4, -1 FROM w)"
        } else {
            ",
c AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n) SELECT w.tenant_id, $3, $9, -1 FROM w
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n - 1)"
        };
        let row = if_row_unchanged(5);
        format!(
            "
WITH w AS (
  UPDATE resource r SET deleted_at = $4, version = r.version + 1, modified_at = $4, set_aside = NULL
  WHERE r.tenant_id = $1 AND r.id = $2 AND CASE WHEN r.resource_type = $3 THEN r.deleted_at IS NULL END AND {row}
    AND ($8::bigint IS NULL OR $8 = (SELECT coalesce(sum(n), 0) FROM group_change g WHERE g.tenant_id = $1 AND g.group_id = $2))
  RETURNING r.tenant_id, r.id, r.version, r.name_key, r.external_id),
t AS (INSERT INTO tombstone_key (tenant_id, resource_type, attribute, key, id, deleted_at)
  SELECT w.tenant_id, $3, CASE WHEN w.external_id IS NULL THEN 'name' ELSE 'externalId' END, coalesce(w.external_id, w.name_key), w.id, $4
  FROM w WHERE $3 <> 'Group' AND coalesce(w.external_id, w.name_key) IS NOT NULL),
u AS (DELETE FROM unique_key k USING w WHERE k.tenant_id = $1 AND k.id = w.id){text}{searchable}{counted}
SELECT version FROM w"
        )
    }
}

/// The first parameter of the event or of the counter.
const FIRST_OWN_PARAM: usize = 9;

/// A resource to be deleted, as it was read.
pub struct Delete<'a> {
    /// The resource's type.
    pub resource_type: &'a str,
    /// Its id.
    pub id: Uuid,
    /// The row.
    pub row: RowVersion,
    /// The member changes, where they must be unchanged.
    pub member_changes: Option<i64>,
    /// Whether the product sees it.
    pub visible: bool,
    /// Whether the product sees it at once, and whether it is counted.
    pub hold: HoldChange,
    /// Whether values of its mapped document may be unique: they are free then, but for those that the product still sees.
    pub frees_unique: bool,
    /// Whether a reason of the mapping is kept of it.
    pub has_reason: bool,
    /// Its keys.
    pub keys: &'a Keys,
    /// How the tenant's keys are stored.
    pub key_layout: KeyLayout,
}

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
    /// Deletes a resource with its keys and memberships, if its row is still as it was read.
    pub async fn delete(&self, delete: &Delete<'_>, stamp: &Stamp) -> Result<Written, Error> {
        let Delete { resource_type, id, row, member_changes, visible, hold, has_reason, keys, key_layout, .. } = delete;
        let change = if delete.frees_unique { UniqueChange::Set(Vec::new()) } else { UniqueChange::None };
        let unique = UniqueWrite::of(*id, &change, matches!(hold, HoldChange::Keep(_)));
        let Stamp { at, actor, request_id } = stamp;
        let (slot, event) = (slot(), EventKind::Deleted.name(resource_type));
        let hashes: Vec<i64> = keys.searchable.iter().map(Key::hash).collect();
        let text = *key_layout != KeyLayout::Hashed;
        let held = if let HoldChange::Keep(held) = hold { Some(held) } else { None };
        let parts = Parts { text, searchable: !text && !hashes.is_empty(), visible: *visible && held.is_none() };
        let tenant = &self.tenant.0;
        let row = RowParams::from(*row);
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![tenant, id, resource_type, at];
        params.extend(row.params());
        params.push(member_changes);
        if parts.visible {
            let own: [&(dyn ToSql + Sync); 3] = [&event, actor, request_id];
            params.extend(own);
        } else {
            params.push(&slot);
        }
        if parts.searchable {
            params.push(&hashes);
        }
        let mut batch = vec![
            Statement::new("locking a resource", LOCK_RESOURCE, &[tenant, id]),
            Statement { doing: "deleting a resource", sql: parts.sql(), params },
        ];
        // After the row is written: the hold ends a transaction that has lost its race.
        batch.extend(hold.statement(tenant, id, stamp));
        batch.extend(held.map(|held| held.memberships(tenant, id, stamp)));
        batch.push(Statement::new("deleting memberships", DELETE_MEMBERSHIPS, &[tenant, id, at, &slot]));
        batch.extend(has_reason.then(|| drop_reason(tenant, id)));
        batch.extend(unique.iter().flat_map(|unique| unique.statements(tenant)));
        let answers = self.batch(&batch).await?;
        Ok(Written::from_rows(&answers[1]))
    }
}
