//! Migrates the schema to the version of this binary. One runner at a time, each migration in a transaction of its own, but for
//! those that build indexes or lock several tables beside running writers.

pub(super) mod concurrent;

use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::store::Store;
use crate::store::error::Error;

/// Every migration, in order: its number, its name, what it does. Released ones never change.
pub const MIGRATIONS: &[(i32, &str, &str)] = &[
    (1, "state", include_str!("../../../migrations/V1__state.sql")),
    (2, "lists", include_str!("../../../migrations/V2__lists.sql")),
    (3, "bookmarks", include_str!("../../../migrations/V3__bookmarks.sql")),
    (4, "groups_of", include_str!("../../../migrations/V4__groups_of.sql")),
    (5, "fold_in", include_str!("../../../migrations/V5__fold_in.sql")),
    (6, "client", include_str!("../../../migrations/V6__client.sql")),
    (7, "root_key", include_str!("../../../migrations/V7__root_key.sql")),
    (8, "traces", include_str!("../../../migrations/V8__traces.sql")),
    (9, "resource_types", include_str!("../../../migrations/V9__resource_types.sql")),
    (10, "schema_change", include_str!("../../../migrations/V10__schema_change.sql")),
    (11, "alike", include_str!("../../../migrations/V11__alike.sql")),
    (12, "job", include_str!("../../../migrations/V12__job.sql")),
    (13, "write_path", include_str!("../../../migrations/V13__write_path.sql")),
    (14, "indexes", include_str!("../../../migrations/V14__indexes.sql")),
    (15, "numbering", include_str!("../../../migrations/V15__numbering.sql")),
    (16, "tenant_limits", include_str!("../../../migrations/V16__tenant_limits.sql")),
    (17, "plugin_artifact", include_str!("../../../migrations/V17__plugin_artifact.sql")),
    (18, "grants", include_str!("../../../migrations/V18__grants.sql")),
    (20, "mapping_life", include_str!("../../../migrations/V20__mapping_life.sql")),
    (21, "remap", include_str!("../../../migrations/V21__remap.sql")),
    (22, "reasons_and_guard", include_str!("../../../migrations/V22__reasons_and_guard.sql")),
    (23, "mapping_state", include_str!("../../../migrations/V23__mapping_state.sql")),
    (24, "guard_counters", include_str!("../../../migrations/V24__guard_counters.sql")),
    (25, "directory_schema", include_str!("../../../migrations/V25__directory_schema.sql")),
    (26, "plugin_registry", include_str!("../../../migrations/V26__plugin_registry.sql")),
    (27, "credentials_and_audit", include_str!("../../../migrations/V27__credentials_and_audit.sql")),
    (28, "oauth", include_str!("../../../migrations/V28__oauth.sql")),
    (29, "group_rules", include_str!("../../../migrations/V29__group_rules.sql")),
    (30, "tenant_life", include_str!("../../../migrations/V30__tenant_life.sql")),
    (31, "tenant_grants", include_str!("../../../migrations/V31__tenant_grants.sql")),
    (33, "setup_link", include_str!("../../../migrations/V33__setup_link.sql")),
    (35, "reminders", include_str!("../../../migrations/V35__reminders.sql")),
    (36, "provisioning_log", include_str!("../../../migrations/V36__provisioning_log.sql")),
    (38, "figures", include_str!("../../../migrations/V38__figures.sql")),
    (39, "tenant_health", include_str!("../../../migrations/V39__tenant_health.sql")),
];

/// The newest version of this binary.
pub const KNOWN: i32 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// Attempts at one migration while another statement holds its lock.
const MAX_ATTEMPTS: u32 = 10;

/// How a file begins whose statements can each be repeated, and are sent one by one beside running writers.
const EACH_BY_ITSELF: &str = "-- Each statement is a transaction of its own";
const CONCURRENTLY: &str = " CONCURRENTLY ";

/// A lock that is held, also by a writer that waits for the migration, or a role that another database's migration made at the same moment.
const RETRYABLE: [SqlState; 4] = [
    SqlState::LOCK_NOT_AVAILABLE,
    SqlState::T_R_DEADLOCK_DETECTED,
    SqlState::DUPLICATE_OBJECT,
    SqlState::UNIQUE_VIOLATION,
];

const HISTORY: &str = "CREATE TABLE IF NOT EXISTS schema_history (
  version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";

impl Store {
    /// Applies the missing migrations, each whole or not at all, and returns their versions.
    pub async fn migrate(&self) -> Result<Vec<i32>, Error> {
        let doing = "migrating";
        let login = self.pool.login(doing).await?;
        let client = &login.client;
        // Two concurrent first runs may both create the table; the second one's error is not a failure.
        if let Err(refused) = client.batch_execute(HISTORY).await
            && refused.as_db_error().is_none()
        {
            return Err(Error::from_driver(doing, refused));
        }
        let mut applied = Vec::new();
        for &(version, name, sql) in MIGRATIONS {
            let is_applied = if sql.starts_with(EACH_BY_ITSELF) && has_writers(client).await? {
                let guard = self.pool.login(doing).await?;
                concurrent::apply(&guard.client, client, (version, name, sql)).await?
            } else {
                apply(client, version, name, &in_transaction(sql)).await?
            };
            if is_applied {
                applied.push(version);
            }
        }
        Ok(applied)
    }

    /// The newest migration the database has; 0 where it has none.
    pub async fn schema_version(&self) -> Result<i32, Error> {
        let doing = "reading the schema's version";
        let login = self.pool.login(doing).await?;
        let client = &login.client;
        let sql = "SELECT to_regclass('schema_history') IS NOT NULL";
        // Unnamed: through a pooler in transaction mode a prepared statement may be on another connection than its use.
        let there = client.query_typed(sql, &[]).await.map_err(|source| Error::from_driver(doing, source))?;
        if !there.first().is_some_and(|row| row.get(0)) {
            return Ok(0);
        }
        let sql = "SELECT coalesce(max(version), 0) FROM schema_history";
        let rows = client.query_typed(sql, &[]).await.map_err(|source| Error::from_driver(doing, source))?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }
}

/// Whether a statement builds its index without blocking writers, which PostgreSQL does outside transactions only.
fn is_concurrent(sql: &str) -> bool {
    sql.contains(CONCURRENTLY)
}

/// The text of a migration for one transaction.
#[must_use]
pub fn in_transaction(sql: &str) -> String {
    sql.replace(CONCURRENTLY, " ")
}

/// Whether there are resources, and may be writers of them. The embedded database has one connection and so no others; a
/// partitioned table, which has no size, cannot be indexed concurrently.
async fn has_writers(client: &deadpool_postgres::ClientWrapper) -> Result<bool, Error> {
    let sql = "SELECT pg_relation_size('resource') > 0 AND version() NOT LIKE '%wasm32%'";
    let row = client.query_one(sql, &[]).await.map_err(|source| Error::from_driver("migrating", source))?;
    Ok(row.get(0))
}

async fn apply(client: &deadpool_postgres::ClientWrapper, version: i32, name: &str, sql: &str) -> Result<bool, Error> {
    let doing = "migrating";
    for attempt in 1.. {
        match try_apply(client, version, name, sql).await {
            Ok(applied) => return Ok(applied),
            Err(source) => {
                // A failed batch leaves its transaction open, and the connection goes back to the pool.
                client.batch_execute("ROLLBACK").await.map_err(|lost| Error::from_driver(doing, lost))?;
                let retryable = source.code().is_some_and(|code| RETRYABLE.contains(code));
                if !retryable || attempt >= MAX_ATTEMPTS {
                    return Err(Error::from_driver(doing, source));
                }
                tokio::time::sleep(Duration::from_millis(200) * attempt).await;
            }
        }
    }
    Ok(false)
}

/// A second runner blocks on the history table's lock, and then finds the version applied.
async fn try_apply(
    client: &deadpool_postgres::ClientWrapper,
    version: i32,
    name: &str,
    sql: &str,
) -> Result<bool, tokio_postgres::Error> {
    client.batch_execute("BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = 0; LOCK TABLE schema_history IN EXCLUSIVE MODE").await?;
    let there = client.query("SELECT 1 FROM schema_history WHERE version = $1", &[&version]).await?;
    if !there.is_empty() {
        client.batch_execute("COMMIT").await?;
        return Ok(false);
    }
    client.batch_execute(sql).await?;
    client.execute("INSERT INTO schema_history (version, name) VALUES ($1, $2)", &[&version, &name]).await?;
    client.batch_execute("COMMIT").await?;
    Ok(true)
}
