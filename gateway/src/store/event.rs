//! The event feed: numbered after commit by one sequencer, read only by number.

use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::postgres::pool::{Role, Statement};
use crate::store::{ControlStore, TenantStore};
use crate::tenant::TenantId;

/// One numbered event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Dense: 1, 2, 3 … per tenant.
    pub seq: i64,
    /// `user.created`, `membership.added`, …
    pub kind: String,
    /// The resource's type.
    pub resource_type: String,
    /// The resource.
    pub resource_id: Uuid,
    /// The member, for a membership.
    pub member_id: Option<Uuid>,
    /// The resource's own version after the change.
    pub version: Option<i64>,
    /// The credential that made the request.
    pub actor: String,
    /// The request.
    pub request_id: String,
    /// The time of the request.
    pub at: SystemTime,
    /// In how many days a credential expires, in a reminder of that.
    pub expires_in_days: Option<i32>,
}

/// What happened to a resource, as the product sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The product sees it for the first time, or again.
    Created,
    /// The product sees another document.
    Updated,
    /// The document the product sees became inactive.
    Deactivated,
    /// The product does not see it any more.
    Deleted,
}

impl EventKind {
    /// The event's name in the feed. A tenant's own types share one name: the event also carries the type.
    #[must_use]
    pub fn name(self, resource_type: &str) -> String {
        let subject = match resource_type {
            "User" => "user",
            "Group" => "group",
            _ => "resource",
        };
        let verb = match self {
            Self::Created => "created",
            // A group has no `active`.
            Self::Deactivated if resource_type != "Group" => "deactivated",
            Self::Updated | Self::Deactivated => "updated",
            Self::Deleted => "deleted",
        };
        format!("{subject}.{verb}")
    }
}

/// Events of one tenant that one statement numbers at most, so that its time is bounded; fewer if it is for several tenants.
const MAX_NUMBERED: usize = 1000;
/// … and however many tenants there are.
const MIN_NUMBERED: usize = 100;
/// Tenants whose events one statement numbers at most.
const MAX_NUMBERED_TENANTS: usize = 100;
/// Tenants that one look for unnumbered events finds at most.
const MAX_TENANTS: i64 = 1000;

/// Not of a deleted tenant: its rows are being erased.
const ENSURE_HEADS: &str = "INSERT INTO event_head (tenant_id, last_seq) SELECT t.id, 0 FROM unnest($1::uuid[]) u (id)
  CROSS JOIN LATERAL (SELECT t.id FROM tenant t WHERE t.id = u.id AND CASE WHEN t.id = u.id THEN t.state <> 'deleted' END LIMIT 1) t
  ON CONFLICT (tenant_id) DO NOTHING";

/// A statement of its own, before the numbering: under read committed the next statement takes its snapshot when the locks
/// are held, so two sequencers never number the same event or leave a gap. In the order of the tenants, so that two sequencers
/// wait for each other in one direction only.
const LOCK_HEADS: &str = "SELECT h.last_seq FROM unnest($1::uuid[]) t (id)
  CROSS JOIN LATERAL (SELECT last_seq FROM event_head WHERE tenant_id = t.id FOR UPDATE) h";

/// Also adds what the events count to the number of resources: a total is what the counters have and what unnumbered events
/// add, in one snapshot. The rows are found by their place (`ctid`), however long the backlog behind them is: only the holder
/// of the head's lock changes them. `IS TRUE` keeps the planner from an index that has the tenant alone.
const NUMBER: &str = "
WITH todo AS (SELECT t.id AS tenant_id, e.place, e.delta, e.nth FROM unnest($1::uuid[]) t (id) CROSS JOIN LATERAL (
  SELECT place, delta, row_number() OVER (ORDER BY id) AS nth FROM (
    SELECT ctid AS place, id, delta FROM event WHERE tenant_id = t.id AND seq IS NULL ORDER BY id LIMIT $2) unnumbered) e),
numbered AS (UPDATE event e SET seq = t.last_seq + t.nth, delta = NULL
  FROM (SELECT todo.tenant_id, todo.place, todo.nth, todo.delta, head.last_seq FROM todo CROSS JOIN LATERAL
    (SELECT last_seq FROM event_head WHERE tenant_id = todo.tenant_id LIMIT 1) head LIMIT (SELECT 1000000)) t
  WHERE e.ctid = t.place AND (e.tenant_id = t.tenant_id) IS TRUE RETURNING e.tenant_id, e.resource_type, t.delta),
counted AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n)
  SELECT tenant_id, resource_type, 0, sum(delta) FROM numbered GROUP BY tenant_id, resource_type HAVING sum(delta) <> 0
  ORDER BY tenant_id, resource_type
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n + excluded.n)
UPDATE event_head h SET last_seq = h.last_seq + done.n
FROM (SELECT tenant_id, count(*) AS n FROM numbered GROUP BY tenant_id LIMIT (SELECT 1000)) done
WHERE h.tenant_id = done.tenant_id RETURNING h.tenant_id, done.n";

/// From one tenant to the next, without the events in between.
const WITH_UNNUMBERED: &str = "
WITH RECURSIVE found AS (
  (SELECT tenant_id FROM event WHERE seq IS NULL ORDER BY tenant_id LIMIT 1)
  UNION ALL
  SELECT (SELECT e.tenant_id FROM event e WHERE e.seq IS NULL AND e.tenant_id > found.tenant_id ORDER BY e.tenant_id LIMIT 1)
  FROM found WHERE found.tenant_id IS NOT NULL)
SELECT tenant_id FROM found WHERE tenant_id IS NOT NULL LIMIT $1";

pub(in crate::store) fn from_row(row: &Row) -> Event {
    Event {
        seq: row.get(0),
        kind: row.get(1),
        resource_type: row.get(2),
        resource_id: row.get(3),
        member_id: row.get(4),
        version: row.get(5),
        actor: row.get(6),
        request_id: row.get(7),
        at: row.get(8),
        expires_in_days: row.get(9),
    }
}

/// Events after a number, with what the feed's head says in the same snapshot.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    /// The events, in order.
    pub events: Vec<Event>,
    /// The last event that was purged; 0 for none.
    pub purged_through: i64,
    /// The last event's number.
    pub last_seq: i64,
}

/// One row at least, where there is a head.
const READ: &str = "
SELECT e.seq, e.type, e.resource_type, e.resource_id, e.member_id, e.version, e.actor, e.request_id, e.at, e.expires_in_days,
  h.purged_through, h.last_seq
FROM event_head h LEFT JOIN LATERAL (SELECT * FROM event e WHERE e.tenant_id = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3) e ON true
WHERE h.tenant_id = $1 ORDER BY e.seq";

impl TenantStore {
    /// Events after a number, in order.
    pub async fn events(&self, after: i64, count: i64) -> Result<EventPage, Error> {
        let rows = self.query("reading events", READ, &[&self.tenant.0, &after, &count]).await?;
        let Some(first) = rows.first() else { return Ok(EventPage::default()) };
        let is_event = |row: &&Row| row.get::<_, Option<i64>>(0).is_some();
        Ok(EventPage {
            purged_through: first.get(10),
            last_seq: first.get(11),
            events: rows.iter().filter(is_event).map(from_row).collect(),
        })
    }
}

impl ControlStore {
    /// Numbers committed events of these tenants, a limited number of each, and returns the tenants that may have more.
    pub async fn number_events(&self, mut tenants: Vec<Uuid>) -> Result<Vec<TenantId>, Error> {
        tenants.sort_unstable();
        let mut unfinished = Vec::new();
        for some in tenants.chunks(MAX_NUMBERED_TENANTS) {
            unfinished.extend(self.number_some(some).await?);
        }
        Ok(unfinished)
    }

    async fn number_some(&self, tenants: &[Uuid]) -> Result<Vec<TenantId>, Error> {
        let doing = "numbering events";
        let each = i64::try_from((MAX_NUMBERED / tenants.len().max(1)).max(MIN_NUMBERED)).unwrap_or(i64::MAX);
        let number =
            [Statement::new(doing, LOCK_HEADS, &[&tenants]), Statement::new(doing, NUMBER, &[&tenants, &each])];
        let mut answers = self.pool.batch(Role::Control, &number).await?;
        if answers[0].len() < tenants.len() {
            self.query("beginning event feeds", ENSURE_HEADS, &[&tenants]).await?;
            answers = self.pool.batch(Role::Control, &number).await?;
        }
        let full = answers[1].iter().filter(|row| row.get::<_, i64>(1) == each);
        Ok(full.map(|row| TenantId(row.get(0))).collect())
    }

    /// Tenants with events that have no number yet.
    pub async fn tenants_with_unnumbered_events(&self) -> Result<Vec<TenantId>, Error> {
        let rows = self.query("looking for new events", WITH_UNNUMBERED, &[&MAX_TENANTS]).await?;
        Ok(rows.iter().map(|row| TenantId(row.get(0))).collect())
    }
}
