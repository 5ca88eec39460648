//! Which addresses may be asked: the registry's own, wherever it is, and public ones that it redirects to. A registry cannot lead the
//! gateway into the network that it runs in.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::config::PluginRegistry;
use crate::public_address::is_public;

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
        return Err(Forbidden(format!("it leads to {}, which is not https", origin(url))));
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

#[cfg(test)]
mod tests {
    use super::*;

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
