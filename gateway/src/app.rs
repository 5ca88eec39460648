//! Puts a server together: the database first, then what needs it, then the listeners.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use scimgate_plugin_host::{Host, HostConfig};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::clock::Clock;
use crate::config::{JobShare, Limits, Listeners, Plugins};
use crate::http::connection::server;
use crate::http::error::Surface;
use crate::http::router;
use crate::mapping::{Key, Mapper, MapperConfig};
use crate::operation::Gateway;
use crate::operation::admission::Admission;
use crate::operation::bulk;
use crate::operation::closed_guards::ClosedGuards;
use crate::operation::keyed_lock::KeyedLock;
use crate::operation::leniency_use::LeniencyUses;
use crate::operation::plugin_loader::StoredPlugins;
use crate::operation::provisioning_log::ProvisioningLog;
use crate::operation::request_end::RequestEnd;
use crate::operation::request_facts::TakesFacts;
use crate::operation::resource::recent::RecentRows;
use crate::operation::resource::record::LogLine;
use crate::operation::settings::SettingsCache;
use crate::operation::worker::Workers;
use crate::root_key::{Keys, RootKey};
use crate::store::{self, Store};
use crate::work;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be bound.
    #[error("cannot listen on {address}: {why}; give another address with {option}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// The option that sets it.
        option: &'static str,
        /// The system's error.
        why: std::io::Error,
    },
    /// The plugin host cannot be set up.
    #[error("the plugin host cannot be set up: {0}")]
    Host(String),
    /// The root key in the database cannot be read.
    #[error("the root key in the database cannot be read")]
    RootKey(#[source] store::Error),
    /// The root key in the database is malformed.
    #[error("the root key in the database is malformed")]
    NoRootKey,
}

/// The three listeners, bound but not yet serving.
pub struct Bound {
    public: TcpListener,
    internal: TcpListener,
    probe: TcpListener,
    /// Where the SCIM endpoint listens.
    pub public_address: SocketAddr,
    /// Where the admin API and the directory listen.
    pub internal_address: SocketAddr,
    /// Where the probes listen.
    pub probe_address: SocketAddr,
    /// The limits of each listener.
    pub limits: Limits,
}

/// Binds the listeners, before anything else is done: a taken port is the commonest error.
pub async fn bind(listeners: &Listeners) -> Result<Bound, Error> {
    let public = listen(listeners.public(), "--port").await?;
    let internal = listen(listeners.internal(), "--internal-port").await?;
    let probe = listen(listeners.probe(), "--probe-port").await?;
    Ok(Bound {
        public: public.0,
        internal: internal.0,
        probe: probe.0,
        public_address: public.1,
        internal_address: internal.1,
        probe_address: probe.1,
        limits: Limits::default(),
    })
}

async fn listen(address: SocketAddr, option: &'static str) -> Result<(TcpListener, SocketAddr), Error> {
    let refused = |why| Error::Listen { address, option, why };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

/// A mapper of plugins that are prepared in it, in the engine and with the limits of a server, for commands that need no server.
///
/// # Errors
/// The plugin host cannot be set up.
pub fn local_mapper(clock: Clock, cache: Option<PathBuf>) -> Result<Mapper, Error> {
    Ok(Mapper::new(host(cache)?, BTreeMap::<String, Vec<u8>>::new(), clock, MapperConfig::default()))
}

fn host(cache: Option<PathBuf>) -> Result<Host, Error> {
    let config = HostConfig { escalate, cache, ..HostConfig::default() };
    Host::new(config).map_err(|why| Error::Host(why.to_string()))
}

/// Assembles the gateway over a database.
///
/// On the embedded database this must come after its start: its WASM runtime must be in the process before the plugin
/// host's (see `store::embedded`).
///
/// `plugin_cache` is a folder for compiled plugins besides the database: see [`HostConfig::cache`](scimgate_plugin_host::HostConfig::cache).
///
/// # Errors
/// The plugin host cannot be set up.
pub fn gateway(
    store: Store,
    clock: Clock,
    public_url: &str,
    (keys, plugins): (Keys, Plugins),
    plugin_cache: Option<PathBuf>,
) -> Result<Gateway, Error> {
    let plugins = Arc::new(plugins);
    let mapper = Arc::new(mapper(host(plugin_cache)?, &store, &clock, (&keys, &plugins)));
    let keys = Arc::new(keys);
    let provisioning_log = Arc::new(ProvisioningLog::new(clock.clone()));
    Ok(Gateway {
        docs: Arc::default(),
        auth: Arc::new(Auth::new(store.clone(), clock.clone(), Arc::clone(&keys))),
        keys,
        mapper,
        plugins,
        settings: Arc::new(SettingsCache::new(store.clone())),
        lists: crate::operation::list::Limits::default(),
        public_url: Arc::from(public_url.trim_end_matches('/')),
        trusted_proxies: Arc::from([]),
        write_locks: KeyedLock::default(),
        recent: RecentRows::default(),
        closed_guards: ClosedGuards::default(),
        recorder: Arc::new(LogLine),
        request_end: Arc::new(RequestEnd::new(Arc::clone(store.availability()), Arc::clone(&provisioning_log), 0)),
        figures: Arc::default(),
        workers: Workers::new(Arc::clone(store.availability())),
        provisioning_log,
        webhooks: Arc::default(),
        admission: Admission::default(),
        large: Arc::default(),
        bulks: Arc::new(tokio::sync::Semaphore::new(bulk::MAX_CONCURRENT)),
        uses: LeniencyUses::default(),
        events_waiting: Arc::default(),
        event_readers: crate::operation::event_readers::EventReaders::default(),
        shadow: Arc::default(),
        job_share: JobShare::default(),
        job_rounds: Arc::new(tokio::sync::Semaphore::new(1)),
        schemas_changed: Arc::new(tokio::sync::Notify::new()),
        store,
        clock,
    })
}

/// The mapper of the stored plugins. It keeps what it compiles, unless the key that seals it is in the same database: machine code
/// of the database is loaded only if nobody but the gateway can have written it. `HostConfig::cache` has the rule for a folder.
fn mapper(host: Host, store: &Store, clock: &Clock, (keys, plugins): (&Keys, &Arc<Plugins>)) -> Mapper {
    let plugins = StoredPlugins { store: store.control(), clock: clock.clone(), plugins: Arc::clone(plugins) };
    let seals = if keys.in_database { Vec::new() } else { keys.derive("compiled plugins") };
    let keys = seals.into_iter().map(Key::new).collect();
    Mapper::new(host, plugins, clock.clone(), MapperConfig::default()).keeping_compiled(keys)
}

/// The keys of an installation without configured ones: one is kept in the database, so that every process has the same.
pub async fn kept_keys(store: &Store, clock: &Clock) -> Result<Keys, Error> {
    let new = RootKey::generate();
    let kept = store.control().root_key(new.bytes(), clock.now()).await.map_err(Error::RootKey)?;
    let current = RootKey::from_bytes(&kept).ok_or(Error::NoRootKey)?;
    Ok(Keys { current, previous: None, in_database: true })
}

/// A slow plugin call hands its worker's other tasks to another thread. The sleep gives that thread the time to take them;
/// without it the worker would take them back at once.
#[must_use]
pub fn escalate() -> bool {
    let threads = tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor());
    if matches!(threads, Ok(tokio::runtime::RuntimeFlavor::MultiThread)) {
        crate::operation::stretch::left();
        tokio::task::block_in_place(|| std::thread::sleep(std::time::Duration::from_micros(50)));
        return tokio::task::block_in_place(crate::mapping::contain::slow_calls::acquire_for_current_call);
    }
    true
}

/// Serves and does the background work until cancelled.
pub async fn serve(bound: Bound, gateway: Gateway, stop: CancellationToken) {
    let mut tasks = JoinSet::new();
    let background = CancellationToken::new();
    tasks.spawn(work::sequencer::run(gateway.clone(), background.clone()));
    tasks.spawn(work::change_poll::run(gateway.clone(), background.clone()));
    tasks.spawn(work::jobs::run(gateway.clone(), background.clone()));
    tasks.spawn(work::leniency_flush::run(gateway.clone(), background.clone()));
    tasks.spawn(work::expiry::run(gateway.clone(), background.clone()));
    tasks.spawn(work::figures::run(gateway.clone(), background.clone()));
    tasks.spawn(work::first_use::run(gateway.clone(), background.clone()));
    tasks.spawn(work::last_used::run(gateway.clone(), background.clone()));
    tasks.spawn(work::event_readers::run(gateway.clone(), background.clone()));
    tasks.spawn(work::provisioning_log::run(gateway.clone(), background.clone()));
    tasks.spawn(work::health::run(gateway.clone(), background.clone()));
    tasks.spawn(work::webhooks::run(gateway.clone(), background.clone()));
    tasks.spawn(work::shadow::run(gateway.clone(), background.clone()));
    tasks.spawn(work::statistics::run(gateway.clone(), background.clone()));
    tasks.spawn(work::traces::run(gateway.clone(), background.clone()));
    let terms = server::Terms {
        limits: bound.limits,
        proxies: Arc::clone(&gateway.trusted_proxies),
        taker: Arc::clone(&gateway.request_end) as Arc<dyn TakesFacts>,
        stop,
    };
    let public = server::serve(bound.public, router::public(gateway.clone()), Surface::Scim, terms.clone());
    let internal = server::serve(bound.internal, router::internal(gateway.clone()), Surface::Api, terms.clone());
    let probes = server::serve(bound.probe, router::probes(gateway), Surface::Api, terms);
    tokio::join!(public, internal, probes);
    background.cancel();
    while tasks.join_next().await.is_some() {}
}

/// Resolves at SIGINT or SIGTERM. The handlers are installed at the call, before the gateway reports that it serves.
pub fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupted, terminated) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        tokio::select! { () = received(interrupted) => {}, () = received(terminated) => {} }
    }
}

/// Without a handler the signal ends the process by itself.
async fn received(signal: std::io::Result<tokio::signal::unix::Signal>) {
    match signal {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
