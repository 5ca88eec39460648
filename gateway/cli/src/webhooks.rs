//! The webhooks of `serve`: their addresses, and the secret that signs what they are sent.

use scimgate::config::{self, WebhookSecret};
use scimgate::operation::health::webhooks::{MAX_WEBHOOKS, Webhooks};

use crate::authorities;
use crate::failure::Failure;
use crate::secret;

/// The webhooks, checked: none where no address is given.
pub(super) fn webhooks(given: &config::Webhooks) -> Result<Webhooks, Failure> {
    let authorities = authorities::of_https("--health-webhook-ca-file", given.ca_file.as_deref())?;
    let secret = secret::read("--health-webhook-secret", given.secret.as_deref(), given.secret_file.as_deref())?;
    let secret = secret.map(|secret| secret.parse("secret", WebhookSecret::parse)).transpose()?;
    if given.urls.is_empty() {
        return Ok(Webhooks::default());
    }
    if given.urls.len() > MAX_WEBHOOKS {
        return Err(Failure::new(format!(
            "--health-webhook: at most {MAX_WEBHOOKS} addresses, here are {}",
            given.urls.len()
        )));
    }
    let plain = given.urls.iter().find(|url| url.url().scheme() == "http");
    if let Some(url) = plain.filter(|_| !given.plain_http) {
        return Err(Failure::new(format!(
            "--health-webhook {} is without TLS: write https://, or allow it with --health-webhook-plain-http",
            url.origin()
        )));
    }
    let secret = secret.ok_or_else(|| {
        Failure::new(
            "--health-webhook needs --health-webhook-secret or --health-webhook-secret-file: messages are signed",
        )
    })?;
    Ok(Webhooks::new(given.urls.clone(), secret, authorities))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn given(urls: &[&str], secret: Option<&str>) -> config::Webhooks {
        let urls = urls.iter().map(|url| url.parse().unwrap()).collect();
        config::Webhooks { urls, secret: secret.map(str::to_owned), ..config::Webhooks::default() }
    }

    #[test]
    fn what_is_missing_is_named_and_no_secret_is_shown() {
        let refused = |given: &config::Webhooks| webhooks(given).err().unwrap().message;
        assert!(webhooks(&given(&[], None)).unwrap().targets().is_empty());
        assert_eq!(
            webhooks(&given(&["https://a.test/x", "https://b.test/"], Some(SECRET))).unwrap().targets().len(),
            2
        );
        assert!(refused(&given(&["https://a.test/"], None)).contains("needs --health-webhook-secret"));
        let plain = given(&["http://a.test/hidden"], Some(SECRET));
        assert!(refused(&plain).starts_with("--health-webhook http://a.test is without TLS"));
        assert!(webhooks(&config::Webhooks { plain_http: true, ..plain }).is_ok());
        let message = refused(&given(&["https://a.test/"], Some("whsec_secret")));
        assert!(
            message.starts_with("--health-webhook-secret is not a secret") && !message.contains("whsec_secret"),
            "{message}"
        );
        assert!(refused(&given(&["https://a.test/"; 11], Some(SECRET))).contains("at most 10"));
    }
}
