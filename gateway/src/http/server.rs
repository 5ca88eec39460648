//! Serves a router on a listener, with the timers that hyper leaves off: a client that sends half a header, or holds a
//! connection and says nothing, is let go, and shutdown waits for requests no longer than a deadline.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use scimgate_scim::error::ScimError;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use super::access::RequestId;
use super::error::{Surface, reply};
use super::uri;

const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const HANDLER_TIMEOUT: Duration = Duration::from_secs(30);
const DRAIN: Duration = Duration::from_secs(10);
/// Most connections at once; the next one waits in the kernel's queue.
const CONNECTIONS: usize = 10_000;
const STREAMS: u32 = 256;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Serves until told to stop, then lets requests under way finish.
pub async fn serve(listener: TcpListener, router: Router, surface: Surface, stop: CancellationToken) {
    let connections = std::sync::Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let server = builder();
    let mut open = JoinSet::new();
    loop {
        let next = async { (connections.clone().acquire_owned().await, listener.accept().await) };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            Some(_ended) = open.join_next() => continue,
            () = stop.cancelled() => break,
        };
        let Ok((stream, _peer)) = accepted else {
            // Out of file descriptors, most likely: others must finish first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Replies are small and waited for; an error here costs only latency.
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let service = service_fn(move |request| answer(router.clone(), request, surface));
        let (server, watcher, stop) = (server.clone(), graceful.watcher(), stop.clone());
        open.spawn(async move {
            // hyper's timers start with the first byte; who connects and says nothing is let go here.
            let spoke = tokio::select! {
                ready = tokio::time::timeout(HEADER_TIMEOUT, stream.readable()) => matches!(ready, Ok(Ok(()))),
                () = stop.cancelled() => false,
            };
            if spoke {
                let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
                // A connection that breaks is the client's affair.
                let _ = watcher.watch(connection).await;
            }
            drop(permit);
        });
    }
    drop(listener);
    // Past the deadline what is left is cut, and with it goes its hold on the database.
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
    open.shutdown().await;
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    server
}

/// One request: its id, its span, its time limit.
async fn answer(router: Router, request: Request<Incoming>, surface: Surface) -> Result<Response<Body>, Infallible> {
    let (mut parts, body) = request.into_parts();
    if let Some(meant) = uri::tidy(&parts.uri) {
        parts.uri = meant;
    }
    let id = request_id(parts.headers.get(&REQUEST_ID));
    parts.extensions.insert(RequestId(id.clone()));
    let is_read = parts.method.is_safe();
    let span = tracing::info_span!("request", request.id = %id, method = %parts.method, path = %parts.uri.path());
    let mut response = if uri::is_text(&parts.uri) {
        let request = Request::from_parts(parts, Body::new(body));
        let handled = tokio::time::timeout(HANDLER_TIMEOUT, router.oneshot(request).instrument(span.clone())).await;
        match handled {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => reply(&ScimError::new(503, "The request took too long. Please try again."), surface),
        }
    } else {
        reply(&ScimError::new(400, "The address is not UTF-8 text."), surface)
    };
    // Providers read far more than they write, and a read that went well is of no interest to anybody.
    let status = response.status();
    if is_read && status.is_success() {
        span.in_scope(|| tracing::debug!(status = status.as_u16(), "request answered"));
    } else {
        span.in_scope(|| tracing::info!(status = status.as_u16(), "request answered"));
    }
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    Ok(response)
}

/// The client's own id where it is short and plain, else a new one.
fn request_id(given: Option<&HeaderValue>) -> String {
    let plain = |text: &str| {
        !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match given.and_then(|value| value.to_str().ok()).filter(|text| plain(text)) {
        Some(text) => text.to_owned(),
        // From the thread's own generator: the system's would be asked anew for each request.
        None => uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string(),
    }
}
