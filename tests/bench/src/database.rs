//! The two databases: the gateway's, and its copy for the floor.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::process::parent;
use crate::tenant::Tenant;
use crate::user;

/// The gateway's database.
pub(crate) const GATEWAY: &str = "scimgate_bench";
/// The floor's database.
pub(crate) const FLOOR: &str = "scimgate_bench_floor";
/// The gateway assigns event numbers within this time, even if a killed gateway still holds the lease of 10 s.
const SEQUENCER_TIMEOUT: Duration = Duration::from_secs(30);
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
        format!("DROP DATABASE IF EXISTS {GATEWAY} WITH (FORCE)"),
        role("scimgate_tenant", "NOLOGIN"),
        role("scimgate_control", "NOLOGIN"),
        role("scimgate", "LOGIN NOSUPERUSER NOBYPASSRLS"),
        "GRANT scimgate_tenant, scimgate_control TO scimgate".to_owned(),
        format!("CREATE DATABASE {GATEWAY} OWNER scimgate"),
    ] {
        server.batch_execute(&statement).await.context(statement)?;
    }
    Ok(())
}

/// Copies the gateway's database for the floor, so that both have the same rows in the same pages.
pub(crate) async fn copy(server: &Client, port: u16) -> Result<()> {
    let statement = format!("CREATE DATABASE {FLOOR} TEMPLATE {GATEWAY}");
    let mut attempts = 0;
    // Fails until the sessions of closed connections have ended.
    while let Err(error) = server.batch_execute(&statement).await {
        attempts += 1;
        if attempts > 250 {
            return Err(error).context("copying the database");
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let floor = connect(&url("postgres", port, FLOOR)).await?;
    floor.batch_execute(scimgate_bench::statement::PLAIN_TABLE).await.context("creating the floor's table")?;
    for database in [&floor, &connect(&url("postgres", port, GATEWAY)).await?] {
        database.batch_execute("VACUUM ANALYZE").await.context("VACUUM ANALYZE")?;
    }
    server.batch_execute("CHECKPOINT").await.context("CHECKPOINT")
}

/// Copies the template user of each tenant; the copies have the ids and names of [`user`].
pub(crate) async fn copy_users(database: &Client, tenants: &[Tenant], users: u64) -> Result<()> {
    if tenants.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = tenants.iter().map(|tenant| format!("'{}'", tenant.id)).collect();
    let of = format!("tenant_id IN ({})", ids.join(","));
    let id = format!("('{}' || lpad(to_hex(n), 12, '0'))::uuid", user::ID_PREFIX);
    let template = user::TEMPLATE;
    let named = |column: &str| format!("replace({column}, '{template}', 'user' || n)");
    let (name_key, external_id, key) = (named("name_key"), named("external_id"), named("key"));
    let (source, mapped) = (named("source"), named("mapped"));
    let numbers = format!("generate_series(1, {users}) n");
    let original = format!("{of} AND id IN (SELECT id FROM unique_key WHERE key = '{template}@corp.test')");
    let statements = format!(
        "INSERT INTO resource SELECT tenant_id, {id}, resource_type, {name_key}, {external_id}, active, {source}, set_aside, \
           {mapped}, mapping_state, mapping_revision, version, created_at, modified_at FROM resource, {numbers} WHERE {original};
         INSERT INTO resource_key SELECT tenant_id, attribute, {key}, {id} FROM resource_key, {numbers} WHERE {original};
         INSERT INTO event (tenant_id, seq, type, resource_type, resource_id, version, actor, request_id, at)
           SELECT tenant_id, seq + n, type, resource_type, {id}, version, actor, request_id, at FROM event, {numbers} WHERE {of};
         UPDATE event_head SET last_seq = last_seq + {users} WHERE {of};
         UPDATE resource_count SET n = n + {users} WHERE {of} AND resource_type = 'User';
         INSERT INTO unique_key SELECT tenant_id, resource_type, attribute, {key}, {id} FROM unique_key, {numbers} WHERE {original}"
    );
    database.batch_execute(&statements).await.context("copying users")
}

/// Inserts members before the measurement, in a group of their own: an empty table has no statistics for the planner.
pub(crate) async fn insert_members(database: &Client, tenant: &Tenant) -> Result<()> {
    let (id, group, users) = (tenant.id, Uuid::nil(), tenant.users);
    let statements = format!(
        "INSERT INTO membership SELECT '{id}', '{group}', id, 'User', created_at FROM resource
           WHERE tenant_id = '{id}' LIMIT {users};
         INSERT INTO group_change
           SELECT '{id}', ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, slot, 1, now()
           FROM generate_series(1, {users} / 10) n, generate_series(0, 15) slot"
    );
    database.batch_execute(&statements).await.context("inserting members")
}

/// Gives groups their first members, which are not users.
pub(crate) async fn fill_groups(database: &Client, tenant: &Tenant, groups: &[Uuid], members: u64) -> Result<()> {
    let statement = format!(
        "INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at) \
         SELECT $1, g, ('01830000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'User', now() \
         FROM unnest($2::uuid[]) g, generate_series(1, {members}) n"
    );
    database.execute(&statement, &[&tenant.id, &groups]).await.context("filling groups")?;
    Ok(())
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
