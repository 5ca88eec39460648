//! The webhooks of a process: where they are, and one try of a message, signed as the Standard Webhooks specification says.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use reqwest::{Certificate, Client, StatusCode};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use crate::config::{WebhookSecret, WebhookUrl};
use crate::counts::Labels;
use crate::outgoing::{self, Rules};
use crate::store::health::delivery::Delivery;

/// Most webhooks of a process.
pub const MAX_WEBHOOKS: usize = 10;
/// Longest time for one try, from the look-up of the name to the reply's header. The reply's body is not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Of that, longest time until a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of the digest that names a webhook in the database.
const TARGET_BYTES: usize = 8;

/// How a delivery ended, or a try of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The webhook answered 2xx.
    Delivered,
    /// It did not; it is tried again.
    Failed,
    /// It is not tried again.
    GivenUp,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Delivered, Self::Failed, Self::GivenUp];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

/// One webhook.
struct Hook {
    url: WebhookUrl,
    /// What names it in the database.
    target: String,
    /// There may be messages.
    due: Notify,
}

/// The webhooks of a process.
#[derive(Default)]
pub struct Webhooks {
    hooks: Vec<Hook>,
    secret: Option<WebhookSecret>,
    authorities: Vec<Certificate>,
    client: OnceLock<Client>,
    /// Tries by their outcome.
    pub outcomes: Family<Labels<1>, Counter>,
}

/// Why a try failed.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No reply arrived.
    #[error("no reply arrived")]
    Http(#[from] reqwest::Error),
    /// The reply says that it was not taken.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// The settings have no secret to sign with.
    #[error("no secret is set that could sign it")]
    NoSecret,
}

impl Webhooks {
    /// Webhooks at these addresses, each once, with the secret that signs, and authorities that are trusted besides the machine's.
    #[must_use]
    pub fn new(urls: Vec<WebhookUrl>, secret: WebhookSecret, authorities: Vec<Certificate>) -> Self {
        let mut hooks: Vec<Hook> = Vec::with_capacity(urls.len());
        for url in urls {
            let target = target(&url);
            if hooks.iter().all(|hook| hook.target != target) {
                hooks.push(Hook { url, target, due: Notify::new() });
            }
        }
        Self { hooks, secret: Some(secret), authorities, ..Self::default() }
    }

    /// What names each webhook in the database.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        self.hooks.iter().map(|hook| hook.target.clone()).collect()
    }

    /// Messages may be due.
    pub fn wake(&self) {
        self.hooks.iter().for_each(|hook| hook.due.notify_one());
    }

    /// Returns once messages to a webhook may be due.
    pub async fn woken(&self, target: &str) {
        match self.hook(target) {
            Some(hook) => hook.due.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Counts a try.
    pub fn count(&self, outcome: Outcome) {
        self.outcomes.get_or_create(&[("outcome", outcome.name())]).inc();
    }

    /// The address of a webhook, by what names it in the database.
    #[must_use]
    pub fn find(&self, target: &str) -> Option<&WebhookUrl> {
        self.hook(target).map(|hook| &hook.url)
    }

    fn hook(&self, target: &str) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.target == target)
    }

    /// Sends one message.
    ///
    /// # Errors
    /// The webhook does not take it.
    pub async fn send(&self, url: &WebhookUrl, delivery: &Delivery, now: SystemTime) -> Result<(), SendError> {
        let secret = self.secret.as_ref().ok_or(SendError::NoSecret)?;
        let (id, timestamp) = (delivery.id.to_string(), now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        let signature = signature(secret, &id, timestamp, &delivery.body);
        let request = self
            .client()?
            .post(url.url().clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(delivery.body.clone());
        // An address may have a secret, so it is in no error.
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        if response.status().is_success() { Ok(()) } else { Err(SendError::Status(response.status())) }
    }

    fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let new = outgoing::client(Rules {
            // Which addresses may be without TLS was decided when they were configured.
            https_only: self.hooks.iter().all(|hook| hook.url.url().scheme() == "https"),
            timeout: SEND_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            authorities: self.authorities.clone(),
            names: None,
        })?;
        Ok(self.client.get_or_init(|| new))
    }
}

/// `v1` and the HMAC-SHA256 of id, time and body.
fn signature(secret: &WebhookSecret, id: &str, timestamp: u64, body: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let seal = Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("HMAC takes a key of any length");
    let sum = seal.chain_update(format!("{id}.{timestamp}.{body}")).finalize().into_bytes();
    format!("v1,{}", STANDARD.encode(sum))
}

fn target(url: &WebhookUrl) -> String {
    let digest = Sha256::digest(url.url().as_str());
    digest[..TARGET_BYTES].iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's libraries.
    #[test]
    fn a_message_is_signed_as_the_specification_says() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn an_address_that_is_given_twice_is_one_webhook() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let urls = ["https://a.test", "https://b.test/", "https://a.test/"].map(|url| url.parse().unwrap());
        assert_eq!(Webhooks::new(urls.to_vec(), secret, Vec::new()).targets().len(), 2);
    }
}
