//! The check of the public URL, from this machine: its SCIM endpoint refuses a request without a token, as Scimgate does.

use std::time::Duration;

use reqwest::{StatusCode, header};
use serde_json::Value;

use super::finding::Finding;

const CHECK: &str = "public URL";
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than any refusal.
const MAX_REPLY_BYTES: usize = 64 << 10;

pub(super) async fn examine(url: Option<&str>) -> Finding {
    let Some(url) = url else {
        return Finding::note(
            CHECK,
            "not set: addresses in replies point to this machine",
            "set SCIMGATE_PUBLIC_URL to the address that identity providers use",
        );
    };
    let address = format!("{}/scim/v2/ServiceProviderConfig", url.trim_end_matches('/'));
    match ask(&address).await {
        Err(why) => Finding::wrong(
            CHECK,
            format!("{address} is not reached: {why}"),
            "start the gateway and its reverse proxy, and check name, port, certificate and firewall; from inside a network the public name \
             may lead elsewhere",
        ),
        Ok((status, is_scim)) => judge(&address, status, is_scim),
    }
}

fn judge(address: &str, status: StatusCode, is_scim: bool) -> Finding {
    match status {
        StatusCode::UNAUTHORIZED if is_scim => Finding::good(CHECK, format!("{address} answers as Scimgate does")),
        status if status.is_redirection() => Finding::wrong(
            CHECK,
            format!("{address} answers {status}: a redirect, which identity providers do not follow"),
            "set the address that it leads to, or let the reverse proxy pass the request on",
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Finding::wrong(
            CHECK,
            format!(
                "{address} answers {status}, and not Scimgate's: something in between asks for credentials of its own"
            ),
            "let the reverse proxy pass /scim/, /t/, /oauth2/, /.well-known/ and /setup/ without authentication: Scimgate checks the token",
        ),
        status => Finding::wrong(
            CHECK,
            format!("{address} answers {status}, and Scimgate would answer 401 in JSON"),
            "let the reverse proxy pass path and query unchanged to the SCIM endpoint, port 8080 by default",
        ),
    }
}

/// The status, and whether the body is an error of SCIM.
async fn ask(address: &str) -> Result<(StatusCode, bool), String> {
    let why = |error: reqwest::Error| scimgate::telemetry::chain(&error.without_url());
    let mut http = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
    if address.starts_with("http://") {
        // Without TLS, missing system certificates are not an error.
        http = http.tls_certs_only([]);
    }
    let http = http.build().map_err(why)?;
    let mut response = http.get(address).header(header::ACCEPT, "application/scim+json").send().await.map_err(why)?;
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(why)? {
        body.extend_from_slice(&part);
        if body.len() > MAX_REPLY_BYTES {
            break;
        }
    }
    let error: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_scim = error["schemas"][0] == "urn:ietf:params:scim:api:messages:2.0:Error";
    Ok((response.status(), is_scim))
}
