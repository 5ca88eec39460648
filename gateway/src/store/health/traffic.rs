//! What each tenant's identity provider sent, counted in rows of ten minutes, to which every replica adds.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::{ControlStore, TenantStore};
use crate::tenant::TenantId;

/// What one row counts: from a whole multiple of this time on.
pub const SLOT: Duration = Duration::from_mins(10);
/// Rows of one tenant that one statement reads, the oldest first.
pub const MAX_SLOTS: i64 = 400;
/// Rows of one tenant that one statement deletes.
const PURGED_SLOTS: i64 = 150;

/// What is counted. The columns of the table are in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Requests with an accepted credential; of a bulk request each operation as well.
    Requests,
    /// Reads that succeeded.
    Lookups,
    /// Reads of resources that returned one.
    Found,
    /// Users that were created.
    Users,
    /// Groups that were created.
    Groups,
    /// Resources of other types that were created.
    Others,
    /// Writes of a resource that was there.
    Changed,
    /// Resources that were deleted.
    Deleted,
    /// What failed.
    Failed,
    /// What was refused with 429: the provider sends it again.
    Throttled,
    /// Requests with a credential that is not accepted.
    Refused,
    /// Pages of lists without a filter.
    Pages,
    /// Resources on these pages.
    Listed,
}

/// How many there are.
pub const COUNTS: usize = 13;

/// A number for each of what is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Vec<i64>", into = "Vec<i64>")]
pub struct Counts([i64; COUNTS]);

/// Of a version that counted fewer, or more, the rest is 0 or left out.
impl From<Vec<i64>> for Counts {
    fn from(numbers: Vec<i64>) -> Self {
        Self(std::array::from_fn(|of| numbers.get(of).copied().unwrap_or_default()))
    }
}

impl From<Counts> for Vec<i64> {
    fn from(counts: Counts) -> Self {
        counts.0.to_vec()
    }
}

impl Counts {
    /// The number of one.
    #[must_use]
    pub fn get(&self, of: Count) -> i64 {
        self.0[of as usize]
    }

    /// Adds to one.
    pub fn add(&mut self, of: Count, number: i64) {
        self.0[of as usize] += number;
    }

    /// Adds all of others.
    pub fn add_all(&mut self, others: &Self) {
        self.0.iter_mut().zip(others.0).for_each(|(own, other)| *own += other);
    }

    /// Resources that were created.
    #[must_use]
    pub fn created(&self) -> i64 {
        [Count::Users, Count::Groups, Count::Others].map(|of| self.get(of)).iter().sum()
    }

    /// Writes that succeeded.
    #[must_use]
    pub fn writes(&self) -> i64 {
        self.created() + self.get(Count::Changed) + self.get(Count::Deleted)
    }
}

/// What was sent within ten minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When they begin.
    pub begins: SystemTime,
    /// The first and the last request with an accepted credential.
    pub accepted: Option<(SystemTime, SystemTime)>,
    /// What is counted.
    pub counts: Counts,
    /// The most resources that one of the lists without a filter has.
    pub total: i64,
}

const ADD: &str = "
WITH living AS MATERIALIZED (SELECT d.id FROM unnest($19::uuid[]) d (id) WHERE (SELECT t.state FROM tenant t WHERE t.id = d.id) <> 'deleted')
INSERT INTO health_traffic AS h (tenant_id, slot, first_at, last_at, requests, lookups, found, users, groups, others, changed, deleted,
  failed, throttled, refused, pages, listed, total)
SELECT u.* FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::int8[], $6::int8[], $7::int8[], $8::int8[],
    $9::int8[], $10::int8[], $11::int8[], $12::int8[], $13::int8[], $14::int8[], $15::int8[], $16::int8[], $17::int8[], $18::int8[])
  u (tenant_id, slot, first_at, last_at, requests, lookups, found, users, groups, others, changed, deleted, failed, throttled, refused,
    pages, listed, total)
WHERE u.tenant_id IN (SELECT id FROM living) ORDER BY u.tenant_id, u.slot
ON CONFLICT (tenant_id, slot) DO UPDATE SET first_at = least(h.first_at, excluded.first_at), last_at = greatest(h.last_at, excluded.last_at),
  requests = h.requests + excluded.requests, lookups = h.lookups + excluded.lookups, found = h.found + excluded.found,
  users = h.users + excluded.users, groups = h.groups + excluded.groups, others = h.others + excluded.others,
  changed = h.changed + excluded.changed, deleted = h.deleted + excluded.deleted, failed = h.failed + excluded.failed,
  throttled = h.throttled + excluded.throttled, refused = h.refused + excluded.refused, pages = h.pages + excluded.pages,
  listed = h.listed + excluded.listed, total = greatest(h.total, excluded.total)";

const READ: &str = "
SELECT u.id, s.slot, s.first_at, s.last_at, s.total, s.requests, s.lookups, s.found, s.users, s.groups, s.others, s.changed, s.deleted,
  s.failed, s.throttled, s.refused, s.pages, s.listed
FROM unnest($1::uuid[], $2::timestamptz[]) u (id, since) CROSS JOIN LATERAL (SELECT * FROM health_traffic x
  WHERE x.tenant_id = u.id AND x.slot >= u.since ORDER BY x.tenant_id, x.slot LIMIT $3) s";

/// The oldest rows, in the order of the primary key.
const PURGE: &str = "
WITH upto AS MATERIALIZED (SELECT o.slot FROM (SELECT x.slot FROM health_traffic x WHERE x.tenant_id = $1 AND x.slot < $2 ORDER BY x.slot LIMIT $3) o
  ORDER BY o.slot DESC LIMIT 1)
DELETE FROM health_traffic x WHERE x.tenant_id = $1 AND x.slot <= (SELECT slot FROM upto)";

impl ControlStore {
    /// Adds to the rows of tenants; those of deleted ones are left out.
    pub async fn add_traffic(&self, slots: &[(TenantId, Slot)]) -> Result<(), Error> {
        let tenants: Vec<Uuid> = slots.iter().map(|(tenant, _)| tenant.0).collect();
        let distinct: Vec<Uuid> = tenants.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let begins: Vec<SystemTime> = slots.iter().map(|(_, slot)| slot.begins).collect();
        let first: Vec<Option<SystemTime>> = slots.iter().map(|(_, slot)| slot.accepted.map(|it| it.0)).collect();
        let last: Vec<Option<SystemTime>> = slots.iter().map(|(_, slot)| slot.accepted.map(|it| it.1)).collect();
        let totals: Vec<i64> = slots.iter().map(|(_, slot)| slot.total).collect();
        let counts: [Vec<i64>; COUNTS] =
            std::array::from_fn(|of| slots.iter().map(|(_, slot)| slot.counts.0[of]).collect());
        let mut params: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = vec![&tenants, &begins, &first, &last];
        params.extend(counts.iter().map(|column| column as &(dyn tokio_postgres::types::ToSql + Sync)));
        params.extend([&totals as &(dyn tokio_postgres::types::ToSql + Sync), &distinct]);
        self.query("counting what providers send", ADD, &params).await.map(drop)
    }

    /// The rows of tenants, of each from a time on, the oldest first.
    pub async fn traffic_since(&self, tenants: &[(TenantId, SystemTime)]) -> Result<Vec<(TenantId, Slot)>, Error> {
        let ids: Vec<Uuid> = tenants.iter().map(|(tenant, _)| tenant.0).collect();
        let since: Vec<SystemTime> = tenants.iter().map(|(_, since)| *since).collect();
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&ids, &since, &MAX_SLOTS];
        let rows = self.query("reading what providers sent", READ, &params).await?;
        Ok(rows.iter().map(|row| (TenantId(row.get(0)), slot(row))).collect())
    }
}

impl TenantStore {
    /// Deletes the rows before a time: so many at most.
    pub async fn purge_traffic(&self, before: SystemTime) -> Result<(), Error> {
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&self.tenant.0, &before, &PURGED_SLOTS];
        self.query("deleting old counts of what a provider sent", PURGE, &params).await.map(drop)
    }
}

fn slot(row: &Row) -> Slot {
    let (first, last): (Option<SystemTime>, Option<SystemTime>) = (row.get(2), row.get(3));
    Slot {
        begins: row.get(1),
        accepted: first.zip(last),
        total: row.get(4),
        counts: Counts(std::array::from_fn(|of| row.get(5 + of))),
    }
}
