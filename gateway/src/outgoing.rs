//! Requests of the gateway to addresses that an operator configured: without redirects or a proxy, each within a time, and where it is
//! said so only to public addresses. Keys of issuers and webhooks are asked for and sent by it; plugins come by `oci`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, Response, redirect};

use crate::config::Network;
use crate::public_address::is_public;

/// An address that may not be asked.
#[derive(Debug, thiserror::Error)]
#[error("{address} is not a public address; {option} allows it")]
pub struct NotPublic {
    /// The address.
    pub address: IpAddr,
    option: &'static str,
}

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It did not arrive.
    #[error("no complete reply arrived")]
    Http(#[from] reqwest::Error),
    /// It is longer than is read.
    #[error("it answered with more than {0} bytes")]
    TooLong(usize),
}

/// Public addresses, and the networks that an operator allowed besides.
#[derive(Clone)]
pub struct PublicOnly {
    networks: Arc<[Network]>,
    option: &'static str,
}

impl PublicOnly {
    /// Public addresses and these networks, which this option names.
    #[must_use]
    pub fn and(networks: Vec<Network>, option: &'static str) -> Self {
        Self { networks: networks.into(), option }
    }

    /// Refuses an address that is neither.
    ///
    /// # Errors
    /// It is not public.
    pub fn check(&self, address: IpAddr) -> Result<IpAddr, NotPublic> {
        let is_allowed = is_public(address) || self.networks.iter().any(|network| network.contains(address));
        if is_allowed { Ok(address) } else { Err(NotPublic { address, option: self.option }) }
    }
}

/// How a client makes its requests.
pub struct Rules {
    /// Whether it refuses addresses without TLS.
    pub https_only: bool,
    /// Longest time for one request, from the look-up of its name to the last byte.
    pub timeout: Duration,
    /// Of that, longest time until a connection.
    pub connect_timeout: Duration,
    /// Certificate authorities that are trusted besides the machine's.
    pub authorities: Vec<Certificate>,
    /// Which addresses a name may lead to; any where none are given.
    pub names: Option<Names>,
}

/// A client with these rules.
///
/// # Errors
/// It cannot be set up: the machine has no certificate authorities.
pub fn client(rules: Rules) -> Result<Client, reqwest::Error> {
    let Rules { https_only, timeout, connect_timeout, authorities, names } = rules;
    let mut client = Client::builder()
        .user_agent("scimgate")
        .https_only(https_only)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(connect_timeout)
        .timeout(timeout)
        // Each time from the look-up of the name on.
        .pool_max_idle_per_host(0)
        .tls_certs_merge(authorities);
    if let Some(names) = names {
        client = client.dns_resolver(names);
    }
    client.build()
}

/// Reads a body, of so many bytes at most.
///
/// # Errors
/// It does not arrive, or is longer.
pub async fn body(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > max_bytes {
            return Err(BodyError::TooLong(max_bytes));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

type LookUp = dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync;

/// Looks names up, and gives only addresses that are allowed: the connection is made to one of these, not to what a second look-up
/// would say.
pub struct Names {
    allowed: PublicOnly,
    look_up: Box<LookUp>,
}

impl Names {
    /// Those that lead to allowed addresses alone, by the machine's look-up.
    #[must_use]
    pub fn leading_to(allowed: PublicOnly) -> Self {
        Self::looked_up(allowed, |name| Box::pin(addresses(name)))
    }

    /// The same by another look-up.
    pub fn looked_up(
        allowed: PublicOnly,
        look_up: impl Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self { allowed, look_up: Box::new(look_up) }
    }
}

async fn addresses(name: String) -> std::io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 443)).await?.map(|found| found.ip()).collect())
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (allowed, looking) = (self.allowed.clone(), (self.look_up)(name.as_str().to_owned()));
        Box::pin(async move {
            let found = looking.await?;
            // One that is not allowed makes the name suspicious, whatever else it has.
            let allowed: Result<Vec<IpAddr>, NotPublic> = found.into_iter().map(|it| allowed.check(it)).collect();
            let addresses: Addrs = Box::new(allowed?.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}
