//! Migrations that run while resources are written: each statement is a transaction of its own, and can be repeated.

use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;

use crate::store::error::Error;
use crate::store::postgres::migrate::MAX_ATTEMPTS;
use crate::store::postgres::session;

const DOING: &str = "migrating beside writers";

/// Waits only for the locks of other migrations and of vacuum: neither the build nor the wait for it blocks a writer.
const SETTINGS: &str = "SET lock_timeout = '60s'; SET statement_timeout = 0";

/// Other statements lock their table against everybody, if only for a moment.
const SHORT: &str = "SET lock_timeout = '2s'";

/// What an interrupted run left behind: an index that is written but never read.
const INVALID: &str = "
SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace";

/// Applies a migration, by `client`. The other connection keeps a second runner waiting: an open transaction that has no
/// snapshot does not hold up the build.
pub(super) async fn apply(
    guard: &ClientWrapper,
    client: &ClientWrapper,
    (version, name, sql): (i32, &str, &str),
) -> Result<bool, Error> {
    let failed = |source| Error::from_driver(DOING, source);
    let begin = "BEGIN; SET LOCAL statement_timeout = 0; LOCK TABLE schema_history IN EXCLUSIVE MODE";
    guard.batch_execute(begin).await.map_err(failed)?;
    let done = build(guard, client, (version, name, sql)).await;
    let ended = guard.batch_execute(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await;
    let done = done?;
    ended.map_err(failed)?;
    Ok(done)
}

async fn build(
    guard: &ClientWrapper,
    client: &ClientWrapper,
    (version, name, sql): (i32, &str, &str),
) -> Result<bool, Error> {
    let failed = |source| Error::from_driver(DOING, source);
    // By the simple protocol: a portal of the other one keeps its snapshot to the end of the transaction.
    let there = format!("SELECT 1 FROM schema_history WHERE version = {version}");
    let there = guard.simple_query(&there).await.map_err(failed)?;
    if there.iter().any(|answer| matches!(answer, SimpleQueryMessage::Row(_))) {
        return Ok(false);
    }
    run_each(client, sql).await?;
    let insert = "INSERT INTO schema_history (version, name) VALUES ($1, $2)";
    guard.execute(insert, &[&version, &name]).await.map_err(failed)?;
    Ok(true)
}

/// Runs each statement of a text by itself, again where a lock is held.
pub(in crate::store::postgres) async fn run_each(client: &ClientWrapper, sql: &str) -> Result<(), Error> {
    for statement in statements(sql) {
        execute(client, &statement).await?;
    }
    let reset = format!("RESET lock_timeout; {}", session::settings());
    client.batch_execute(&reset).await.map_err(|source| Error::from_driver(DOING, source))
}

async fn execute(client: &ClientWrapper, statement: &str) -> Result<(), Error> {
    let failed = |source| Error::from_driver(DOING, source);
    for attempt in 1.. {
        drop_invalid(client, statement).await?;
        client.batch_execute(if super::is_concurrent(statement) { SETTINGS } else { SHORT }).await.map_err(failed)?;
        match client.batch_execute(statement).await {
            Ok(()) => break,
            Err(source) if attempt < MAX_ATTEMPTS && source.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                tokio::time::sleep(Duration::from_millis(200) * attempt).await;
            }
            Err(source) => return Err(failed(source)),
        }
    }
    Ok(())
}

/// Otherwise `IF NOT EXISTS` would take what an interrupted build of the statement left behind for the index.
async fn drop_invalid(client: &ClientWrapper, statement: &str) -> Result<(), Error> {
    let failed = |source| Error::from_driver(DOING, source);
    for row in client.query(INVALID, &[]).await.map_err(failed)? {
        let name: String = row.get(0);
        if statement.split_whitespace().any(|word| word == name) {
            client.batch_execute(&format!("{SETTINGS}; DROP INDEX \"{name}\"")).await.map_err(failed)?;
        }
    }
    Ok(())
}

/// The statements of a file without functions: each ends with a semicolon at the end of a line.
fn statements(sql: &str) -> Vec<String> {
    let lines = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
    lines.split(";\n").map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}
