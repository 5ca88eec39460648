//! Serves a router on a listener: accepts connections, gives every request its id, its span and its time limit, and at
//! shutdown lets open requests finish until a deadline.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use super::log;
use super::stream::TimedStream;
use super::timers::{self, Activity};
use super::{Deadline, Held, Peer, RequestId, upload, uri};
use crate::config::{Limits, Network};
use crate::http::error::{Surface, reply, timed_out};
use crate::http::page;
use crate::operation::large::Large;
use crate::tenant::in_use::InUse;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What all connections of a listener share.
#[derive(Clone)]
struct Shared {
    router: Router,
    surface: Surface,
    limits: Limits,
    stop: CancellationToken,
}

/// Serves until `stop` is cancelled, then lets open requests finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    surface: Surface,
    (limits, proxies, stop): (Limits, Arc<[Network]>, CancellationToken),
) {
    let connections = Arc::new(Semaphore::new(limits.connections));
    let addresses: InUse<IpAddr, Semaphore> = InUse::default();
    let shared = Shared { router, surface, limits, stop: stop.clone() };
    let server = builder(&limits);
    let mut open = JoinSet::new();
    loop {
        let next = async { (connections.clone().acquire_owned().await, listener.accept().await) };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            Some(_ended) = open.join_next() => continue,
            () = stop.cancelled() => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Most likely no file descriptor is free until another connection ends.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let of_address = addresses.get(peer.ip(), |_| true, || Semaphore::new(limits.connections_per_address));
        let of_address = of_address.try_acquire_owned();
        let is_proxy = || proxies.iter().any(|network| network.contains(peer.ip()));
        if of_address.is_err() && !is_proxy() {
            tracing::debug!("an address has as many connections as it may have");
            continue;
        }
        let (server, shared) = (server.clone(), shared.clone());
        open.spawn(async move {
            connect((stream, Peer(peer.ip())), server, shared).await;
            drop((permit, of_address));
        });
    }
    drop(listener);
    let all_ended = async { while open.join_next().await.is_some() {} };
    // Requests that are open past the deadline are aborted, which frees their database connections.
    let _ = tokio::time::timeout(limits.drain, all_ended).await;
    open.shutdown().await;
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    // hyper's timer would also end an idle connection; `timers` has a limit for each.
    server.http1().header_read_timeout(None).max_buf_size(limits.buffer);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    server
}

async fn connect((stream, peer): (TcpStream, Peer), server: auto::Builder<TokioExecutor>, shared: Shared) {
    // Replies are small and clients wait for them; a failure here costs only latency.
    let _ = stream.set_nodelay(true);
    let activity = Activity::new();
    let (limits, stop, surface) = (shared.limits, shared.stop.clone(), shared.surface);
    let requests = activity.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let guard = requests.begin_request(request.version() == Version::HTTP_2);
        let answer = answer(shared.clone(), peer, requests.clone(), request);
        async move {
            let reply = answer.await;
            guard.answered();
            reply
        }
    });
    let stream = TokioIo::new(TimedStream::new(stream, activity.clone(), surface));
    let connection = server.serve_connection(stream, service).into_owned();
    timers::serve(connection, &activity, &limits, &stop).await;
}

/// One request: its id, its span, its time limit.
async fn answer(
    shared: Shared,
    peer: Peer,
    activity: Activity,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let Shared { router, surface, limits, stop } = shared;
    let version = request.version();
    let deadline = Instant::now() + limits.handler;
    let (mut parts, body) = request.into_parts();
    if let Some(tidied) = uri::tidy(&parts.uri) {
        parts.uri = tidied;
    }
    let id = request_id(parts.headers.get(&REQUEST_ID));
    parts.extensions.insert(RequestId(id.clone()));
    let surface = if page::is_page(parts.uri.path()) { Surface::Page } else { surface };
    let is_read = parts.method.is_safe();
    parts.extensions.insert(Deadline(deadline));
    parts.extensions.insert(peer);
    let held = Held::default();
    parts.extensions.insert(held.clone());
    let large = Large::default();
    parts.extensions.insert(large.clone());
    let span =
        tracing::info_span!("request", request.id = %id, method = %parts.method, path = %log::path(parts.uri.path()));
    let request = Request::from_parts(parts, upload::timed(body, &limits, &stop));
    let mut response = match timeout_at(deadline, large.run(router.oneshot(request)).instrument(span.clone())).await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => reply(&timed_out(), surface),
    };
    // Providers read far more than they write, so a successful read is logged at debug level only.
    let status = response.status();
    if is_read && status.is_success() {
        span.in_scope(|| tracing::debug!(status = status.as_u16(), "request answered"));
    } else {
        span.in_scope(|| tracing::info!(status = status.as_u16(), "request answered"));
    }
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    Ok(held.until_sent(response, version, &activity))
}

/// The client's own id where it is short and plain, else a new one.
fn request_id(given: Option<&HeaderValue>) -> String {
    let plain = |text: &str| {
        !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match given.and_then(|value| value.to_str().ok()).filter(|text| plain(text)) {
        Some(text) => text.to_owned(),
        // From the thread's generator: the system's would cost a system call a request.
        None => uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string(),
    }
}
