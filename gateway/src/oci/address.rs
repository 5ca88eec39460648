//! Which addresses may be asked: the registry's own, wherever it is, and public ones that it redirects to. A registry cannot lead the
//! gateway into the network that it runs in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::config::PluginRegistry;

/// Why an address is not asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Forbidden(String);

/// Refuses an address that is neither the registry's own nor, as far as it says so itself, a public one with TLS.
pub(super) fn check(url: &Url, registry: &PluginRegistry) -> Result<(), Forbidden> {
    if is_own(url, registry) {
        return Ok(());
    }
    if url.scheme() != "https" {
        return Err(Forbidden(format!("it leads to {}, which is no https", origin(url))));
    }
    match url.host_str().unwrap_or_default().trim_matches(['[', ']']).parse() {
        Ok(address) if is_public(address) => Ok(()),
        Ok(_) => Err(Forbidden(format!("it leads to {}, a private address", origin(url)))),
        Err(_) if url.domain() == own_name(registry).as_deref() => {
            Err(Forbidden(format!("it leads to {}, another port of the registry", origin(url))))
        }
        // The resolver refuses one that leads to a private address.
        Err(_) => Ok(()),
    }
}

/// Scheme, host and port: the rest may have a secret.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn is_own(url: &Url, registry: &PluginRegistry) -> bool {
    Url::parse(&registry.to_string()).is_ok_and(|own| own.origin() == url.origin())
}

/// The registry's name without its port; none where it is an IP address.
fn own_name(registry: &PluginRegistry) -> Option<String> {
    Url::parse(&registry.to_string()).ok()?.domain().map(str::to_owned)
}

/// Resolves names: the registry's to any address, others to public ones.
pub(super) struct Resolver {
    own: Option<String>,
}

impl Resolver {
    pub(super) fn new(registry: &PluginRegistry) -> Arc<Self> {
        Arc::new(Self { own: own_name(registry) })
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_own = self.own.as_deref() == Some(name.as_str());
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.iter().copied().filter(|it| is_own || is_public(it.ip())).collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(Forbidden(format!("it leads to {}, a private address", name.as_str())).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the internet's (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // "This network", shared address space, protocol assignments, benchmarks, reserved and broadcast.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Only 2000::/3 is given out, and of it these lead to IPv4 addresses, or are for protocols and documents.
    let [first, second, ..] = address.segments();
    (0x2000..0x4000).contains(&first)
        && first != 0x2002
        && !(first == 0x2001 && second < 0x0200)
        && !(first == 0x2001 && second == 0x0db8)
        && !(first == 0x3fff && second < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_no_public_ones() {
        for public in ["1.1.1.1", "140.82.112.33", "100.63.0.1", "172.32.0.1", "2606:4700::1111", "2001:4860::8888"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:a00:1::",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn the_registry_itself_may_be_anywhere_and_others_must_be_public_with_tls() {
        let inside: PluginRegistry = "http://10.0.0.5:5000".parse().unwrap();
        let named: PluginRegistry = "registry.corp.test".parse().unwrap();
        let may = |url: &str, registry: &PluginRegistry| check(&Url::parse(url).unwrap(), registry).is_ok();
        for url in ["http://10.0.0.5:5000/v2/a/blobs/x", "https://cdn.example.com/x", "https://1.1.1.1/x"] {
            assert!(may(url, &inside), "{url}");
        }
        for url in [
            "http://10.0.0.5/x",
            "https://10.0.0.5:5000/x",
            "http://cdn.example.com/x",
            "https://10.0.0.6/x",
            "https://127.0.0.1/x",
            "https://[::1]/x",
            "https://169.254.169.254/latest",
            "https://2130706433/x",
            "ftp://1.1.1.1/x",
        ] {
            assert!(!may(url, &inside), "{url}");
        }
        assert!(may("https://registry.corp.test/v2/", &named));
        for url in ["http://registry.corp.test/v2/", "https://registry.corp.test:22/"] {
            assert!(!may(url, &named), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_not_resolved_but_the_registrys() {
        let resolve = async |registry: &str| {
            let resolver = Resolver::new(&registry.parse().unwrap());
            resolver.resolve("localhost".parse().unwrap()).await.map(Iterator::count).map_err(|why| why.to_string())
        };
        assert!(resolve("localhost:5000").await.unwrap() > 0);
        assert!(resolve("ghcr.io").await.unwrap_err().contains("localhost, a private address"));
    }
}
