//! Serves a router on a listener: accepts connections, gives every request its id, its span and its time limit, and at
//! shutdown lets open requests finish until a deadline.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, Version};
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
use super::{Deadline, Held, Peer, forwarded, upload, uri};
use crate::config::{Limits, Network};
use crate::http::error::{Surface, failure};
use crate::http::{facts, page};
use crate::operation::Error;
use crate::operation::large::Large;
use crate::operation::request_facts::TakesFacts;
use crate::tenant::in_use::InUse;
use crate::trace;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Names the trace of a request that is traced (W3C Trace Context, level 2).
const TRACE_RESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// What all connections of a listener share.
#[derive(Clone)]
struct Shared {
    router: Router,
    surface: Surface,
    limits: Limits,
    stop: CancellationToken,
    proxies: Arc<[Network]>,
    taker: Arc<dyn TakesFacts>,
}

/// What all listeners share.
#[derive(Clone)]
pub struct Terms {
    /// The limits of each listener.
    pub limits: Limits,
    /// Proxies that may open more connections than other addresses.
    pub proxies: Arc<[Network]>,
    /// Takes the facts of each request.
    pub taker: Arc<dyn TakesFacts>,
    /// The listeners stop once it is cancelled.
    pub stop: CancellationToken,
}

/// Serves until `stop` is cancelled, then lets open requests finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    surface: Surface,
    Terms { limits, proxies, taker, stop }: Terms,
) {
    let connections = Arc::new(Semaphore::new(limits.connections));
    let addresses: InUse<IpAddr, Semaphore> = InUse::default();
    let shared = Shared { router, surface, limits, stop: stop.clone(), proxies: Arc::clone(&proxies), taker };
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

/// One request: its id, its span, its facts, its time limit.
async fn answer(
    shared: Shared,
    peer: Peer,
    activity: Activity,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let Shared { router, surface, limits, stop, proxies, taker } = shared;
    let version = request.version();
    let (mut parts, body) = request.into_parts();
    let deadline = Instant::now() + time_limit(&parts, &limits);
    if let Some(tidied) = uri::tidy(&parts.uri) {
        parts.uri = tidied;
    }
    let id = request_id(parts.headers.get(&REQUEST_ID));
    let surface = if page::is_page(parts.uri.path()) { Surface::Page } else { surface };
    parts.extensions.insert(Deadline(deadline));
    parts.extensions.insert(peer);
    let held = Held::default();
    parts.extensions.insert(held.clone());
    let large = Large::default();
    parts.extensions.insert(large.clone());
    let span =
        tracing::info_span!("request", request.id = %id, method = %parts.method, path = %log::path(parts.uri.path()));
    let client = forwarded::client(&parts.headers, peer.0, &proxies);
    let (facts, trace) = facts::begin(&mut parts, surface, (id.clone(), client, span.clone()), taker);
    let request = Request::from_parts(parts, upload::timed(body, &facts, &limits, &stop));
    let work = trace::of_request(&trace, large.run(router.oneshot(request)).instrument(span));
    let mut response = match timeout_at(deadline, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => failure(&Error::TimedOut, surface),
    };
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if let Some(value) = trace.context().and_then(|context| HeaderValue::try_from(context.to_string()).ok()) {
        response.headers_mut().insert(TRACE_RESPONSE, value);
    }
    Ok(held.until_sent(facts::answered(facts, response), version, &activity))
}

fn time_limit(parts: &Parts, limits: &Limits) -> Duration {
    let compiles =
        parts.method == Method::POST && matches!(parts.uri.path(), "/admin/v1/plugins" | "/admin/v1/plugins/pull");
    if compiles { limits.compiling } else { limits.handler }
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
