//! The state in PostgreSQL. Every tenant-owned call goes through a handle that carries the tenant; row-level security is the
//! second barrier behind it. This module has no HTTP and runs no plugins.

pub mod announced;
pub mod audit;
pub mod availability;
pub mod directory_schema;
pub mod erasure;
pub mod error;
pub mod event;
pub mod explain;
pub mod export;
pub mod figures;
pub mod group_rules;
pub mod guard;
pub mod health;
pub mod held;
pub mod job;
pub mod mapped_unique;
pub mod mapping;
pub mod mapping_reason;
pub mod membership;
pub mod memory;
pub mod oauth;
pub mod operator_key;
pub mod plan;
pub mod planned_unique;
pub mod plugin;
pub mod plugin_release;
pub mod postgres;
pub mod provisioning_log;
pub mod reminder;
pub mod resource;
pub mod retention;
pub mod root_key;
pub mod schema;
pub mod setup_link;
pub mod shadow;
pub mod stamp;
pub mod tenant;
pub mod waited;

use audit::Entry;
use availability::Availability;
pub use error::Error;
use memory::{Account, Memory};
pub use postgres::connect::ConnectError;
use std::sync::Arc;

pub use postgres::pool::figures::PoolFigures;
use postgres::pool::once::Planning;
use postgres::pool::{Pool, Role, Statement};
use postgres::sql::Sql;
use rustls::pki_types::CertificateDer;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::config::Pooler;
use crate::tenant::TenantId;

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The database.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    memory: Arc<Memory>,
}

/// The database at a URL, by at most `size` connections, which are opened when they are first needed. Authorities are trusted beside the
/// machine's.
///
/// # Errors
/// The URL is invalid, or TLS or the pool cannot be set up.
pub fn connect(
    url: &str,
    size: usize,
    pooler: Pooler,
    authorities: &[CertificateDer<'static>],
) -> Result<Store, ConnectError> {
    Ok(Store::over(postgres::connect::pool(url, size, pooler, authorities)?))
}

/// One tenant's part of the database.
#[derive(Clone)]
pub struct TenantStore {
    pool: Pool,
    tenant: TenantId,
    memory: Arc<Memory>,
    account: Account,
    /// What the next change is recorded as.
    audit: Option<Arc<Entry>>,
}

/// Look-ups before the tenant is known, and work that crosses tenants.
#[derive(Clone)]
pub struct ControlStore {
    pool: Pool,
    /// What the next change is recorded as.
    audit: Option<Arc<Entry>>,
}

impl Store {
    fn over(pool: Pool) -> Self {
        Self { pool, memory: Arc::default() }
    }

    /// With so much memory for bodies and replies, in bytes.
    #[must_use]
    pub fn with_memory(self, bytes: usize) -> Self {
        Self { memory: Arc::new(Memory::new(bytes)), ..self }
    }

    /// The connections now.
    #[must_use]
    pub fn pool_figures(&self) -> PoolFigures {
        self.pool.figures()
    }

    /// Bytes of memory for bodies and replies, and how many of them are free.
    #[must_use]
    pub fn memory_figures(&self) -> (usize, usize) {
        self.memory.figures()
    }

    /// Whether the database answers.
    #[must_use]
    pub fn availability(&self) -> &Arc<Availability> {
        self.pool.availability()
    }

    /// The tenant's handle, the only one that reaches a tenant's rows.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> TenantStore {
        TenantStore {
            pool: self.pool.clone(),
            tenant,
            memory: Arc::clone(&self.memory),
            account: self.memory.account(tenant),
            audit: None,
        }
    }

    /// The handle for what belongs to no tenant.
    #[must_use]
    pub fn control(&self) -> ControlStore {
        ControlStore { pool: self.pool.clone(), audit: None }
    }
}

impl TenantStore {
    /// The tenant.
    #[must_use]
    pub fn id(&self) -> TenantId {
        self.tenant
    }

    async fn query(&self, doing: &'static str, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        let statement = Statement::new(doing, sql, params);
        match &self.audit {
            None => self.pool.query(Role::Tenant(self.tenant), &statement).await,
            Some(_) => Ok(self.batch(&[statement]).await?.swap_remove(0)),
        }
    }

    /// The same rows; how long their statements wait for a connection is added to this.
    #[must_use]
    pub fn counting(self, waited: waited::Waited) -> Self {
        Self { pool: self.pool.counting(waited), ..self }
    }

    /// The same rows; the change that is made through this handle is recorded in its transaction, if it changes anything.
    #[must_use]
    pub fn audited(self, entry: Entry) -> Self {
        Self { audit: Some(Arc::new(entry)), ..self }
    }

    /// What this request holds of the memory for bodies and replies.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The same tenant's rows, with an account of its own: for what is dropped before the request ends.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { account: self.memory.account(self.tenant), ..self.clone() }
    }

    /// For answers that may be long: their memory is held until this handle is dropped.
    async fn read(&self, doing: &'static str, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        let statement = Statement::new(doing, sql, params);
        self.pool.read(Role::Tenant(self.tenant), &statement, &self.account).await
    }

    /// The same for statements of many shapes; see `postgres::pool::once`.
    async fn read_once(&self, doing: &'static str, planning: Planning, sql: &Sql) -> Result<Vec<Row>, Error> {
        let statement = (sql.text.as_str(), sql.params());
        self.pool.read_once(Role::Tenant(self.tenant), doing, planning, statement, &self.account).await
    }

    async fn batch(&self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        let role = Role::Tenant(self.tenant);
        match &self.audit {
            None => self.pool.batch(role, statements).await,
            Some(entry) => audit::batch(&self.pool, role, entry, statements).await,
        }
    }
}

impl ControlStore {
    async fn query(&self, doing: &'static str, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        let statement = Statement::new(doing, sql, params);
        match &self.audit {
            None => self.pool.query(Role::Control, &statement).await,
            Some(_) => Ok(self.batch(&[statement]).await?.swap_remove(0)),
        }
    }

    async fn batch(&self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        match &self.audit {
            None => self.pool.batch(Role::Control, statements).await,
            Some(entry) => audit::batch(&self.pool, Role::Control, entry, statements).await,
        }
    }

    /// The same; the change that is made through this handle is recorded in its transaction, if it changes anything.
    #[must_use]
    pub fn audited(self, entry: Entry) -> Self {
        Self { audit: Some(Arc::new(entry)), ..self }
    }
}
