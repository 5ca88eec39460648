//! The guard against mass deprovisioning: what passed it within the last hour, and which batch holds the rest.
//!
//! The decision is a transaction of its own under the lock of the tenant's row: concurrent removals by any number of replicas are
//! counted one after the other, and never more pass than the limit allows.

use std::time::UNIX_EPOCH;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::postgres::pool::Statement;
use crate::store::stamp::Stamp;
use crate::store::{ControlStore, TenantStore};
use crate::tenant::TenantId;

/// The window over which removals are counted, in minutes.
pub const WINDOW_MINUTES: i64 = 60;

/// A tenant's settings of the guard, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardRow {
    /// Users that may be removed within an hour; none switches the guard off.
    pub users: Option<i32>,
    /// Memberships that may be removed within an hour.
    pub members: Option<i32>,
    /// The share of the tenant's users, in percent, that may be removed within an hour, if it is more.
    pub percent: Option<i32>,
    /// The users that are never removed without an operator: a SCIM filter.
    pub protected: Option<String>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovalKind {
    /// Users, and resources of other types but groups, that were deactivated, deleted or excluded.
    User,
    /// Memberships that were removed, or whose group was.
    Member,
}

impl RemovalKind {
    fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Member => "member",
        }
    }
}

/// Removals that are about to be made.
#[derive(Clone, Copy, Debug)]
pub struct Removals {
    /// What is removed.
    pub kind: RemovalKind,
    /// How many.
    pub count: i64,
    /// How many may pass within the window …
    pub limit: i64,
    /// … or this share of the tenant's users, in percent, if it is more.
    pub percent: i64,
}

/// What the guard decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The product sees it at once. It is counted.
    Passes,
    /// The batch holds it.
    Held {
        /// The batch.
        batch: Uuid,
        /// Whether this removal opened it.
        is_new: bool,
    },
}

const LOCK: &str = "SELECT 1 FROM tenant WHERE id = $1 FOR NO KEY UPDATE";

/// While a batch is open, all that follows joins it: otherwise a long mass removal would pass at the rate of the limit.
const RESERVE: &str = "
WITH open AS (SELECT b.id FROM held_batch b WHERE b.tenant_id = $1 AND b.state = 'open' AND b.cause = 'threshold' ORDER BY b.id DESC LIMIT 1),
passed AS (SELECT coalesce(sum(r.n), 0)::bigint AS n FROM removal_count r WHERE r.tenant_id = $1 AND r.kind = $2 AND r.minute > $3::bigint - $4::bigint),
users AS (SELECT coalesce(sum(c.n), 0) AS n FROM resource_count c WHERE c.tenant_id = $1 AND c.resource_type = 'User'),
verdict AS (SELECT passed.n + $5::bigint <= greatest($6::bigint, users.n * $7::bigint / 100) AND NOT EXISTS (SELECT 1 FROM open) AS passes, passed.n
  FROM passed, users),
gone AS (DELETE FROM removal_count r WHERE r.tenant_id = $1 AND r.kind = $2 AND r.minute <= $3::bigint - $4::bigint),
counted AS (INSERT INTO removal_count AS r (tenant_id, kind, minute, n) SELECT $1, $2, $3, $5 FROM verdict WHERE passes
  ON CONFLICT (tenant_id, kind, minute) DO UPDATE SET n = r.n + excluded.n),
opened AS (INSERT INTO held_batch (tenant_id, id, cause, state, passed, opened_at, actor, request_id)
  SELECT $1, $8, 'threshold', 'open', verdict.n, $9, $10, $11 FROM verdict WHERE NOT passes AND NOT EXISTS (SELECT 1 FROM open) RETURNING id)
SELECT passes, coalesce((SELECT id FROM open), (SELECT id FROM opened)), EXISTS (SELECT 1 FROM opened) FROM verdict";

const OPEN_PROTECTED: &str = "
WITH open AS (SELECT b.id FROM held_batch b WHERE b.tenant_id = $1 AND b.state = 'open' AND b.cause = 'protected' ORDER BY b.id DESC LIMIT 1),
opened AS (INSERT INTO held_batch (tenant_id, id, cause, state, passed, opened_at, actor, request_id)
  SELECT $1, $2, 'protected', 'open', 0, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM open) RETURNING id)
SELECT false, coalesce((SELECT id FROM open), (SELECT id FROM opened)), EXISTS (SELECT 1 FROM opened)";

const REFUND: &str = "UPDATE removal_count r SET n = r.n - $4 WHERE r.tenant_id = $1 AND r.kind = $2 AND r.minute = $3";

/// The minute of a time.
fn minute(stamp: &Stamp) -> i64 {
    let since = stamp.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs() / 60).unwrap_or(i64::MAX)
}

impl TenantStore {
    /// Counts removals if they may pass, and otherwise names the batch that holds them: the open one, or a new one with the id
    /// `new`.
    pub async fn reserve_removals(&self, removals: &Removals, new: Uuid, stamp: &Stamp) -> Result<Decision, Error> {
        let Removals { kind, count, limit, percent } = removals;
        let (kind, minute) = (kind.word(), minute(stamp));
        let params: [&(dyn ToSql + Sync); 11] = [
            &self.tenant.0,
            &kind,
            &minute,
            &WINDOW_MINUTES,
            count,
            limit,
            percent,
            &new,
            &stamp.at,
            &stamp.actor,
            &stamp.request_id,
        ];
        self.decide(Statement::new("counting removals", RESERVE, &params)).await
    }

    /// The batch that holds removals of protected users: the open one, or a new one with the id `new`.
    pub async fn hold_protected(&self, new: Uuid, stamp: &Stamp) -> Result<Decision, Error> {
        let params: [&(dyn ToSql + Sync); 5] = [&self.tenant.0, &new, &stamp.at, &stamp.actor, &stamp.request_id];
        self.decide(Statement::new("holding a protected user", OPEN_PROTECTED, &params)).await
    }

    async fn decide(&self, statement: Statement<'_>) -> Result<Decision, Error> {
        let answers = self.batch(&[Statement::new("locking a tenant", LOCK, &[&self.tenant.0]), statement]).await?;
        let row = answers[1].first().ok_or_else(|| Error::Corrupt { what: "guard", why: "no row came back".into() })?;
        match (row.get(0), row.get::<_, Option<Uuid>>(1)) {
            (true, _) => Ok(Decision::Passes),
            (false, Some(batch)) => Ok(Decision::Held { batch, is_new: row.get(2) }),
            (false, None) => Err(Error::Corrupt { what: "guard", why: "no batch came back".into() }),
        }
    }

    /// Takes back removals that passed and were not made after all. `stamp` is that of the reservation.
    pub async fn refund_removals(&self, kind: RemovalKind, count: i64, stamp: &Stamp) -> Result<(), Error> {
        let (kind, minute) = (kind.word(), minute(stamp));
        self.query("taking back counted removals", REFUND, &[&self.tenant.0, &kind, &minute, &count]).await?;
        Ok(())
    }
}

impl ControlStore {
    /// Sets a tenant's guard; gives whether there is such a tenant.
    pub async fn set_tenant_guard(
        &self,
        id: TenantId,
        guard: &GuardRow,
        at: std::time::SystemTime,
    ) -> Result<bool, Error> {
        let sql = "UPDATE tenant SET guard_users = $2, guard_members = $3, guard_percent = $4, guard_protected = $5, \
                   modified_at = $6, config_epoch = nextval('config_epoch') WHERE id = $1 AND state <> 'deleted' RETURNING 1";
        let GuardRow { users, members, percent, protected } = guard;
        let rows =
            self.query("setting a tenant's guard", sql, &[&id.0, users, members, percent, protected, &at]).await?;
        Ok(!rows.is_empty())
    }
}
