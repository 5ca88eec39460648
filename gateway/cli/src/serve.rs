//! `scimgate serve`: serves on PostgreSQL.

use std::sync::Arc;

use scimgate::app;
use scimgate::auth::oauth::fetch::FetchRules;
use scimgate::clock::Clock;
use scimgate::config::{self, Issuers, JobShare, Listeners, Plugins, RootKeys, TenantDefaults};
use scimgate::docs::Docs;
use scimgate::operation::admission::Admission;
use scimgate::operation::health::webhooks::Webhooks;
use scimgate::operation::traces::Traces;
use scimgate::store::Store;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::issuers;
use crate::migrate::{Database, require_schema};
use crate::root_key;
use crate::webhooks;

/// The listeners and the database.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) listeners: Listeners,
    #[command(flatten)]
    pub(super) database: Database,
    #[command(flatten)]
    pub(super) root_keys: RootKeys,
    #[command(flatten)]
    issuers: Issuers,
    #[command(flatten)]
    tenants: TenantDefaults,
    #[command(flatten)]
    plugins: Plugins,
    #[command(flatten)]
    webhooks: config::Webhooks,
    #[command(flatten)]
    capacity: Capacity,
    #[command(flatten)]
    traces: config::Traces,
}

/// What one process may use.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct Capacity {
    /// Connections to the database [default: eight per core, 8 to 32].
    ///
    /// 1 to 1000; half of them serve one tenant.
    #[arg(long, env = "SCIMGATE_POOL_SIZE", value_name = "CONNECTIONS", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pool_size: Option<u16>,
    /// Memory for the bodies and replies of all requests, in MiB.
    ///
    /// At least 256; one tenant has half of it.
    #[arg(long, env = "SCIMGATE_REPLY_MEMORY", value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u16).range(256..))]
    reply_memory: u16,
    /// Documents that one list request may examine.
    ///
    /// It examines documents if no index applies to its filter.
    #[arg(long, env = "SCIMGATE_EXAMINED_DOCUMENTS", value_name = "DOCUMENTS", default_value_t = 50_000)]
    examined_documents: u32,
    /// The share of one core that background jobs may take, in per cent.
    ///
    /// A remap after a mapping was activated is such a job.
    #[arg(long, env = "SCIMGATE_JOB_SHARE", value_name = "PERCENT", default_value_t = config::DEFAULT_JOB_SHARE, value_parser = clap::value_parser!(u8).range(1..=100))]
    job_share: u8,
    /// Tenants with the most requests that /metrics has by name.
    ///
    /// At most 200; a counter with a tenant's name makes as many series as there are tenants.
    #[arg(long, env = "SCIMGATE_METRICS_TENANTS", value_name = "TENANTS", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=200))]
    metrics_tenants: u16,
    /// Whether each SCIM request leaves a row in its tenant's log.
    ///
    /// See docs/provisioning-log.md.
    #[arg(long, env = "SCIMGATE_PROVISIONING_LOG", value_name = "SWITCH", value_enum, default_value_t = Switch::On)]
    provisioning_log: Switch,
    /// Accept plugins of 32 MiB that use 64 MiB of memory in a call.
    ///
    /// Such as those in Python; without it 8 and 16 MiB.
    #[arg(long, env = "SCIMGATE_LARGE_PLUGINS", help_heading = "Plugins")]
    large_plugins: bool,
}

impl Capacity {
    fn pool_size(&self) -> usize {
        self.pool_size.map_or_else(config::default_pool_size, usize::from)
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

/// What the settings say, before the database is asked.
struct Prepared {
    store: Store,
    issuer_rules: FetchRules,
    webhooks: Webhooks,
}

/// Everything that is wrong with the settings.
pub(super) fn problems(arguments: &Arguments) -> Vec<Failure> {
    prepare(arguments).err().unwrap_or_default()
}

fn prepare(arguments: &Arguments) -> Result<Prepared, Vec<Failure>> {
    let mut problems = Vec::new();
    if arguments.plugins.require_signature && arguments.plugins.keys.is_empty() {
        problems.push(Failure::new("--require-signature needs --plugin-key: no signature could be accepted"));
    }
    problems.extend(root_key::given(&arguments.root_keys).err());
    let store = arguments.database.open(arguments.capacity.pool_size()).map_err(|failure| problems.push(failure));
    let issuer_rules = issuers::rules(&arguments.issuers).map_err(|failure| problems.push(failure));
    let webhooks = webhooks::webhooks(&arguments.webhooks).map_err(|failure| problems.push(failure));
    match (store, issuer_rules, webhooks) {
        (Ok(store), Ok(issuer_rules), Ok(webhooks)) if problems.is_empty() => {
            Ok(Prepared { store, issuer_rules, webhooks })
        }
        _ => Err(problems),
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Prepared { store, issuer_rules, webhooks } =
        prepare(&arguments).map_err(|mut problems| problems.swap_remove(0))?;
    let capacity = &arguments.capacity;
    let store = store.with_memory(usize::from(capacity.reply_memory) << 20);
    arguments.database.check_pooler(&store, capacity.pool_size()).await?;
    require_schema(&store).await?;
    let bound = app::bind(&arguments.listeners).await?;
    let public_url = arguments.listeners.public_url.clone().unwrap_or_else(|| reachable(bound.public_address));
    if arguments.listeners.public_url.is_none() {
        tracing::warn!(%public_url, "public_url is not set: Locations and references point to this machine");
    }
    let clock = Clock::system();
    let keys = root_key::keys(&arguments.root_keys, &store, &clock).await?;
    let mut gateway = app::gateway(store, clock, &public_url, (keys, arguments.plugins), None)?;
    gateway.auth.oauth.set_fetch_rules(issuer_rules);
    gateway.admission = Admission::new(arguments.tenants.limits(), arguments.tenants.replicas);
    if capacity.large_plugins {
        gateway.mapper.accept_large_plugins();
    }
    gateway.end_requests(usize::from(capacity.metrics_tenants), None);
    gateway.webhooks = Arc::new(webhooks);
    if let Some(traces) = Traces::new(&arguments.traces, gateway.clock.clone()) {
        gateway.request_end.set_traces(traces);
    }
    gateway.provisioning_log.switch(capacity.provisioning_log == Switch::On);
    gateway.job_share = JobShare::new(capacity.job_share);
    gateway.lists.examined = u64::from(capacity.examined_documents);
    if let Some(folder) = &arguments.listeners.docs {
        gateway.docs = Arc::new(Docs::read(folder)?);
    }
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
