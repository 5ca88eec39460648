//! A pooled connection, and as whom it speaks. It stays that way from one batch to the next, so that a tenant at work does
//! not say who it is before every statement; whoever takes the connection compares, and says it anew where it differs.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleResult};
use deadpool_postgres::ClientWrapper;

use crate::tenant::TenantId;

/// As whom a batch runs.
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
    /// None at first, and after anything that may have left it undecided.
    speaks_as: Option<Role>,
}

impl Session {
    /// What must be said so that statements run as `role`; nothing where the connection speaks so already. Until
    /// [`Session::settle`] nobody relies on it: a caller may be dropped before the answer is there.
    pub(in crate::store) fn turn_to(&mut self, role: Role) -> Option<String> {
        match (self.speaks_as.take(), role) {
            (Some(now), _) if now == role => None,
            (Some(Role::Tenant(_)), Role::Tenant(tenant)) => Some(tenant_setting(tenant)),
            (_, Role::Tenant(tenant)) => Some(format!("SET ROLE scimgate_tenant; {}", tenant_setting(tenant))),
            (_, Role::Control) => Some("SET ROLE scimgate_control; RESET scimgate.tenant_id".to_owned()),
        }
    }

    /// The database has confirmed as whom the connection speaks.
    pub(in crate::store) fn settle(&mut self, role: Role) {
        self.speaks_as = Some(role);
    }

    /// Makes the connection speak as who logged in, for migrations.
    pub(in crate::store) async fn turn_back(&mut self) -> Result<(), tokio_postgres::Error> {
        self.speaks_as = None;
        self.client.batch_execute("RESET ROLE").await
    }
}

/// A tenant id is a UUID and prints as hexadecimal digits and hyphens: nothing to escape.
fn tenant_setting(tenant: TenantId) -> String {
    format!("SET scimgate.tenant_id = '{tenant}'")
}

/// Longest time of one statement at the server. Shorter than a batch's in the pool: who is no longer waited for must not go
/// on holding a connection and its locks.
pub(in crate::store) const STATEMENT: Duration = Duration::from_secs(7);

/// Every statement is keyed and finds few rows whatever its parameters, so one plan serves them all; left to itself the
/// server plans a write anew each time, which costs more than the write. Such a plan must reckon with many rows, and what
/// looks dear the server would compile first: 90 ms for a statement of less than one.
fn settings() -> String {
    let limit = STATEMENT.as_millis();
    format!("SET statement_timeout = {limit}; SET plan_cache_mode = force_generic_plan; SET jit = off")
}

/// Opens and checks connections.
pub(crate) struct Sessions(pub(in crate::store) deadpool_postgres::Manager);

impl Manager for Sessions {
    type Type = Session;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Session, tokio_postgres::Error> {
        let client = self.0.create().await?;
        client.batch_execute(&settings()).await?;
        Ok(Session { client, speaks_as: None })
    }

    async fn recycle(&self, session: &mut Session, metrics: &Metrics) -> RecycleResult<tokio_postgres::Error> {
        self.0.recycle(&mut session.client, metrics).await
    }

    fn detach(&self, session: &mut Session) {
        self.0.detach(&mut session.client);
    }
}
