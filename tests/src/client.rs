//! An HTTP client of one base address with one secret. It can also send requests that are malformed.

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde_json::Value;

use crate::answer::Answer;

/// Sends requests to one base address.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// The base address, put in front of every path as it is.
    pub base: String,
    /// The Authorization header, if any.
    pub authorization: Option<HeaderValue>,
}

/// A request, which may be malformed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, which need not exist.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Headers besides Authorization.
    pub headers: Vec<(String, HeaderValue)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.parse().unwrap()));
        self
    }

    /// With a body and its media type.
    #[must_use]
    pub fn body(mut self, media: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE.as_str(), media)
    }

    /// With a SCIM body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/scim+json", body.to_string())
    }
}

impl Client {
    /// A client without credentials.
    #[must_use]
    pub fn new(base: String) -> Self {
        // The client needs a crypto provider even without TLS; only a second installation fails.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        Self { http, base, authorization: None }
    }

    /// The same client with a new connection for each request, for a listener that limits connections.
    #[must_use]
    pub fn without_pooling(&self) -> Self {
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().pool_max_idle_per_host(0).build().unwrap();
        Self { http, ..self.clone() }
    }

    /// The same client on HTTP/2.
    #[must_use]
    pub fn on_http2(&self) -> Self {
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().http2_prior_knowledge().build().unwrap();
        Self { http, ..self.clone() }
    }

    /// The same client with a bearer token.
    #[must_use]
    pub fn with(&self, secret: &str) -> Self {
        Self { authorization: Some(format!("Bearer {secret}").parse().unwrap()), ..self.clone() }
    }

    /// The same client with an Authorization header as it is.
    #[must_use]
    pub fn authorized(&self, header: impl AsRef<[u8]>) -> Self {
        Self { authorization: Some(HeaderValue::from_bytes(header.as_ref()).unwrap()), ..self.clone() }
    }

    /// The same client at another base address.
    #[must_use]
    pub fn at(&self, base: String) -> Self {
        Self { base, ..self.clone() }
    }

    /// Sends a request.
    pub async fn send(&self, request: Request) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// Sends a request to a server that may be down.
    ///
    /// # Errors
    /// No complete reply arrived.
    pub async fn try_send(&self, request: Request) -> Result<Answer, reqwest::Error> {
        let asked = format!("{} {}{}", request.method, self.base, request.path);
        let method = Method::from_bytes(request.method.as_bytes()).unwrap();
        let mut building = self.http.request(method, format!("{}{}", self.base, request.path));
        for (name, value) in request.headers {
            building = building.header(name, value);
        }
        if let Some(value) = &self.authorization {
            building = building.header(AUTHORIZATION, value);
        }
        let response = building.body(request.body).send().await?;
        Answer::read(asked, response).await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::new("GET", path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Request::new("POST", path).json(body)).await
    }

    /// PUT with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Request::new("PUT", path).json(body)).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Request::new("PATCH", path).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Request::new("DELETE", path)).await
    }
}
