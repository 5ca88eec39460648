//! The guard against mass deprovisioning: what passed it within the last hour, and which batch holds the rest.
//!
//! A removal is counted in the transaction that makes it, in one of several rows, so that an ordinary leaver costs no transaction of its
//! own and hardly waits for another. Where the counts come near the limit, and to open a batch, the decision is a transaction of its
//! own which excludes all others of the tenant. Never more pass than the limit allows, whatever the number of replicas.

use std::time::{SystemTime, UNIX_EPOCH};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardRow {
    /// Users that may be removed within an hour; none switches the guard off.
    pub users: Option<i32>,
    /// Memberships that may be removed within an hour.
    pub members: Option<i32>,
    /// The share of the tenant's users, in percent, that may be removed within an hour, if it is more.
    pub percent: Option<i32>,
    /// The users that are never removed without an operator: a SCIM filter.
    pub protected: Option<String>,
    /// Users that would vanish by an activation, from which it must be confirmed.
    pub confirm_from: i32,
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

/// What may pass within the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How many …
    pub number: i64,
    /// … or this share of the tenant's users, in percent, if it is more.
    pub percent: i64,
}

/// Removals that are counted before they are made.
#[derive(Clone, Copy, Debug)]
pub struct Removals {
    /// What is removed.
    pub kind: RemovalKind,
    /// How many.
    pub count: i64,
    /// Whether some of them may pass where all are too many.
    pub may_be_split: bool,
    /// How many may pass.
    pub allowance: Allowance,
}

/// What the guard decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How many the product sees at once. They are counted.
    pub passes: i64,
    /// The batch that holds the others.
    pub held: Option<HeldIn>,
}

/// The batch that holds removals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldIn {
    /// The batch.
    pub batch: Uuid,
    /// Whether these removals opened it.
    pub is_new: bool,
}

/// Removals that the transaction which makes them counts. Where they may be too many the transaction fails as if it had lost a race,
/// and the caller has to ask [`TenantStore::reserve_removals`] first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    kind: RemovalKind,
    minute: i64,
    since: i64,
    /// None: they are not counted.
    number: Option<i64>,
    percent: i64,
}

/// How a change of a group's members passes the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembersGuard {
    /// Unchecked: it removes none, they are counted already, or the guard is off.
    Off,
    /// The change counts what it removes.
    Counted(Counted),
    /// The batch holds what it removes.
    Held(Uuid),
}

impl Counted {
    /// Removals by a write.
    #[must_use]
    pub fn new(kind: RemovalKind, allowance: Allowance, stamp: &Stamp) -> Self {
        let minute = minute(stamp);
        let Allowance { number, percent } = allowance;
        Self { kind, minute, since: minute - WINDOW_MINUTES, number: Some(number), percent }
    }

    const fn off() -> Self {
        Self { kind: RemovalKind::Member, minute: 0, since: 0, number: None, percent: 0 }
    }

    /// The parameters of [`count_sql`].
    pub(in crate::store) fn params(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.minute, &self.since, &self.number, &self.percent]
    }

    /// The statement that counts a resource after it was written and before its memberships are deleted, in its transaction. A group
    /// counts as its memberships.
    pub(in crate::store) fn statement<'a>(&'a self, tenant: &'a Uuid, id: &'a Uuid) -> Statement<'a> {
        let sql = match self.kind {
            RemovalKind::User => COUNT_ONE,
            RemovalKind::Member => COUNT_GROUP,
        };
        let [minute, since, number, percent] = self.params();
        Statement::new("counting a removal", sql, &[tenant, id, minute, since, number, percent])
    }
}

impl MembersGuard {
    /// What the change counts.
    pub(in crate::store) fn counted(&self) -> &Counted {
        static OFF: Counted = Counted::off();
        if let Self::Counted(counted) = self { counted } else { &OFF }
    }

    /// The batch that holds what is removed.
    #[must_use]
    pub fn batch(&self) -> Option<Uuid> {
        if let Self::Held(batch) = self { Some(*batch) } else { None }
    }
}

/// Counts a number of memberships, an expression, with the parameters of [`Counted::params`] from this one on.
pub(in crate::store) fn count_sql(number: &str, first: usize) -> String {
    let [minute, since, most, percent] = [first, first + 1, first + 2, first + 3];
    format!("count_removals($1, 'member', ${minute}, ${since}, {number}, ${most}, ${percent})")
}

const COUNT_ONE: &str = "
SELECT count_removals($1, 'user', $3, $4, 1, $5, $6) FROM (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.id = $2
  AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END LIMIT 1) w";

const COUNT_GROUP: &str = "
SELECT count_removals($1, 'member', $3, $4, greatest(1, (SELECT count(*) FROM
    (SELECT 1 FROM membership m WHERE m.tenant_id = $1 AND m.group_id = $2 LIMIT 1000000) m)), $5, $6)
FROM (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.id = $2
  AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END LIMIT 1) w";

const OPEN: &str = "SELECT b.id FROM held_batch b WHERE b.tenant_id = $1 AND b.state = 'open' AND b.cause = 'threshold' ORDER BY b.id DESC LIMIT 1";

const LOCK: &str = "SELECT 1 FROM tenant WHERE id = $1 FOR NO KEY UPDATE";

/// Ends when no transaction is counting removals of the kind.
const LOCK_SLOTS: &str = "
INSERT INTO removal_slot (tenant_id, kind, slot, minutes, counts) SELECT $1, $2, n, '{}', '{}' FROM generate_series(0, 15) n
ON CONFLICT (tenant_id, kind, slot) DO UPDATE SET slot = excluded.slot";

/// While a batch is open, all that follows joins it: otherwise a long mass removal would pass at the rate of the limit.
const RESERVE: &str = "
WITH open AS (SELECT b.id FROM held_batch b WHERE b.tenant_id = $1 AND b.state = 'open' AND b.cause = 'threshold' ORDER BY b.id DESC LIMIT 1),
known AS (SELECT removals_after($1, $2, $4) AS passed, removal_limit($1, $6, $7) AS most),
verdict AS (SELECT passed, CASE WHEN EXISTS (SELECT 1 FROM open) THEN 0 WHEN passed + $5 <= most THEN $5
    WHEN $12 THEN greatest(0, most - passed) ELSE 0 END AS passes FROM known),
opened AS (INSERT INTO held_batch (tenant_id, id, cause, state, passed, opened_at, actor, request_id)
  SELECT $1, $8, 'threshold', 'open', v.passed + v.passes, $9, $10, $11 FROM verdict v WHERE v.passes < $5 AND NOT EXISTS (SELECT 1 FROM open)
  RETURNING id)
SELECT passes, coalesce((SELECT id FROM open), (SELECT id FROM opened)), EXISTS (SELECT 1 FROM opened),
  CASE WHEN passes > 0 THEN add_removals($1, $2, 0::smallint, $3, $4, passes) END FROM verdict";

const OPEN_PROTECTED: &str = "
WITH open AS (SELECT b.id FROM held_batch b WHERE b.tenant_id = $1 AND b.state = 'open' AND b.cause = 'protected' ORDER BY b.id DESC LIMIT 1),
opened AS (INSERT INTO held_batch (tenant_id, id, cause, state, passed, opened_at, actor, request_id)
  SELECT $1, $2, 'protected', 'open', 0, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM open) RETURNING id)
SELECT 0::bigint, coalesce((SELECT id FROM open), (SELECT id FROM opened)), EXISTS (SELECT 1 FROM opened)";

const REFUND: &str = "SELECT add_removals($1, $2, 0::smallint, $3, $4, -$5::bigint)";

const LEFT: &str = "
SELECT CASE WHEN EXISTS (SELECT 1 FROM held_batch b WHERE b.tenant_id = $1 AND b.state = 'open' AND b.cause = 'threshold') THEN 0
  ELSE greatest(0, removal_limit($1, $4, $5) - removals_after($1, $2, $3)) END";

/// The minute of a time.
fn minute(stamp: &Stamp) -> i64 {
    let since = stamp.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs() / 60).unwrap_or(i64::MAX)
}

impl TenantStore {
    /// The batch that all removals join by now.
    pub async fn open_batch(&self) -> Result<Option<Uuid>, Error> {
        let rows = self.query("looking for an open batch", OPEN, &[&self.tenant.0]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Counts removals if they may pass, or those of them that may, and otherwise names the batch that holds them: the open one, or a
    /// new one with the id `new`. Concurrent calls, and transactions that count by themselves, are serialised.
    pub async fn reserve_removals(&self, removals: &Removals, new: Uuid, stamp: &Stamp) -> Result<Decision, Error> {
        let Removals { kind, count, may_be_split, allowance: Allowance { number, percent } } = removals;
        let (kind, minute) = (kind.word(), minute(stamp));
        let since = minute - WINDOW_MINUTES;
        let params: [&(dyn ToSql + Sync); 12] = [
            &self.tenant.0,
            &kind,
            &minute,
            &since,
            count,
            number,
            percent,
            &new,
            &stamp.at,
            &stamp.actor,
            &stamp.request_id,
            may_be_split,
        ];
        let lock = Statement::new("locking counted removals", LOCK_SLOTS, &[&self.tenant.0, &kind]);
        self.decide(vec![lock, Statement::new("counting removals", RESERVE, &params)]).await
    }

    /// The batch that holds removals of protected users: the open one, or a new one with the id `new`.
    pub async fn hold_protected(&self, new: Uuid, stamp: &Stamp) -> Result<Decision, Error> {
        let params: [&(dyn ToSql + Sync); 5] = [&self.tenant.0, &new, &stamp.at, &stamp.actor, &stamp.request_id];
        self.decide(vec![Statement::new("holding a protected user", OPEN_PROTECTED, &params)]).await
    }

    async fn decide(&self, statements: Vec<Statement<'_>>) -> Result<Decision, Error> {
        let lock = Statement::new("locking a tenant", LOCK, &[&self.tenant.0]);
        let batch: Vec<_> = std::iter::once(lock).chain(statements).collect();
        let answers = self.batch(&batch).await?;
        let row = answers.last().and_then(|rows| rows.first());
        let row = row.ok_or_else(|| Error::Corrupt { what: "guard", why: "no row came back".into() })?;
        let held = row.get::<_, Option<Uuid>>(1).map(|batch| HeldIn { batch, is_new: row.get(2) });
        Ok(Decision { passes: row.get(0), held })
    }

    /// Takes back removals that passed and were not made after all. `stamp` is that of the reservation.
    pub async fn refund_removals(&self, kind: RemovalKind, count: i64, stamp: &Stamp) -> Result<(), Error> {
        let (kind, minute) = (kind.word(), minute(stamp));
        let since = minute - WINDOW_MINUTES;
        self.query("taking back counted removals", REFUND, &[&self.tenant.0, &kind, &minute, &since, &count]).await?;
        Ok(())
    }

    /// How many removals would pass at this moment.
    pub async fn removals_left(&self, kind: RemovalKind, allowance: Allowance, at: SystemTime) -> Result<i64, Error> {
        let stamp = Stamp { at, actor: String::new(), request_id: String::new() };
        let (kind, since) = (kind.word(), minute(&stamp) - WINDOW_MINUTES);
        let Allowance { number, percent } = allowance;
        let params: [&(dyn ToSql + Sync); 5] = [&self.tenant.0, &kind, &since, &number, &percent];
        let rows = self.query("reading what the guard lets pass", LEFT, &params).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }
}

impl ControlStore {
    /// Sets a tenant's guard; gives whether there is such a tenant.
    pub async fn set_tenant_guard(&self, id: TenantId, guard: &GuardRow, at: SystemTime) -> Result<bool, Error> {
        let sql = "UPDATE tenant SET guard_users = $2, guard_members = $3, guard_percent = $4, guard_protected = $5, \
                   guard_confirm_from = $7, modified_at = $6, config_epoch = nextval('config_epoch') WHERE id = $1 AND state <> 'deleted' RETURNING 1";
        let GuardRow { users, members, percent, protected, confirm_from } = guard;
        let params: [&(dyn ToSql + Sync); 7] = [&id.0, users, members, percent, protected, &at, confirm_from];
        let rows = self.query("setting a tenant's guard", sql, &params).await?;
        Ok(!rows.is_empty())
    }
}
