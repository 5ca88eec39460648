//! `scimgate dev`: serves on an embedded database with a demo tenant.

mod console;
mod log_file;
mod published;
mod ready;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scimgate::app::{self, Bound};
use scimgate::auth::token::{Kind, Token};
use scimgate::clock::Clock;
use scimgate::config::{Issuers, Listeners, Plugins, RootKeys};
use scimgate::docs::Docs;
use scimgate::operation::admin::bundled::Bundled;
use scimgate::operation::admin::{demo, operator_keys};
use scimgate::operation::{Gateway, Operator};
use scimgate::store::operator_key::{OperatorKey, OperatorScope};
use scimgate::store::postgres::embedded::{self, Embedded};
use scimgate::telemetry;
use scimgate::tenant::TenantId;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::Layer as _;

use crate::failure::Failure;
use crate::home;
use crate::issuers;
use crate::local_dev::LocalDev;
use crate::log::Log;
use crate::output::print;
use crate::root_key;
use console::Console;
use log_file::LogFile;

/// The plugins that come with the gateway.
const BUNDLED: [&str; 6] = ["attribute-map", "normalize", "redact", "roles", "scoping", demo::PLUGIN];
/// The full log, in the data directory.
const LOG_FILE: &str = "dev.log";
/// How long to wait for the embedded database to stop.
const DATABASE_STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Operator keys of one database: each but the last was revoked.
const MAX_KEYS: u32 = 1_000;

/// The listeners and the data directory.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    listeners: Listeners,
    #[command(flatten)]
    root_keys: RootKeys,
    #[command(flatten)]
    issuers: Issuers,
    #[command(flatten)]
    demo: DemoServer,
}

/// What it serves from.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Demo server")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command")]
struct DemoServer {
    /// Directory of the embedded database.
    ///
    /// Created if it is missing, kept between starts.
    #[arg(long, env = "SCIMGATE_DATA_DIR", value_name = "DIRECTORY", default_value = "data")]
    data_dir: PathBuf,
    /// Use a temporary database instead.
    #[arg(long)]
    ephemeral: bool,
    /// Directory with the plugins that come with the gateway.
    ///
    /// `make plugins` builds them.
    #[arg(
        long,
        env = "SCIMGATE_PLUGINS",
        value_name = "DIRECTORY",
        default_value = "target/wasm32-unknown-unknown/plugin"
    )]
    plugins: PathBuf,
    /// Accept plugins of 32 MiB that use 64 MiB of memory in a call.
    ///
    /// Such as those in Python; without it 8 and 16 MiB.
    #[arg(long, env = "SCIMGATE_LARGE_PLUGINS")]
    large_plugins: bool,
    /// Print one line of JSON when ready, for programs; the log goes to standard error.
    #[arg(long)]
    json: bool,
    /// Print the addresses and keys of the dev that runs on this machine, for a shell.
    #[arg(long, conflicts_with_all = ["json", "ephemeral"])]
    show_keys: bool,
}

pub(super) async fn run(arguments: Arguments, log: &Log) -> Result<(), Failure> {
    if arguments.demo.show_keys {
        return show_keys();
    }
    let clock = Clock::system();
    let plugins = read_plugins(&arguments.demo.plugins)?;
    let console = start_log(&arguments.demo, log)?;
    // A demo with a token on the screen must not be open to the whole network.
    let localhost = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    let listeners = Listeners { bind: arguments.listeners.bind.or(Some(localhost)), ..arguments.listeners.clone() };
    let bound = app::bind(&listeners).await?;
    let database = start_database(&arguments).await?;
    database.store.migrate().await?;
    let local = format!("http://127.0.0.1:{}", bound.public_address.port());
    let public_url = arguments.listeners.public_url.clone().unwrap_or(local);
    let keys = root_key::keys(&arguments.root_keys, &database.store, &clock).await?;
    let settings = (keys, Plugins::default());
    let mut gateway = app::gateway(database.store.clone(), clock.clone(), &public_url, settings, home::plugin_cache())?;
    gateway.auth.oauth.set_fetch_rules(issuers::rules(&arguments.issuers)?);
    if let Some(folder) = &listeners.docs {
        gateway.docs = Arc::new(Docs::read(folder)?);
    }
    gateway.trusted_proxies = listeners.trusted_proxies.into();
    if let Some(console) = console {
        gateway.end_requests(0, Some(Arc::new(console.clone())));
        gateway.recorder = Arc::new(console);
    }
    if arguments.demo.large_plugins {
        gateway.mapper.accept_large_plugins();
    }
    let operator_key = operator_key(&gateway).await?;
    let demo = demo::run(&Operator::command(&gateway, "dev"), &plugins).await?;
    let local = LocalDev {
        admin_url: format!("http://127.0.0.1:{}", bound.internal_address.port()),
        operator_key: operator_key.reveal().to_owned(),
        directory_key: demo.directory_key.reveal().to_owned(),
        scim_url: format!("{}/scim/v2/", gateway.public_url),
        token: demo.token.reveal().to_owned(),
    };
    let published = published::publish(&local).unwrap_or_else(|error| {
        tracing::warn!(%error, "commands cannot find the keys of this dev: the file for them cannot be written");
        None
    });
    let found = published.is_some();
    let data_dir = (!arguments.demo.ephemeral).then_some(arguments.demo.data_dir.as_path());
    let ready =
        if arguments.demo.json { ready::json(&local) } else { ready::text(&local, &demo.changes, (data_dir, found)) };
    serve(bound, gateway, database, || print(&ready)).await;
    Ok(())
}

/// For programs the log is as everywhere. For people there is a line for each request, and the full log in a file beside the data.
fn start_log(demo: &DemoServer, log: &Log) -> Result<Option<Console>, Failure> {
    if demo.json {
        telemetry::start(&log.log, log.log_format);
        return Ok(None);
    }
    let console = Console::default();
    let lines = console.clone().with_filter(console::filter());
    if demo.ephemeral {
        telemetry::start_beside(&log.log, std::io::sink(), lines);
        return Ok(Some(console));
    }
    make_data_dir(&demo.data_dir)?;
    let path = demo.data_dir.join(LOG_FILE);
    let file = LogFile::open(&path).map_err(|error| {
        Failure::new(format!("the log {} cannot be written ({error}); give another --data-dir", path.display()))
    })?;
    telemetry::start_beside(&log.log, file, lines);
    Ok(Some(console))
}

fn make_data_dir(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| {
        Failure::new(format!(
            "the data directory {} cannot be created ({error}); give another --data-dir",
            path.display()
        ))
    })
}

fn show_keys() -> Result<(), Failure> {
    let Some(local) = LocalDev::find() else {
        return Err(Failure::new(
            "no scimgate dev of this user runs on this machine; start it with `make run` or `scimgate dev`",
        ));
    };
    print(&published::exports(&local));
    Ok(())
}

/// The plugins that come with the gateway, as far as they are there. The demo's is needed only for a new demo tenant, but its absence
/// should be an error before a database is created.
fn read_plugins(directory: &Path) -> Result<Vec<Bundled>, Failure> {
    let mut plugins = Vec::new();
    for name in BUNDLED {
        let path = directory.join(name.replace('-', "_")).with_extension("wasm");
        match std::fs::read(&path) {
            Ok(wasm) => plugins.push(Bundled { name: name.to_owned(), wasm }),
            Err(error) if name == demo::PLUGIN => {
                return Err(Failure::new(format!(
                    "the demo's plugin {} cannot be read ({error}); --plugins names the directory of the plugins that come with the \
                     gateway, which `make plugins` builds in the repository",
                    path.display()
                )));
            }
            Err(_) => {}
        }
    }
    Ok(plugins)
}

async fn start_database(arguments: &Arguments) -> Result<Embedded, Failure> {
    let directory = (!arguments.demo.ephemeral).then(|| arguments.demo.data_dir.clone());
    if let Some(path) = &directory {
        make_data_dir(path)?;
    }
    Ok(embedded::start(directory.as_deref()).await?)
}

/// The same key at each start, which is derived from the root key and so is stored nowhere; another one if it was revoked.
async fn operator_key(gateway: &Gateway) -> Result<Token, Failure> {
    let operator = Operator::command(gateway, "dev");
    for number in 1..=MAX_KEYS {
        let purpose = format!("operator key {number} of dev");
        let Some(secret) = gateway.keys.derive(&purpose).into_iter().next() else { break };
        let token = Token::of(Kind::Operator, TenantId(uuid::Uuid::nil()), &secret);
        match gateway.store.control().find_operator_key(&token.digest()).await? {
            Some(key) if key.is_accepted(gateway.clock.now()) => return Ok(token),
            Some(_) => {}
            None => {
                return Ok(operator_keys::store(&operator, new_key(gateway, &token), token).await?.secret);
            }
        }
    }
    Err(Failure::new(format!("{MAX_KEYS} operator keys of dev are revoked; begin anew with another --data-dir")))
}

fn new_key(gateway: &Gateway, token: &Token) -> OperatorKey {
    OperatorKey {
        id: gateway.clock.new_id(),
        label: "made by scimgate dev".to_owned(),
        scopes: vec![OperatorScope::Everything],
        last_four: token.last_four().to_owned(),
        bootstrap: false,
        created_at: gateway.clock.now(),
        created_by: Some("dev".to_owned()),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

async fn serve(bound: Bound, gateway: Gateway, database: Embedded, announce: impl FnOnce()) {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let stop_signal = app::stop_signal();
    tokio::spawn(async move {
        stop_signal.await;
        stopping.cancel();
    });
    announce();
    app::serve(bound, gateway.clone(), stop).await;
    // The database stops after its only client has disconnected, and blocks its thread until then.
    drop(gateway);
    let stopped = tokio::task::spawn_blocking(move || drop(database));
    let _ = tokio::time::timeout(DATABASE_STOP_TIMEOUT, stopped).await;
}
