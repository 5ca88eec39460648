//! A tenant's group rules, the groups that they name, and the memberships in those as the product sees them.

use std::sync::LazyLock;
use std::time::SystemTime;

use scimgate_scim::fold::folded;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::job::{JobKind, JobLease, begin_run};
use crate::store::membership::too_many;
use crate::store::resource::key::truncate;

/// Stored rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRulesRow {
    /// The rules, as JSON.
    pub rules: String,
    /// When they were set.
    pub changed_at: SystemTime,
    /// The operator key's id, or the name of a command.
    pub changed_by: String,
    /// Whether every replica has had the time to read them.
    pub settled: bool,
    /// The number of the last event that the announcing of what they give has handled; none while it follows none.
    pub seq: Option<i64>,
}

/// What the groups of rules are looked up by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupKeys {
    /// Ids.
    pub ids: Vec<Uuid>,
    /// Keys of externalIds, as [`GroupKeys::external_id`] makes them.
    pub external_ids: Vec<String>,
    /// Keys of displayNames, as [`GroupKeys::name`] makes them.
    pub names: Vec<String>,
}

impl GroupKeys {
    /// The key of an externalId, which is case-exact.
    #[must_use]
    pub fn external_id(text: &str) -> String {
        truncate(text.to_owned())
    }

    /// The key of a displayName.
    #[must_use]
    pub fn name(text: &str) -> String {
        truncate(folded(text).into_owned())
    }
}

/// A group that the product sees, and its names at the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupNames {
    /// Its id.
    pub id: Uuid,
    /// Its row's own version.
    pub version: i64,
    /// The key of its externalId.
    pub external_id: Option<String>,
    /// The key of its displayName.
    pub name: Option<String>,
}

/// A membership that the product sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuledMembership {
    /// The user.
    pub user: Uuid,
    /// The group.
    pub group: GroupNames,
}

/// Whether the product sees the resource `r`.
macro_rules! is_seen {
    () => {
        "r.mapping_state NOT IN ('excluded', 'never') AND (r.deleted_at IS NULL OR r.held IS NOT NULL)"
    };
}
pub(in crate::store) use is_seen;

/// From each user to its groups, so that a user in a few groups costs a few look-ups, however large those are. Memberships that a batch
/// holds are seen still. A group whose deletion a batch holds keeps its names.
const MEMBERSHIPS: &str = concat!(
    "
SELECT v.id, g.id, g.version, g.external_id, g.name_key FROM unnest($2::uuid[]) v (id)
CROSS JOIN LATERAL (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id
  AND CASE WHEN r.tenant_id = $1 THEN r.resource_type = 'User' AND ",
    is_seen!(),
    " END LIMIT 1) u
CROSS JOIN LATERAL (SELECT m.group_id FROM membership m WHERE m.tenant_id = $1 AND m.member_id = v.id AND ($4 OR m.group_id = ANY($3))
  UNION SELECT h.group_id FROM held_member h WHERE h.tenant_id = $1 AND h.member_id = v.id AND ($4 OR h.group_id = ANY($3)) OFFSET 0) m
CROSS JOIN LATERAL (SELECT r.id, r.version, r.external_id, r.name_key FROM resource r WHERE r.tenant_id = $1 AND r.id = m.group_id
  AND CASE WHEN r.tenant_id = $1 THEN r.resource_type = 'Group' AND ",
    is_seen!(),
    " END LIMIT 1) g
WHERE g.id = ANY($3) OR g.external_id = ANY($5) OR g.name_key = ANY($6) ORDER BY 1, 2"
);

/// By each name on its own. Those whose deletion is held are in no index of names, and few.
const GROUPS: &str = concat!(
    "
SELECT r.id, r.version, r.external_id, r.name_key FROM (
  SELECT v.id FROM unnest($2::uuid[]) v (id)
  UNION SELECT r.id FROM unnest($3::text[]) k (key) CROSS JOIN LATERAL (SELECT r.id FROM resource r WHERE r.tenant_id = $1
    AND r.external_id = k.key AND r.deleted_at IS NULL AND CASE WHEN r.tenant_id = $1 THEN r.resource_type = 'Group' END OFFSET 0) r
  UNION SELECT r.id FROM unnest($4::text[]) k (key) CROSS JOIN LATERAL (SELECT r.id FROM resource r WHERE r.tenant_id = $1
    AND r.resource_type = 'Group' AND r.name_key = k.key AND r.deleted_at IS NULL OFFSET 0) r
  UNION SELECT h.id FROM held h WHERE h.tenant_id = $1 AND h.resource_type = 'Group' AND h.kind = 'deleted'
) n CROSS JOIN LATERAL (SELECT r.id, r.version, r.external_id, r.name_key FROM resource r WHERE r.tenant_id = $1 AND r.id = n.id
  AND CASE WHEN r.tenant_id = $1 THEN r.resource_type = 'Group' AND ",
    is_seen!(),
    " END LIMIT 1) r
WHERE r.id = ANY($2) OR r.external_id = ANY($3) OR r.name_key = ANY($4) ORDER BY r.id"
);

/// The run that announces what changes continues with the event that it handled last.
static SET: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
WITH t AS (UPDATE tenant SET config_epoch = nextval('config_epoch'), modified_at = $3 WHERE id = $1 RETURNING id),
s AS (INSERT INTO group_rules AS s (tenant_id, rules, changed_at, changed_by, settled) SELECT t.id, $2, $3, $4, false FROM t
  ON CONFLICT (tenant_id) DO UPDATE SET rules = excluded.rules, changed_at = excluded.changed_at, changed_by = excluded.changed_by,
    settled = false){}",
        begin_run(JobKind::GroupRules, "0", "$3", "gen_random_uuid()")
    )
});

impl TenantStore {
    /// The tenant's rules; none where none were ever set.
    pub async fn group_rules(&self) -> Result<Option<GroupRulesRow>, Error> {
        let sql = "SELECT rules, changed_at, changed_by, settled, seq FROM group_rules WHERE tenant_id = $1";
        let rows = self.query("reading group rules", sql, &[&self.tenant.0]).await?;
        Ok(rows.first().map(|row| GroupRulesRow {
            rules: row.get(0),
            changed_at: row.get(1),
            changed_by: row.get(2),
            settled: row.get(3),
            seq: row.get(4),
        }))
    }

    /// Whether everything that is committed is announced: all events have a number, and are handled.
    pub async fn is_announced(&self) -> Result<bool, Error> {
        let sql = "SELECT CASE WHEN j.state = 'running' THEN \
                     coalesce(j.after_seq >= coalesce((SELECT h.last_seq FROM event_head h WHERE h.tenant_id = $1), 0), false) ELSE true END \
                   AND (SELECT true FROM event e WHERE e.tenant_id = $1 AND e.seq IS NULL \
                     AND (j.state = 'running' OR e.actor = 'group-rules') LIMIT 1) IS NULL \
                   FROM job j WHERE j.tenant_id = $1 AND j.kind = 'group-rules'";
        let rows = self.query("reading whether group rules are announced", sql, &[&self.tenant.0]).await?;
        Ok(rows.first().is_none_or(|row| row.get(0)))
    }

    /// Sets them, and begins the run that announces what they change.
    pub async fn set_group_rules(&self, rules: &str, (by, at): (&str, SystemTime)) -> Result<(), Error> {
        self.query("setting group rules", &SET, &[&self.tenant.0, &rules, &at, &by]).await.map(drop)
    }

    /// Keeps that every replica has had the time to read the rules, if the run is still the one that began with them.
    pub async fn settle_group_rules(&self, lease: &JobLease) -> Result<(), Error> {
        let sql = "UPDATE group_rules g SET settled = true FROM (SELECT j.id FROM job j WHERE j.tenant_id = $1 AND j.kind = 'group-rules' \
                   AND CASE WHEN j.kind = 'group-rules' THEN j.id = $2 END) j WHERE g.tenant_id = $1";
        self.query("keeping that group rules are known", sql, &[&self.tenant.0, &lease.id]).await.map(drop)
    }

    /// The memberships of these users in groups with one of the keys, as the product sees both: by user, then by group.
    pub async fn ruled_memberships(&self, users: &[Uuid], keys: &GroupKeys) -> Result<Vec<RuledMembership>, Error> {
        let GroupKeys { ids, external_ids, names } = keys;
        let has_names = !external_ids.is_empty() || !names.is_empty();
        let params: [&(dyn ToSql + Sync); 6] = [&self.tenant.0, &users, ids, &has_names, external_ids, names];
        let rows = self.read("reading memberships in groups of rules", MEMBERSHIPS, &params).await.map_err(too_many)?;
        Ok(rows.iter().map(|row| RuledMembership { user: row.get(0), group: group(row, 1) }).collect())
    }

    /// The groups with one of the keys that the product sees, in the order of their ids.
    pub async fn ruled_groups(&self, keys: &GroupKeys) -> Result<Vec<GroupNames>, Error> {
        let GroupKeys { ids, external_ids, names } = keys;
        let params: [&(dyn ToSql + Sync); 4] = [&self.tenant.0, ids, external_ids, names];
        let rows = self.read("reading groups of rules", GROUPS, &params).await.map_err(too_many)?;
        Ok(rows.iter().map(|row| group(row, 0)).collect())
    }
}

fn group(row: &Row, first: usize) -> GroupNames {
    GroupNames {
        id: row.get(first),
        version: row.get(first + 1),
        external_id: row.get(first + 2),
        name: row.get(first + 3),
    }
}
