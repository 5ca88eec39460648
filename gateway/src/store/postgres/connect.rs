//! Opens the pool on a PostgreSQL server: TLS by rustls with the machine's certificates, durable commits, and
//! the parameters that keep one bad statement from holding a connection.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod};
use rustls::pki_types::CertificateDer;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::Pooler;
use crate::store::postgres::pool::Pool;
use crate::store::postgres::session::SessionManager;

/// The limit for one batch of statements, including the wait for a connection.
pub(in crate::store) const BATCH_TIMEOUT: Duration = Duration::from_secs(8);

/// Why the pool could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be read.
    #[error("DATABASE_URL is not a PostgreSQL address (postgres://user:password@host:port/database)")]
    Url(#[source] tokio_postgres::Error),
    /// The machine's certificates cannot be read.
    #[error("the machine's trusted certificates cannot be read: {0}")]
    Certificates(String),
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The pool could not be built.
    #[error("the connection pool cannot be built")]
    Pool(#[source] deadpool::managed::BuildError),
}

/// Builds the pool; connections are opened when they are first needed.
pub(in crate::store) fn pool(
    url: &str,
    size: usize,
    pooler: Pooler,
    authorities: &[CertificateDer<'static>],
) -> Result<Pool, ConnectError> {
    let mut config = config(url)?;
    // Of several hosts the one that takes writes, also after another one was promoted.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    config.application_name("scimgate").connect_timeout(BATCH_TIMEOUT).keepalives_idle(Duration::from_secs(30));
    // Without it the kernel resends unacknowledged bytes for a quarter of an hour, and a write that was given up long ago
    // could still arrive.
    config.tcp_user_timeout(BATCH_TIMEOUT);
    let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match config.get_ssl_mode() {
        SslMode::Disable => Manager::from_config(config, tokio_postgres::NoTls, settings),
        _ => Manager::from_config(config, MakeRustlsConnect::new(tls(authorities)?), settings),
    };
    Pool::build(SessionManager::new(manager, pooler), size, BATCH_TIMEOUT).map_err(ConnectError::Pool)
}

/// The settings in a URL. Unless it says otherwise, a database on another machine needs TLS.
fn config(url: &str) -> Result<tokio_postgres::Config, ConnectError> {
    // With TLS, certificate and host name are always checked: the strictest mode of other clients is the only one here.
    let url = url.replace("sslmode=verify-full", "sslmode=require");
    let mut config = tokio_postgres::Config::from_str(&url).map_err(ConnectError::Url)?;
    if !names_sslmode(&url) && !is_local(&config) {
        config.ssl_mode(SslMode::Require);
    }
    Ok(config)
}

/// Whether the query of a URL, or a word of a list of settings, sets the mode.
fn names_sslmode(url: &str) -> bool {
    let settings = if url.contains("://") { url.split_once('?').map_or("", |(_, query)| query) } else { url };
    settings.split(['&', ' ']).any(|setting| setting.trim_start().starts_with("sslmode"))
}

/// Whether the connection stays on this machine, where there is nobody to hide it from.
fn is_local(config: &tokio_postgres::Config) -> bool {
    let is_loopback = |name: &str| name == "localhost" || name.parse().is_ok_and(|it: IpAddr| it.is_loopback());
    let by_address = config.get_hostaddrs();
    let by_name = config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => is_loopback(name),
    });
    if by_address.is_empty() { by_name } else { by_address.iter().all(IpAddr::is_loopback) }
}

fn tls(authorities: &[CertificateDer<'static>]) -> Result<rustls::ClientConfig, ConnectError> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() && !found.errors.is_empty() && authorities.is_empty() {
        return Err(ConnectError::Certificates(
            found.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        ));
    }
    roots.add_parsable_certificates(found.certs);
    roots.add_parsable_certificates(authorities.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(ConnectError::Tls)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_needs_tls_unless_the_url_says_otherwise() {
        for (url, mode) in [
            ("postgres://u@db.internal/d", SslMode::Require),
            ("postgres://u@10.0.0.7/d", SslMode::Require),
            ("postgres://u@localhost,db.internal/d", SslMode::Require),
            ("postgres://u:sslmode@db.internal/sslmode", SslMode::Require),
            ("host=db.internal user=u sslmode=disable", SslMode::Disable),
            ("host=db.internal user=u", SslMode::Require),
            ("host=localhost hostaddr=10.0.0.7 user=u", SslMode::Require),
            ("postgres://u@db.internal/d?sslmode=verify-full", SslMode::Require),
            ("postgres://u@db.internal/d?sslmode=prefer", SslMode::Prefer),
            ("postgres://u@db.internal/d?sslmode=disable", SslMode::Disable),
            ("postgres://u@localhost/d", SslMode::Prefer),
            ("postgres://u@127.0.0.1/d", SslMode::Prefer),
            ("postgres://u@[::1]/d", SslMode::Prefer),
            ("host=/run/postgresql user=u", SslMode::Prefer),
        ] {
            assert_eq!(config(url).unwrap().get_ssl_mode(), mode, "{url}");
        }
    }
}
