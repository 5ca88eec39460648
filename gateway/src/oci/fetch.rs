//! Requests to one repository of a registry, with a token where the registry asks for one.

use std::time::Duration;

use http_auth::ChallengeParser;
use reqwest::header::{ACCEPT, WWW_AUTHENTICATE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;

use super::Error;
use super::address::{Resolver, check};
use crate::config::PluginRegistry;
use crate::{telemetry, trace};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Most redirects of a request: registries have one, to where they keep layers.
const MAX_REDIRECTS: usize = 3;
/// Longest reply of a service that gives out tokens.
const MAX_TOKEN_BYTES: usize = 64 << 10;
/// Of manifests and indexes, which are told apart by their content.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
                         application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// A client of one repository.
pub(super) struct Fetcher {
    http: Client,
    registry: PluginRegistry,
    repository: String,
    /// Begins `Bearer` tokens.
    token: Option<String>,
}

/// What a service that gives out tokens replies (Docker's token authentication).
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Fetcher {
    pub(super) fn new(registry: &PluginRegistry, repository: &str) -> Result<Self, Error> {
        let own = registry.clone();
        let redirects = Policy::custom(move |attempt| {
            if attempt.previous().len() > MAX_REDIRECTS {
                return attempt.error("it is redirected too often");
            }
            match check(attempt.url(), &own) {
                Ok(()) => attempt.follow(),
                Err(forbidden) => attempt.error(forbidden),
            }
        });
        // A proxy would resolve names by itself.
        let mut http = Client::builder()
            .no_proxy()
            .redirect(redirects)
            .dns_resolver(Resolver::new(registry))
            .connect_timeout(CONNECT_TIMEOUT);
        if !registry.tls {
            // Without TLS, missing system certificates are not an error.
            http = http.tls_certs_only([]);
        }
        let failed = |why: reqwest::Error| Error::Request { url: registry.to_string(), why: telemetry::chain(&why) };
        let http = http.build().map_err(failed)?;
        Ok(Self { http, registry: registry.clone(), repository: repository.to_owned(), token: None })
    }

    /// A manifest's bytes, by its tag or digest.
    pub(super) async fn manifest(&mut self, wanted: &str, limit: usize) -> Result<Vec<u8>, Error> {
        self.fetch("manifests", wanted, limit).await
    }

    /// A layer's bytes.
    pub(super) async fn blob(&mut self, digest: &str, limit: usize) -> Result<Vec<u8>, Error> {
        self.fetch("blobs", digest, limit).await
    }

    async fn fetch(&mut self, kind: &str, wanted: &str, limit: usize) -> Result<Vec<u8>, Error> {
        let url = format!("{}/v2/{}/{kind}/{wanted}", self.registry, self.repository);
        let ask = |this: &Self| {
            let request = this.http.get(&url).header(ACCEPT, if kind == "manifests" { MANIFESTS } else { "*/*" });
            match &this.token {
                Some(token) => request.bearer_auth(token),
                None => request,
            }
        };
        let mut response = send(&url, ask(self)).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.token.is_none() {
            self.token = Some(self.new_token(&url, &response).await?);
            response = send(&url, ask(self)).await?;
        }
        body(&url, response, limit).await
    }

    /// A token for anybody, from the service that the registry names.
    async fn new_token(&self, asked: &str, response: &Response) -> Result<String, Error> {
        let refused = || Error::Status { url: asked.to_owned(), status: StatusCode::UNAUTHORIZED.as_u16() };
        let challenge =
            response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).ok_or_else(refused)?;
        let bearer =
            ChallengeParser::new(challenge).filter_map(Result::ok).find(|it| it.scheme.eq_ignore_ascii_case("bearer"));
        let parameters = bearer.ok_or_else(refused)?.params;
        let parameter = |name: &str| {
            parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_unescaped())
        };
        let mut url = parameter("realm").and_then(|realm| Url::parse(&realm).ok()).ok_or_else(refused)?;
        let request_error = |url: &Url, why: String| Error::Request { url: url.origin().ascii_serialization(), why };
        check(&url, &self.registry).map_err(|forbidden| request_error(&url, forbidden.to_string()))?;
        let pull = format!("repository:{}:pull", self.repository);
        let scope = parameter("scope").unwrap_or(pull);
        url.query_pairs_mut().append_pair("scope", &scope);
        if let Some(service) = parameter("service") {
            url.query_pairs_mut().append_pair("service", &service);
        }
        let shown = url.origin().ascii_serialization();
        let reply = body(&shown, send(&shown, self.http.get(url.clone())).await?, MAX_TOKEN_BYTES).await?;
        let token: Token = serde_json::from_slice(&reply).map_err(|why| request_error(&url, why.to_string()))?;
        token.token.or(token.access_token).ok_or_else(|| request_error(&url, "its reply has no token".to_owned()))
    }
}

async fn send(url: &str, request: RequestBuilder) -> Result<Response, Error> {
    let mut span = trace::client_span("ask a plugin registry");
    let request = span.headers().into_iter().fold(request, |it, (name, value)| it.header(name, value));
    let sent = request.send().await;
    // A registry asks for a token by 401.
    if !sent.as_ref().is_ok_and(|it| it.status().is_success() || it.status() == StatusCode::UNAUTHORIZED) {
        span.fail("registry");
    }
    sent.map_err(|why| failed(url, why))
}

/// The address is in the message already, and that of a redirect may have a secret.
fn failed(url: &str, why: reqwest::Error) -> Error {
    Error::Request { url: url.to_owned(), why: telemetry::chain(&why.without_url()) }
}

async fn body(url: &str, mut response: Response, limit: usize) -> Result<Vec<u8>, Error> {
    if !response.status().is_success() {
        return Err(Error::Status { url: url.to_owned(), status: response.status().as_u16() });
    }
    let mut bytes = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|why| failed(url, why))? {
        if bytes.len() + part.len() > limit {
            return Err(Error::TooLarge { what: url.to_owned(), limit });
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}
