//! The one way to the database: a role, at most one tenant, and a batch of statements that is one transaction.
//!
//! A batch is sent whole at its first poll. A caller that is dropped in the middle therefore never leaves a pooled
//! connection inside an open transaction, as a hand-written BEGIN would.

mod once;

use std::time::Duration;

use deadpool_postgres::Manager;
use futures_util::future::{join_all, join3};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::error::Error;
use crate::tenant::TenantId;

/// A statement with its parameters.
pub(crate) struct Statement<'a> {
    /// What it does, for messages.
    pub(crate) doing: &'static str,
    pub(crate) sql: &'a str,
    pub(crate) params: &'a [&'a (dyn ToSql + Sync)],
}

/// As whom a batch runs.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// One tenant's rows, by row-level security.
    Tenant(TenantId),
    /// Look-ups before the tenant is known, and work that crosses tenants.
    Control,
}

/// A bounded set of connections.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: deadpool_postgres::Pool,
    /// Longest time a batch may take, waiting for a connection included.
    timeout: Duration,
}

impl Pool {
    /// Wraps a configured pool.
    pub(crate) fn new(connections: deadpool_postgres::Pool, timeout: Duration) -> Self {
        Self { connections, timeout }
    }

    /// Builds the pool over a connection manager.
    pub(crate) fn build(
        manager: Manager,
        size: usize,
        timeout: Duration,
    ) -> Result<Self, deadpool_postgres::BuildError> {
        let connections = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(timeout))
            .create_timeout(Some(timeout))
            .recycle_timeout(Some(timeout))
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .build()?;
        Ok(Self::new(connections, timeout))
    }

    /// Runs the statements as one transaction in one round trip and gives the rows of each.
    ///
    /// # Errors
    /// The first statement's error where one failed; then nothing was kept.
    pub(crate) async fn batch(&self, role: Role, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        let doing = statements.first().map_or("nothing", |statement| statement.doing);
        tokio::time::timeout(self.timeout, self.batch_untimed(role, statements, doing))
            .await
            .map_err(|late| Error::Unavailable { doing, source: Box::new(late) })?
    }

    /// Runs one statement.
    pub(crate) async fn query(&self, role: Role, statement: Statement<'_>) -> Result<Vec<Row>, Error> {
        let mut answers = self.batch(role, &[statement]).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    async fn batch_untimed(
        &self,
        role: Role,
        statements: &[Statement<'_>],
        doing: &'static str,
    ) -> Result<Vec<Vec<Row>>, Error> {
        let client = self.client(doing).await?;
        let mut prepared = Vec::with_capacity(statements.len());
        for statement in statements {
            // Prepared before BEGIN: a Prepare round trip in the batch would let COMMIT overtake.
            let ready = client.prepare_cached(statement.sql).await;
            prepared.push(ready.map_err(|source| Error::from_driver(statement.doing, source))?);
        }
        let begin = begin(role);
        let calls = statements.iter().zip(&prepared).map(|(call, ready)| client.query(ready, call.params));
        let (opened, answers, committed) =
            join3(client.batch_execute(&begin), join_all(calls), client.batch_execute("COMMIT")).await;
        opened.map_err(|source| Error::from_driver(doing, source))?;
        let mut rows = Vec::with_capacity(answers.len());
        for (statement, answer) in statements.iter().zip(answers) {
            rows.push(answer.map_err(|source| Error::from_driver(statement.doing, source))?);
        }
        committed.map_err(|source| Error::from_driver(doing, source))?;
        Ok(rows)
    }

    /// A connection of its own, for migrations.
    pub(crate) async fn client(&self, doing: &'static str) -> Result<deadpool_postgres::Object, Error> {
        self.connections.get().await.map_err(|source| Error::Unavailable { doing, source: Box::new(source) })
    }
}

/// Shorter than a batch's time here: who is no longer waited for must not go on holding a connection and its locks.
const LIMIT: &str = "SET LOCAL statement_timeout = '7s'";

/// The role and the tenant hold for the transaction alone, so a pooled connection carries neither to its next user.
/// A tenant id is a UUID and prints as hexadecimal digits and hyphens: nothing to escape.
fn begin(role: Role) -> String {
    match role {
        Role::Tenant(tenant) => {
            format!("BEGIN; {LIMIT}; SET LOCAL ROLE scimgate_tenant; SET LOCAL scimgate.tenant_id = '{tenant}'")
        }
        Role::Control => format!("BEGIN; {LIMIT}; SET LOCAL ROLE scimgate_control"),
    }
}
