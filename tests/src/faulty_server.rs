//! A server that does something wrong: a proxy in front of a gateway that changes requests and responses.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::Value;

/// Longer than any body of a simulation.
const MAX_BODY_BYTES: usize = 4 << 20;

/// A request to the gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path: String,
    /// The body; null if there is none.
    pub body: Value,
    /// Another Authorization header than that of the client.
    pub authorization: Option<String>,
}

/// A response of the gateway.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Response {
    /// A response without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Changes the body, if it is JSON.
    pub fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        if let Ok(mut body) = serde_json::from_str(&self.text) {
            change(&mut body);
            self.text = body.to_string();
        }
    }
}

/// What a server does wrong.
pub trait Fault: Send + Sync + 'static {
    /// Changes a request before the gateway receives it, or responds instead of the gateway.
    fn on_request(&self, _: &mut Request) -> Option<Response> {
        None
    }

    /// Changes a request's headers before the gateway receives them.
    fn on_headers(&self, _: &mut HeaderMap) {}

    /// Changes the response to a request, which is as the client sent it but for `authorization`.
    fn on_response(&self, _: &Request, _: &mut Response) {}
}

struct Server {
    http: reqwest::Client,
    gateway: String,
    fault: Box<dyn Fault>,
}

/// Starts a faulty server in front of a gateway and returns its URL; it stops with the runtime.
pub async fn start(gateway: &str, fault: impl Fault) -> String {
    // This fails only if a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let server = Server { http, gateway: gateway.to_owned(), fault: Box::new(fault) };
    let router = Router::new().fallback(handle).with_state(Arc::new(server));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn handle(State(server): State<Arc<Server>>, request: axum::extract::Request) -> impl IntoResponse {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.unwrap();
    let path = head.uri.path_and_query().unwrap().as_str().to_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let mut request = Request { method: head.method, path, body, authorization: None };
    let mut forwarded = request.clone();
    let instead = server.fault.on_request(&mut forwarded);
    request.authorization.clone_from(&forwarded.authorization);
    let mut response = match instead {
        Some(response) => response,
        None => server.forward(forwarded, head.headers).await,
    };
    server.fault.on_response(&request, &mut response);
    let status = StatusCode::from_u16(response.status).unwrap();
    (status, response.headers, response.text)
}

impl Server {
    async fn forward(&self, request: Request, mut headers: HeaderMap) -> Response {
        for name in ["host", "content-length"] {
            headers.remove(name);
        }
        if let Some(authorization) = request.authorization {
            headers.insert("authorization", authorization.parse().unwrap());
        }
        self.fault.on_headers(&mut headers);
        let body = if request.body.is_null() { String::new() } else { request.body.to_string() };
        let http = self.http.request(request.method, format!("{}{}", self.gateway, request.path));
        let response = http.headers(headers).body(body).send().await.unwrap();
        let (status, mut headers) = (response.status().as_u16(), response.headers().clone());
        for name in ["content-length", "transfer-encoding", "connection"] {
            headers.remove(name);
        }
        Response { status, headers, text: response.text().await.unwrap() }
    }
}
