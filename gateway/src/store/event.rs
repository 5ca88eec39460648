//! The event feed: numbered after commit by one sequencer, read only by number.

use std::time::SystemTime;

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::postgres::pool::Statement;
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

/// Events that one statement numbers at most, so that its time is bounded.
const MAX_NUMBERED: i64 = 1000;
/// Tenants that one look for unnumbered events finds at most.
const MAX_TENANTS: i64 = 1000;

const ENSURE_HEAD: &str =
    "INSERT INTO event_head (tenant_id, last_seq) VALUES ($1, 0) ON CONFLICT (tenant_id) DO NOTHING";

/// A statement of its own, before the numbering: under read committed the next statement takes its snapshot when the lock
/// is held, so two sequencers never number the same event or leave a gap.
const LOCK_HEAD: &str = "SELECT last_seq FROM event_head WHERE tenant_id = $1 FOR UPDATE";

/// Also adds what the events count to the number of resources: a total is what the counters have and what unnumbered events
/// add, in one snapshot. The rows are found by their place (`ctid`), however long the backlog behind them is: only the holder
/// of the head's lock changes them.
const NUMBER: &str = "
WITH head AS (SELECT last_seq FROM event_head WHERE tenant_id = $1),
todo AS (SELECT place, delta, row_number() OVER (ORDER BY id) AS nth FROM (
  SELECT ctid AS place, id, delta FROM event WHERE tenant_id = $1 AND seq IS NULL ORDER BY id LIMIT $2) unnumbered),
numbered AS (UPDATE event e SET seq = t.last_seq + t.nth, delta = NULL
  FROM (SELECT todo.place, todo.nth, todo.delta, head.last_seq FROM todo, head LIMIT (SELECT 1000000)) t
  WHERE e.tenant_id = $1 AND e.ctid = t.place RETURNING e.resource_type, t.delta),
counted AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n)
  SELECT $1, resource_type, 0, sum(delta) FROM numbered GROUP BY resource_type HAVING sum(delta) <> 0 ORDER BY resource_type
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n + excluded.n)
UPDATE event_head h SET last_seq = h.last_seq + (SELECT count(*) FROM numbered) WHERE h.tenant_id = $1
RETURNING (SELECT count(*) FROM numbered)";

/// From one tenant to the next, without the events in between.
const WITH_UNNUMBERED: &str = "
WITH RECURSIVE found AS (
  (SELECT tenant_id FROM event WHERE seq IS NULL ORDER BY tenant_id LIMIT 1)
  UNION ALL
  SELECT (SELECT e.tenant_id FROM event e WHERE e.seq IS NULL AND e.tenant_id > found.tenant_id ORDER BY e.tenant_id LIMIT 1)
  FROM found WHERE found.tenant_id IS NOT NULL)
SELECT tenant_id FROM found WHERE tenant_id IS NOT NULL LIMIT $1";

impl TenantStore {
    /// Numbers committed events, at most a thousand; returns whether there may be more.
    pub async fn number_events(&self) -> Result<bool, Error> {
        let doing = "numbering events";
        let number = [
            Statement::new(doing, LOCK_HEAD, &[&self.tenant.0]),
            Statement::new(doing, NUMBER, &[&self.tenant.0, &MAX_NUMBERED]),
        ];
        let mut answers = self.batch(&number).await?;
        if answers[0].is_empty() {
            self.query("beginning an event feed", ENSURE_HEAD, &[&self.tenant.0]).await?;
            answers = self.batch(&number).await?;
        }
        Ok(answers[1].first().is_some_and(|row| row.get::<_, i64>(0) == MAX_NUMBERED))
    }

    /// Events after a number, in order.
    pub async fn events(&self, after: i64, count: i64) -> Result<Vec<Event>, Error> {
        let sql = "SELECT seq, type, resource_type, resource_id, member_id, version, actor, request_id, at FROM event \
                   WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let rows = self.query("reading events", sql, &[&self.tenant.0, &after, &count]).await?;
        let events = rows.iter().map(|row| Event {
            seq: row.get(0),
            kind: row.get(1),
            resource_type: row.get(2),
            resource_id: row.get(3),
            member_id: row.get(4),
            version: row.get(5),
            actor: row.get(6),
            request_id: row.get(7),
            at: row.get(8),
        });
        Ok(events.collect())
    }
}

impl ControlStore {
    /// Tenants with events that have no number yet.
    pub async fn tenants_with_unnumbered_events(&self) -> Result<Vec<TenantId>, Error> {
        let rows = self.query("looking for new events", WITH_UNNUMBERED, &[&MAX_TENANTS]).await?;
        Ok(rows.iter().map(|row| TenantId(row.get(0))).collect())
    }
}
