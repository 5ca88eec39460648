//! Which requests are traced, and their traces until `work/traces.rs` sends them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::Url;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::config;
use crate::operation::request_facts::Facts;
use crate::trace::{Finished, Trace, TraceContext, Value};

/// Unsent spans at most; a trace that would be more is dropped.
const MAX_QUEUED_SPANS: usize = 8_192;
/// Spans that are sent at once, but for those of the last trace. With so many the queue counts as filled.
const MAX_BATCH_SPANS: usize = 512;
/// The failure of a request whose client was gone before the reply.
const DISCONNECTED: &str = "disconnected";

/// The traces of a process.
pub struct Traces {
    /// Where they are sent.
    pub endpoint: Url,
    /// A trace without a sender is kept if a random number is below this.
    threshold: u64,
    clock: Clock,
    queue: Mutex<Queue>,
    filled: Notify,
    sent: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    traces: VecDeque<Finished>,
    spans: usize,
}

impl Traces {
    /// Traces as the settings say; none without an endpoint.
    #[must_use]
    pub fn new(settings: &config::Traces, clock: Clock) -> Option<Self> {
        // With a share of 1, one request of 2⁶⁴ is left out.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share from 0 to 1; a conversion to an integer ends at its highest number"
        )]
        let threshold = (settings.sample * u64::MAX as f64) as u64;
        Some(Self {
            endpoint: settings.endpoint.clone()?,
            threshold,
            clock,
            queue: Mutex::default(),
            filled: Notify::new(),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        })
    }

    /// The trace of a request that begins. The sender decides whether it is kept; without one its share does.
    pub(crate) fn begin(&self, sender: Option<TraceContext>) -> Trace {
        let is_sampled = sender.as_ref().map_or_else(|| rand::random::<u64>() < self.threshold, |it| it.is_sampled);
        Trace::begin(sender, is_sampled, self.clock.now())
    }

    /// Takes the trace of a request that has ended.
    pub(crate) fn take(&self, facts: &Facts) {
        if facts.trace.context().is_none() {
            return;
        }
        let name = format!("{} {}", facts.method, facts.route.unwrap_or(facts.surface));
        let failure = match facts.status {
            None => Some(DISCONNECTED),
            Some(status) if status >= 500 => Some(facts.refusal.as_ref().map_or("internal", |refusal| refusal.kind)),
            Some(_) => None,
        };
        let Some(finished) = facts.trace.finish(name, attributes(facts), failure) else { return };
        let spans = finished.spans.len();
        let mut queue = self.queue();
        if queue.spans + spans > MAX_QUEUED_SPANS {
            drop(queue);
            self.lose(spans);
            return;
        }
        queue.spans += spans;
        queue.traces.push_back(finished);
        if queue.spans >= MAX_BATCH_SPANS {
            self.filled.notify_one();
        }
    }

    /// The next traces to be sent; none if there are none.
    pub(crate) fn next(&self) -> Vec<Finished> {
        let (mut queue, mut batch, mut spans) = (self.queue(), Vec::new(), 0);
        while spans < MAX_BATCH_SPANS
            && let Some(next) = queue.traces.pop_front()
        {
            spans += next.spans.len();
            batch.push(next);
        }
        queue.spans -= spans;
        batch
    }

    /// Puts traces that could not be sent back at the head of the queue; those that exceed its limit are dropped.
    pub(crate) fn put_back(&self, batch: Vec<Finished>) {
        let mut queue = self.queue();
        for trace in batch.into_iter().rev() {
            if queue.spans + trace.spans.len() > MAX_QUEUED_SPANS {
                self.lose(trace.spans.len());
            } else {
                queue.spans += trace.spans.len();
                queue.traces.push_front(trace);
            }
        }
    }

    /// Counts spans that the collector has taken.
    pub(crate) fn count_sent(&self, spans: usize) {
        self.sent.fetch_add(spans as u64, Ordering::Relaxed);
    }

    /// Counts spans that are lost.
    pub(crate) fn lose(&self, spans: usize) {
        self.dropped.fetch_add(spans as u64, Ordering::Relaxed);
    }

    /// Resolves when there is a full batch.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// The number of unsent spans.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue().spans
    }

    /// Spans that the collector has taken, and those that were lost.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.dropped.load(Ordering::Relaxed))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the first span says of a request. Nothing of it is what a client wrote, but for its id of the request: letters, digits and `-_.`.
fn attributes(facts: &Facts) -> Vec<(&'static str, Value)> {
    let mut attributes: Vec<(&'static str, Value)> = Vec::with_capacity(10);
    let mut add = |name: &'static str, value: Option<Value>| attributes.extend(value.map(|value| (name, value)));
    add("http.request.method", Some(facts.method.into()));
    add("http.route", facts.route.map(Value::from));
    add("http.response.status_code", facts.status.map(|status| i64::from(status).into()));
    add("scimgate.request.id", Some(facts.request_id.clone().into()));
    add("scimgate.surface", Some(facts.surface.into()));
    add("scimgate.tenant.id", facts.tenant().map(|tenant| tenant.to_string().into()));
    add("scimgate.credential.id", facts.credential_id().map(|id| id.to_string().into()));
    add("scimgate.client.profile", facts.profile().map(Value::from));
    add("scimgate.refusal", facts.refusal.as_ref().map(|refusal| refusal.kind.into()));
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(sample: f64) -> Traces {
        let endpoint = Some("http://127.0.0.1:4318/v1/traces".parse().unwrap());
        Traces::new(&config::Traces { endpoint, sample }, Clock::system()).unwrap()
    }

    fn facts(traces: &Traces) -> Facts {
        Facts { method: "GET", surface: "scim", status: Some(200), trace: traces.begin(None), ..Facts::default() }
    }

    #[test]
    fn the_share_decides_only_where_the_sender_does_not() {
        let kept = |traces: &Traces, sender: Option<&str>| {
            let sender = || sender.map(|sender| TraceContext::parse(sender, None).unwrap());
            (0..1_000).filter(|_| traces.begin(sender()).context().is_some()).count()
        };
        let [none, half, all] = [0.0, 0.5, 1.0].map(traces);
        assert_eq!([&none, &all].map(|traces| kept(traces, None)), [0, 1_000]);
        assert!((350..650).contains(&kept(&half, None)), "eight standard deviations");
        let sender = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0";
        for traces in [none, half, all] {
            assert_eq!(kept(&traces, Some(&format!("{sender}1"))), 1_000);
            assert_eq!(kept(&traces, Some(&format!("{sender}0"))), 0);
        }
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let traces = traces(1.0);
        (0..MAX_QUEUED_SPANS + 5).for_each(|_| traces.take(&facts(&traces)));
        assert_eq!((traces.waiting(), traces.counts()), (MAX_QUEUED_SPANS, (0, 5)));
        let batch = traces.next();
        assert_eq!((batch.len(), traces.waiting()), (MAX_BATCH_SPANS, MAX_QUEUED_SPANS - MAX_BATCH_SPANS));
        let first = batch[0].context.clone();
        traces.take(&facts(&traces));
        traces.put_back(batch);
        assert_eq!((traces.waiting(), traces.counts()), (MAX_QUEUED_SPANS, (0, 6)));
        assert_ne!(traces.next()[0].context, first, "the oldest found no room");
    }

    #[test]
    fn a_failed_request_is_marked() {
        let traces = traces(1.0);
        for (status, failure) in [(Some(404), None), (Some(503), Some("internal")), (None, Some("disconnected"))] {
            traces.take(&Facts { status, ..facts(&traces) });
            assert_eq!(traces.next()[0].spans[0].failure, failure, "{status:?}");
        }
    }
}
