//! The facts of a request as HTTP knows them: its method, its route, what became of it, and the bytes of both bodies.

use std::collections::HashSet;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, Method, Response};
use hyper::body::{Frame, SizeHint};
use tracing::Span;

use super::error::Surface;
use crate::operation::request_facts::{Facts, Refusal, RequestFacts, TakesFacts};
use crate::trace::{Trace, TraceContext};

/// Patterns of routes. The router has far fewer; the bound is for a mistake.
const MAX_ROUTES: usize = 500;

/// The patterns of routes that were used. A request refers to one instead of copying it.
static ROUTES: LazyLock<RwLock<HashSet<&'static str>>> = LazyLock::new(RwLock::default);

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// The facts of a request that begins, and its trace; its log lines are in the span.
pub(super) fn begin(
    parts: &mut Parts,
    surface: Surface,
    (request_id, client, span): (String, IpAddr, Span),
    taker: Arc<dyn TakesFacts>,
) -> (RequestFacts, Trace) {
    let surface = interface(surface, parts.uri.path());
    let trace = taker.trace(surface, &|| trace_context(&parts.headers));
    let facts = Facts {
        request_id,
        span: Some(span),
        method: method(&parts.method),
        surface,
        client: Some(client),
        trace: trace.clone(),
        ..Facts::default()
    };
    let facts = RequestFacts::begin(facts, taker);
    parts.extensions.insert(facts.clone());
    (facts, trace)
}

/// The trace that a request belongs to; none where it names more than one.
fn trace_context(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all(TRACE_PARENT).iter();
    let (parent, None) = (parents.next()?, parents.next()) else { return None };
    let states: Vec<&str> = headers.get_all(TRACE_STATE).iter().filter_map(|state| state.to_str().ok()).collect();
    TraceContext::parse(parent.to_str().ok()?.trim(), Some(&states.join(",")))
}

/// The facts of this request.
pub(super) fn of(parts: &Parts) -> RequestFacts {
    parts.extensions.get::<RequestFacts>().cloned().unwrap_or_default()
}

/// Adds the pattern of the route that was found. The extractors of credentials do it; routes without one have this as a layer.
pub(super) async fn add_route(request: Request) -> Request {
    route_to(request.extensions());
    request
}

/// Adds the pattern of the route that was found.
pub(super) fn route_to(extensions: &Extensions) {
    let (Some(facts), Some(route)) = (extensions.get::<RequestFacts>(), extensions.get::<MatchedPath>()) else {
        return;
    };
    let route = kept(route.as_str());
    facts.add(|facts| facts.route = route);
}

/// The facts end with the last byte of the reply.
pub(super) fn answered(facts: RequestFacts, mut response: Response<Body>) -> Response<Body> {
    let (status, refusal) = (response.status().as_u16(), response.extensions_mut().remove::<Refusal>());
    facts.add(|facts| {
        facts.status = Some(status);
        facts.refusal = refusal;
    });
    if let Some(bytes) = response.body().size_hint().exact() {
        facts.sent(bytes);
        facts.end();
        return response;
    }
    response.map(|body| Body::new(Counted { body, facts }))
}

fn kept(route: &str) -> Option<&'static str> {
    if let Some(known) = ROUTES.read().unwrap_or_else(PoisonError::into_inner).get(route) {
        return Some(known);
    }
    let mut routes = ROUTES.write().unwrap_or_else(PoisonError::into_inner);
    if routes.len() >= MAX_ROUTES {
        return None;
    }
    let new: &'static str = Box::leak(route.to_owned().into_boxed_str());
    routes.insert(new);
    Some(new)
}

fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// The interface that a path belongs to, also where it has no route.
fn interface(surface: Surface, path: &str) -> &'static str {
    let is_oauth =
        || path.starts_with("/oauth2/") || path.starts_with("/.well-known/") || path.ends_with("/oauth2/token");
    match surface {
        Surface::Page => "setup",
        Surface::Scim | Surface::Oauth if is_oauth() => "oauth",
        Surface::Scim | Surface::Oauth => "scim",
        Surface::Api if path.starts_with("/directory/") => "directory",
        Surface::Api if ["/livez", "/readyz", "/metrics"].contains(&path) => "probe",
        Surface::Api => "admin",
    }
}

/// A body whose length is not known before it was sent. A client that disconnects drops it.
struct Counted {
    body: Body,
    facts: RequestFacts,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => self.facts.sent(frame.data_ref().map_or(0, |data| data.len() as u64)),
            Some(Err(_)) | None => self.facts.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.facts.end();
    }
}
