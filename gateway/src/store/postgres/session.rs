//! A pooled connection and its session role. A connection keeps its role after a batch, and the next batch sets it only if it
//! needs another one, which saves a busy tenant a `SET ROLE` per batch. Through a pooler in transaction mode the next transaction may
//! have another connection to the server: there role, tenant and settings travel in every transaction.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;

use crate::config::Pooler;
use crate::store::postgres::parameter_types::ParameterTypes;
use crate::tenant::TenantId;

/// The session role a batch runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// One tenant's rows, by row-level security.
    Tenant(TenantId),
    /// Look-ups before the tenant is known, and work that crosses tenants.
    Control,
}

/// A connection of the pool.
pub(crate) struct Session {
    pub(in crate::store) client: ClientWrapper,
    /// None if unknown: at first, and until the database has confirmed a change.
    role: Option<Role>,
    pooler: Pooler,
    pub(in crate::store::postgres) types: Arc<ParameterTypes>,
}

impl Session {
    /// The SQL that sets the role; none where the connection has it already. The role counts as unknown until
    /// [`Session::confirm_role`], because the caller may be dropped before the database has answered.
    pub(in crate::store) fn assume_role(&mut self, role: Role) -> Option<String> {
        match (self.role.take(), role) {
            _ if self.is_per_transaction() => Some(of_transaction(role)),
            (Some(current), _) if current == role => None,
            (Some(Role::Tenant(_)), Role::Tenant(tenant)) => Some(set_tenant(tenant)),
            (_, Role::Tenant(tenant)) => Some(format!("SET ROLE scimgate_tenant; {}", set_tenant(tenant))),
            (_, Role::Control) => Some("SET ROLE scimgate_control; RESET scimgate.tenant_id".to_owned()),
        }
    }

    /// Records that the database has confirmed the role.
    pub(in crate::store) fn confirm_role(&mut self, role: Role) {
        self.role = Some(role).filter(|_| !self.is_per_transaction());
    }

    /// Whether what is set on the connection ends with the transaction.
    pub(in crate::store) fn is_per_transaction(&self) -> bool {
        self.pooler == Pooler::Transaction
    }

    /// Returns the connection to its login role, for migrations.
    pub(in crate::store) async fn reset_role(&mut self) -> Result<(), tokio_postgres::Error> {
        self.role = None;
        self.client.batch_execute("RESET ROLE").await
    }
}

/// A tenant id is a UUID and prints as hexadecimal digits and hyphens: nothing to escape.
fn set_tenant(tenant: TenantId) -> String {
    format!("SET scimgate.tenant_id = '{tenant}'")
}

/// What a transaction sets for itself. A role cannot be reset for a transaction alone, and need not be: it ends with it.
fn of_transaction(role: Role) -> String {
    static SETTINGS: LazyLock<String> = LazyLock::new(|| settings().replace("SET ", "SET LOCAL "));
    match role {
        Role::Tenant(tenant) => {
            format!("{}; SET LOCAL ROLE scimgate_tenant; SET LOCAL scimgate.tenant_id = '{tenant}'", *SETTINGS)
        }
        Role::Control => format!("{}; SET LOCAL ROLE scimgate_control", *SETTINGS),
    }
}

/// The server's limit for one statement. Shorter than a batch's limit in the pool, so that an abandoned statement does not
/// keep a connection and its locks.
pub(in crate::store) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(7);

/// Every statement reads few rows by key, whatever its parameters, so one generic plan serves all of them; by default the
/// server plans each write anew, which costs more than the write. A generic plan's estimate is too high, which would trigger
/// JIT compilation: 90 ms for a statement of less than one. So JIT is off. And no statement needs to read a whole table: where
/// the planner's statistics are of another time, an index is still the better choice.
pub(in crate::store) fn settings() -> String {
    let limit = STATEMENT_TIMEOUT.as_millis();
    format!(
        "SET statement_timeout = {limit}; SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off"
    )
}

/// Opens and checks connections.
pub(crate) struct SessionManager {
    connections: deadpool_postgres::Manager,
    pooler: Pooler,
    types: Arc<ParameterTypes>,
}

impl SessionManager {
    pub(in crate::store) fn new(connections: deadpool_postgres::Manager, pooler: Pooler) -> Self {
        Self { connections, pooler, types: Arc::default() }
    }

    /// Opens a connection and sets nothing on it.
    pub(in crate::store::postgres) async fn open(&self) -> Result<Session, tokio_postgres::Error> {
        let client = self.connections.create().await?;
        Ok(Session { client, role: None, pooler: self.pooler, types: Arc::clone(&self.types) })
    }
}

impl Manager for SessionManager {
    type Type = Session;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Session, tokio_postgres::Error> {
        let session = self.open().await?;
        if self.pooler == Pooler::Session {
            session.client.batch_execute(&settings()).await?;
        }
        Ok(session)
    }

    async fn recycle(&self, session: &mut Session, metrics: &Metrics) -> RecycleResult<tokio_postgres::Error> {
        // The library would log it, once for each connection of a database that is lost.
        if session.client.is_closed() {
            return Err(RecycleError::message("the connection is closed"));
        }
        self.connections.recycle(&mut session.client, metrics).await
    }

    fn detach(&self, session: &mut Session) {
        self.connections.detach(&mut session.client);
    }
}
