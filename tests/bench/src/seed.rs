//! Sets up what is measured: two databases with the same rows, the gateway on one, the floor on the other.
//!
//! Tenants, tokens and one user each are made through the gateway; the many others are copies of that user, made in the
//! database, so that ids and names can be computed from a number.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::process::Command;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::Arguments;
use crate::admin::Admin;
use crate::failed::Failed;
use crate::process::{Server, free_port, parent};
use crate::request::{SEEDLING, user};

const GATEWAY: &str = "scimgate_bench";
/// The floor's database.
pub(crate) const FLOOR: &str = "scimgate_bench_floor";
const PRODUCT: &str = "urn:example:product:2.0:User";
const WS1B: &str = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User";
/// Users of each of the many tenants.
const FEW_USERS: u64 = 20;

/// A tenant and the way in.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) id: Uuid,
    pub(crate) token: String,
    pub(crate) users: u64,
}

/// Everything that runs during a measurement.
pub(crate) struct Place {
    pub(crate) gateway: Server,
    pub(crate) floor: Server,
    /// The gateway's database.
    pub(crate) superuser: Client,
    /// The floor's.
    pub(crate) floor_database: Client,
    /// The database server's first process.
    pub(crate) postmaster: u32,
    /// pgbench's address of the floor's database.
    pub(crate) floor_port: u16,
    pub(crate) plain: Vec<Tenant>,
    pub(crate) mapped: Vec<Tenant>,
    /// Its groups get members; elsewhere no user has a group.
    pub(crate) crowd: Vec<Tenant>,
    pub(crate) many: Vec<Tenant>,
    /// With very many users; nobody where none is measured.
    pub(crate) million: Vec<Tenant>,
    pub(crate) scratch: PathBuf,
    /// Where PostgreSQL's programs are.
    pub(crate) programs: PathBuf,
}

/// Makes databases, tenants and users, and starts the servers.
pub(crate) async fn make(arguments: &Arguments) -> Result<Place, Failed> {
    let scratch = PathBuf::from("target/bench");
    std::fs::create_dir_all(&scratch).map_err(Failed::doing("making a directory"))?;
    let programs = arguments.programs.clone();
    let port = server_port(&arguments.postgres)?;
    let server = client(&arguments.postgres).await?;
    for statement in databases() {
        server.batch_execute(&statement).await.map_err(Failed::doing(&statement))?;
    }
    let gateway_url = format!("postgres://scimgate@127.0.0.1:{port}/{GATEWAY}?sslmode=disable");
    run(arguments, &["migrate", "--database-url", &gateway_url]).await?;
    let key = run(arguments, &["bootstrap", "--database-url", &gateway_url]).await?;
    let key = key.split_whitespace().last().unwrap_or_default().to_owned();

    eprintln!("Making tenants …");
    let (gateway, internal) = start_gateway(arguments, &gateway_url, &scratch).await?;
    let tenants = make_tenants(arguments, internal, &key, gateway.address).await?;
    let owner = client(&url(port, GATEWAY)).await?;
    settle(&owner).await?;
    gateway.stop().await;

    make_users(&owner, arguments, &tenants).await?;
    drop(owner);
    copy_database(&server, port).await?;

    let (gateway, _) = start_gateway(arguments, &gateway_url, &scratch).await?;
    let floor = start_floor(arguments, &url(port, FLOOR), &scratch).await?;
    let superuser = client(&url(port, GATEWAY)).await?;
    let floor_database = client(&url(port, FLOOR)).await?;
    let postmaster = postmaster(&superuser).await?;
    let Tenants { plain, mapped, crowd, many, million } = tenants;
    let floor_port = port;
    Ok(Place {
        gateway,
        floor,
        superuser,
        floor_database,
        postmaster,
        floor_port,
        plain,
        mapped,
        crowd,
        many,
        million,
        scratch,
        programs,
    })
}

/// The tenants, by what is asked of them.
struct Tenants {
    plain: Vec<Tenant>,
    mapped: Vec<Tenant>,
    crowd: Vec<Tenant>,
    many: Vec<Tenant>,
    million: Vec<Tenant>,
}

/// Makes the tenants, each with its first user.
async fn make_tenants(
    arguments: &Arguments,
    internal: SocketAddr,
    key: &str,
    gateway: SocketAddr,
) -> Result<Tenants, Failed> {
    let mut admin = Admin::open(internal, key).await?;
    let plugin = upload_plugin(&mut admin).await?;
    let plain = vec![tenant(&mut admin, "plain", arguments.users).await?];
    let mapped = vec![tenant(&mut admin, "mapped", arguments.users).await?];
    map(&mut admin, "mapped", &plugin).await?;
    let crowd = vec![tenant(&mut admin, "crowd", arguments.users).await?];
    for tenant in [&plain[0], &mapped[0], &crowd[0]] {
        seedling(gateway, tenant).await?;
    }
    let mut million = Vec::new();
    if arguments.million > 0 {
        million.push(tenant(&mut admin, "million", arguments.million).await?);
        seedling(gateway, &million[0]).await?;
    }
    let mut many = Vec::new();
    for n in 0..arguments.tenants {
        let tenant = tenant(&mut admin, &format!("t{n}"), FEW_USERS).await?;
        seedling(gateway, &tenant).await?;
        many.push(tenant);
    }
    Ok(Tenants { plain, mapped, crowd, many, million })
}

/// The copies of each tenant's first user.
async fn make_users(owner: &Client, arguments: &Arguments, tenants: &Tenants) -> Result<(), Failed> {
    eprintln!("Making users …");
    let Tenants { plain, mapped, crowd, many, million } = tenants;
    let alike: Vec<&Tenant> = [plain, mapped, crowd].into_iter().flatten().collect();
    let (million, many): (Vec<&Tenant>, Vec<&Tenant>) = (million.iter().collect(), many.iter().collect());
    for (tenants, users) in [(&alike, arguments.users), (&million, arguments.million), (&many, FEW_USERS)] {
        for statement in clone_statements(tenants, users) {
            owner.batch_execute(&statement).await.map_err(Failed::doing("copying users"))?;
        }
    }
    owner.batch_execute(&members(&crowd[0], arguments.users)).await.map_err(Failed::doing("making members"))
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable")
}

fn server_port(address: &str) -> Result<u16, Failed> {
    let config: tokio_postgres::Config = address.parse().map_err(Failed::doing("the database server's address"))?;
    config.get_ports().first().copied().ok_or_else(|| Failed::because("the database server's address has no port"))
}

async fn client(url: &str) -> Result<Client, Failed> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(Failed::doing(url))?;
    // It ends with the client.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

async fn postmaster(client: &Client) -> Result<u32, Failed> {
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(Failed::doing("asking for a process"))?;
    let backend: i32 = row.get(0);
    let found = u32::try_from(backend).ok().and_then(parent);
    found.ok_or_else(|| {
        Failed::because("the database server is not on this machine: its processor time is not to be had")
    })
}

/// As the README has it: the login role owns the database, and is no superuser.
fn databases() -> Vec<String> {
    let role = |name: &str, options: &str| {
        format!(
            "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{name}') THEN CREATE ROLE {name} {options}; END IF; END $$"
        )
    };
    vec![
        format!("DROP DATABASE IF EXISTS {FLOOR} WITH (FORCE)"),
        format!("DROP DATABASE IF EXISTS {GATEWAY} WITH (FORCE)"),
        role("scimgate_tenant", "NOLOGIN"),
        role("scimgate_control", "NOLOGIN"),
        role("scimgate", "LOGIN NOSUPERUSER NOBYPASSRLS"),
        "GRANT scimgate_tenant, scimgate_control TO scimgate".to_owned(),
        format!("CREATE DATABASE {GATEWAY} OWNER scimgate"),
    ]
}

/// The floor's database is a copy, so both have the same rows in the same pages.
async fn copy_database(server: &Client, port: u16) -> Result<(), Failed> {
    let statement = format!("CREATE DATABASE {FLOOR} TEMPLATE {GATEWAY}");
    let mut attempts = 0;
    // Connections that were closed a moment ago are still ending.
    while let Err(error) = server.batch_execute(&statement).await {
        attempts += 1;
        if attempts > 100 {
            return Err(Failed::doing("copying the database")(error));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let floor = client(&url(port, FLOOR)).await?;
    let made = floor.batch_execute(scimgate_bench::statement::PLAIN_TABLE).await;
    made.map_err(Failed::doing("making a table"))?;
    for database in [&floor, &client(&url(port, GATEWAY)).await?] {
        database.batch_execute("VACUUM ANALYZE").await.map_err(Failed::doing("analysing"))?;
    }
    server.batch_execute("CHECKPOINT").await.map_err(Failed::doing("a checkpoint"))
}

/// Runs a command of the gateway's binary and gives what it says.
async fn run(arguments: &Arguments, words: &[&str]) -> Result<String, Failed> {
    let binary = arguments.binaries.join("scimgate");
    let output = Command::new(&binary).args(words).output().await.map_err(Failed::doing("running scimgate"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failed::because(format!("scimgate {}: {said}", words[0])));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// With its own defaults: sixteen connections, and a line in the log for every request.
async fn start_gateway(arguments: &Arguments, url: &str, scratch: &Path) -> Result<(Server, SocketAddr), Failed> {
    let (port, internal, probe) = (free_port()?, free_port()?, free_port()?);
    let mut command = Command::new(arguments.binaries.join("scimgate"));
    command.args(["serve", "--bind", "127.0.0.1", "--database-url", url]);
    command.args(["--port", &port.to_string(), "--internal-port", &internal.to_string()]);
    command.args(["--probe-port", &probe.to_string(), "--public-url", &format!("http://127.0.0.1:{port}")]);
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Ok((Server::start(command, local(port), &scratch.join("gateway.log")).await?, local(internal)))
}

async fn start_floor(arguments: &Arguments, url: &str, scratch: &Path) -> Result<Server, Failed> {
    let port = free_port()?;
    let mut command = Command::new(arguments.binaries.join("floor"));
    command.args(["--port", &port.to_string(), "--database-url", url]);
    Server::start(command, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), &scratch.join("floor.log")).await
}

async fn upload_plugin(admin: &mut Admin) -> Result<String, Failed> {
    let path = "target/wasm32-unknown-unknown/plugin/tutorial.wasm";
    let wasm = std::fs::read(path).map_err(Failed::doing(path))?;
    let plugin = admin.send_bytes("POST", "/admin/v1/plugins", &wasm).await?;
    Ok(plugin["digest"].as_str().unwrap_or_default().to_owned())
}

/// A tenant that knows the tutorial's extension, and a token.
async fn tenant(admin: &mut Admin, name: &str, users: u64) -> Result<Tenant, Failed> {
    let made = admin.send("POST", "/admin/v1/tenants", &json!({ "name": name })).await?;
    let base = format!("/admin/v1/tenants/{name}");
    admin.send("POST", &format!("{base}/schemas"), &json!({ "pack": "ws1b" })).await?;
    let token = admin.send("POST", &format!("{base}/tokens"), &json!({ "scope": "scim" })).await?;
    let id = made["id"].as_str().and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| Failed::because("the admin API shows a tenant without an id"))?;
    Ok(Tenant { id, token: token["secret"].as_str().unwrap_or_default().to_owned(), users })
}

/// The demo tenant's mapping: mail in lower case, a displayName, two attributes lifted.
async fn map(admin: &mut Admin, name: &str, plugin: &str) -> Result<(), Failed> {
    let base = format!("/admin/v1/tenants/{name}");
    let attribute = |name: &str| json!({ "name": name, "type": "string" });
    let attributes = [attribute("badgeNumber"), attribute("building")];
    let schema = json!({ "id": PRODUCT, "name": "Product", "attributes": attributes });
    admin.send("POST", &format!("{base}/schemas"), &json!({ "schema": schema, "directoryOnly": true })).await?;
    let lift = json!({
        (format!("{WS1B}:customAttribute1")): format!("{PRODUCT}:badgeNumber"),
        (format!("{WS1B}:customAttribute2")): format!("{PRODUCT}:building"),
    });
    let config = json!({ "lowerCaseMail": true, "buildDisplayName": true, "lift": lift });
    let mapping = json!({ "onFailure": "refuse", "steps": [{ "plugin": plugin, "config": config }] });
    admin.send("PUT", &format!("{base}/mapping"), &mapping).await.map(drop)
}

/// The user whom the others are copies of.
async fn seedling(gateway: SocketAddr, tenant: &Tenant) -> Result<(), Failed> {
    let body = user(SEEDLING);
    Admin::open(gateway, &tenant.token).await?.send_bytes("POST", "/scim/v2/Users", body.as_bytes()).await.map(drop)
}

/// The copies, with the ids of [`crate::request::id`] and the names of [`crate::request::name`].
fn clone_statements(tenants: &[&Tenant], users: u64) -> Vec<String> {
    if tenants.is_empty() {
        return Vec::new();
    }
    let ids: Vec<String> = tenants.iter().map(|tenant| format!("'{}'", tenant.id)).collect();
    let of = format!("tenant_id IN ({})", ids.join(","));
    let id = "('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid";
    let named = |column: &str| format!("replace({column}, '{SEEDLING}', 'user' || n)");
    let numbers = format!("generate_series(1, {users}) n");
    let original = format!("{of} AND id IN (SELECT id FROM unique_key WHERE key = '{SEEDLING}@corp.test')");
    vec![
        format!(
            "INSERT INTO resource SELECT tenant_id, {id}, resource_type, {}, {}, active, {}, set_aside, {}, mapping_state, \
             mapping_revision, version, created_at, modified_at FROM resource, {numbers} WHERE {original}",
            named("name_key"),
            named("external_id"),
            named("source"),
            named("mapped")
        ),
        format!(
            "INSERT INTO resource_key SELECT tenant_id, attribute, {}, {id} FROM resource_key, {numbers} WHERE {original}",
            named("key")
        ),
        format!(
            "INSERT INTO event (tenant_id, seq, type, resource_type, resource_id, version, actor, request_id, at) \
             SELECT tenant_id, seq + n, type, resource_type, {id}, version, actor, request_id, at FROM event, {numbers} WHERE {of}"
        ),
        format!("UPDATE event_head SET last_seq = last_seq + {users} WHERE {of}"),
        format!("UPDATE resource_count SET n = n + {users} WHERE {of} AND resource_type = 'User'"),
        format!(
            "INSERT INTO unique_key SELECT tenant_id, resource_type, attribute, {}, {id} FROM unique_key, {numbers} WHERE {original}",
            named("key")
        ),
    ]
}

/// Members before the first, in a group that is nowhere else: an empty table has no statistics to plan by.
fn members(tenant: &Tenant, users: u64) -> String {
    let (tenant, group) = (tenant.id, Uuid::nil());
    format!(
        "INSERT INTO membership SELECT '{tenant}', '{group}', id, 'User', created_at FROM resource \
         WHERE tenant_id = '{tenant}' LIMIT {users}; \
         INSERT INTO group_change SELECT '{tenant}', ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, slot, 1, now() \
         FROM generate_series(1, {users} / 10) n, generate_series(0, 15) slot"
    )
}

/// Longest wait until the gateway has done what it was left to do; a lease of a gateway that was killed lasts 10 s.
const SETTLING: Duration = Duration::from_secs(30);

/// Waits until every event has its number: that work belongs to whoever caused it.
pub(crate) async fn settle(database: &Client) -> Result<(), Failed> {
    let begun = Instant::now();
    let sql = "SELECT 1 FROM event WHERE seq IS NULL LIMIT 1";
    while begun.elapsed() < SETTLING {
        let waiting = database.query_opt(sql, &[]).await.map_err(Failed::doing("looking for events"))?;
        if waiting.is_none() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(Failed::because("the gateway's sequencer does not keep up"))
}
