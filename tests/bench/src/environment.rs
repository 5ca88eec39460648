//! Everything that runs during a measurement: the gateway and the floor, on two databases with the same rows.
//!
//! Tenants, tokens and one user each are created through the gateway; the other users are copies in the database, so
//! that their ids and names can be computed.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use tokio_postgres::Client;

use crate::arguments::Arguments;
use crate::database::{self, FLOOR, GATEWAY, connect, url};
use crate::process::{Server, free_port};
use crate::tenant::{FEW_USERS, Tenants};

/// Directory for logs and scripts.
pub(crate) const SCRATCH: &str = "target/bench";

/// The servers, the databases and the tenants.
pub(crate) struct Environment {
    pub(crate) gateway: Server,
    pub(crate) floor: Server,
    /// The gateway's database, as superuser.
    pub(crate) gateway_database: Client,
    /// The floor's database, as superuser.
    pub(crate) floor_database: Client,
    /// PostgreSQL's port.
    pub(crate) port: u16,
    /// The process id of PostgreSQL's first process.
    pub(crate) postmaster: i32,
    pub(crate) tenants: Tenants,
    /// The number of the next request: no name is used twice.
    pub(crate) counter: Arc<AtomicU64>,
}

impl Environment {
    /// Creates databases, tenants and users, and starts the servers.
    pub(crate) async fn set_up(arguments: &Arguments) -> Result<Self> {
        std::fs::create_dir_all(SCRATCH).context(SCRATCH)?;
        let port = database::port(&arguments.postgres)?;
        let server = connect(&arguments.postgres).await?;
        database::create(&server).await?;
        let gateway_url = url("scimgate", port, GATEWAY);
        run_cli(arguments, &["migrate", "--database-url", &gateway_url]).await?;
        let key = run_cli(arguments, &["bootstrap", "--database-url", &gateway_url]).await?;
        let key = key.split_whitespace().last().context("`scimgate bootstrap` printed no key")?;

        eprintln!("Creating tenants …");
        let (gateway, admin) = start_gateway(arguments, &gateway_url).await?;
        let tenants = Tenants::create(arguments, admin, key, gateway.address).await?;
        let gateway_database = connect(&url("postgres", port, GATEWAY)).await?;
        database::wait_for_event_numbers(&gateway_database).await?;
        gateway.stop().await;

        eprintln!("Creating users …");
        let equal = [&tenants.plain[..], &tenants.mapped, &tenants.grouped].concat();
        database::copy_users(&gateway_database, &equal, arguments.users).await?;
        database::copy_users(&gateway_database, &tenants.large, arguments.million).await?;
        database::copy_users(&gateway_database, &tenants.many, FEW_USERS).await?;
        database::insert_members(&gateway_database, &tenants.grouped[0]).await?;
        drop(gateway_database);
        database::copy(&server, port).await?;

        let gateway_database = connect(&url("postgres", port, GATEWAY)).await?;
        Ok(Self {
            gateway: start_gateway(arguments, &gateway_url).await?.0,
            floor: start_floor(arguments, &url("postgres", port, FLOOR)).await?,
            postmaster: database::postmaster(&gateway_database).await?,
            gateway_database,
            floor_database: connect(&url("postgres", port, FLOOR)).await?,
            port,
            tenants,
            counter: Arc::default(),
        })
    }
}

/// Runs a command of the gateway's binary and returns its output.
async fn run_cli(arguments: &Arguments, words: &[&str]) -> Result<String> {
    let output = Command::new(arguments.binaries.join("scimgate")).args(words).output().await;
    let output = output.context("running scimgate")?;
    ensure!(output.status.success(), "scimgate {}: {}", words[0], String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Starts the gateway with its default settings. The second address is the admin API's.
async fn start_gateway(arguments: &Arguments, url: &str) -> Result<(Server, SocketAddr)> {
    let (port, internal, probe) = (free_port()?, free_port()?, free_port()?);
    let mut command = Command::new(arguments.binaries.join("scimgate"));
    command.args(["serve", "--bind", "127.0.0.1", "--database-url", url]);
    command.args(["--port", &port.to_string(), "--internal-port", &internal.to_string()]);
    command.args(["--probe-port", &probe.to_string(), "--public-url", &format!("http://127.0.0.1:{port}")]);
    let log = Path::new(SCRATCH).join("gateway.log");
    Ok((Server::start(command, local(port), &log).await?, local(internal)))
}

async fn start_floor(arguments: &Arguments, url: &str) -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new(arguments.binaries.join("floor"));
    command.args(["--port", &port.to_string(), "--database-url", url]);
    Server::start(command, local(port), &Path::new(SCRATCH).join("floor.log")).await
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
