//! Which plugins an installation takes: the keys that sign them, and the registries that they are pulled from.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::PublicKey;

/// Which plugins are taken.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Plugins")]
pub struct Plugins {
    /// A minisign public key that signs plugins (may be repeated).
    ///
    /// Its signatures of plugins are accepted. It is the second line of minisign.pub.
    #[arg(long = "plugin-key", value_name = "KEY", env = "SCIMGATE_PLUGIN_KEYS", value_delimiter = ',')]
    pub keys: Vec<PluginKey>,
    /// Take and run only plugins that one of these keys signed.
    #[arg(long, env = "SCIMGATE_REQUIRE_SIGNATURE")]
    pub require_signature: bool,
    /// An OCI registry that plugins may be pulled from (may be repeated).
    ///
    /// Its host, with a port if it has one of its own. With `http://` before it, without TLS.
    #[arg(long = "plugin-registry", value_name = "HOST", env = "SCIMGATE_PLUGIN_REGISTRIES", value_delimiter = ',')]
    pub registries: Vec<PluginRegistry>,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginKey {
    /// Its id, as minisign shows it.
    pub id: String,
    /// The key.
    pub key: PublicKey,
}

impl FromStr for PluginKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let refused = || "it is not a minisign public key, which begins with RW and has 56 characters".to_owned();
        let key = PublicKey::from_base64(text).map_err(|_| refused())?;
        let bytes = STANDARD.decode(text).map_err(|_| refused())?;
        let id: [u8; 8] = bytes.get(2..10).and_then(|id| id.try_into().ok()).ok_or_else(refused)?;
        Ok(Self { id: format!("{:016X}", u64::from_le_bytes(id)), key })
    }
}

/// An OCI registry that plugins may be pulled from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginRegistry {
    /// Its host, with its port if it has one of its own, as references have it.
    pub host: String,
    /// Whether it is spoken to by TLS.
    pub tls: bool,
}

impl FromStr for PluginRegistry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (tls, host) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(host), _) => (false, host),
            (None, Some(host)) => (true, host),
            (None, None) => (true, text),
        };
        let host = host.trim_end_matches('/');
        let is_host =
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        if is_host {
            Ok(Self { host: host.to_ascii_lowercase(), tls })
        } else {
            Err("it is not a registry's host, such as ghcr.io or registry.example.com:5000".to_owned())
        }
    }
}

impl fmt::Display for PluginRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_id_that_minisign_shows() {
        let key: PluginKey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".parse().unwrap();
        assert_eq!(key.id, "E7620F1842B4E81F");
        for text in ["", "RWQ", "untrusted comment: minisign public key E7620F1842B4E81F"] {
            assert!(text.parse::<PluginKey>().unwrap_err().contains("not a minisign public key"), "{text}");
        }
    }

    #[test]
    fn a_registry_is_a_host_and_has_tls_unless_it_says_otherwise() {
        for (text, shown) in [
            ("ghcr.io", "https://ghcr.io"),
            ("https://GHCR.io/", "https://ghcr.io"),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("[::1]:5000", "https://[::1]:5000"),
        ] {
            assert_eq!(text.parse::<PluginRegistry>().unwrap().to_string(), shown);
        }
        for text in ["", "http://", "ghcr.io/acme", "a b", "user@host", "ftp://host"] {
            assert!(text.parse::<PluginRegistry>().is_err(), "{text}");
        }
    }
}
