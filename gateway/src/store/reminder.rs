//! Reminders of credentials that will expire: which there are, and which were given.

use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::ControlStore;
use crate::store::error::Error;
use crate::tenant::TenantId;

/// What expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A tenant's token or directory key.
    Token,
    /// The secret of a tenant's OAuth client.
    ClientSecret,
    /// An operator key.
    OperatorKey,
}

/// Where a credential is: its tenant and its client, or the nil id where it has none, and its own id.
pub type Place = [Uuid; 3];

/// A credential that may expire.
#[derive(Clone, Copy, Debug)]
pub struct Expiring {
    /// Where it is.
    pub place: Place,
    /// When it was issued.
    pub created_at: SystemTime,
    /// When it expires; none for never, and where it is revoked or belongs to nobody any more.
    pub expires_at: Option<SystemTime>,
    /// The last reminder, in days before its end.
    pub reminded_days: Option<i32>,
}

/// A reminder that a credential will expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reminder {
    /// Of which credential.
    pub place: Place,
    /// In about so many days.
    pub days: i32,
}

impl Reminder {
    /// The credential's tenant; none for an operator key.
    #[must_use]
    pub fn tenant(&self) -> Option<TenantId> {
        Some(self.place[0]).filter(|id| !id.is_nil()).map(TenantId)
    }

    /// The credential.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.place[2]
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Token, Self::ClientSecret, Self::OperatorKey];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::ClientSecret => "client_secret",
            Self::OperatorKey => "operator_key",
        }
    }

    /// The page after `$1`, `$2`, `$3`. The tenant is looked up for each credential: a join could read all tenants.
    fn page(self) -> &'static str {
        match self {
            Self::Token => {
                "SELECT c.tenant_id, $2::uuid, c.id, c.created_at, CASE WHEN c.revoked_at IS NULL AND
                   (SELECT t.state FROM tenant t WHERE t.id = c.tenant_id) <> 'deleted' THEN c.expires_at END, c.reminded_days
                 FROM credential c WHERE (c.tenant_id, c.id) > ($1, $3) ORDER BY c.tenant_id, c.id LIMIT $4"
            }
            Self::ClientSecret => {
                "SELECT s.tenant_id, s.client_id, s.id, s.created_at, CASE WHEN s.revoked_at IS NULL AND
                   (SELECT c.deleted_at FROM oauth_client c WHERE c.tenant_id = s.tenant_id AND c.id = s.client_id) IS NULL AND
                   (SELECT t.state FROM tenant t WHERE t.id = s.tenant_id) <> 'deleted' THEN s.expires_at END, s.reminded_days
                 FROM oauth_secret s WHERE (s.tenant_id, s.client_id, s.id) > ($1, $2, $3)
                 ORDER BY s.tenant_id, s.client_id, s.id LIMIT $4"
            }
            Self::OperatorKey => {
                "SELECT $1::uuid, $2::uuid, k.id, k.created_at, CASE WHEN k.revoked_at IS NULL THEN k.expires_at END, k.reminded_days
                 FROM operator_key k WHERE k.id > $3 ORDER BY k.id LIMIT $4"
            }
        }
    }

    /// Marks those of the arrays `$1` to `$4` that no other replica has marked; tells the tenants' products, by `$5` at `$6`.
    fn mark(self) -> &'static str {
        match self {
            Self::Token => {
                "WITH marked AS (UPDATE credential c SET reminded_days = u.days
                   FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int4[]) u (tenant_id, client_id, id, days)
                   WHERE c.tenant_id = u.tenant_id AND c.id = u.id AND c.revoked_at IS NULL
                     AND (c.reminded_days IS NULL OR c.reminded_days > u.days)
                   RETURNING c.tenant_id, u.client_id, c.id, c.reminded_days),
                 told AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, actor, request_id, at, expires_in_days)
                   SELECT tenant_id, 'token.expiring', 'Token', id, 'expiry', $5, $6, reminded_days FROM marked)
                 SELECT * FROM marked"
            }
            Self::ClientSecret => {
                "WITH marked AS (UPDATE oauth_secret s SET reminded_days = u.days
                   FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int4[]) u (tenant_id, client_id, id, days)
                   WHERE s.tenant_id = u.tenant_id AND s.client_id = u.client_id AND s.id = u.id AND s.revoked_at IS NULL
                     AND (s.reminded_days IS NULL OR s.reminded_days > u.days)
                   RETURNING s.tenant_id, s.client_id, s.id, s.reminded_days),
                 told AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, actor, request_id, at, expires_in_days)
                   SELECT tenant_id, 'secret.expiring', 'ClientSecret', id, 'expiry', $5, $6, reminded_days FROM marked)
                 SELECT * FROM marked"
            }
            Self::OperatorKey => {
                "UPDATE operator_key k SET reminded_days = u.days
                 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int4[]) u (tenant_id, client_id, id, days)
                 WHERE k.id = u.id AND k.revoked_at IS NULL AND (k.reminded_days IS NULL OR k.reminded_days > u.days)
                   AND $5::text IS NOT NULL AND $6::timestamptz IS NOT NULL
                 RETURNING u.tenant_id, u.client_id, k.id, k.reminded_days"
            }
        }
    }
}

impl ControlStore {
    /// The credentials of a kind after one, in the order of their places; the nil ids come first.
    pub async fn expiring_after(&self, kind: Kind, after: Place, count: i64) -> Result<Vec<Expiring>, Error> {
        let [tenant, client, id] = after;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] = [&tenant, &client, &id, &count];
        let rows = self.query("looking for credentials that expire", kind.page(), &params).await?;
        let read = |row: &Row| Expiring {
            place: place(row),
            created_at: row.get(3),
            expires_at: row.get(4),
            reminded_days: row.get(5),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Stores which reminders of a kind are given, and an event for each of a tenant's; returns those that no other replica gives.
    pub async fn mark_reminded(
        &self,
        kind: Kind,
        due: &[Reminder],
        request: &str,
        now: SystemTime,
    ) -> Result<Vec<Reminder>, Error> {
        let [tenants, clients, ids] = [0, 1, 2].map(|at| due.iter().map(|it| it.place[at]).collect::<Vec<Uuid>>());
        let days: Vec<i32> = due.iter().map(|it| it.days).collect();
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 6] = [&tenants, &clients, &ids, &days, &request, &now];
        let rows = self.query("storing reminders", kind.mark(), &params).await?;
        Ok(rows.iter().map(|row| Reminder { place: place(row), days: row.get(3) }).collect())
    }
}

fn place(row: &Row) -> Place {
    [row.get(0), row.get(1), row.get(2)]
}
