//! `scimgate serve`: serves on PostgreSQL.

use scimgate::clock::Clock;
use scimgate::config::{self, Issuers, JobShare, Listeners, Plugins, RootKeys, TenantDefaults};
use scimgate::operation::admission::Admission;
use scimgate::store::postgres::migrate::KNOWN;
use scimgate::{app, store};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::issuers;
use crate::migrate::Database;
use crate::root_key;

/// The listeners and the database.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    listeners: Listeners,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    root_keys: RootKeys,
    #[command(flatten)]
    issuers: Issuers,
    #[command(flatten)]
    tenants: TenantDefaults,
    #[command(flatten)]
    plugins: Plugins,
    /// The maximum number of connections to the database [default: eight per core, 8 to 32].
    #[arg(long, env = "SCIMGATE_POOL_SIZE", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pool_size: Option<u16>,
    /// Memory for the bodies and replies of all requests together, in MiB; one tenant has half of it.
    #[arg(long, env = "SCIMGATE_REPLY_MEMORY", default_value_t = 256, value_parser = clap::value_parser!(u16).range(256..))]
    reply_memory: u16,
    /// The maximum number of documents that one list request may examine if no index applies.
    #[arg(long, env = "SCIMGATE_EXAMINED_DOCUMENTS", default_value_t = 50_000)]
    examined_documents: u32,
    /// The share of one core that background jobs may take, in per cent: a remap after a mapping was activated, for one.
    #[arg(long, env = "SCIMGATE_JOB_SHARE", default_value_t = config::DEFAULT_JOB_SHARE, value_parser = clap::value_parser!(u8).range(1..=100))]
    job_share: u8,
    /// Accept plugins of up to 32 MiB that use up to 64 MiB of memory in a call, such as those in Python; without it 8 and 16.
    #[arg(long, env = "SCIMGATE_LARGE_PLUGINS")]
    large_plugins: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    if arguments.plugins.require_signature && arguments.plugins.keys.is_empty() {
        return Err(Failure::new("--require-signature needs --plugin-key: no signature could be accepted"));
    }
    let pool_size = arguments.pool_size.map_or_else(config::default_pool_size, usize::from);
    let issuer_rules = issuers::rules(&arguments.issuers)?;
    let store = store::connect(&arguments.database.database_url, pool_size)?;
    let store = store.with_memory(usize::from(arguments.reply_memory) << 20);
    let version = store.schema_version().await?;
    if version < KNOWN {
        return Err(Failure::new(format!(
            "the database's schema is at version {version} and this binary needs {KNOWN}; run `scimgate migrate` first"
        )));
    }
    let bound = app::bind(&arguments.listeners).await?;
    let public_url = arguments.listeners.public_url.clone().unwrap_or_else(|| reachable(bound.public_address));
    if arguments.listeners.public_url.is_none() {
        tracing::warn!(%public_url, "public_url is not set: Locations and references point to this machine");
    }
    let clock = Clock::system();
    let keys = root_key::keys(&arguments.root_keys, &store, &clock).await?;
    let mut gateway = app::gateway(store, clock, &public_url, (keys, arguments.plugins))?;
    gateway.auth.oauth.set_fetch_rules(issuer_rules);
    gateway.admission = Admission::new(arguments.tenants.limits(), arguments.tenants.replicas);
    if arguments.large_plugins {
        gateway.mapper.accept_large_plugins();
    }
    gateway.job_share = JobShare::new(arguments.job_share);
    gateway.lists.examined = u64::from(arguments.examined_documents);
    gateway.trusted_proxies = arguments.listeners.trusted_proxies.into();
    let stop_signal = app::stop_signal();
    tracing::info!(
        scim = %bound.public_address, internal = %bound.internal_address, probes = %bound.probe_address, "serving"
    );
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        stop_signal.await;
        tracing::info!("stopping after the current requests");
        stopping.cancel();
    });
    app::serve(bound, gateway, stop).await;
    Ok(())
}

/// The URL on this machine; clients cannot connect to the unspecified address.
fn reachable(bound: std::net::SocketAddr) -> String {
    if bound.ip().is_unspecified() { format!("http://127.0.0.1:{}", bound.port()) } else { format!("http://{bound}") }
}
