//! What was announced to the product of group rules, and the one transaction that announces more: the events, what they announce, and how
//! far the tenant's events are handled.

use std::sync::LazyLock;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::group_rules::is_seen;
use crate::store::job::{JobLease, JobProgress};
use crate::store::postgres::pool::Statement;
use crate::store::stamp::Stamp;

/// A group that rules name, as it was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncedGroup {
    /// What its members have, as JSON; empty where only some of them were announced.
    pub grants: String,
    /// Its members up to this one are compared with it; none where all are.
    pub walk_after: Option<Uuid>,
}

/// What a user was announced to have by a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnnouncedGrant {
    /// The group.
    pub group: Uuid,
    /// The user.
    pub member: Uuid,
    /// What the user has, as JSON.
    pub grants: String,
}

/// A numbered event, as far as memberships and groups are concerned.
#[derive(Clone, Debug)]
pub struct FeedEvent {
    /// Its number.
    pub seq: i64,
    /// `membership.added`, `user.deleted`, …
    pub kind: String,
    /// The resource: of a membership, the group.
    pub resource: Uuid,
    /// The member.
    pub member: Option<Uuid>,
    /// The resource's own version after the change.
    pub version: Option<i64>,
    /// Whether the member has an event of its own in the same transaction.
    pub is_covered: bool,
}

/// What one step of the run announces.
#[derive(Debug, Default)]
pub struct Announcement {
    /// Users of whom the product sees something else, sorted.
    pub updated: Vec<Uuid>,
    /// What is announced of users from now on.
    pub grants: Vec<AnnouncedGrant>,
    /// What is not announced of them any more: groups with members.
    pub withdrawn: Vec<(Uuid, Uuid)>,
    /// Groups that are announced from now on, or walked.
    pub groups: Vec<(Uuid, AnnouncedGroup)>,
    /// Groups of which nothing is announced any more.
    pub forgotten: Vec<Uuid>,
    /// The number of the last event that is handled; none to follow no more.
    pub seq: Option<i64>,
    /// Whether there is nothing to do before the next event …
    pub is_idle: bool,
    /// … unless a write has woken the run since it was woken so often.
    pub wakes: i64,
}

/// The events' rows and the run's progress, if the run is still this process's; otherwise the transaction ends. A user whom the product does
/// not see any more has an event that says so.
const ANNOUNCE: &str = concat!(
    "
WITH t AS MATERIALIZED (SELECT j.id FROM job j WHERE j.tenant_id = $1 AND j.kind = 'group-rules'
    AND CASE WHEN j.id = $2 THEN j.holder = $3 AND j.state = 'running' END),
u AS (SELECT r.id, r.version FROM t CROSS JOIN unnest($4::uuid[]) v (id) CROSS JOIN LATERAL (SELECT r.id, r.version FROM resource r
    WHERE r.tenant_id = $1 AND r.id = v.id AND CASE WHEN r.tenant_id = $1 THEN ",
    is_seen!(),
    " END FOR SHARE) r),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT $1, 'user.updated', 'User', u.id, u.version, $5, $6, $7 FROM u ORDER BY u.id),
n AS (SELECT count(*) AS changed FROM u),
p AS (UPDATE job j SET examined = $8, changed = $9 + n.changed, moved_at = $7, after_seq = CASE WHEN j.wakes = $11 THEN $10::int8 END
  FROM t, n WHERE j.tenant_id = $1 AND j.kind = 'group-rules' AND CASE WHEN j.kind = 'group-rules' THEN j.id = t.id END RETURNING j.changed)
SELECT (SELECT changed FROM p), CASE WHEN NOT EXISTS (SELECT 1 FROM p) THEN lost_race() END"
);

const WITHDRAW: &str = "
DELETE FROM announced_grant a USING (SELECT f.place FROM unnest($2::uuid[], $3::uuid[]) v (group_id, member_id) CROSS JOIN LATERAL
    (SELECT f.ctid AS place FROM announced_grant f WHERE f.tenant_id = $1 AND f.group_id = v.group_id AND f.member_id = v.member_id LIMIT 1) f
    LIMIT (SELECT 1000000)) gone WHERE a.tenant_id = $1 AND a.ctid = gone.place";

const GRANT: &str = "
INSERT INTO announced_grant AS a (tenant_id, group_id, member_id, grants)
  SELECT $1, v.group_id, v.member_id, v.grants FROM unnest($2::uuid[], $3::uuid[], $4::text[]) v (group_id, member_id, grants)
  ON CONFLICT (tenant_id, group_id, member_id) DO UPDATE SET grants = excluded.grants";

const KEEP_GROUPS: &str = "
INSERT INTO announced_group AS a (tenant_id, group_id, grants, walk_after)
  SELECT $1, v.id, v.grants, v.walk_after FROM unnest($2::uuid[], $3::text[], $4::uuid[]) v (id, grants, walk_after)
  ON CONFLICT (tenant_id, group_id) DO UPDATE SET grants = excluded.grants, walk_after = excluded.walk_after";

const FORGET_GROUPS: &str = "
DELETE FROM announced_group a USING (SELECT f.place FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
    (SELECT f.ctid AS place FROM announced_group f WHERE f.tenant_id = $1 AND f.group_id = v.id LIMIT 1) f
    LIMIT (SELECT 1000000)) gone WHERE a.tenant_id = $1 AND a.ctid = gone.place";

const HANDLED: &str = "UPDATE group_rules SET seq = $2 WHERE tenant_id = $1";

/// The comparison of pairs leaves no index but the primary keys, which have their order.
static WALK: LazyLock<String> = LazyLock::new(|| {
    let of = |table: &str| {
        format!(
            "(SELECT m.member_id FROM {table} m WHERE m.tenant_id = $1 AND (m.group_id, m.member_id) > ($2, $3) AND m.group_id <= $2
    ORDER BY m.group_id, m.member_id LIMIT $4)"
        )
    };
    let all = ["announced_grant", "membership", "held_member"].map(of).join(" UNION ");
    format!("SELECT m.member_id FROM ({all}) m ORDER BY 1 LIMIT $4")
});

impl TenantStore {
    /// The number of the tenant's last event; 0 before the first.
    pub async fn last_seq(&self) -> Result<i64, Error> {
        let sql = "SELECT last_seq FROM event_head WHERE tenant_id = $1";
        let rows = self.query("reading the number of the last event", sql, &[&self.tenant.0]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// How often writes without events have woken the run.
    pub async fn wakes(&self) -> Result<i64, Error> {
        let sql = "SELECT wakes FROM job WHERE tenant_id = $1 AND kind = 'group-rules'";
        let rows = self.query("reading how often a run was woken", sql, &[&self.tenant.0]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// Events after a number, in order, as the announcing of group rules needs them.
    pub async fn events_to_follow(&self, after: i64, count: i64) -> Result<Vec<FeedEvent>, Error> {
        let sql = "SELECT seq, type, resource_id, member_id, version, coalesce(covered, false) FROM event \
                   WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let rows = self.query("reading events to follow", sql, &[&self.tenant.0, &after, &count]).await?;
        let event = |row: &tokio_postgres::Row| FeedEvent {
            seq: row.get(0),
            kind: row.get(1),
            resource: row.get(2),
            member: row.get(3),
            version: row.get(4),
            is_covered: row.get(5),
        };
        Ok(rows.iter().map(event).collect())
    }

    /// The groups that are announced, in the order of their ids.
    pub async fn announced_groups(&self) -> Result<Vec<(Uuid, AnnouncedGroup)>, Error> {
        let sql = "SELECT group_id, grants, walk_after FROM announced_group WHERE tenant_id = $1 ORDER BY group_id";
        let rows = self.read("reading announced groups", sql, &[&self.tenant.0]).await?;
        let group =
            |row: &tokio_postgres::Row| (row.get(0), AnnouncedGroup { grants: row.get(1), walk_after: row.get(2) });
        Ok(rows.iter().map(group).collect())
    }

    /// What is announced of these users.
    pub async fn announced_grants(&self, users: &[Uuid]) -> Result<Vec<AnnouncedGrant>, Error> {
        let sql = "SELECT a.group_id, a.member_id, a.grants FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL \
                   (SELECT a.* FROM announced_grant a WHERE a.tenant_id = $1 AND a.member_id = v.id OFFSET 0) a";
        let rows = self.read("reading announced grants", sql, &[&self.tenant.0, &users]).await?;
        let grant =
            |row: &tokio_postgres::Row| AnnouncedGrant { group: row.get(0), member: row.get(1), grants: row.get(2) };
        Ok(rows.iter().map(grant).collect())
    }

    /// The next members of a group by id, of those that it has and those that were announced.
    pub async fn members_to_compare(&self, group: Uuid, after: Uuid, count: i64) -> Result<Vec<Uuid>, Error> {
        let rows = self.query("reading members to compare", &WALK, &[&self.tenant.0, &group, &after, &count]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The mapped documents' texts of these users whom the product sees.
    pub async fn mapped_texts(&self, users: &[Uuid]) -> Result<Vec<(Uuid, String)>, Error> {
        const TEXTS: &str = concat!(
            "SELECT r.id, r.text FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL \
             (SELECT r.id, CASE WHEN r.mapping_state = 'same' THEN r.source ELSE r.mapped END AS text FROM resource r \
             WHERE r.tenant_id = $1 AND r.id = v.id AND CASE WHEN r.tenant_id = $1 THEN ",
            is_seen!(),
            " END LIMIT 1) r WHERE r.text IS NOT NULL"
        );
        let rows = self.apart().read("reading mapped documents", TEXTS, &[&self.tenant.0, &users]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Writes an announcement and the run's progress in one transaction; returns how many users were announced in the whole run.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the run is not this process's any more.
    pub async fn announce(
        &self,
        lease: &JobLease,
        it: &Announcement,
        progress: &JobProgress,
        stamp: &Stamp,
    ) -> Result<i64, Error> {
        let tenant = &self.tenant.0;
        let after_seq = it.seq.filter(|_| it.is_idle);
        let announce: [&(dyn ToSql + Sync); 11] = [
            tenant,
            &lease.id,
            &lease.holder,
            &it.updated,
            &stamp.actor,
            &stamp.request_id,
            &stamp.at,
            &progress.examined,
            &progress.changed,
            &after_seq,
            &it.wakes,
        ];
        let (gone_groups, gone_members): (Vec<Uuid>, Vec<Uuid>) = it.withdrawn.iter().copied().unzip();
        let groups: Vec<Uuid> = it.grants.iter().map(|grant| grant.group).collect();
        let members: Vec<Uuid> = it.grants.iter().map(|grant| grant.member).collect();
        let grants: Vec<&str> = it.grants.iter().map(|grant| grant.grants.as_str()).collect();
        let kept: Vec<Uuid> = it.groups.iter().map(|(id, _)| *id).collect();
        let kept_grants: Vec<&str> = it.groups.iter().map(|(_, group)| group.grants.as_str()).collect();
        let kept_walks: Vec<Option<Uuid>> = it.groups.iter().map(|(_, group)| group.walk_after).collect();
        let mut batch = vec![Statement::new("announcing what group rules give", ANNOUNCE, &announce)];
        if !gone_groups.is_empty() {
            batch.push(Statement::new("withdrawing grants", WITHDRAW, &[tenant, &gone_groups, &gone_members]));
        }
        if !groups.is_empty() {
            batch.push(Statement::new("keeping announced grants", GRANT, &[tenant, &groups, &members, &grants]));
        }
        if !kept.is_empty() {
            let params: [&(dyn ToSql + Sync); 4] = [tenant, &kept, &kept_grants, &kept_walks];
            batch.push(Statement::new("keeping announced groups", KEEP_GROUPS, &params));
        }
        if !it.forgotten.is_empty() {
            batch.push(Statement::new("forgetting groups", FORGET_GROUPS, &[tenant, &it.forgotten]));
        }
        batch.push(Statement::new("keeping the last handled event", HANDLED, &[tenant, &it.seq]));
        let answers = self.batch(&batch).await?;
        Ok(answers[0].first().map_or(progress.changed, |row| row.get(0)))
    }
}
