//! Members of groups: a row each, so that one more costs the same in a group of ten and of a hundred thousand.

pub(super) mod change;
pub(super) mod reference;
mod value;

use std::collections::HashMap;
use std::sync::LazyLock;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::membership::change::MemberStatement;
use crate::store::membership::value::{Values, meaning};
use crate::store::postgres::pool::Statement;
use crate::store::stamp::Stamp;

/// A change of a group's members.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// Whether those not added go.
    pub replace_all: bool,
    /// Values to add: ids, or what may turn out to be one.
    pub add: Vec<String>,
    /// Values to remove; of no meaning where all others go anyway.
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

/// A value that means nobody.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// As it was written.
    pub value: String,
    /// Whether it is the externalId of several users.
    pub is_ambiguous: bool,
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
        let statement = change.statement(&params);
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

    /// Which of these values mean nobody.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn unknown_members(&self, values: &[String]) -> Result<Vec<Unknown>, Error> {
        static UNKNOWN: LazyLock<String> = LazyLock::new(|| {
            let sets = meaning("wanted", 2);
            format!(
                "WITH {sets} SELECT value, value IN (SELECT value FROM wanted_by_external_id) FROM wanted_unknown ORDER BY value"
            )
        });
        let values = Values::of(values);
        let [texts, keys, ids] = values.params();
        let rows = self.query("looking for members", &UNKNOWN, &[&self.tenant.0, texts, keys, ids]).await?;
        Ok(rows.iter().map(|row| Unknown { value: row.get(0), is_ambiguous: row.get(1) }).collect())
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
