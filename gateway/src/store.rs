//! The state in PostgreSQL. Every tenant-owned call goes through a handle that carries the tenant; row-level security is the
//! second barrier behind it. This module has no HTTP and runs no plugins.

pub mod error;
pub mod event;
pub mod job;
pub mod mapping;
pub mod membership;
pub mod operator_key;
pub mod plugin;
pub mod postgres;
pub mod resource;
pub mod root_key;
pub mod schema;
pub mod stamp;
pub mod tenant;

pub use error::Error;
pub use postgres::connect::ConnectError;
use postgres::pool::once::Planning;
use postgres::pool::{Pool, Role, Statement};
use postgres::sql::Sql;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::tenant::TenantId;

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The database.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
}

/// The database at a URL, by at most `size` connections, which are opened when they are first needed.
///
/// # Errors
/// The URL is invalid, or TLS or the pool cannot be set up.
pub fn connect(url: &str, size: usize) -> Result<Store, ConnectError> {
    Ok(Store { pool: postgres::connect::pool(url, size)? })
}

/// One tenant's part of the database.
#[derive(Clone)]
pub struct TenantStore {
    pool: Pool,
    tenant: TenantId,
}

/// Look-ups before the tenant is known, and work that crosses tenants.
#[derive(Clone)]
pub struct ControlStore {
    pool: Pool,
}

impl Store {
    /// The tenant's handle, the only one that reaches a tenant's rows.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> TenantStore {
        TenantStore { pool: self.pool.clone(), tenant }
    }

    /// The handle for what belongs to no tenant.
    #[must_use]
    pub fn control(&self) -> ControlStore {
        ControlStore { pool: self.pool.clone() }
    }
}

impl TenantStore {
    /// The tenant.
    #[must_use]
    pub fn id(&self) -> TenantId {
        self.tenant
    }

    async fn query(&self, doing: &'static str, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.pool.query(Role::Tenant(self.tenant), &Statement::new(doing, sql, params)).await
    }

    /// For statements of many shapes; see `postgres::pool::once`.
    async fn query_once(&self, doing: &'static str, planning: Planning, sql: &Sql) -> Result<Vec<Row>, Error> {
        self.pool.query_once(Role::Tenant(self.tenant), doing, planning, (&sql.text, &sql.params())).await
    }

    async fn batch(&self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        self.pool.batch(Role::Tenant(self.tenant), statements).await
    }
}

impl ControlStore {
    async fn query(&self, doing: &'static str, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.pool.query(Role::Control, &Statement::new(doing, sql, params)).await
    }
}
