//! The webhooks that changes are sent to. They are settings of the process, since they concern its network.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;

/// Longest address in bytes.
const MAX_URL_BYTES: usize = 2_000;
/// How a secret begins, by the Standard Webhooks specification.
const SECRET_PREFIX: &str = "whsec_";
/// The bytes that a secret has, by the same.
const MIN_SECRET_BYTES: usize = 24;
const MAX_SECRET_BYTES: usize = 64;

/// Where changes of the health of tenants are sent, and how.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Webhooks")]
pub struct Webhooks {
    /// An address that is sent each change of a tenant's health (may be repeated).
    ///
    /// With https, signed with the secret; see docs/health.md. At most 10, the same for all processes.
    #[arg(
        long = "health-webhook",
        value_name = "URL",
        env = "SCIMGATE_HEALTH_WEBHOOKS",
        value_delimiter = ',',
        hide_env_values = true,
        hide_short_help = true
    )]
    pub urls: Vec<WebhookUrl>,
    /// The secret that signs what webhooks are sent.
    ///
    /// `whsec_` and 24 to 64 random bytes in base64: `echo whsec_$(openssl rand -base64 32)`.
    #[arg(
        long = "health-webhook-secret",
        env = "SCIMGATE_HEALTH_WEBHOOK_SECRET",
        value_name = "KEY",
        hide_env_values = true,
        conflicts_with = "webhook_secret_file",
        hide_short_help = true,
        id = "webhook_secret"
    )]
    pub secret: Option<String>,
    /// A file with that secret.
    #[arg(
        long = "health-webhook-secret-file",
        env = "SCIMGATE_HEALTH_WEBHOOK_SECRET_FILE",
        value_name = "FILE",
        hide_short_help = true,
        id = "webhook_secret_file"
    )]
    pub secret_file: Option<PathBuf>,
    /// A file with certificates of authorities, for webhooks.
    ///
    /// In PEM; they are trusted besides the machine's.
    #[arg(
        long = "health-webhook-ca-file",
        value_name = "FILE",
        env = "SCIMGATE_HEALTH_WEBHOOK_CA_FILE",
        hide_short_help = true,
        id = "webhook_ca_file"
    )]
    pub ca_file: Option<PathBuf>,
    /// Accept webhooks with http://, whose messages everybody on the way can read.
    #[arg(long = "health-webhook-plain-http", env = "SCIMGATE_HEALTH_WEBHOOK_PLAIN_HTTP", hide_short_help = true)]
    pub plain_http: bool,
}

/// No secret is ever printed, nor an address, which may have one.
impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhooks({})", self.urls.len())
    }
}

/// The address of a webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// The address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Scheme, host and port: the rest may have a secret.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({})", self.origin())
    }
}

impl FromStr for WebhookUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.fragment().is_none()
                && text.len() <= MAX_URL_BYTES
        });
        let is_plain = |url: &Url| url.username().is_empty() && url.password().is_none();
        url.filter(is_plain).map(Self).ok_or_else(|| {
            "write an address with https:// and a host, without user and fragment, such as https://hooks.example.com/scimgate".to_owned()
        })
    }
}

/// A secret that signs what webhooks are sent.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

/// The given text is not a secret. The message does not contain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be whsec_ and 24 to 64 random bytes in base64; `echo whsec_$(openssl rand -base64 32)` makes one")]
pub struct MalformedSecret;

impl WebhookSecret {
    /// Reads a secret.
    ///
    /// # Errors
    /// It is malformed.
    pub fn parse(text: &str) -> Result<Self, MalformedSecret> {
        let encoded = text.trim().strip_prefix(SECRET_PREFIX).ok_or(MalformedSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| MalformedSecret)?;
        let is_long_enough = (MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&bytes.len());
        if is_long_enough { Ok(Self(bytes)) } else { Err(MalformedSecret) }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_its_debug_text_no_path() {
        for text in ["https://hooks.example.com/a?b=c", "http://127.0.0.1:9/"] {
            let url: WebhookUrl = text.parse().unwrap();
            assert_eq!(url.url().as_str(), text);
            assert!(!format!("{url:?}").contains("b=c"));
        }
        let long = format!("https://x/{}", "a".repeat(MAX_URL_BYTES));
        for text in ["", "hooks.example.com", "ftp://x", "https://a:b@x/", "https://x/#f", "https://", &long] {
            assert!(text.parse::<WebhookUrl>().unwrap_err().contains("https://hooks.example.com"), "{text}");
        }
    }

    #[test]
    fn a_secret_has_24_to_64_bytes() {
        let secret = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        assert_eq!(WebhookSecret::parse(&format!(" {}\n", secret(32))).unwrap().bytes(), [7; 32]);
        for text in [secret(23), secret(65), "whsec_".to_owned(), "whsec_%".to_owned(), STANDARD.encode([7; 32])] {
            assert_eq!(WebhookSecret::parse(&text), Err(MalformedSecret), "{text}");
        }
    }
}
