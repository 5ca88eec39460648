//! Members of groups: a row each, so that one more costs the same in a group of ten and of a hundred thousand.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::TenantStore;
use super::error::Error;
use super::pool::Statement;
use super::stamp::{Stamp, slot};
use crate::tenant::TenantId;

/// A change of a group's members.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// Whether those not added go.
    pub replace_all: bool,
    /// Values to add: ids, or what may turn out to be one.
    pub add: Vec<String>,
    /// Values to remove.
    pub remove: Vec<String>,
    /// Whether a value that nobody knows is left out, in place of being kept as a reference.
    pub drop_unknown: bool,
}

/// One member of a group as stored.
#[derive(Clone, Debug)]
pub struct Member {
    /// The member's id, or the text of a pending reference.
    pub value: String,
    /// The member's type; none while the reference is pending.
    pub resource_type: Option<String>,
}

/// What a member change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// Whether the group lives.
    pub group_found: bool,
    /// Members that came or went, and references that are pending now.
    pub changed: i64,
    /// Values that nobody knows.
    pub unknown: i64,
}

/// The group's row is shared, not bumped: sixteen writers on one group do not queue. The members' rows are shared too,
/// so that none can be deleted between the look and the insert. The product is told only of what it may see.
///
/// Every table is reached by its key from the values given, never by the group as a whole, except where `$7` says "these
/// and no others": a change must cost the same in a group of ten and of a hundred thousand.
///
/// What is unknown is found by three sets of what is known, each of which the database makes once. One condition with `OR`
/// would hold every value against every member, and eight thousand of them would outlast the statement's time.
const CHANGE: &str = "
WITH g AS (SELECT id, mapping_state FROM resource WHERE tenant_id = $1 AND id = $2 AND resource_type = 'Group' AND deleted_at IS NULL
  AND (NOT $3 OR xmin = pg_current_xact_id()::xid) FOR SHARE),
wanted AS (SELECT unnest($4::uuid[]) AS id
  UNION SELECT id FROM resource WHERE tenant_id = $1 AND resource_type = 'User' AND deleted_at IS NULL AND name_key = ANY($14)
  UNION SELECT id FROM resource WHERE tenant_id = $1 AND resource_type = 'User' AND deleted_at IS NULL AND external_id = ANY($15)),
living AS (SELECT r.id, r.resource_type, r.name_key, r.external_id FROM wanted JOIN resource r ON r.tenant_id = $1 AND r.id = wanted.id
  WHERE r.deleted_at IS NULL AND EXISTS (SELECT 1 FROM g) ORDER BY r.id FOR SHARE OF r),
unwanted AS (SELECT unnest($6::uuid[]) AS id
  UNION SELECT id FROM resource WHERE tenant_id = $1 AND resource_type = 'User' AND deleted_at IS NULL AND name_key = ANY($16)
  UNION SELECT id FROM resource WHERE tenant_id = $1 AND resource_type = 'User' AND deleted_at IS NULL AND external_id = ANY($8)),
removed AS (DELETE FROM membership m USING unwanted
  WHERE NOT $7 AND m.tenant_id = $1 AND m.group_id = (SELECT id FROM g) AND m.member_id = unwanted.id RETURNING m.member_id),
replaced AS (DELETE FROM membership m
  WHERE $7 AND m.tenant_id = $1 AND m.group_id = (SELECT id FROM g)
    AND (m.member_id IN (SELECT id FROM unwanted) OR NOT EXISTS (SELECT 1 FROM living WHERE living.id = m.member_id)) RETURNING m.member_id),
gone AS (SELECT member_id FROM removed UNION ALL SELECT member_id FROM replaced),
come AS (INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at)
  SELECT $1, g.id, living.id, living.resource_type, $9 FROM g, living ON CONFLICT DO NOTHING RETURNING member_id),
unknown AS (SELECT v.value, v.key FROM g, unnest($5::text[], $10::text[]) v (value, key)
  WHERE v.key NOT IN (SELECT id::text FROM living)
    AND v.key NOT IN (SELECT name_key FROM living WHERE resource_type = 'User' AND name_key IS NOT NULL)
    AND v.value NOT IN (SELECT external_id FROM living WHERE resource_type = 'User' AND external_id IS NOT NULL)),
forgotten AS (DELETE FROM member_ref m USING g WHERE m.tenant_id = $1 AND m.group_id = g.id
  AND (m.value = ANY($8) OR ($7 AND m.value <> ALL($5))) RETURNING m.value),
pending AS (INSERT INTO member_ref (tenant_id, group_id, value, key, created_at)
  SELECT $1, g.id, unknown.value, unknown.key, $9 FROM g, unknown WHERE NOT $17 ON CONFLICT DO NOTHING RETURNING value),
total AS (SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM come) + (SELECT count(*) FROM forgotten)
  + (SELECT count(*) FROM pending) AS n),
c AS (INSERT INTO group_change AS c (tenant_id, group_id, slot, n, at) SELECT $1, g.id, $11, 1, $9 FROM g, total WHERE total.n > 0
  ON CONFLICT (tenant_id, group_id, slot) DO UPDATE SET n = c.n + 1, at = greatest(c.at, excluded.at)),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, member_id, actor, request_id, at)
  SELECT $1, change.type, 'Group', $2, change.member_id, $12, $13, $9 FROM (
    SELECT 'membership.removed' AS type, member_id FROM gone UNION ALL SELECT 'membership.added', member_id FROM come) change
  JOIN g ON g.mapping_state NOT IN ('excluded', 'never')
  CROSS JOIN LATERAL (SELECT 1 FROM resource m WHERE m.tenant_id = $1 AND m.id = change.member_id
    AND m.mapping_state NOT IN ('excluded', 'never') LIMIT 1) seen)
SELECT EXISTS (SELECT 1 FROM g) AS found, total.n, (SELECT count(*) FROM unknown) FROM total";

/// What of the values is neither an id nor a user's name or externalId.
const UNKNOWN: &str = "
WITH living AS (SELECT id, resource_type, name_key, external_id FROM resource WHERE tenant_id = $1 AND deleted_at IS NULL AND id = ANY($2)
  UNION SELECT id, resource_type, name_key, external_id FROM resource
    WHERE tenant_id = $1 AND resource_type = 'User' AND deleted_at IS NULL AND name_key = ANY($3)
  UNION SELECT id, resource_type, name_key, external_id FROM resource
    WHERE tenant_id = $1 AND resource_type = 'User' AND deleted_at IS NULL AND external_id = ANY($4)),
known AS (SELECT id::text AS value FROM living UNION SELECT v.value FROM living, unnest($5::text[], $6::text[]) v (value, key)
  WHERE living.resource_type = 'User' AND living.name_key = v.key
  UNION SELECT external_id FROM living WHERE resource_type = 'User' AND external_id IS NOT NULL)
SELECT v.value FROM unnest($5::text[], $6::text[]) v (value, key)
WHERE NOT EXISTS (SELECT 1 FROM known WHERE known.value = v.value) ORDER BY v.value";

/// The owned parameters of a member change.
pub(super) struct MemberStatement<'a> {
    tenant: Uuid,
    group: Uuid,
    written_here: bool,
    add_ids: Vec<Uuid>,
    add: &'a [String],
    add_keys: Vec<String>,
    remove_ids: Vec<Uuid>,
    remove: &'a [String],
    /// What is no id may be a user's userName or externalId.
    add_names: Vec<String>,
    add_external_ids: Vec<&'a str>,
    remove_names: Vec<String>,
    replace_all: bool,
    drop_unknown: bool,
    slot: i16,
    stamp: &'a Stamp,
}

impl<'a> MemberStatement<'a> {
    /// With `written_here`, the change is made only where this very transaction wrote the group: beside a write that
    /// lost its race nothing may happen.
    pub(super) fn new(
        tenant: TenantId,
        group: Uuid,
        written_here: bool,
        members: &'a Members,
        stamp: &'a Stamp,
    ) -> Self {
        let ids = |values: &[String]| values.iter().filter_map(|value| value.parse().ok()).collect();
        let no_ids = |values: &'a [String]| values.iter().filter(|value| value.parse::<Uuid>().is_err());
        let fold = |value: &'a String| scimgate_scim::fold::fold(value);
        Self {
            tenant: tenant.0,
            group,
            written_here,
            add_ids: ids(&members.add),
            add: &members.add,
            add_keys: members.add.iter().map(|value| scimgate_scim::fold::fold(value)).collect(),
            remove_ids: ids(&members.remove),
            remove: &members.remove,
            add_names: no_ids(&members.add).map(fold).collect(),
            add_external_ids: no_ids(&members.add).map(String::as_str).collect(),
            remove_names: no_ids(&members.remove).map(fold).collect(),
            replace_all: members.replace_all,
            drop_unknown: members.drop_unknown,
            slot: slot(),
            stamp,
        }
    }

    pub(super) fn params(&self) -> [&(dyn ToSql + Sync); 17] {
        [
            &self.tenant,
            &self.group,
            &self.written_here,
            &self.add_ids,
            &self.add,
            &self.remove_ids,
            &self.replace_all,
            &self.remove,
            &self.stamp.at,
            &self.add_keys,
            &self.slot,
            &self.stamp.actor,
            &self.stamp.request_id,
            &self.add_names,
            &self.add_external_ids,
            &self.remove_names,
            &self.drop_unknown,
        ]
    }

    pub(super) fn statement<'p>(params: &'p [&'p (dyn ToSql + Sync); 17]) -> Statement<'p> {
        Statement { doing: "changing members", sql: CHANGE, params }
    }
}

const LIST: &str = "
SELECT m.group_id, m.member_id::text AS value, m.member_type AS type FROM membership m
WHERE m.tenant_id = $1 AND m.group_id = ANY($2)
UNION ALL SELECT group_id, value, NULL FROM member_ref WHERE tenant_id = $1 AND group_id = ANY($2) ORDER BY 1, 2";

/// Members whom the product sees, in the order of their ids.
const LIST_VISIBLE: &str = "
SELECT m.group_id, m.member_id::text AS value, m.member_type AS type FROM membership m
JOIN resource r ON r.tenant_id = m.tenant_id AND r.id = m.member_id AND r.mapping_state NOT IN ('excluded', 'never')
WHERE m.tenant_id = $1 AND m.group_id = ANY($2) ORDER BY 1, 2";

const COUNT: &str = "
SELECT count(*) FROM (SELECT 1 FROM (SELECT 1 FROM membership WHERE tenant_id = $1 AND group_id = ANY($2)
  UNION ALL SELECT 1 FROM member_ref WHERE tenant_id = $1 AND group_id = ANY($2)) every LIMIT $3) counted";

/// The members of several groups.
pub type MembersByGroup = HashMap<Uuid, Vec<Member>>;

impl TenantStore {
    /// Changes members and leaves the group's own row alone.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn change_members(&self, group: Uuid, members: &Members, stamp: &Stamp) -> Result<MemberChange, Error> {
        let change = MemberStatement::new(self.tenant, group, false, members, stamp);
        let params = change.params();
        let lock_params: [&(dyn ToSql + Sync); 2] = [&self.tenant.0, &group];
        let lock = Statement {
            doing: "locking a group",
            sql: "SELECT 1 FROM resource WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
            params: &lock_params,
        };
        let statement = MemberStatement::statement(&params);
        // "These and no others" must see who is there now, so it waits for those who are adding.
        let batch = if members.replace_all { vec![lock, statement] } else { vec![statement] };
        let answers = self.batch(&batch).await?;
        let row = answers.last().and_then(|rows| rows.first());
        Ok(row.map_or(MemberChange { group_found: false, changed: 0, unknown: 0 }, |row| MemberChange {
            group_found: row.get(0),
            changed: row.get(1),
            unknown: row.get(2),
        }))
    }

    /// Which of these values nobody knows.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn unknown_members(&self, values: &[String]) -> Result<Vec<String>, Error> {
        let ids: Vec<Uuid> = values.iter().filter_map(|value| value.parse().ok()).collect();
        let keys: Vec<String> = values.iter().map(|value| scimgate_scim::fold::fold(value)).collect();
        let params: [&(dyn ToSql + Sync); 6] = [&self.tenant.0, &ids, &keys, &values, &values, &keys];
        let rows = self.query("looking for members", UNKNOWN, &params).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The members of groups, pending references among them.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn members(&self, groups: &[Uuid]) -> Result<MembersByGroup, Error> {
        let rows = self.query("reading members", LIST, &[&self.tenant.0, &groups]).await?;
        Ok(by_group(&rows))
    }

    /// How many members groups have together, counted up to `limit`.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn count_members(&self, groups: &[Uuid], limit: i64) -> Result<i64, Error> {
        let rows = self.query("counting members", COUNT, &[&self.tenant.0, &groups, &limit]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// The members of groups that the product sees.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn visible_members(&self, groups: &[Uuid]) -> Result<MembersByGroup, Error> {
        let rows = self.query("reading members", LIST_VISIBLE, &[&self.tenant.0, &groups]).await?;
        Ok(by_group(&rows))
    }
}

fn by_group(rows: &[Row]) -> MembersByGroup {
    let mut groups = MembersByGroup::new();
    for row in rows {
        groups.entry(row.get(0)).or_default().push(Member { value: row.get(1), resource_type: row.get(2) });
    }
    groups
}
