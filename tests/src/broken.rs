//! A server that does something wrong: it stands before a gateway and changes what is asked or what is answered.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use reqwest::Method;
use serde_json::Value;

/// Longer bodies are none of a simulation's.
const LONGEST: usize = 4 << 20;

/// A request on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path: String,
    /// The body; null where there is none.
    pub body: Value,
}

/// An answer on its way.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Reply {
    /// An answer without a body.
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
    /// Changes a request before the gateway gets it, or answers in the gateway's place.
    fn asked(&self, _: &mut Asked) -> Option<Reply> {
        None
    }

    /// Changes the answer to what the client asked.
    fn answered(&self, _: &Asked, _: &mut Reply) {}
}

struct Server {
    http: reqwest::Client,
    gateway: String,
    fault: Box<dyn Fault>,
}

/// Starts a broken server before a gateway's address, and gives its own; it ends with the runtime.
pub async fn start(gateway: &str, fault: impl Fault) -> String {
    // As every client does; only a second installation fails.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let server = Server { http, gateway: gateway.to_owned(), fault: Box::new(fault) };
    let router = Router::new().fallback(handle).with_state(Arc::new(server));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn handle(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LONGEST).await.unwrap();
    let path = head.uri.path_and_query().unwrap().as_str().to_owned();
    let asked = Asked { method: head.method, path, body: serde_json::from_slice(&body).unwrap_or_default() };
    let mut passed_on = asked.clone();
    let mut reply = match server.fault.asked(&mut passed_on) {
        Some(reply) => reply,
        None => server.pass_on(passed_on, head.headers).await,
    };
    server.fault.answered(&asked, &mut reply);
    let status = StatusCode::from_u16(reply.status).unwrap();
    (status, reply.headers, reply.text).into_response()
}

impl Server {
    async fn pass_on(&self, asked: Asked, mut headers: HeaderMap) -> Reply {
        for own in ["host", "content-length"] {
            headers.remove(own);
        }
        let body = if asked.body.is_null() { String::new() } else { asked.body.to_string() };
        let request = self.http.request(asked.method, format!("{}{}", self.gateway, asked.path));
        let response = request.headers(headers).body(body).send().await.unwrap();
        let (status, mut headers) = (response.status().as_u16(), response.headers().clone());
        for own in ["content-length", "transfer-encoding", "connection"] {
            headers.remove(own);
        }
        Reply { status, headers, text: response.text().await.unwrap() }
    }
}
