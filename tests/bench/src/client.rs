//! An HTTP/1.1 client on one persistent connection. hyper's connection API and nothing above it: client and server
//! share the cores, so the client's own CPU time lowers the measured rates.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// A persistent connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the sender, which also returns the connection's errors.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Sends a request and reads the whole response.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<(StatusCode, Bytes)> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

/// Builds a request; the content type is sent with a body only.
pub(crate) fn request(
    method: Method,
    path: &str,
    token: Option<&str>,
    body: impl Into<Bytes>,
) -> Result<Request<Full<Bytes>>> {
    let body = body.into();
    let mut builder = Request::builder().method(method).uri(path).header(HOST, "127.0.0.1");
    if let Some(token) = token {
        builder = builder.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    if !body.is_empty() {
        builder = builder.header(CONTENT_TYPE, "application/scim+json");
    }
    Ok(builder.body(Full::new(body))?)
}

/// The gateway's APIs under one token. Each request has a connection of its own: between two of them millions of rows may be
/// inserted, for longer than the gateway keeps an idle one.
pub(crate) struct Api {
    address: SocketAddr,
    token: String,
}

impl Api {
    pub(crate) fn new(address: SocketAddr, token: &str) -> Self {
        Self { address, token: token.to_owned() }
    }

    /// Sends a body and returns the JSON of a successful response.
    pub(crate) async fn send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Value> {
        let request = request(method.clone(), path, Some(&self.token), body)?;
        let mut connection = Connection::open(self.address).await?;
        let (status, body) = connection.send(request).await.with_context(|| format!("{method} {path}"))?;
        ensure!(status.is_success(), "{method} {path} returned {status}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).with_context(|| format!("{method} {path} returned no JSON"))
    }

    /// Sends JSON with POST.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, path, body.to_string()).await
    }
}
