//! What is recorded of one request. The request's future carries the current span, so that every part of the server adds its own without
//! being given one.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::context::{SpanId, TraceContext, TraceId};

/// Spans of one trace; of further ones the first span has the number.
const MAX_SPANS: usize = 128;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text: one of the program, or an id. Never what a client or a plugin wrote.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// Which side of a request a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It answers one.
    Server,
    /// It sends one.
    Client,
    /// Neither.
    Internal,
}

/// A span that has ended.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its id.
    pub id: SpanId,
    /// The span that it is a part of.
    pub parent: Option<SpanId>,
    /// One of few names.
    pub name: Cow<'static, str>,
    /// Which side of a request it is.
    pub kind: Kind,
    /// When it began.
    pub begun: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Its attributes.
    pub attributes: Vec<(&'static str, Value)>,
    /// The kind of failure, if it failed.
    pub failure: Option<&'static str>,
}

/// A trace that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The first span's context.
    pub context: TraceContext,
    /// The first span and then the others, in the order in which they ended.
    pub spans: Vec<Span>,
}

/// The trace of one request; none where requests are not traced.
#[derive(Clone, Debug, Default)]
pub struct Trace(Option<Arc<Recording>>);

#[derive(Debug)]
struct Recording {
    /// Of the first span.
    context: TraceContext,
    parent: Option<SpanId>,
    at: SystemTime,
    begun: Instant,
    spans: Mutex<Spans>,
}

#[derive(Debug, Default)]
struct Spans {
    all: Vec<Span>,
    missing: i64,
    is_finished: bool,
}

/// The span that a future runs in.
#[derive(Clone, Debug, Default)]
struct Current {
    trace: Trace,
    /// None where nothing is recorded.
    span: Option<SpanId>,
}

tokio::task_local! {
    static CURRENT: Current;
}

impl Trace {
    /// A trace that begins now, as a part of the sender's if there is one. One that is not kept still has a context, which is passed on.
    #[must_use]
    pub fn begin(sender: Option<TraceContext>, is_sampled: bool, at: SystemTime) -> Self {
        let parent = sender.as_ref().map(|sender| sender.span);
        let (trace, state) = match sender {
            Some(sender) => (sender.trace, sender.state),
            None => (TraceId(not_zero()), None),
        };
        let context = TraceContext { trace, span: SpanId(not_zero()), is_sampled, state };
        let spans = Mutex::default();
        Self(Some(Arc::new(Recording { context, parent, at, begun: Instant::now(), spans })))
    }

    /// The context of the first span, of a trace that is kept.
    #[must_use]
    pub fn context(&self) -> Option<&TraceContext> {
        self.0.as_ref().map(|recording| &recording.context).filter(|context| context.is_sampled)
    }

    /// Ends the trace with its first span; none of one that is not kept. Spans that end later are left out.
    #[must_use]
    pub fn finish(
        &self,
        name: String,
        attributes: Vec<(&'static str, Value)>,
        failure: Option<&'static str>,
    ) -> Option<Finished> {
        let recording = self.0.as_ref().filter(|recording| recording.context.is_sampled)?;
        let mut spans = recording.spans();
        if std::mem::replace(&mut spans.is_finished, true) {
            return None;
        }
        let mut first = Span {
            id: recording.context.span,
            parent: recording.parent,
            name: name.into(),
            kind: Kind::Server,
            begun: recording.at,
            took: recording.begun.elapsed(),
            attributes,
            failure,
        };
        if spans.missing > 0 {
            first.attributes.push(("scimgate.spans_left_out", spans.missing.into()));
        }
        let mut all = Vec::with_capacity(1 + spans.all.len());
        all.push(first);
        all.append(&mut spans.all);
        Some(Finished { context: recording.context.clone(), spans: all })
    }
}

impl Recording {
    fn spans(&self) -> MutexGuard<'_, Spans> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, span: Span) {
        let mut spans = self.spans();
        if spans.is_finished {
            return;
        }
        if spans.all.len() < MAX_SPANS {
            spans.all.push(span);
        } else {
            spans.missing += 1;
        }
    }
}

/// A span that has begun. It ends when it is dropped.
#[derive(Debug, Default)]
pub struct OpenSpan(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    recording: Arc<Recording>,
    begun: Instant,
    span: Span,
}

impl OpenSpan {
    /// Adds an attribute; its value is made only if the span is recorded.
    pub fn set<V: Into<Value>>(&mut self, name: &'static str, value: impl FnOnce() -> V) {
        if let Some(open) = &mut self.0 {
            open.span.attributes.push((name, value().into()));
        }
    }

    /// It failed: one of few kinds of failures.
    pub fn fail(&mut self, kind: &'static str) {
        if let Some(open) = &mut self.0 {
            open.span.failure = Some(kind);
        }
    }

    /// The headers of a request that is made in this span, or where nothing is recorded in the current trace; none without a trace.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let (recording, span) = match &self.0 {
            Some(open) => (Arc::clone(&open.recording), Some(open.span.id)),
            None => match current().trace.0 {
                Some(recording) => (recording, None),
                None => return Vec::new(),
            },
        };
        let context = &recording.context;
        let own = TraceContext { span: span.unwrap_or(context.span), ..context.clone() };
        let state = own.state.as_ref().map(|state| ("tracestate", state.to_string()));
        std::iter::once(("traceparent", own.to_string())).chain(state).collect()
    }

    /// What runs in this span.
    fn current(&self) -> Current {
        match &self.0 {
            Some(open) => Current { trace: Trace(Some(Arc::clone(&open.recording))), span: Some(open.span.id) },
            None => current(),
        }
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        let Open { recording, begun, mut span } = *open;
        span.took = begun.elapsed();
        recording.add(span);
    }
}

/// Begins a span in the current one; nothing where nothing is recorded.
#[must_use]
pub fn span(name: &'static str) -> OpenSpan {
    begin(name, Kind::Internal)
}

/// The same, of a request that is sent to somebody else.
#[must_use]
pub fn client_span(name: &'static str) -> OpenSpan {
    begin(name, Kind::Client)
}

fn begin(name: &'static str, kind: Kind) -> OpenSpan {
    let in_current = CURRENT.try_with(|current| {
        let (recording, parent) = (current.trace.0.as_ref()?, current.span?);
        let (recording, now) = (Arc::clone(recording), Instant::now());
        let span = Span {
            id: SpanId(not_zero()),
            parent: Some(parent),
            name: name.into(),
            kind,
            begun: recording.at + now.duration_since(recording.begun),
            took: Duration::ZERO,
            attributes: Vec::new(),
            failure: None,
        };
        Some(Box::new(Open { recording, begun: now, span }))
    });
    OpenSpan(in_current.ok().flatten())
}

fn current() -> Current {
    CURRENT.try_with(Current::clone).unwrap_or_default()
}

/// Runs the work of a request, whose spans are parts of its trace's first one.
pub fn of_request<F: Future>(trace: &Trace, work: F) -> impl Future<Output = F::Output> + use<F> {
    let span = trace.context().map(|context| context.span);
    CURRENT.scope(Current { trace: trace.clone(), span }, work)
}

/// Work in a task of its own that belongs to the current span.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    CURRENT.scope(current(), work)
}

/// Runs work in a span of its own; `end` is shown its outcome.
pub async fn within<F: Future>(name: &'static str, work: F, end: impl FnOnce(&F::Output, &mut OpenSpan)) -> F::Output {
    let mut span = span(name);
    let outcome = CURRENT.scope(span.current(), work).await;
    end(&outcome, &mut span);
    outcome
}

fn not_zero<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // From the thread's generator: the system's would cost a system call each time.
    rand::fill(&mut bytes);
    bytes[N - 1] |= u8::from(bytes == [0; N]);
    bytes
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[tokio::test]
    async fn spans_are_parts_of_the_one_they_run_in() {
        let sender =
            TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some("a=b")).unwrap();
        let trace = Trace::begin(Some(sender.clone()), true, UNIX_EPOCH);
        let headers = of_request(&trace, async {
            within("outer", async { drop(span("inner")) }, |(), span| span.set("n", || 7)).await;
            let task = tokio::spawn(carried(async { span("carried").fail("internal") }));
            task.await.unwrap();
            client_span("request").headers()
        })
        .await;
        drop(span("of no request"));
        let finished = trace.finish("POST /x".into(), Vec::new(), None).unwrap();
        let names: Vec<&str> = finished.spans.iter().map(|span| &*span.name).collect();
        assert_eq!(names, ["POST /x", "inner", "outer", "carried", "request"]);
        let [first, inner, outer, carried, request] = &finished.spans[..] else { unreachable!() };
        assert_eq!((first.parent, first.id), (Some(sender.span), finished.context.span));
        assert_eq!((inner.parent, outer.parent), (Some(outer.id), Some(first.id)));
        assert_eq!(outer.attributes, [("n", Value::Number(7))]);
        assert_eq!((carried.parent, carried.failure), (Some(first.id), Some("internal")));
        let sent = TraceContext::parse(&headers[0].1, Some(&headers[1].1)).unwrap();
        assert_eq!(sent, TraceContext { span: request.id, ..sender });
        assert!(trace.finish(String::new(), Vec::new(), None).is_none(), "it ends once");
    }

    #[tokio::test]
    async fn a_trace_that_is_not_kept_records_nothing_and_is_passed_on() {
        let sender = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", None).unwrap();
        let trace = Trace::begin(Some(sender.clone()), false, UNIX_EPOCH);
        let headers = of_request(&trace, async { client_span("request").headers() }).await;
        let sent = TraceContext::parse(&headers[0].1, None).unwrap();
        assert_eq!((sent.trace, sent.is_sampled, headers.len()), (sender.trace, false, 1));
        assert!(trace.context().is_none() && trace.finish(String::new(), Vec::new(), None).is_none());
        let none = of_request(&Trace::default(), async { client_span("request").headers() }).await;
        assert!(none.is_empty());
    }

    #[tokio::test]
    async fn a_trace_has_so_many_spans() {
        let trace = Trace::begin(None, true, UNIX_EPOCH);
        of_request(&trace, async { (0..MAX_SPANS + 3).for_each(|_| drop(span("one"))) }).await;
        let finished = trace.finish("GET".into(), Vec::new(), None).unwrap();
        assert_eq!(finished.spans.len(), MAX_SPANS + 1);
        assert_eq!(finished.spans[0].attributes, [("scimgate.spans_left_out", Value::Number(3))]);
    }

    #[test]
    fn without_a_trace_nothing_is_allocated() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let run = || {
            runtime.block_on(async {
                of_request(&Trace::default(), async {
                    within("authenticate", async {}, |(), span| span.set("n", || "a".repeat(9))).await;
                    let mut step = span("step");
                    step.set("plugin", || "name".to_owned());
                    step.fail("failed");
                    assert!(step.headers().is_empty());
                })
                .await;
            });
        };
        // What the runtime allocates for its first future does not count.
        run();
        let counted = allocation_counter::measure(run);
        assert_eq!(counted.count_total, 0);
    }
}
