//! The settings of a server process: command line arguments, each with an environment variable.

mod issuers;
mod network;
mod plugins;
mod tenant_limits;
mod traces;
mod webhooks;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

pub use issuers::Issuers;
pub use network::Network;
pub use plugins::{PluginKey, PluginRegistry, Plugins};
pub use tenant_limits::{DEFAULT_REQUESTS, MAX_LIMIT, Rate, TenantDefaults, TenantLimits};
pub use traces::Traces;
pub use webhooks::{MalformedSecret, WebhookSecret, WebhookUrl, Webhooks};

/// The addresses of the three listeners, and how clients reach them.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Listeners")]
pub struct Listeners {
    /// Port of the SCIM endpoint (0: any free one).
    #[arg(long, env = "SCIMGATE_PORT", value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Address of the SCIM endpoint [default: 0.0.0.0; for dev 127.0.0.1].
    #[arg(long, env = "SCIMGATE_BIND", value_name = "ADDRESS")]
    pub bind: Option<IpAddr>,
    /// Port of the admin API and the directory (0: any free one).
    #[arg(long, env = "SCIMGATE_INTERNAL_PORT", value_name = "PORT", default_value_t = 8081)]
    pub internal_port: u16,
    /// Address of the admin API and the directory.
    #[arg(long, env = "SCIMGATE_INTERNAL_BIND", value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub internal_bind: IpAddr,
    /// Port of the probes (0: any free one).
    #[arg(long, env = "SCIMGATE_PROBE_PORT", value_name = "PORT", default_value_t = 9090)]
    pub probe_port: u16,
    /// Address of the probes.
    #[arg(long, env = "SCIMGATE_PROBE_BIND", value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub probe_bind: IpAddr,
    /// Where identity providers reach the SCIM endpoint [default: where it listens].
    ///
    /// Locations and references are built from it, e.g. `https://scim.example.com`. Without it they point to this machine.
    #[arg(long, env = "SCIMGATE_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,
    /// Trusted reverse proxies, such as 10.0.0.0/8 (may be repeated).
    ///
    /// Their `Forwarded` and `X-Forwarded` headers are believed: addresses in replies are then built from the one that the client
    /// used, and limits for each address apply to the client's own.
    #[arg(long = "trusted-proxy", value_name = "NETWORK", env = "SCIMGATE_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
    /// Documents to serve at /docs of the admin API's port.
    ///
    /// A folder that `scimgate docs` built; the image has one.
    #[arg(long, env = "SCIMGATE_DOCS", value_name = "DIRECTORY")]
    pub docs: Option<PathBuf>,
}

/// Checks a public URL: from it the addresses in replies are built.
fn public_url(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text.trim()).ok();
    let is_base = |url: &reqwest::Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    url.filter(is_base).map(|_| text.trim().to_owned()).ok_or_else(|| {
        "write an address with http:// or https:// and without user, query and fragment, such as https://scim.example.com".to_owned()
    })
}

impl Listeners {
    /// Where the SCIM endpoint listens.
    #[must_use]
    pub fn public(&self) -> SocketAddr {
        SocketAddr::new(self.bind.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), self.port)
    }

    /// Where the admin API and the directory listen.
    #[must_use]
    pub fn internal(&self) -> SocketAddr {
        SocketAddr::new(self.internal_bind, self.internal_port)
    }

    /// Where the probes listen.
    #[must_use]
    pub fn probe(&self) -> SocketAddr {
        SocketAddr::new(self.probe_bind, self.probe_port)
    }
}

/// Connections to the database for each core of this machine. Each of them is a process of the server with plans and caches of
/// its own, so more of them cost CPU time per request and yield no more requests.
///
/// Half of them serve one tenant (`store/postgres/pool/turns.rs`).
const CONNECTIONS_PER_CORE: usize = 8;
const MIN_CONNECTIONS: usize = 8;
/// Three processes fit into a PostgreSQL server with its default settings.
const MAX_DEFAULT_CONNECTIONS: usize = 32;

/// The number of database connections where none is set, by the cores that this process may use.
#[must_use]
pub fn default_pool_size() -> usize {
    pool_size_for(thread::available_parallelism().map_or(1, NonZero::get))
}

fn pool_size_for(cores: usize) -> usize {
    (cores * CONNECTIONS_PER_CORE).clamp(MIN_CONNECTIONS, MAX_DEFAULT_CONNECTIONS)
}

/// What the connections to the database lead through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Pooler {
    /// Nothing, or a pooler in session mode: a connection keeps what is set on it.
    #[default]
    Session,
    /// A pooler in transaction mode, such as PgBouncer's: role, tenant and settings are set in each transaction.
    Transaction,
}

/// The root key and where it is kept. Each is given by itself or by a file that holds it.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Keys")]
pub struct RootKeys {
    /// The root key [default: one that the database keeps].
    ///
    /// 32 random bytes, as 64 hexadecimal digits or base64, from which the keys are derived that sign cursors and compiled plugins
    /// and encrypt secrets. All processes on one database need the same.
    #[arg(
        long,
        env = "SCIMGATE_ROOT_KEY",
        value_name = "KEY",
        hide_env_values = true,
        conflicts_with = "root_key_file"
    )]
    pub root_key: Option<String>,
    /// A file with the root key.
    #[arg(long, env = "SCIMGATE_ROOT_KEY_FILE", value_name = "FILE")]
    pub root_key_file: Option<PathBuf>,
    /// A root key that is accepted besides, while keys are changed.
    #[arg(
        long,
        hide_short_help = true,
        env = "SCIMGATE_PREVIOUS_ROOT_KEY",
        value_name = "KEY",
        hide_env_values = true,
        conflicts_with = "previous_root_key_file"
    )]
    pub previous_root_key: Option<String>,
    /// A file with that root key.
    #[arg(long, hide_short_help = true, env = "SCIMGATE_PREVIOUS_ROOT_KEY_FILE", value_name = "FILE")]
    pub previous_root_key_file: Option<PathBuf>,
}

/// No secret is ever printed.
impl fmt::Debug for RootKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKeys")
    }
}

/// The share of one worker that background jobs may take, in per cent.
#[derive(Clone, Copy, Debug)]
pub struct JobShare(u8);

/// … where none is set.
pub const DEFAULT_JOB_SHARE: u8 = 50;

impl Default for JobShare {
    fn default() -> Self {
        Self(DEFAULT_JOB_SHARE)
    }
}

impl JobShare {
    /// So many per cent, at least one and at most all.
    #[must_use]
    pub fn new(percent: u8) -> Self {
        Self(percent.clamp(1, 100))
    }

    /// The pause after work of this length.
    #[must_use]
    pub fn rest(self, worked: Duration) -> Duration {
        worked * u32::from(100 - self.0) / u32::from(self.0)
    }
}

/// How long a server waits for its clients, and how many it serves at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections of a listener; the next one stays in the kernel's queue.
    pub connections: usize,
    /// Most connections of one address, unless it is a trusted proxy's.
    pub connections_per_address: usize,
    /// Most bytes that are buffered of a connection's requests, and of its replies, in HTTP/1: more than the longest address, 64 KiB.
    pub buffer: usize,
    /// Most requests at once on one HTTP/2 connection.
    pub streams: u32,
    /// From a connection's beginning, or a request's first byte, to the end of the request's header.
    pub header: Duration,
    /// Idle time between two requests of a connection. Longer than the usual 60 s of reverse proxies, or they would send
    /// a request into a connection that is just being closed.
    pub idle: Duration,
    /// Longest pause between two parts of a body.
    pub body: Duration,
    /// How long a client may take for a part of a long reply, or read nothing of a short one.
    pub reply: Duration,
    /// One request, from its header to its reply.
    pub handler: Duration,
    /// The same for a request that compiles a plugin: one in Python takes half a minute of two processors.
    pub compiling: Duration,
    /// At shutdown: time for incomplete requests, and for replies that the client does not read.
    pub grace: Duration,
    /// At shutdown: time for requests in a handler.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 1_000,
            buffer: 96 << 10,
            streams: 256,
            header: Duration::from_secs(10),
            idle: Duration::from_secs(90),
            body: Duration::from_secs(15),
            reply: Duration::from_secs(30),
            handler: Duration::from_secs(30),
            compiling: Duration::from_mins(2),
            grace: Duration::from_secs(1),
            drain: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_pauses_for_the_rest_of_its_share() {
        let rest = |percent| JobShare::new(percent).rest(Duration::from_secs(1)).as_millis();
        assert_eq!([100, 50, 20, 0].map(rest), [0, 1_000, 4_000, 99_000]);
    }

    #[test]
    fn a_public_url_is_a_base_of_addresses() {
        for text in ["https://scim.example.com", "http://127.0.0.1:8080/", "https://example.com/gateway"] {
            assert_eq!(public_url(text).as_deref(), Ok(text));
        }
        for text in
            ["", "scim.example.com", "ftp://x", "https://", "https://a@b", "https://x/?q", "https://x/#f", "/scim"]
        {
            assert!(public_url(text).unwrap_err().contains("https://scim.example.com"), "{text}");
        }
    }

    #[test]
    fn the_pool_grows_with_the_cores_between_two_bounds() {
        assert_eq!([1, 2, 3, 4, 96].map(pool_size_for), [8, 16, 24, 32, 32]);
    }
}
