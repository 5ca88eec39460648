//! What is stored of the credentials of all tenants in batches: when they were used, and which reminders were given.

use std::time::SystemTime;

use uuid::Uuid;

use crate::store::ControlStore;
use crate::store::error::Error;
use crate::tenant::TenantId;

const MARK_USED: &str = "
UPDATE credential c SET last_used_at = u.at FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) u (tenant_id, id, at)
WHERE c.tenant_id = u.tenant_id AND c.id = u.id AND (c.last_used_at IS NULL OR c.last_used_at < u.at)";

/// Of several replicas one is answered.
const MARK_REMINDED: &str = "
UPDATE credential c SET reminded_days = u.days FROM unnest($1::uuid[], $2::uuid[], $3::int4[]) u (tenant_id, id, days)
WHERE c.tenant_id = u.tenant_id AND c.id = u.id AND c.revoked_at IS NULL AND (c.reminded_days IS NULL OR c.reminded_days > u.days)
RETURNING c.tenant_id, c.id, c.reminded_days";

/// The tenant is looked up for each credential: a join could read all tenants.
const WITH_AN_END: &str = "
SELECT c.tenant_id, c.id, CASE WHEN c.revoked_at IS NULL AND (SELECT t.state FROM tenant t WHERE t.id = c.tenant_id) <> 'deleted'
  THEN c.expires_at END, c.reminded_days
FROM credential c WHERE (c.tenant_id, c.id) > ($1, $2) ORDER BY c.tenant_id, c.id LIMIT $3";

/// A credential that may expire.
#[derive(Clone, Copy, Debug)]
pub struct Expiring {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its id.
    pub id: Uuid,
    /// When it expires; none for never, and where it is revoked or its tenant deleted.
    pub expires_at: Option<SystemTime>,
    /// The last reminder, in days before its end.
    pub reminded_days: Option<i32>,
}

/// A reminder that a credential will expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reminder {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its id.
    pub id: Uuid,
    /// In about so many days.
    pub days: i32,
}

impl ControlStore {
    /// Stores when credentials were used.
    pub async fn mark_credentials_used(&self, used: &[((TenantId, Uuid), SystemTime)]) -> Result<(), Error> {
        let tenants: Vec<Uuid> = used.iter().map(|((tenant, _), _)| tenant.0).collect();
        let ids: Vec<Uuid> = used.iter().map(|((_, id), _)| *id).collect();
        let times: Vec<SystemTime> = used.iter().map(|(_, at)| *at).collect();
        self.query("storing when credentials were used", MARK_USED, &[&tenants, &ids, &times]).await.map(drop)
    }

    /// The credentials after one, in the order of tenants and ids.
    pub async fn credentials_after(&self, after: (Uuid, Uuid), count: i64) -> Result<Vec<Expiring>, Error> {
        let rows =
            self.query("looking for credentials that expire", WITH_AN_END, &[&after.0, &after.1, &count]).await?;
        let read = |row: &tokio_postgres::Row| Expiring {
            tenant: TenantId(row.get(0)),
            id: row.get(1),
            expires_at: row.get(2),
            reminded_days: row.get(3),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Stores which reminders are given; returns those that no other replica gives.
    pub async fn mark_reminded(&self, due: &[Reminder]) -> Result<Vec<Reminder>, Error> {
        let tenants: Vec<Uuid> = due.iter().map(|it| it.tenant.0).collect();
        let ids: Vec<Uuid> = due.iter().map(|it| it.id).collect();
        let days: Vec<i32> = due.iter().map(|it| it.days).collect();
        let rows = self.query("storing reminders", MARK_REMINDED, &[&tenants, &ids, &days]).await?;
        let read =
            |row: &tokio_postgres::Row| Reminder { tenant: TenantId(row.get(0)), id: row.get(1), days: row.get(2) };
        Ok(rows.iter().map(read).collect())
    }
}
