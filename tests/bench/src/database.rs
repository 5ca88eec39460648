//! The databases: the gateway's, and its copies for the floor and another gateway.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use scimgate_bench::statement::{BARE_FILL, BARE_TABLES};
use tokio_postgres::{Client, NoTls};

use crate::process::parent;
use crate::tenant::Tenant;
use crate::work;

/// The gateway's database.
pub(crate) const GATEWAY: &str = "scimgate_bench";
/// The floor's database.
pub(crate) const FLOOR: &str = "scimgate_bench_floor";
/// The other gateway's database.
pub(crate) const RIVAL: &str = "scimgate_bench_rival";
/// The gateway assigns event numbers within this time, even those of a million users.
const SEQUENCER_TIMEOUT: Duration = Duration::from_mins(3);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The URL of a database.
pub(crate) fn url(role: &str, port: u16, database: &str) -> String {
    format!("postgres://{role}@127.0.0.1:{port}/{database}?sslmode=disable")
}

/// The port in a URL.
pub(crate) fn port(url: &str) -> Result<u16> {
    let config: tokio_postgres::Config = url.parse().context("parsing the database server's URL")?;
    config.get_ports().first().copied().context("the database server's URL has no port")
}

/// Connects to a database.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.with_context(|| url.to_owned())?;
    // Ends with the client.
    tokio::spawn(connection);
    Ok(client)
}

/// The process id of the server's first process.
pub(crate) async fn postmaster(client: &Client) -> Result<i32> {
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await.context("reading the backend's process id")?;
    parent(row.get(0)).context("the database server must run on this machine: its CPU time is measured")
}

/// Creates an empty database for the gateway, whose login role is its owner and no superuser.
pub(crate) async fn create(server: &Client) -> Result<()> {
    let role = |name: &str, options: &str| {
        format!(
            "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{name}') \
             THEN CREATE ROLE {name} {options}; END IF; END $$"
        )
    };
    for statement in [
        format!("DROP DATABASE IF EXISTS {FLOOR} WITH (FORCE)"),
        format!("DROP DATABASE IF EXISTS {RIVAL} WITH (FORCE)"),
        format!("DROP DATABASE IF EXISTS {GATEWAY} WITH (FORCE)"),
        role("scimgate_tenant", "NOLOGIN"),
        role("scimgate_control", "NOLOGIN"),
        role("scimgate", "LOGIN NOSUPERUSER NOBYPASSRLS"),
        "GRANT scimgate_tenant, scimgate_control TO scimgate".to_owned(),
        format!("CREATE DATABASE {GATEWAY} OWNER scimgate"),
        // While users are created.
        format!("ALTER DATABASE {GATEWAY} SET synchronous_commit = off"),
    ] {
        server.batch_execute(&statement).await.context(statement)?;
    }
    Ok(())
}

/// Copies the gateway's database, so that both have the same rows in the same pages.
pub(crate) async fn copy(server: &Client, name: &str) -> Result<()> {
    let statement = format!("CREATE DATABASE {name} TEMPLATE {GATEWAY} OWNER scimgate");
    let mut attempts = 0;
    // Fails until the sessions of closed connections have ended.
    while let Err(error) = server.batch_execute(&statement).await {
        attempts += 1;
        if attempts > 250 {
            return Err(error).context("copying the database");
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

/// Creates and fills the bare handler's tables in the floor's database.
pub(crate) async fn fill_bare(floor: &Client, tenant: &Tenant) -> Result<()> {
    floor.batch_execute(BARE_TABLES).await.context("creating the bare handler's tables")?;
    floor.execute(BARE_FILL, &[&tenant.id]).await.context("copying users for the bare handler")?;
    Ok(())
}

/// Leaves a database as a server has it that has been running for a while.
pub(crate) async fn settle(server: &Client, port: u16, names: &[&str]) -> Result<()> {
    server.batch_execute(&format!("ALTER DATABASE {GATEWAY} RESET synchronous_commit")).await?;
    server.batch_execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await?;
    work::track(server, "none").await?;
    for name in names {
        let database = connect(&url("postgres", port, name)).await?;
        database.batch_execute("VACUUM ANALYZE").await.context("VACUUM ANALYZE")?;
    }
    server.batch_execute("CHECKPOINT").await.context("CHECKPOINT")
}

/// Returns once every event has its number. The gateway assigns numbers after the response; that is part of its cost.
pub(crate) async fn wait_for_event_numbers(database: &Client) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < SEQUENCER_TIMEOUT {
        let pending = database.query_opt("SELECT 1 FROM event WHERE seq IS NULL LIMIT 1", &[]).await;
        if pending.context("looking for events without a number")?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    bail!("events have no number after {SEQUENCER_TIMEOUT:?}")
}
