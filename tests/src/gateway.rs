//! The gateway under test: in this process, on free ports, with a clock that the test advances.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use scimgate::app;
use scimgate::auth::token::Token;
use scimgate::clock::Clock;
use scimgate::config::{Limits, Listeners, Network, Plugins, Pooler, Traces, WebhookSecret};
use scimgate::operation::admin::operator_keys::{self, NewKey};
use scimgate::operation::health::webhooks::Webhooks;
use scimgate::operation::{Context, Gateway, Operator, traces};
use scimgate::root_key::Keys;
use scimgate::store::operator_key::OperatorScope;
use scimgate::store::postgres::embedded::{self, Embedded};
use scimgate::store::{self, Store};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::database::{Database, Fresh, connect};
use crate::embedded::start_copy;
use crate::pgbouncer::Pgbouncer;
use crate::proxy::Proxy;
use crate::receiver;
use crate::rows;
use crate::{Client, Tenant, plugin_cache};

/// Connections of a pool on the server: more than one, fewer than the writers of a race.
const POOL_SIZE: usize = 8;
/// The clock's first time: 2026-05-01T09:00:00Z.
const START: Duration = Duration::from_hours(493_785);

/// A running gateway. End it with [`TestGateway::end`].
pub struct TestGateway {
    /// Advances only when the test says so.
    pub clock: Clock,
    /// Where the SCIM endpoint listens.
    pub public: SocketAddr,
    /// Where the admin API and the directory listen.
    pub internal: SocketAddr,
    /// Where the probes listen.
    pub probes: SocketAddr,
    /// The admin API, with an operator key.
    pub operator: Client,
    /// The use cases themselves.
    pub gateway: Gateway,
    base: Base,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

/// What differs from one gateway to another.
#[derive(Default)]
struct Settings {
    limits: Limits,
    /// Its own keys; none: those that the database keeps.
    keys: Option<Keys>,
    trusted: Vec<Network>,
    plugins: Plugins,
    /// Of how many tenants requests are counted apart.
    counted_tenants: usize,
    /// Where it sends changes of the health of tenants.
    webhook: Option<String>,
    /// Where traces go.
    traces: Option<Traces>,
}

enum Base {
    Fresh(Fresh),
    /// Belongs to another gateway, which drops it.
    Shared(Fresh),
    /// With the directory that is removed with it.
    Embedded(Box<Embedded>, Option<TempDir>),
    /// Belongs to the test.
    External,
}

impl TestGateway {
    /// Starts a gateway on a database of its own.
    pub async fn start(database: Database) -> Self {
        match database {
            Database::Postgres => {
                let fresh = Fresh::migrated().await;
                Self::serve(connect(&fresh.url, POOL_SIZE), Base::Fresh(fresh), None).await
            }
            Database::Embedded => {
                // Before anything that creates a plugin engine.
                let (embedded, directory) = start_copy().await;
                Self::serve(embedded.store.clone(), Base::Embedded(Box::new(embedded), Some(directory)), None).await
            }
        }
    }

    /// Starts one on a migrated database on the server, which it drops at its end.
    pub async fn on(fresh: Fresh) -> Self {
        Self::serve(connect(&fresh.url, POOL_SIZE), Base::Fresh(fresh), None).await
    }

    /// Starts one on the server, through PgBouncer in transaction mode.
    pub async fn through(pgbouncer: &Pgbouncer) -> Self {
        let fresh = Fresh::migrated().await;
        let store = store::connect(&pgbouncer.url(&fresh.url), POOL_SIZE, Pooler::Transaction, &[]).unwrap();
        Self::serve(store, Base::Fresh(fresh), None).await
    }

    /// Starts one on the embedded database in a directory, and migrates that.
    pub async fn on_directory(directory: &std::path::Path) -> Self {
        let embedded = embedded::start(Some(directory)).await.unwrap();
        embedded.store.migrate().await.unwrap();
        Self::serve(embedded.store.clone(), Base::Embedded(Box::new(embedded), None), None).await
    }

    /// Starts one on a migrated database that the test removes, by one connection.
    pub async fn over(url: &str) -> Self {
        Self::serve(connect(url, 1), Base::External, None).await
    }

    /// Starts one on the server with other limits for its clients, and with this many connections to its database.
    pub async fn with_limits(limits: Limits, pool: usize) -> Self {
        let fresh = Fresh::migrated().await;
        let settings = Settings { limits, ..Settings::default() };
        Self::serve_with(settings, connect(&fresh.url, pool), Base::Fresh(fresh), None).await
    }

    /// Starts one on the server that trusts these proxies.
    pub async fn with_trusted_proxies(networks: &[&str]) -> Self {
        let fresh = Fresh::migrated().await;
        let trusted = networks.iter().map(|network| network.parse().unwrap()).collect();
        let settings = Settings { trusted, ..Settings::default() };
        Self::serve_with(settings, connect(&fresh.url, POOL_SIZE), Base::Fresh(fresh), None).await
    }

    /// Starts one on the server that takes these plugins.
    pub async fn with_plugins(plugins: Plugins) -> Self {
        let fresh = Fresh::migrated().await;
        let settings = Settings { plugins, ..Settings::default() };
        Self::serve_with(settings, connect(&fresh.url, POOL_SIZE), Base::Fresh(fresh), None).await
    }

    /// Starts one on the server that counts the requests of so many tenants apart.
    pub async fn counting_tenants(counted_tenants: usize) -> Self {
        let fresh = Fresh::migrated().await;
        let settings = Settings { counted_tenants, ..Settings::default() };
        Self::serve_with(settings, connect(&fresh.url, POOL_SIZE), Base::Fresh(fresh), None).await
    }

    /// Starts one on the server that sends changes of the health of tenants there.
    pub async fn with_webhook(url: &str) -> Self {
        let fresh = Fresh::migrated().await;
        let settings = Settings { webhook: Some(url.to_owned()), ..Settings::default() };
        Self::serve_with(settings, connect(&fresh.url, POOL_SIZE), Base::Fresh(fresh), None).await
    }

    /// Another gateway on the same database that does so. End it before this one.
    pub async fn replica_with_webhook(&self, url: &str) -> Self {
        let fresh = self.fresh().clone();
        let store = connect(&fresh.url, POOL_SIZE);
        let settings = Settings { webhook: Some(url.to_owned()), ..Settings::default() };
        Self::serve_with(settings, store, Base::Shared(fresh), Some(self)).await
    }

    /// Starts one on the server that sends traces of all requests to a collector.
    pub async fn tracing(endpoint: &str, sample: f64) -> Self {
        let fresh = Fresh::migrated().await;
        let settings = Settings {
            traces: Some(Traces { endpoint: Some(endpoint.parse().unwrap()), sample }),
            ..Settings::default()
        };
        Self::serve_with(settings, connect(&fresh.url, POOL_SIZE), Base::Fresh(fresh), None).await
    }

    /// Another gateway on the same database that takes these plugins. End it before this one.
    pub async fn replica_with_plugins(&self, plugins: Plugins) -> Self {
        let fresh = self.fresh().clone();
        let (store, settings) = (connect(&fresh.url, POOL_SIZE), Settings { plugins, ..Settings::default() });
        Self::serve_with(settings, store, Base::Shared(fresh), Some(self)).await
    }

    /// Starts one on the server, with a proxy between it and the database.
    pub async fn behind_proxy() -> (Self, Proxy) {
        let fresh = Fresh::migrated().await;
        let proxy = Proxy::start(&fresh.url).await;
        (Self::serve(connect(&proxy.url, POOL_SIZE), Base::Fresh(fresh), None).await, proxy)
    }

    /// Another gateway on the same database, with the same clock and keys. End it before this one.
    pub async fn replica(&self) -> Self {
        let fresh = self.fresh().clone();
        Self::serve(connect(&fresh.url, POOL_SIZE), Base::Shared(fresh), Some(self)).await
    }

    /// The same, with root keys of its own.
    pub async fn replica_with(&self, keys: Keys) -> Self {
        let fresh = self.fresh().clone();
        let store = connect(&fresh.url, POOL_SIZE);
        let settings = Settings { keys: Some(keys), ..Settings::default() };
        Self::serve_with(settings, store, Base::Shared(fresh), Some(self)).await
    }

    async fn serve(store: Store, base: Base, first: Option<&Self>) -> Self {
        Self::serve_with(Settings::default(), store, base, first).await
    }

    async fn serve_with(settings: Settings, store: Store, base: Base, first: Option<&Self>) -> Self {
        let Settings { limits, keys, trusted, plugins, counted_tenants, webhook, traces } = settings;
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let listeners = Listeners {
            port: 0,
            bind: Some(here),
            internal_port: 0,
            internal_bind: here,
            probe_port: 0,
            probe_bind: here,
            public_url: None,
            trusted_proxies: Vec::new(),
            docs: None,
        };
        let mut bound = app::bind(&listeners).await.unwrap();
        bound.limits = limits;
        let (public, internal, probes) = (bound.public_address, bound.internal_address, bound.probe_address);
        let clock = first.map_or_else(|| Clock::set_to(UNIX_EPOCH + START), |first| first.clock.clone());
        let keys = match keys {
            Some(keys) => keys,
            None => app::kept_keys(&store, &clock).await.unwrap(),
        };
        let (url, cache) = (format!("http://{public}"), Some(plugin_cache()));
        let mut gateway = app::gateway(store, clock.clone(), &url, (keys, plugins), cache).unwrap();
        gateway.trusted_proxies = trusted.into();
        gateway.end_requests(counted_tenants, None);
        if let Some(url) = webhook {
            let secret = WebhookSecret::parse(&receiver::secret()).unwrap();
            gateway.webhooks = Arc::new(Webhooks::new(vec![url.parse().unwrap()], secret, Vec::new()));
        }
        if let Some(traces) = traces.and_then(|settings| traces::Traces::new(&settings, clock.clone())) {
            gateway.request_end.set_traces(traces);
        }
        let admin = Client::new(format!("http://{internal}/admin/v1"));
        let operator = match first {
            Some(first) => first.operator.at(admin.base),
            None => admin.with(operator_key(&gateway).await.reveal()),
        };
        let stop = CancellationToken::new();
        let serving = tokio::spawn(app::serve(bound, gateway.clone(), stop.clone()));
        Self { clock, public, internal, probes, operator, gateway, base, stop, serving }
    }

    /// Which kind of database it uses.
    #[must_use]
    pub fn database(&self) -> Database {
        if matches!(self.base, Base::Embedded(..)) { Database::Embedded } else { Database::Postgres }
    }

    /// The database on the server.
    #[must_use]
    pub fn fresh(&self) -> &Fresh {
        match &self.base {
            Base::Fresh(fresh) | Base::Shared(fresh) => fresh,
            Base::Embedded(..) | Base::External => panic!("the database takes no second connection"),
        }
    }

    /// A connection to the database on the server, as its owner.
    pub async fn store(&self) -> tokio_postgres::Client {
        self.fresh().owner().await
    }

    /// The number of rows of every table, to check that nothing was stored; none on the embedded database.
    pub async fn row_counts(&self) -> Option<Vec<(String, i64)>> {
        if self.database() == Database::Embedded {
            return None;
        }
        let owner = self.store().await;
        rows::numbered(&owner).await;
        let tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1";
        let mut counts = Vec::new();
        for table in owner.query(tables, &[]).await.unwrap() {
            let name: String = table.get(0);
            // Background jobs write these at any time.
            let is_log = name.starts_with("provisioning_log") || name == "health_traffic" || name == "tenant_health";
            if !is_log && !matches!(name.as_str(), "lease" | "event_head" | "leniency_use" | "audit") {
                let row = owner.query_one(&format!("SELECT count(*) FROM {name}"), &[]).await.unwrap();
                counts.push((name, row.get(0)));
            }
        }
        Some(counts)
    }

    /// A digest of every table's rows, to check that nothing at all was written; none on the embedded database.
    pub async fn row_digests(&self) -> Option<Vec<(String, String)>> {
        if self.database() == Database::Embedded {
            return None;
        }
        let owner = self.store().await;
        rows::numbered(&owner).await;
        let tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
          AND relname NOT IN ('lease', 'health_traffic', 'tenant_health') AND relname NOT LIKE 'provisioning_log%' ORDER BY 1";
        let mut digests = Vec::new();
        for table in owner.query(tables, &[]).await.unwrap() {
            let name: String = table.get(0);
            let sql =
                format!("SELECT coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM {name} t");
            digests.push((name, owner.query_one(&sql, &[]).await.unwrap().get(0)));
        }
        Some(digests)
    }

    /// The context of a request of the tenant's SCIM client, with the settings of this moment.
    pub async fn context(&self, tenant: &str) -> Context {
        let row = self.gateway.store.control().find_tenant(tenant).await.unwrap().unwrap();
        Context {
            gateway: self.gateway.clone(),
            store: self.gateway.store.tenant(row.id),
            settings: self.gateway.settings.get(row.id).await.unwrap(),
            base_url: Arc::from("http://test"),
            actor: "test".into(),
            request_id: "test".into(),
            deadline: tokio::time::Instant::now() + Duration::from_mins(1),
            place: None,
            large: scimgate::operation::large::Large::default(),
            facts: scimgate::operation::request_facts::RequestFacts::default(),
        }
    }

    /// The SCIM endpoint without credentials.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        Client::new(format!("http://{}/scim/v2", self.public))
    }

    /// A tenant like the demo's: the pack `ws1b`, the product's own schema, and the tutorial's mapping.
    pub async fn tenant(&self, name: &str) -> Tenant {
        let (public, internal) = self.addresses();
        Tenant::demo(&self.operator, name, (&public, &internal)).await
    }

    /// A tenant with tokens and nothing else.
    pub async fn plain_tenant(&self, name: &str) -> Tenant {
        let (public, internal) = self.addresses();
        Tenant::plain(&self.operator, name, (&public, &internal)).await
    }

    /// The addresses of the public and the internal listener.
    fn addresses(&self) -> (String, String) {
        (format!("http://{}", self.public), format!("http://{}", self.internal))
    }

    /// The directory with a key.
    #[must_use]
    pub fn directory(&self, key: &str) -> Client {
        Client::new(format!("http://{}/directory/v1", self.internal)).with(key)
    }

    /// Issues a token; returns its id and its secret.
    pub async fn token(&self, tenant: &str, scope: &str) -> (String, String) {
        crate::tenant::token(&self.operator, tenant, scope).await
    }

    /// Uploads bytes as a plugin.
    pub async fn upload(&self, wasm: Vec<u8>) -> crate::Answer {
        self.operator.send(crate::Request::new("POST", "/plugins").body("application/wasm", wasm)).await
    }

    /// Uploads bytes as a push between a plugin's releases: others of the same name and version may be there.
    pub async fn upload_dev(&self, wasm: Vec<u8>) -> crate::Answer {
        self.operator.send(crate::Request::new("POST", "/plugins?dev=true").body("application/wasm", wasm)).await
    }

    /// Uploads a plugin and makes it a tenant's only step; returns the revision.
    pub async fn map(&self, tenant: &str, plugin: &str, config: &Value, on_failure: &str) -> i64 {
        crate::tenant::map(&self.operator, tenant, plugin, (config, on_failure)).await
    }

    /// Stops serving and removes the database.
    pub async fn end(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
        drop(self.gateway);
        match self.base {
            Base::Fresh(fresh) => fresh.drop().await,
            Base::Shared(_) | Base::External => {}
            Base::Embedded(embedded, _directory) => {
                let stopped = tokio::task::spawn_blocking(move || drop(embedded));
                tokio::time::timeout(Duration::from_secs(10), stopped).await.unwrap().unwrap();
            }
        }
    }
}

async fn operator_key(gateway: &Gateway) -> Token {
    let new = NewKey { label: "test".into(), scopes: vec![OperatorScope::Everything], expires_in_days: Some(3_650) };
    operator_keys::issue(&Operator::command(gateway, "test"), new).await.unwrap().secret
}
