//! Serves a router on a listener: accepts, gives every request its id, its span and its time limit, and at the end lets
//! requests under way finish, no longer than a deadline.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use scimgate_scim::error::ScimError;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use super::access::{Deadline, Peer, RequestId};
use super::connection::{self, Watch, Watched};
use super::error::{Surface, reply};
use super::{upload, uri};
use crate::config::Limits;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What all connections of a door share.
#[derive(Clone)]
struct Door {
    router: Router,
    surface: Surface,
    limits: Limits,
    stop: CancellationToken,
    /// Who is at the other end, of one connection.
    peer: Option<Peer>,
}

/// Serves until told to stop, then lets requests under way finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    surface: Surface,
    (limits, stop): (Limits, CancellationToken),
) {
    let connections = Arc::new(Semaphore::new(limits.connections));
    let door = Door { router, surface, limits, stop: stop.clone(), peer: None };
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
            // Out of file descriptors, most likely: others must finish first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (server, door) = (server.clone(), Door { peer: Some(Peer(peer.ip())), ..door.clone() });
        open.spawn(async move {
            connect(stream, server, door).await;
            drop(permit);
        });
    }
    drop(listener);
    let all_ended = async { while open.join_next().await.is_some() {} };
    // Past the deadline what is left is cut, and with it goes its hold on the database.
    let _ = tokio::time::timeout(limits.drain, all_ended).await;
    open.shutdown().await;
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    // hyper would end a rest between two requests by the same timer; `connection` tells them apart.
    server.http1().header_read_timeout(None);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    server
}

async fn connect(stream: TcpStream, server: auto::Builder<TokioExecutor>, door: Door) {
    // Replies are small and waited for; an error here costs only latency.
    let _ = stream.set_nodelay(true);
    let watch = Watch::new();
    let (limits, stop, surface) = (door.limits, door.stop.clone(), door.surface);
    let requests = watch.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let handling = requests.handle(request.version() == Version::HTTP_2);
        let answer = answer(door.clone(), request);
        async move {
            let _until_answered = handling;
            answer.await
        }
    });
    let stream = TokioIo::new(Watched::new(stream, watch.clone(), surface));
    let connection = server.serve_connection(stream, service).into_owned();
    connection::run(connection, &watch, &limits, &stop).await;
}

/// One request: its id, its span, its time limit.
async fn answer(door: Door, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let Door { router, surface, limits, stop, peer } = door;
    let deadline = Instant::now() + limits.handler;
    let (mut parts, body) = request.into_parts();
    if let Some(meant) = uri::tidy(&parts.uri) {
        parts.uri = meant;
    }
    let id = request_id(parts.headers.get(&REQUEST_ID));
    parts.extensions.insert(RequestId(id.clone()));
    let is_read = parts.method.is_safe();
    parts.extensions.insert(Deadline(deadline));
    if let Some(peer) = peer {
        parts.extensions.insert(peer);
    }
    let span = tracing::info_span!("request", request.id = %id, method = %parts.method, path = %parts.uri.path());
    let mut response = if uri::is_text(&parts.uri) {
        let request = Request::from_parts(parts, upload::timed(body, &limits, &stop));
        let handled = timeout_at(deadline, router.oneshot(request).instrument(span.clone())).await;
        match handled {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => reply(&too_late(), surface),
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

/// What is told of a request that reached its time limit.
pub(super) fn too_late() -> ScimError {
    ScimError::new(503, "The request took too long. Please try again.")
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
