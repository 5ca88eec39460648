//! The statement that changes a group's members.

use std::time::SystemTime;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::guard::{Counted, MembersGuard, count_sql};
use crate::store::membership::Members;
use crate::store::membership::value::{MemberValues, resolve_sql};
use crate::store::postgres::pool::Statement;
use crate::store::postgres::sql::Variants;
use crate::store::stamp::{Stamp, slot};
use crate::tenant::TenantId;

/// The group's row is locked shared and not updated: sixteen writers on one group do not block one another. The members'
/// rows are locked shared too, so that none can be deleted between the look-up and the insert. Events are written only for
/// members that the product sees.
///
/// Except with `replace_all`, every table is read by key for the given values only, never for the whole group: a change must
/// cost the same in a group of ten and of a hundred thousand. Two details keep the planner to that. The rows to remove are found
/// one by one (`LATERAL`) and deleted by their places (`ctid`), which never change, since these rows are never updated; with a
/// limit that it does not know the planner expects few of them, and does not read the table instead. And sets
/// that are joined with tables are arrays, whose size the planner estimates as ten rows; with an estimate of one or two it
/// compares each of eight thousand values with every member.
const GROUP: &str = "
WITH g AS (SELECT id, mapping_state NOT IN ('excluded', 'never') AS seen FROM resource WHERE tenant_id = $1 AND id = $2
  AND CASE WHEN resource_type = 'Group' THEN deleted_at IS NULL END AND (NOT $3 OR xmin = pg_current_xact_id()::xid) FOR SHARE),";

/// The members to add and those to remove, locked in the order of ids and after the group: no other transaction deletes one, or changes
/// whether the product sees it, before this one ends.
fn touched_sql(queries: &[&str]) -> String {
    format!(
        ",
touched AS (SELECT r.id, r.resource_type, r.living, r.seen, r.written FROM unnest(ARRAY({} ORDER BY 1)) w (id) CROSS JOIN LATERAL
  (SELECT r.id, r.resource_type, r.deleted_at IS NULL AS living, r.mapping_state NOT IN ('excluded', 'never') AS seen,
    r.xmin = pg_current_xact_id()::xid AS written FROM resource r WHERE r.tenant_id = $1 AND r.id = w.id FOR SHARE) r WHERE EXISTS (SELECT 1 FROM g)),",
        queries.join(" UNION ")
    )
}

/// The members to add, and the pending references to keep.
const ADDED: &str = "
living AS (SELECT id, resource_type FROM touched WHERE living AND id IN (SELECT id FROM wanted)),
added AS (INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at)
  SELECT $1, g.id, living.id, living.resource_type, $4 FROM g, living ON CONFLICT DO NOTHING RETURNING member_id),
pending AS (INSERT INTO member_ref (tenant_id, group_id, value, key, created_at)
  SELECT $1, g.id, u.value, u.key, $4 FROM g, wanted_unknown u WHERE NOT $12 ON CONFLICT DO NOTHING RETURNING value),";

/// A pending reference goes when its value now names an added member.
const RESOLVED: &str = "SELECT value FROM wanted_other WHERE value NOT IN (SELECT value FROM wanted_unknown)";

/// The members to remove, without `replace_all`.
const FOUND: &str = ",
found AS (SELECT u.id, m.place FROM unnest(ARRAY(SELECT id FROM unwanted)) u (id) CROSS JOIN LATERAL
    (SELECT m.ctid AS place FROM membership m WHERE m.tenant_id = $1 AND m.group_id = $2 AND m.member_id = u.id LIMIT 1) m)";

/// Those that `replace_all` removes. The group is locked against other changes, so they are all.
const OTHERS: &str = ",
found AS (SELECT m.member_id AS id, m.ctid AS place FROM membership m WHERE m.tenant_id = $1 AND m.group_id = $2
    AND m.member_id NOT IN (SELECT id FROM wanted))";

const REMOVED: &str = "
removed AS (DELETE FROM membership m USING (SELECT found.place FROM g, found LIMIT (SELECT 100000000)) gone
  WHERE m.tenant_id = $1 AND m.ctid = gone.place RETURNING m.member_id),";

/// The references to remove with `replace_all`.
const OTHERS_DROPPED: &str = "
dropped AS (DELETE FROM member_ref m USING g WHERE m.tenant_id = $1 AND m.group_id = g.id
  AND m.value NOT IN (SELECT value FROM wanted_unknown) RETURNING m.value),";

/// The references to remove without `replace_all`, by the queries that select their values.
fn dropped_sql(queries: &[&str]) -> String {
    format!(
        "
dropped AS (DELETE FROM member_ref m USING (SELECT m.place FROM g, unnest(ARRAY({})) f (value) CROSS JOIN LATERAL
    (SELECT m.ctid AS place FROM member_ref m WHERE m.tenant_id = $1 AND m.group_id = $2 AND m.value = f.value LIMIT 1) m
    LIMIT (SELECT 1000000)) gone WHERE m.tenant_id = $1 AND m.ctid = gone.place RETURNING m.value),",
        queries.join(" UNION ALL ")
    )
}

/// The SQL of the counter, the events and the result, for the parts that the statement has. A membership that a batch holds is the
/// same for the product before and after. The guard counts what the product sees removed.
fn result_sql(parts: Parts, next: usize) -> String {
    let mut changes = Vec::new();
    changes.extend(parts.has_removed().then_some("SELECT 'membership.removed' AS type, member_id FROM removed"));
    changes.extend(parts.adds.then_some("SELECT 'membership.added' AS type, member_id FROM added"));
    let mut counted = vec!["(SELECT count(*) FROM dropped)"];
    counted.extend(parts.has_removed().then_some("(SELECT count(*) FROM removed)"));
    counted.extend(parts.adds.then_some("(SELECT count(*) FROM added) + (SELECT count(*) FROM pending)"));
    let removed = "(SELECT count(*) FROM told WHERE type = 'membership.removed')";
    let guarded = if parts.has_removed() { count_sql(removed, next) } else { "0".to_owned() };
    let unknown = if parts.adds { "(SELECT count(*) FROM wanted_unknown)" } else { "0::bigint" };
    format!(
        "
total AS (SELECT {} AS n),
c AS (INSERT INTO group_change AS c (tenant_id, group_id, slot, n, at) SELECT $1, g.id, $5, 1, $8 FROM g, total WHERE total.n > 0
  ON CONFLICT (tenant_id, group_id, slot) DO UPDATE SET n = c.n + 1, at = greatest(c.at, excluded.at)),
told AS (SELECT change.type, change.member_id FROM g, ({}) change
  WHERE g.seen AND change.member_id IN (SELECT id FROM touched WHERE seen)
    AND (SELECT true FROM held_member h WHERE h.tenant_id = $1 AND h.group_id = $2 AND h.member_id = change.member_id LIMIT 1) IS NULL),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, member_id, actor, request_id, at, covered)
  SELECT $1, told.type, 'Group', $2, told.member_id, $6, $7, $4, told.member_id IN (SELECT id FROM touched WHERE written) FROM told)
SELECT EXISTS (SELECT 1 FROM g) AS found, total.n, {unknown}, {guarded} FROM total",
        counted.join(" + "),
        changes.join(" UNION ALL ")
    )
}

/// The parts of the statement. Those with nothing to do are left out, because the server initialises them in any case.
#[derive(Clone, Copy)]
struct Parts {
    adds: bool,
    removes: bool,
    replaces: bool,
}

/// Parameters that every change has.
const COMMON_PARAMS: usize = 8;

impl Parts {
    fn of(members: &Members) -> Self {
        let removes = !members.replace_all && !members.remove.is_empty();
        // An empty change must still return whether the group exists, so it has one part.
        let adds = !members.add.is_empty() || members.replace_all || !removes;
        Self { adds, removes, replaces: members.replace_all }
    }

    fn has_removed(self) -> bool {
        self.removes || self.replaces
    }

    fn sql(self) -> &'static str {
        static TEXTS: Variants = Variants::new();
        TEXTS.get([self.adds, self.removes, self.replaces], || self.text())
    }

    fn text(self) -> String {
        let mut sql = GROUP.to_owned();
        let (mut touched, mut dropped) = (Vec::new(), Vec::new());
        let mut next = COMMON_PARAMS + 1;
        if self.adds {
            sql += &resolve_sql("wanted", next);
            touched.push("SELECT id FROM wanted");
            dropped.push(RESOLVED);
            next += 4;
        }
        let given = format!("SELECT unnest(${}::text[])", next + 3);
        if self.removes {
            sql += if self.adds { "," } else { "" };
            sql += &resolve_sql("unwanted", next);
            sql += FOUND;
            touched.push("SELECT id FROM found");
            dropped.push(&given);
            next += 4;
        }
        if self.replaces {
            sql += OTHERS;
            touched.push("SELECT id FROM found");
        }
        sql += &touched_sql(&touched);
        sql += if self.adds { ADDED } else { "" };
        sql += if self.has_removed() { REMOVED } else { "" };
        if self.replaces {
            sql += OTHERS_DROPPED;
        } else {
            sql += &dropped_sql(&dropped);
        }
        sql + &result_sql(self, next)
    }
}

/// The forms in which references by these values may be stored: as written, and, by earlier versions, ids in canonical form.
pub(super) fn references(values: &[String]) -> Vec<String> {
    let canonical =
        |text: &String| text.parse::<Uuid>().ok().map(|id| id.to_string()).filter(|canonical| canonical != text);
    values.iter().filter_map(canonical).chain(values.iter().cloned()).collect()
}

/// The owned parameters of a member change.
pub(in crate::store) struct MemberStatement<'a> {
    tenant: Uuid,
    group: Uuid,
    written_here: bool,
    parts: Parts,
    add: MemberValues<'a>,
    drop_unknown: bool,
    remove: MemberValues<'a>,
    /// The references to remove.
    references: Vec<String>,
    counted: &'a Counted,
    slot: i16,
    modified_at: SystemTime,
    stamp: &'a Stamp,
}

impl<'a> MemberStatement<'a> {
    /// With `written_here`, the change is made only if this transaction wrote the group's row, so that a lost race changes no
    /// members either.
    pub(in crate::store) fn new(
        tenant: TenantId,
        group: Uuid,
        written_here: bool,
        (members, guard): (&'a Members, &'a MembersGuard),
        stamp: &'a Stamp,
    ) -> Self {
        Self {
            tenant: tenant.0,
            group,
            written_here,
            parts: Parts::of(members),
            add: MemberValues::of(&members.add),
            drop_unknown: members.drop_unknown,
            remove: MemberValues::of(&members.remove),
            references: references(&members.remove),
            counted: guard.counted(),
            slot: slot(),
            modified_at: members.modified_at.unwrap_or(stamp.at),
            stamp,
        }
    }

    pub(in crate::store) fn statement(&self) -> Statement<'_> {
        let Self { stamp, .. } = self;
        let Stamp { at, actor, request_id } = stamp;
        let common: [&(dyn ToSql + Sync); COMMON_PARAMS] =
            [&self.tenant, &self.group, &self.written_here, at, &self.slot, actor, request_id, &self.modified_at];
        let mut params = common.to_vec();
        if self.parts.adds {
            params.extend(self.add.params());
            params.push(&self.drop_unknown);
        }
        if self.parts.removes {
            params.extend(self.remove.params());
            params.push(&self.references);
        }
        if self.parts.has_removed() {
            params.extend(self.counted.params());
        }
        Statement { doing: "changing members", sql: self.parts.sql(), params }
    }
}
