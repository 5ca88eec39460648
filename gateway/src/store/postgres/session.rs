//! A pooled connection and its session role. A connection keeps its role after a batch, and the next batch sets it only if it
//! needs another one, which saves a busy tenant a `SET ROLE` per batch.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleResult};
use deadpool_postgres::ClientWrapper;

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
}

impl Session {
    /// The SQL that sets the role; none where the connection has it already. The role counts as unknown until
    /// [`Session::confirm_role`], because the caller may be dropped before the database has answered.
    pub(in crate::store) fn assume_role(&mut self, role: Role) -> Option<String> {
        match (self.role.take(), role) {
            (Some(current), _) if current == role => None,
            (Some(Role::Tenant(_)), Role::Tenant(tenant)) => Some(set_tenant(tenant)),
            (_, Role::Tenant(tenant)) => Some(format!("SET ROLE scimgate_tenant; {}", set_tenant(tenant))),
            (_, Role::Control) => Some("SET ROLE scimgate_control; RESET scimgate.tenant_id".to_owned()),
        }
    }

    /// Records that the database has confirmed the role.
    pub(in crate::store) fn confirm_role(&mut self, role: Role) {
        self.role = Some(role);
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
pub(crate) struct SessionManager(pub(in crate::store) deadpool_postgres::Manager);

impl Manager for SessionManager {
    type Type = Session;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Session, tokio_postgres::Error> {
        let client = self.0.create().await?;
        client.batch_execute(&settings()).await?;
        Ok(Session { client, role: None })
    }

    async fn recycle(&self, session: &mut Session, metrics: &Metrics) -> RecycleResult<tokio_postgres::Error> {
        self.0.recycle(&mut session.client, metrics).await
    }

    fn detach(&self, session: &mut Session) {
        self.0.detach(&mut session.client);
    }
}
