//! The statement that changes a group's members.

use std::sync::LazyLock;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::membership::Members;
use crate::store::membership::value::{Values, meaning};
use crate::store::postgres::pool::Statement;
use crate::store::stamp::{Stamp, slot};
use crate::tenant::TenantId;

/// The group's row is shared, not bumped: sixteen writers on one group do not queue. The members' rows are shared too,
/// so that none can be deleted between the look and the insert. The product is told only of what it may see.
///
/// Every table is reached by its key from the values given, never by the group as a whole, except where these and no others
/// are to be members: a change must cost the same in a group of ten and of a hundred thousand. So who goes is named with the
/// group, in a set that the server makes first (`OFFSET 0`), or it would hold all members against those who go. Sets that
/// tables are joined with are arrays, of which the server reckons with ten: where it reckons with one or two, it holds each
/// of eight thousand values against every member.
const GROUP: &str = "
WITH g AS (SELECT id, mapping_state FROM resource WHERE tenant_id = $1 AND id = $2 AND resource_type = 'Group' AND deleted_at IS NULL
  AND (NOT $3 OR xmin = pg_current_xact_id()::xid) FOR SHARE),";

/// Who comes, and the references that are kept of who is not there.
const COME: &str = ",
living AS (SELECT r.id, r.resource_type FROM unnest(ARRAY(SELECT id FROM wanted)) w (id) JOIN resource r ON r.tenant_id = $1 AND r.id = w.id
  WHERE r.deleted_at IS NULL AND EXISTS (SELECT 1 FROM g) ORDER BY r.id FOR SHARE OF r),
come AS (INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at)
  SELECT $1, g.id, living.id, living.resource_type, $4 FROM g, living ON CONFLICT DO NOTHING RETURNING member_id),
pending AS (INSERT INTO member_ref (tenant_id, group_id, value, key, created_at)
  SELECT $1, g.id, u.value, u.key, $4 FROM g, wanted_unknown u WHERE NOT $11 ON CONFLICT DO NOTHING RETURNING value),";

/// A reference that was kept of one who comes now, by the value that means it, goes.
const KNOWN: &str = "SELECT value FROM wanted_other WHERE value NOT IN (SELECT value FROM wanted_unknown)";

/// Who goes where some do.
const GONE: &str = ",
gone AS (DELETE FROM membership m USING (SELECT g.id AS group_id, u.id FROM g, unnest(ARRAY(SELECT id FROM unwanted)) u (id) OFFSET 0) u
  WHERE m.tenant_id = $1 AND m.group_id = u.group_id AND m.member_id = u.id RETURNING m.member_id),";

/// Who goes where all others do.
const OTHERS_GONE: &str = "
gone AS (DELETE FROM membership m WHERE m.tenant_id = $1 AND m.group_id = (SELECT id FROM g)
  AND m.member_id NOT IN (SELECT id FROM living) RETURNING m.member_id),
forgotten AS (DELETE FROM member_ref m USING g WHERE m.tenant_id = $1 AND m.group_id = g.id
  AND m.value NOT IN (SELECT value FROM wanted_unknown) RETURNING m.value),";

/// The references that go where not all others do, from what selects their values.
fn forgotten_sql(selects: &[String]) -> String {
    format!(
        "
forgotten AS (DELETE FROM member_ref m USING (SELECT g.id AS group_id, f.value FROM g, unnest(ARRAY({})) f (value) OFFSET 0) f
  WHERE m.tenant_id = $1 AND m.group_id = f.group_id AND m.value = f.value RETURNING m.value),",
        selects.join(" UNION ALL ")
    )
}

/// The counter and the events. None has come or gone where that part is left out.
fn tell(parts: Parts) -> String {
    let mut changes = Vec::new();
    changes.extend(parts.goes().then_some("SELECT 'membership.removed' AS type, member_id FROM gone"));
    changes.extend(parts.adds.then_some("SELECT 'membership.added' AS type, member_id FROM come"));
    let mut counted = vec!["(SELECT count(*) FROM forgotten)"];
    counted.extend(parts.goes().then_some("(SELECT count(*) FROM gone)"));
    counted.extend(parts.adds.then_some("(SELECT count(*) FROM come) + (SELECT count(*) FROM pending)"));
    let unknown = if parts.adds { "(SELECT count(*) FROM wanted_unknown)" } else { "0::bigint" };
    format!(
        "
total AS (SELECT {} AS n),
c AS (INSERT INTO group_change AS c (tenant_id, group_id, slot, n, at) SELECT $1, g.id, $5, 1, $4 FROM g, total WHERE total.n > 0
  ON CONFLICT (tenant_id, group_id, slot) DO UPDATE SET n = c.n + 1, at = greatest(c.at, excluded.at)),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, member_id, actor, request_id, at)
  SELECT $1, change.type, 'Group', $2, change.member_id, $6, $7, $4 FROM ({}) change
  JOIN g ON g.mapping_state NOT IN ('excluded', 'never')
  CROSS JOIN LATERAL (SELECT 1 FROM resource m WHERE m.tenant_id = $1 AND m.id = change.member_id
    AND m.mapping_state NOT IN ('excluded', 'never') LIMIT 1) seen)
SELECT EXISTS (SELECT 1 FROM g) AS found, total.n, {unknown} FROM total",
        counted.join(" + "),
        changes.join(" UNION ALL ")
    )
}

/// What a change does.
#[derive(Clone, Copy)]
struct Parts {
    adds: bool,
    removes: bool,
    replaces: bool,
}

/// Parameters that every change has.
const COMMON: usize = 7;

impl Parts {
    fn of(members: &Members) -> Self {
        let removes = !members.replace_all && !members.remove.is_empty();
        // One that changes nothing still tells whether there is a group.
        let adds = !members.add.is_empty() || members.replace_all || !removes;
        Self { adds, removes, replaces: members.replace_all }
    }

    fn goes(self) -> bool {
        self.removes || self.replaces
    }

    /// Only what there is to do: the database sets every other part up in vain.
    fn sql(self) -> &'static str {
        static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| (0..8).map(Parts::from_bits).map(Parts::text).collect());
        &TEXTS[usize::from(self.adds) | usize::from(self.removes) << 1 | usize::from(self.replaces) << 2]
    }

    fn from_bits(bits: usize) -> Self {
        Self { adds: bits & 1 != 0, removes: bits & 2 != 0, replaces: bits & 4 != 0 }
    }

    fn text(self) -> String {
        let mut sql = GROUP.to_owned();
        let mut forgotten = Vec::new();
        let mut next = COMMON + 1;
        if self.adds {
            sql += &meaning("wanted", next);
            sql += COME;
            forgotten.push(KNOWN.to_owned());
            next += 4;
        }
        if self.removes {
            sql += &meaning("unwanted", next);
            sql += GONE;
            forgotten.push(format!("SELECT unnest(${}::text[])", next + 3));
        }
        if self.replaces {
            sql += OTHERS_GONE;
        } else {
            sql += &forgotten_sql(&forgotten);
        }
        sql + &tell(self)
    }
}

/// The owned parameters of a member change.
pub(in crate::store) struct MemberStatement<'a> {
    tenant: Uuid,
    group: Uuid,
    written_here: bool,
    parts: Parts,
    add: Values<'a>,
    drop_unknown: bool,
    remove: Values<'a>,
    /// The references that go, as they may have been kept.
    forget: Vec<String>,
    slot: i16,
    stamp: &'a Stamp,
}

impl<'a> MemberStatement<'a> {
    /// With `written_here`, the change is made only where this very transaction wrote the group: beside a write that
    /// lost its race nothing may happen.
    pub(in crate::store) fn new(
        tenant: TenantId,
        group: Uuid,
        written_here: bool,
        members: &'a Members,
        stamp: &'a Stamp,
    ) -> Self {
        // References were once kept with their ids in our own letters.
        let canonical =
            |text: &String| text.parse::<Uuid>().ok().map(|id| id.to_string()).filter(|canonical| canonical != text);
        Self {
            tenant: tenant.0,
            group,
            written_here,
            parts: Parts::of(members),
            add: Values::of(&members.add),
            drop_unknown: members.drop_unknown,
            remove: Values::of(&members.remove),
            forget: members.remove.iter().filter_map(canonical).chain(members.remove.iter().cloned()).collect(),
            slot: slot(),
            stamp,
        }
    }

    pub(in crate::store) fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let Self { stamp, .. } = self;
        let mut params: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(COMMON + 8);
        let common: [&(dyn ToSql + Sync); COMMON] =
            [&self.tenant, &self.group, &self.written_here, &stamp.at, &self.slot, &stamp.actor, &stamp.request_id];
        params.extend(common);
        if self.parts.adds {
            params.extend(self.add.params());
            params.push(&self.drop_unknown);
        }
        if self.parts.removes {
            params.extend(self.remove.params());
            params.push(&self.forget);
        }
        params
    }

    pub(in crate::store) fn statement<'p>(&self, params: &'p [&'p (dyn ToSql + Sync)]) -> Statement<'p> {
        Statement { doing: "changing members", sql: self.parts.sql(), params }
    }
}
