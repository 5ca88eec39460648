//! A collector of traces: it takes OTLP over HTTP, and keeps what it has got.

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

/// A running collector; it ends with the test's runtime.
#[derive(Clone, Debug)]
pub struct Collector {
    /// Where it takes traces.
    pub endpoint: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bodies: Mutex<Vec<Bytes>>,
    status: AtomicU16,
    refused: AtomicUsize,
}

/// A span, easier to look at.
#[derive(Clone, Debug)]
pub struct Received {
    /// The id of its trace, in hexadecimal digits.
    pub trace: String,
    /// Its own.
    pub id: String,
    /// That of its parent; empty without one.
    pub parent: String,
    /// The message itself.
    pub span: Span,
}

impl Received {
    /// An attribute as text; empty where it is missing.
    #[must_use]
    pub fn attribute(&self, name: &str) -> String {
        let found = self.span.attributes.iter().find(|it| it.key == name).and_then(|it| it.value.clone()?.value);
        match found {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(number)) => number.to_string(),
            Some(other) => panic!("{name} is {other:?}"),
            None => String::new(),
        }
    }

    /// The kind of its failure; empty where it has not failed.
    #[must_use]
    pub fn failure(&self) -> String {
        let is_error = self.span.status.as_ref().is_some_and(|status| status.code == 2);
        assert_eq!(is_error, !self.attribute("error.type").is_empty(), "{self:?}");
        self.attribute("error.type")
    }
}

impl Collector {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let (bodies, status, refused) = (Mutex::default(), AtomicU16::new(200), AtomicUsize::new(0));
        let shared = Arc::new(Shared { bodies, status, refused });
        let app = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { endpoint, shared }
    }

    /// From here on it answers with a status; it keeps what it has got only with 200.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// How many requests it has answered with another status than 200.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::SeqCst)
    }

    /// Everything that it has got, as bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.shared.bodies.lock().unwrap().concat()
    }

    /// The spans that it has got.
    #[must_use]
    pub fn spans(&self) -> Vec<Received> {
        let mut all = Vec::new();
        for body in self.shared.bodies.lock().unwrap().iter() {
            let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
            let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            all.extend(scopes.flat_map(|scope| scope.spans).map(received));
        }
        all
    }

    /// The spans of a trace, once its first one is there: it is sent with the others.
    #[must_use]
    pub fn trace(&self, id: &str) -> Option<Vec<Received>> {
        let spans: Vec<Received> = self.spans().into_iter().filter(|span| span.trace == id).collect();
        spans.iter().any(|span| span.span.kind == 2).then_some(spans)
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let status = StatusCode::from_u16(shared.status.load(Ordering::SeqCst)).unwrap();
    if status == StatusCode::OK {
        shared.bodies.lock().unwrap().push(body);
    } else {
        shared.refused.fetch_add(1, Ordering::SeqCst);
    }
    status
}

fn received(span: Span) -> Received {
    let [trace, id, parent] = [&span.trace_id, &span.span_id, &span.parent_span_id].map(|bytes| hex(bytes));
    Received { trace, id, parent, span }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
