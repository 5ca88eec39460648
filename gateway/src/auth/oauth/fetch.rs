//! Reads the keys of an issuer from an address that an operator configured: over https alone, without redirects or a proxy, within
//! a time and a size, and only from public addresses, unless an operator names a network.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, StatusCode, Url, redirect};

use super::key_set::MAX_BYTES;
use crate::config::Network;
use crate::public_address::is_public;

/// Longest time for one address, from the look-up of its name to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Of that, longest time until a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest address in bytes.
const MAX_URI_BYTES: usize = 2_000;

/// Where the keys of issuers may be.
#[derive(Clone, Default)]
pub struct FetchRules {
    /// Networks that are allowed although they are not public.
    pub networks: Vec<Network>,
    /// Certificate authorities that are trusted besides the machine's.
    pub authorities: Vec<Certificate>,
}

/// Why keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one.
    #[error("an address of keys begins with https://, and has a host, no user and no fragment")]
    Address,
    /// The address leads into a network that is not public.
    #[error("{0} is not a public address; --issuer-network allows it")]
    Private(IpAddr),
    /// The client cannot be set up, or no complete reply arrived.
    #[error("no complete reply arrived")]
    Http(#[from] reqwest::Error),
    /// The reply is not the keys.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// The reply is too long.
    #[error("it answered with more than {MAX_BYTES} bytes")]
    TooLong,
}

/// Reads an address of keys.
///
/// # Errors
/// [`Error::Address`]
pub fn parse(uri: &str) -> Result<Url, Error> {
    let url = Url::parse(uri).ok().filter(|_| uri.len() <= MAX_URI_BYTES).ok_or(Error::Address)?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if url.scheme() == "https" && url.has_host() && is_plain { Ok(url) } else { Err(Error::Address) }
}

/// Reads keys.
pub(super) struct Fetcher {
    client: Client,
    networks: Arc<[Network]>,
}

impl Fetcher {
    pub(super) fn new(rules: FetchRules) -> Result<Self, Error> {
        Self::with_names(rules, |name| Box::pin(addresses(name)))
    }

    fn with_names(
        rules: FetchRules,
        names: impl Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let networks: Arc<[Network]> = rules.networks.into();
        let client = Client::builder()
            .user_agent("scimgate")
            .https_only(true)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(FETCH_TIMEOUT)
            // Each time from the look-up of the name on.
            .pool_max_idle_per_host(0)
            .dns_resolver(Names { networks: Arc::clone(&networks), look_up: Box::new(names) })
            .tls_certs_merge(rules.authorities)
            .build()?;
        Ok(Self { client, networks })
    }

    /// Reads what an address has.
    pub(super) async fn get(&self, uri: &str) -> Result<Vec<u8>, Error> {
        let url = parse(uri)?;
        // An address in place of a name is not looked up.
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse() {
            check(address, &self.networks)?;
        }
        let mut response = self.client.get(url).send().await?;
        if response.status() != StatusCode::OK {
            return Err(Error::Status(response.status()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if bytes.len() + chunk.len() > MAX_BYTES {
                return Err(Error::TooLong);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn check(address: IpAddr, networks: &[Network]) -> Result<IpAddr, Error> {
    let is_allowed = is_public(address) || networks.iter().any(|network| network.contains(address));
    if is_allowed { Ok(address) } else { Err(Error::Private(address)) }
}

async fn addresses(name: String) -> std::io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 443)).await?.map(|found| found.ip()).collect())
}

type LookUp = dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync;

/// Looks names up, and gives only addresses that are allowed: the connection is made to one of these, not to what a second look-up
/// would say.
struct Names {
    networks: Arc<[Network]>,
    look_up: Box<LookUp>,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (networks, looking) = (Arc::clone(&self.networks), (self.look_up)(name.as_str().to_owned()));
        Box::pin(async move {
            let found = looking.await?;
            // One that is not allowed makes the name suspicious, whatever else it has.
            let allowed: Result<Vec<IpAddr>, Error> = found.into_iter().map(|it| check(it, &networks)).collect();
            let addresses: Addrs = Box::new(allowed?.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn fetcher(found: &'static [&'static str], networks: &[&str]) -> Fetcher {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let rules = FetchRules {
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
            authorities: Vec::new(),
        };
        let names = |_| {
            let found: Vec<IpAddr> = found.iter().map(|address| address.parse().unwrap()).collect();
            let ready: BoxFuture<'static, std::io::Result<Vec<IpAddr>>> = Box::pin(async move { Ok(found) });
            ready
        };
        Fetcher::with_names(rules, names).unwrap()
    }

    /// The refused address, wherever in the chain of causes.
    fn refused(error: &Error) -> Option<IpAddr> {
        if let Error::Private(address) = error {
            return Some(*address);
        }
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(Error::Private(address)) = error.downcast_ref() {
                return Some(*address);
            }
            cause = error.source();
        }
        None
    }

    #[tokio::test]
    async fn names_and_addresses_of_private_networks_are_refused() {
        for (uri, found) in [
            ("https://issuer.test/keys", &["169.254.169.254"][..]),
            ("https://issuer.test/keys", &["8.8.8.8", "10.0.0.1"]),
            ("https://issuer.test/keys", &["::ffff:127.0.0.1"]),
            ("https://169.254.169.254/keys", &[]),
            ("https://[::ffff:169.254.169.254]/keys", &[]),
            ("https://2852039166/keys", &[]),
            ("https://0x7f.1/keys", &[]),
        ] {
            let error = fetcher(found, &["192.0.2.0/24"]).get(uri).await.unwrap_err();
            assert!(refused(&error).is_some(), "{uri} {found:?}: {error:?}");
        }
    }

    #[tokio::test]
    async fn a_network_that_an_operator_names_is_allowed() {
        let error = fetcher(&["127.0.0.1"], &["127.0.0.0/8"]).get("https://issuer.test:1/keys").await.unwrap_err();
        assert!(refused(&error).is_none() && matches!(error, Error::Http(_)), "nothing listens there: {error:?}");
    }

    #[test]
    fn an_address_of_keys_is_https_and_nothing_else() {
        assert!(parse("https://login.microsoftonline.com/common/discovery/v2.0/keys").is_ok());
        let long = format!("https://issuer.test/{}", "a".repeat(MAX_URI_BYTES));
        for uri in [
            "",
            "http://issuer.test/keys",
            "file:///etc/passwd",
            "https://",
            "https://user@issuer.test/",
            "issuer.test",
            "https://:x@issuer.test/",
            "https://issuer.test/#keys",
            "data:,{}",
            &long,
        ] {
            assert!(parse(uri).is_err(), "{uri}");
        }
    }
}
