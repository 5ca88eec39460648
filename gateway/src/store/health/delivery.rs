//! Changes of health that are delivered to webhooks. A try takes a lease on its row, so that one of a process that was killed is repeated.

use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::{ControlStore, TenantStore};
use crate::tenant::TenantId;

/// A change that is to be delivered.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Whose.
    pub tenant: TenantId,
    /// Its id: the same at each try.
    pub id: Uuid,
    /// Which webhook: a digest of its address.
    pub target: String,
    /// What is sent.
    pub body: String,
    /// When the change was made.
    pub created_at: SystemTime,
    /// Tries that were begun, this one included.
    pub attempts: i32,
}

/// By the row's place, so that there is one plan: the lock keeps it from moving.
const CLAIM: &str = "
UPDATE webhook_delivery d SET due_at = $1 + $4 * interval '1 second', attempts = d.attempts + 1
WHERE d.ctid = ANY (ARRAY(SELECT o.ctid FROM webhook_delivery o WHERE o.due_at <= $1 AND o.target = ANY ($2::text[]) ORDER BY o.due_at LIMIT $3
  FOR UPDATE SKIP LOCKED))
RETURNING d.tenant_id, d.id, d.target, d.body, d.created_at, d.attempts";

const ABANDONED: &str = "SELECT o.tenant_id, o.id, o.target, o.body, o.created_at, o.attempts FROM webhook_delivery o
WHERE o.due_at < $1 ORDER BY o.due_at LIMIT $2";

impl ControlStore {
    /// Takes deliveries to these webhooks that are due, the oldest first.
    pub async fn claim_deliveries(
        &self,
        targets: &[String],
        now: SystemTime,
        (count, lease): (i64, Duration),
    ) -> Result<Vec<Delivery>, Error> {
        let lease = lease.as_secs_f64();
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] = [&now, &targets, &count, &lease];
        let rows = self.query("taking deliveries to webhooks", CLAIM, &params).await?;
        Ok(rows.iter().map(delivery).collect())
    }

    /// Deliveries that were due before a time: to webhooks that no process has any more.
    pub async fn abandoned_deliveries(&self, before: SystemTime, count: i64) -> Result<Vec<Delivery>, Error> {
        let rows = self.query("looking for abandoned deliveries", ABANDONED, &[&before, &count]).await?;
        Ok(rows.iter().map(delivery).collect())
    }

    /// The next try of a delivery is due then, unless another process has begun it.
    pub async fn postpone_delivery(&self, delivery: &Delivery, due_at: SystemTime) -> Result<(), Error> {
        let sql = "UPDATE webhook_delivery SET due_at = $5 WHERE tenant_id = $1 AND id = $2 AND target = $3 AND attempts = $4";
        let Delivery { tenant, id, target, attempts, .. } = delivery;
        self.query("postponing a delivery", sql, &[&tenant.0, id, target, attempts, &due_at]).await.map(drop)
    }
}

impl TenantStore {
    /// A delivery has ended; gives whether it was there.
    pub async fn end_delivery(&self, delivery: &Delivery) -> Result<bool, Error> {
        let sql = "DELETE FROM webhook_delivery WHERE tenant_id = $1 AND id = $2 AND target = $3 RETURNING 1";
        let rows = self.query("ending a delivery", sql, &[&self.tenant.0, &delivery.id, &delivery.target]).await?;
        Ok(!rows.is_empty())
    }
}

fn delivery(row: &tokio_postgres::Row) -> Delivery {
    Delivery {
        tenant: TenantId(row.get(0)),
        id: row.get(1),
        target: row.get(2),
        body: row.get(3),
        created_at: row.get(4),
        attempts: row.get(5),
    }
}
