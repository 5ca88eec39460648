//! Tenants that are deleted and whose rows are still there.

use std::time::SystemTime;

use tokio_postgres::Row;

use crate::store::ControlStore;
use crate::store::error::Error;
use crate::tenant::TenantId;

/// Deleted tenants that are listed.
pub const MAX_LISTED_DELETED: i64 = 1_000;

/// A deleted tenant.
#[derive(Clone, Debug)]
pub struct DeletedTenant {
    /// Its id.
    pub id: TenantId,
    /// What it was called; none where an older version deleted it.
    pub name: Option<String>,
    /// When it was deleted; none where an older version did so.
    pub deleted_at: Option<SystemTime>,
    /// Whether its rows are being erased.
    pub is_being_erased: bool,
}

const SELECT: &str =
    "SELECT t.id, t.deleted_name, t.deleted_at, EXISTS (SELECT 1 FROM erasure e WHERE e.tenant = t.id) FROM tenant t";

impl ControlStore {
    /// Deleted tenants, the first by name first.
    pub async fn deleted_tenants(&self) -> Result<Vec<DeletedTenant>, Error> {
        let sql = format!("{SELECT} WHERE t.state = 'deleted' ORDER BY t.deleted_name, t.id LIMIT $1");
        let rows = self.query("listing deleted tenants", &sql, &[&MAX_LISTED_DELETED]).await?;
        Ok(rows.iter().map(deleted).collect())
    }

    /// Deleted tenants that had a name, two at most.
    pub async fn deleted_tenants_called(&self, name: &str) -> Result<Vec<DeletedTenant>, Error> {
        let sql = format!("{SELECT} WHERE t.state = 'deleted' AND t.deleted_name = $1 ORDER BY t.id LIMIT 2");
        let rows = self.query("looking up a deleted tenant", &sql, &[&name]).await?;
        Ok(rows.iter().map(deleted).collect())
    }

    /// The deleted tenant of an id.
    pub async fn deleted_tenant(&self, id: TenantId) -> Result<Option<DeletedTenant>, Error> {
        let sql = format!("{SELECT} WHERE t.id = $1 AND CASE WHEN t.id = $1 THEN t.state = 'deleted' END");
        let rows = self.query("looking up a deleted tenant", &sql, &[&id.0]).await?;
        Ok(rows.first().map(deleted))
    }
}

fn deleted(row: &Row) -> DeletedTenant {
    DeletedTenant { id: TenantId(row.get(0)), name: row.get(1), deleted_at: row.get(2), is_being_erased: row.get(3) }
}
