//! Adding or removing members by their ids, which nearly every member change does: a small statement that looks up no names.
//! It changes all of them or none; where it can't change all, the statement of [`crate::store::membership::change`] follows.

use std::sync::LazyLock;
use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::guard::{Counted, MembersGuard, count_sql};
use crate::store::membership::change::references;
use crate::store::membership::{MemberChangeResult, Members};
use crate::store::postgres::pool::Statement;
use crate::store::stamp::{Stamp, slot};
use crate::tenant::TenantId;

/// The group, locked shared as in every member change.
const GROUP: &str = "
WITH g AS (SELECT id, mapping_state NOT IN ('excluded', 'never') AS seen FROM resource
  WHERE tenant_id = $1 AND id = $2 AND CASE WHEN resource_type = 'Group' THEN deleted_at IS NULL END FOR SHARE),";

/// The living resources among the ids, locked shared in the order of the ids, and after the group.
const LIVING: &str = "
m AS (SELECT r.id, r.resource_type, r.seen FROM unnest($3::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT r.id, r.resource_type, r.mapping_state NOT IN ('excluded', 'never') AS seen FROM resource r
    WHERE r.tenant_id = $1 AND r.id = v.id AND CASE WHEN r.tenant_id = $1 THEN r.deleted_at IS NULL END FOR SHARE) r
  WHERE EXISTS (SELECT 1 FROM g)),";

/// The same for one id: setting up the loop costs more than the look-up.
const ONE_LIVING: &str = "
m AS (SELECT r.id, r.resource_type, r.mapping_state NOT IN ('excluded', 'never') AS seen FROM resource r
  WHERE r.tenant_id = $1 AND r.id = ($3::uuid[])[1] AND CASE WHEN r.tenant_id = $1 THEN r.deleted_at IS NULL END
    AND EXISTS (SELECT 1 FROM g) FOR SHARE OF r),";

/// References are not looked for: by the id of a living resource none is kept.
const ADD: &str = "
known AS (SELECT count(*) = cardinality($3::uuid[]) AS all FROM m),
changed AS (INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at)
  SELECT $1, g.id, m.id, m.resource_type, $4 FROM g, known, m WHERE known.all ON CONFLICT DO NOTHING RETURNING member_id),
visible AS (SELECT changed.member_id FROM g, changed
  WHERE g.seen AND changed.member_id NOT IN (SELECT id FROM m WHERE NOT seen)),";

/// A value that names no member may name another resource by its externalId or name, and one that names a member may also be
/// kept as a reference: neither is handled here. Rows are deleted as in the large statement. The members are locked, too: whether the
/// product sees one, a remap may be changing.
const REMOVE: &str = "
m AS (SELECT v.id, m.place, r.seen FROM unnest($3::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT m.ctid AS place FROM membership m WHERE m.tenant_id = $1 AND m.group_id = $2 AND m.member_id = v.id LIMIT 1) m CROSS JOIN LATERAL
  (SELECT r.mapping_state NOT IN ('excluded', 'never') AS seen FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id FOR SHARE) r
  WHERE EXISTS (SELECT 1 FROM g)),
known AS (SELECT count(*) = cardinality($3::uuid[]) AND NOT EXISTS (SELECT 1 FROM unnest($9::text[]) v (value) CROSS JOIN LATERAL
  (SELECT 1 FROM member_ref f WHERE f.tenant_id = $1 AND f.group_id = $2 AND f.value = v.value LIMIT 1) f) AS all FROM m),
changed AS (DELETE FROM membership m USING (SELECT m.place FROM g, known, m WHERE known.all LIMIT (SELECT 1000000)) gone
  WHERE m.tenant_id = $1 AND m.ctid = gone.place RETURNING m.member_id),
visible AS (SELECT changed.member_id FROM g, changed
  WHERE g.seen AND changed.member_id NOT IN (SELECT id FROM m WHERE NOT seen)),";

/// The counter, the events of one type, and the result. A membership that a batch holds is the same for the product before and after.
/// The guard counts what the product sees removed.
fn result_sql(event: &str, adds: bool) -> String {
    let counted = if adds { "0".to_owned() } else { count_sql("(SELECT count(*) FROM told)", 10) };
    format!(
        "
c AS (INSERT INTO group_change AS c (tenant_id, group_id, slot, n, at) SELECT $1, g.id, $5, 1, $8 FROM g
  WHERE EXISTS (SELECT 1 FROM changed)
  ON CONFLICT (tenant_id, group_id, slot) DO UPDATE SET n = c.n + 1, at = greatest(c.at, excluded.at)),
told AS (SELECT v.member_id FROM visible v
  WHERE (SELECT true FROM held_member h WHERE h.tenant_id = $1 AND h.group_id = $2 AND h.member_id = v.member_id LIMIT 1) IS NULL),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, member_id, actor, request_id, at)
  SELECT $1, '{event}', 'Group', $2, told.member_id, $6, $7, $4 FROM told)
SELECT EXISTS (SELECT 1 FROM g), known.all, (SELECT count(*) FROM changed), {counted} FROM known"
    )
}

/// A change of members that are all named by their ids.
pub(super) struct IdChange<'a> {
    tenant: Uuid,
    group: Uuid,
    adds: bool,
    /// Sorted, since the rows are locked in this order.
    ids: Vec<Uuid>,
    /// The references that the values to remove may be kept as.
    references: Vec<String>,
    counted: &'a Counted,
    slot: i16,
    modified_at: SystemTime,
    stamp: &'a Stamp,
}

impl<'a> IdChange<'a> {
    /// None for a change that removes all others, adds and removes, or has a value that is not an id.
    pub(super) fn new(
        tenant: TenantId,
        group: Uuid,
        (members, guard): (&Members, &'a MembersGuard),
        stamp: &'a Stamp,
    ) -> Option<Self> {
        let adds = !members.add.is_empty();
        if members.replace_all || adds != members.remove.is_empty() {
            return None;
        }
        let values = if adds { &members.add } else { &members.remove };
        let mut ids = values.iter().map(|value| value.parse().ok()).collect::<Option<Vec<Uuid>>>()?;
        ids.sort_unstable();
        ids.dedup();
        let (references, counted) = (references(&members.remove), guard.counted());
        let modified_at = members.modified_at.unwrap_or(stamp.at);
        Some(Self { tenant: tenant.0, group, adds, ids, references, counted, slot: slot(), modified_at, stamp })
    }

    pub(super) fn statement(&self) -> Statement<'_> {
        static ADD_MANY: LazyLock<String> =
            LazyLock::new(|| [GROUP, LIVING, ADD, &result_sql("membership.added", true)].concat());
        static ADD_ONE: LazyLock<String> =
            LazyLock::new(|| [GROUP, ONE_LIVING, ADD, &result_sql("membership.added", true)].concat());
        static REMOVE_ALL: LazyLock<String> =
            LazyLock::new(|| [GROUP, REMOVE, &result_sql("membership.removed", false)].concat());
        let Self { tenant, group, ids, slot, modified_at, stamp, .. } = self;
        let common: [&(dyn ToSql + Sync); 8] =
            [tenant, group, ids, &stamp.at, slot, &stamp.actor, &stamp.request_id, modified_at];
        let mut params = common.to_vec();
        let (doing, sql) = match (self.adds, self.ids.len()) {
            (true, 1) => ("adding a member", &ADD_ONE),
            (true, _) => ("adding members by id", &ADD_MANY),
            (false, _) => {
                params.push(&self.references);
                params.extend(self.counted.params());
                ("removing members by id", &REMOVE_ALL)
            }
        };
        Statement { doing, sql, params }
    }

    /// What the statement did; none where it changed nothing because it can't change all.
    pub(super) fn result(rows: &[Row]) -> Option<MemberChangeResult> {
        let row = rows.first()?;
        let (group_found, is_complete): (bool, bool) = (row.get(0), row.get(1));
        (is_complete || !group_found).then(|| MemberChangeResult { group_found, changed: row.get(2), unknown: 0 })
    }
}
