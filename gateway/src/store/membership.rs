//! Members of groups, a row each, so that adding one costs the same in a group of ten and of a hundred thousand.

mod by_id;
pub(super) mod change;
pub(super) mod events;
pub(super) mod held;
pub mod page;
pub(super) mod reference;
mod value;

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::guard::MembersGuard;
use crate::store::membership::by_id::IdChange;
use crate::store::membership::change::MemberStatement;
use crate::store::membership::held::HoldMembers;
use crate::store::membership::value::{MemberValues, resolve_sql};
use crate::store::postgres::pool::Statement;
use crate::store::stamp::Stamp;

/// A change of a group's members.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// Whether all other members are removed.
    pub replace_all: bool,
    /// Values to add: ids, external ids or user names.
    pub add: Vec<String>,
    /// Values to remove; ignored with `replace_all`.
    pub remove: Vec<String>,
    /// Whether unknown values are dropped, rather than kept as pending references.
    pub drop_unknown: bool,
    /// The group's lastModified after the change, if that is later than it is; none: the time of the change.
    pub modified_at: Option<SystemTime>,
}

/// One member of a group as stored.
#[derive(Clone, Debug)]
pub struct Member {
    /// The member's id, or the text of a pending reference.
    pub value: String,
    /// The member's type; none while the reference is pending.
    pub resource_type: Option<String>,
}

/// A member value that names no resource.
#[derive(Clone, Debug)]
pub struct UnknownMember {
    /// The value as written.
    pub value: String,
    /// Whether it is the externalId of several users.
    pub is_ambiguous: bool,
}

/// What a member change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberChangeResult {
    /// Whether the group exists.
    pub group_found: bool,
    /// Members added or removed, and references added or removed.
    pub changed: i64,
    /// Values that name no resource.
    pub unknown: i64,
}

const LIST: &str = "
SELECT v.id AS group_id, m.value, m.type FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT member_id::text AS value, member_type AS type FROM membership WHERE tenant_id = $1 AND group_id = v.id
  UNION ALL SELECT value, NULL FROM member_ref WHERE tenant_id = $1 AND group_id = v.id) m ORDER BY 1, 2";

/// Members that the product sees, in the order of their ids, with those that a batch holds for it.
const LIST_VISIBLE: &str = "
SELECT v.id AS group_id, m.member_id::text AS value, m.member_type AS type FROM unnest($2::uuid[]) v (id)
CROSS JOIN LATERAL (SELECT member_id, member_type FROM membership WHERE tenant_id = $1 AND group_id = v.id
  UNION ALL SELECT h.member_id, h.member_type FROM held_member h WHERE h.tenant_id = $1 AND h.group_id = v.id
    AND (SELECT true FROM membership o WHERE o.tenant_id = $1 AND o.group_id = v.id AND o.member_id = h.member_id LIMIT 1) IS NULL
  OFFSET 0) m
CROSS JOIN LATERAL (SELECT mapping_state, deleted_at, held FROM resource WHERE tenant_id = $1 AND id = m.member_id LIMIT 1) r
WHERE r.mapping_state NOT IN ('excluded', 'never') AND (r.deleted_at IS NULL OR r.held IS NOT NULL) ORDER BY 1, 2";

const COUNT: &str = "
SELECT count(*) FROM (SELECT 1 FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT 1 FROM membership WHERE tenant_id = $1 AND group_id = v.id
  UNION ALL SELECT 1 FROM member_ref WHERE tenant_id = $1 AND group_id = v.id) every LIMIT $3) counted";

/// Without pending references.
const COUNT_RESOLVED: &str = "
SELECT count(*) FROM (SELECT 1 FROM membership m WHERE m.tenant_id = $1 AND m.group_id = $2 LIMIT $3) m";

/// Locks a row against member changes, which share its lock. In a statement of its own, so that the next one takes its
/// snapshot when the lock is held.
pub(in crate::store) const LOCK_RESOURCE: &str =
    "SELECT 1 FROM resource WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE";

/// The members of several groups.
pub type MembersByGroup = HashMap<Uuid, Vec<Member>>;

impl TenantStore {
    /// Changes members without writing the group's own row. If a batch holds what is removed, the product sees that still.
    pub async fn change_members(
        &self,
        group: Uuid,
        (members, guard): (&Members, &MembersGuard),
        stamp: &Stamp,
    ) -> Result<MemberChangeResult, Error> {
        let held = guard.batch();
        if held.is_none()
            && let Some(change) = IdChange::new(self.tenant, group, (members, guard), stamp)
        {
            let rows = self.batch(&[change.statement()]).await?;
            if let Some(result) = IdChange::result(&rows[0]) {
                return Ok(result);
            }
        }
        let change = MemberStatement::new(self.tenant, group, false, (members, guard), stamp);
        let removed = held.map(|batch| HoldMembers::new(self.tenant.0, group, (members, batch), stamp));
        let mut batch = Vec::with_capacity(3);
        if members.replace_all || removed.is_some() {
            // It removes all other members, so concurrent additions must be committed before it looks.
            batch.push(Statement::new("locking a group", LOCK_RESOURCE, &[&self.tenant.0, &group]));
        }
        batch.extend(removed.as_ref().map(HoldMembers::statement));
        batch.push(change.statement());
        let answers = self.batch(&batch).await?;
        let row = answers.last().and_then(|rows| rows.first());
        Ok(row.map_or(MemberChangeResult { group_found: false, changed: 0, unknown: 0 }, |row| MemberChangeResult {
            group_found: row.get(0),
            changed: row.get(1),
            unknown: row.get(2),
        }))
    }

    /// Which of these values name no resource.
    pub async fn unknown_members(&self, values: &[String]) -> Result<Vec<UnknownMember>, Error> {
        static UNKNOWN: LazyLock<String> = LazyLock::new(|| {
            let sets = resolve_sql("wanted", 2);
            format!(
                "WITH {sets} SELECT value, value IN (SELECT value FROM wanted_by_external_id) FROM wanted_unknown ORDER BY value"
            )
        });
        let values = MemberValues::of(values);
        let [texts, keys, ids] = values.params();
        let rows = self.query("looking for members", &UNKNOWN, &[&self.tenant.0, texts, keys, ids]).await?;
        Ok(rows.iter().map(|row| UnknownMember { value: row.get(0), is_ambiguous: row.get(1) }).collect())
    }

    /// The members of groups, including pending references.
    pub async fn members(&self, groups: &[Uuid]) -> Result<MembersByGroup, Error> {
        let rows = self.read("reading members", LIST, &[&self.tenant.0, &groups]).await.map_err(too_many)?;
        Ok(by_group(&rows))
    }

    /// How many members the groups have in total, counted up to `limit`.
    pub async fn count_members(&self, groups: &[Uuid], limit: i64) -> Result<i64, Error> {
        let rows = self.query("counting members", COUNT, &[&self.tenant.0, &groups, &limit]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// How many memberships a group has, counted up to `limit`.
    pub async fn count_memberships(&self, group: Uuid, limit: i64) -> Result<i64, Error> {
        let rows = self.query("counting memberships", COUNT_RESOLVED, &[&self.tenant.0, &group, &limit]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// The members of groups that the product sees.
    pub async fn visible_members(&self, groups: &[Uuid]) -> Result<MembersByGroup, Error> {
        let rows = self.read("reading members", LIST_VISIBLE, &[&self.tenant.0, &groups]).await.map_err(too_many)?;
        Ok(by_group(&rows))
    }
}

/// The refusal of members or groups that are too many for one reply, however few resources are asked for.
pub(in crate::store) fn too_many(error: Error) -> Error {
    if matches!(error, Error::TooLong { .. }) { Error::TooLong { fit: None } } else { error }
}

fn by_group(rows: &[Row]) -> MembersByGroup {
    let mut groups = MembersByGroup::new();
    for row in rows {
        groups.entry(row.get(0)).or_default().push(Member { value: row.get(1), resource_type: row.get(2) });
    }
    groups
}
