//! Reads the keys of an issuer from an address that an operator configured: over https alone, without redirects or a proxy, within
//! a time and a size, and only from public addresses, unless an operator names a network.

use std::time::Duration;

use reqwest::{Certificate, Client, RequestBuilder, StatusCode, Url};

use super::key_set::MAX_BYTES;
use crate::config::Network;
use crate::outgoing::{self, BodyError, Names, NotPublic, PublicOnly, Rules};
use crate::trace;

/// Longest time for one address, from the look-up of its name to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Of that, longest time until a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest address in bytes.
const MAX_URI_BYTES: usize = 2_000;
/// Allows a network that is not public.
const NETWORK_OPTION: &str = "--issuer-network";

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
    #[error(transparent)]
    Private(#[from] NotPublic),
    /// The client cannot be set up, or no complete reply arrived.
    #[error("no complete reply arrived")]
    Http(#[from] reqwest::Error),
    /// The reply is not the keys.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// No complete reply arrived, or it is too long.
    #[error(transparent)]
    Body(#[from] BodyError),
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
    allowed: PublicOnly,
}

impl Fetcher {
    pub(super) fn new(rules: FetchRules) -> Result<Self, Error> {
        Self::with_names(rules, Names::leading_to)
    }

    fn with_names(rules: FetchRules, names: impl FnOnce(PublicOnly) -> Names) -> Result<Self, Error> {
        let allowed = PublicOnly::and(rules.networks, NETWORK_OPTION);
        let client = outgoing::client(Rules {
            https_only: true,
            timeout: FETCH_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            authorities: rules.authorities,
            names: Some(names(allowed.clone())),
        })?;
        Ok(Self { client, allowed })
    }

    /// Reads what an address has.
    pub(super) async fn get(&self, uri: &str) -> Result<Vec<u8>, Error> {
        let url = parse(uri)?;
        // An address in place of a name is not looked up.
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse() {
            self.allowed.check(address)?;
        }
        let mut span = trace::client_span("read the keys of an issuer");
        let request = span.headers().into_iter().fold(self.client.get(url), |it, (name, value)| it.header(name, value));
        let found = read(request).await;
        if found.is_err() {
            span.fail("issuer_keys");
        }
        found
    }
}

async fn read(request: RequestBuilder) -> Result<Vec<u8>, Error> {
    let response = request.send().await?;
    if response.status() != StatusCode::OK {
        return Err(Error::Status(response.status()));
    }
    Ok(outgoing::body(response, MAX_BYTES).await?)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::net::IpAddr;

    use futures_util::future::BoxFuture;

    use super::*;

    fn fetcher(found: &'static [&'static str], networks: &[&str]) -> Fetcher {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let rules = FetchRules {
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
            authorities: Vec::new(),
        };
        let look_up = |_| {
            let found: Vec<IpAddr> = found.iter().map(|address| address.parse().unwrap()).collect();
            let ready: BoxFuture<'static, std::io::Result<Vec<IpAddr>>> = Box::pin(async move { Ok(found) });
            ready
        };
        Fetcher::with_names(rules, |allowed| Names::looked_up(allowed, look_up)).unwrap()
    }

    /// The refused address, wherever in the chain of causes.
    fn refused(error: &Error) -> Option<IpAddr> {
        if let Error::Private(refused) = error {
            return Some(refused.address);
        }
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(refused) = error.downcast_ref::<NotPublic>() {
                return Some(refused.address);
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
