//! Everything that runs during a measurement: the gateway and the floor, on two databases with the same rows.
//!
//! Tenants, tokens and users are created through the gateway, then the database is copied.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use tokio_postgres::Client;

use crate::arguments::Arguments;
use crate::competitor::Side;
use crate::database::{self, FLOOR, GATEWAY, RIVAL, connect, url};
use crate::process::{Memory, Server, free_port};
use crate::tenant::Tenants;

/// Directory for logs.
const SCRATCH: &str = "target/bench";
/// How long a gateway has been idle when its memory is read.
const IDLE: Duration = Duration::from_secs(2);

/// A gateway with its database.
pub(crate) struct GatewayUnderTest {
    pub(crate) server: Server,
    /// As superuser.
    pub(crate) database: Client,
}

/// The servers, the databases and the tenants.
pub(crate) struct Environment {
    gateway: GatewayUnderTest,
    rival: Option<GatewayUnderTest>,
    floor: Server,
    /// PostgreSQL, as superuser.
    pub(crate) superuser: Client,
    /// The process id of PostgreSQL's first process.
    pub(crate) postmaster: i32,
    pub(crate) tenants: Tenants,
    /// Sizes of the gateway's memory before the first request.
    pub(crate) idle_memory: Memory,
    /// The number of the next request: no name is used twice.
    pub(crate) counter: Arc<AtomicU64>,
}

impl Environment {
    /// Creates databases, tenants and users, and starts the servers.
    pub(crate) async fn set_up(arguments: &Arguments) -> Result<Self> {
        std::fs::create_dir_all(SCRATCH).context(SCRATCH)?;
        let port = database::port(&arguments.postgres)?;
        let superuser = connect(&arguments.postgres).await?;
        database::create(&superuser).await?;
        let tenants = create_tenants(arguments, port).await?;
        eprintln!("Copying the database …");
        let mut names = vec![GATEWAY, FLOOR];
        database::copy(&superuser, FLOOR).await?;
        if arguments.has_rival() {
            database::copy(&superuser, RIVAL).await?;
            run_cli(&rival_binary(arguments), &["migrate", "--database-url", &url("scimgate", port, RIVAL)]).await?;
            names.push(RIVAL);
        }
        let floor_database = connect(&url("postgres", port, FLOOR)).await?;
        database::fill_bare(&floor_database, &tenants.plain[0]).await?;
        database::settle(&superuser, port, &names).await?;

        let gateway = start_gateway(&binary(arguments), &arguments.options, port, GATEWAY).await?.0;
        let rival = if arguments.has_rival() {
            let options = arguments.rival_options.as_ref().unwrap_or(&arguments.options);
            let server = start_gateway(&rival_binary(arguments), options, port, RIVAL).await?.0;
            Some(GatewayUnderTest { server, database: connect(&url("postgres", port, RIVAL)).await? })
        } else {
            None
        };
        tokio::time::sleep(IDLE).await;
        Ok(Self {
            idle_memory: gateway.memory()?,
            gateway: GatewayUnderTest { server: gateway, database: connect(&url("postgres", port, GATEWAY)).await? },
            rival,
            floor: start_floor(arguments, &url("postgres", port, FLOOR)).await?,
            postmaster: database::postmaster(&superuser).await?,
            superuser,
            tenants,
            counter: Arc::default(),
        })
    }

    /// The gateway of a side; none for the floor's server.
    pub(crate) fn gateway(&self, side: Side) -> Option<&GatewayUnderTest> {
        match side {
            Side::Gateway => Some(&self.gateway),
            Side::Rival => self.rival.as_ref(),
            Side::Bare | Side::Floor => None,
        }
    }

    /// The server of a side.
    pub(crate) fn server(&self, side: Side) -> &Server {
        self.gateway(side).map_or(&self.floor, |gateway| &gateway.server)
    }

    /// The name of a side's database.
    pub(crate) fn database_name(side: Side) -> &'static str {
        match side {
            Side::Gateway => GATEWAY,
            Side::Rival => RIVAL,
            Side::Bare | Side::Floor => FLOOR,
        }
    }

    /// Returns once the gateways have assigned every event's number.
    pub(crate) async fn wait_for_event_numbers(&self) -> Result<()> {
        for gateway in [Some(&self.gateway), self.rival.as_ref()].into_iter().flatten() {
            database::wait_for_event_numbers(&gateway.database).await?;
        }
        Ok(())
    }
}

/// Creates tenants and users through a gateway that is then stopped.
async fn create_tenants(arguments: &Arguments, port: u16) -> Result<Tenants> {
    let gateway_url = url("scimgate", port, GATEWAY);
    run_cli(&binary(arguments), &["migrate", "--database-url", &gateway_url]).await?;
    let key = run_cli(&binary(arguments), &["bootstrap", "--database-url", &gateway_url]).await?;
    let key = key.split_whitespace().last().context("`scimgate bootstrap` printed no key")?;
    eprintln!("Creating tenants and users …");
    let (gateway, admin) = start_gateway(&binary(arguments), &arguments.options, port, GATEWAY).await?;
    let tenants = Tenants::create(arguments, admin, key, gateway.address).await?;
    let database = connect(&url("postgres", port, GATEWAY)).await?;
    database::wait_for_event_numbers(&database).await?;
    gateway.stop().await;
    Ok(tenants)
}

fn binary(arguments: &Arguments) -> PathBuf {
    arguments.binaries.join("scimgate")
}

fn rival_binary(arguments: &Arguments) -> PathBuf {
    arguments.rival.clone().unwrap_or_else(|| binary(arguments))
}

/// Runs a command of the gateway's binary and returns its output.
async fn run_cli(binary: &Path, words: &[&str]) -> Result<String> {
    let output = Command::new(binary).args(words).output().await;
    let output = output.context("running scimgate")?;
    ensure!(output.status.success(), "scimgate {}: {}", words[0], String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Starts a gateway on a database. The second address is the admin API's.
async fn start_gateway(binary: &Path, options: &str, port: u16, database: &str) -> Result<(Server, SocketAddr)> {
    let url = url("scimgate", port, database);
    let (port, internal, probe) = (free_port()?, free_port()?, free_port()?);
    let mut command = Command::new(binary);
    command.args(["serve", "--bind", "127.0.0.1", "--database-url", &url]);
    command.args(["--port", &port.to_string(), "--internal-port", &internal.to_string()]);
    command.args(["--probe-port", &probe.to_string(), "--public-url", &format!("http://127.0.0.1:{port}")]);
    command.args(options.split_whitespace());
    let log = Path::new(SCRATCH).join(format!("{database}.log"));
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
