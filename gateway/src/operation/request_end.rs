//! What is made of a request's facts when it has ended: metrics, its line in the log, and its row in the provisioning log.

use std::sync::{Arc, OnceLock};

use scimgate_scim::error::ScimError;

use crate::operation::metrics::requests::RequestMetrics;
use crate::operation::provisioning_log::ProvisioningLog;
use crate::operation::request_facts::{Facts, Refusal, SlowPart, TakesFacts};
use crate::operation::traces::Traces;
use crate::store::availability::Availability;
use crate::trace::{Trace, TraceContext};

/// From so many milliseconds on a slow part of a request is in its line.
const SLOW_PART_MS: u128 = 50;

/// Is shown each request that has ended: `scimgate dev` prints it for the newcomer whose data it is.
pub trait ShowsRequest: Send + Sync {
    /// Shows one request.
    fn show(&self, facts: &Facts);
}

/// Takes the facts of each request.
pub struct RequestEnd {
    availability: Arc<Availability>,
    provisioning_log: Arc<ProvisioningLog>,
    shown_by: Option<Arc<dyn ShowsRequest>>,
    traces: OnceLock<Traces>,
    /// What is counted of requests.
    pub metrics: RequestMetrics,
}

impl RequestEnd {
    /// With the database's state, which explains refusals, and the log that rows go to. Of so many tenants, those with the most requests, these are counted apart.
    #[must_use]
    pub fn new(availability: Arc<Availability>, provisioning_log: Arc<ProvisioningLog>, tenants: usize) -> Self {
        let metrics = RequestMetrics::new(tenants);
        Self { availability, provisioning_log, shown_by: None, traces: OnceLock::new(), metrics }
    }

    /// The same, with each request shown.
    #[must_use]
    pub fn shown_by(self, shown_by: Arc<dyn ShowsRequest>) -> Self {
        Self { shown_by: Some(shown_by), ..self }
    }
}

impl RequestEnd {
    /// From here on requests are traced; before anything is served.
    pub fn set_traces(&self, traces: Traces) {
        // A second setting does nothing.
        let _ = self.traces.set(traces);
    }

    /// The traces, if requests are traced.
    #[must_use]
    pub fn traces(&self) -> Option<&Traces> {
        self.traces.get()
    }
}

impl TakesFacts for RequestEnd {
    fn trace(&self, surface: &'static str, sender: &dyn Fn() -> Option<TraceContext>) -> Trace {
        match self.traces.get() {
            Some(traces) if surface != "probe" => traces.begin(sender()),
            _ => Trace::default(),
        }
    }

    fn begin(&self, surface: &'static str) {
        self.metrics.begin(surface);
    }

    fn take(&self, mut facts: Facts) {
        if let Some(shown_by) = &self.shown_by {
            shown_by.show(&facts);
        }
        self.metrics.count(&facts);
        if let Some(traces) = self.traces.get() {
            traces.take(&facts);
        }
        let is_outage =
            facts.refusal.as_ref().is_some_and(|refusal| refusal.is_unavailable) && self.availability.refused();
        let span = facts.span.take().unwrap_or_else(tracing::Span::none);
        span.in_scope(|| log(&facts, is_outage));
        if facts.surface == "scim" {
            self.provisioning_log.take(facts);
        }
    }
}

macro_rules! line {
    ($level:ident, $facts:ident) => {{
        let facts = $facts;
        let refusal = facts.refusal.as_ref();
        tracing::$level!(
            tenant.id = facts.tenant().map(tracing::field::display),
            tenant.name = facts.tenant_name(),
            credential.id = facts.credential_id().map(tracing::field::display),
            client.address = facts.client.map(tracing::field::display),
            client.profile = facts.profile(),
            route = facts.route,
            trace.id = facts.trace.context().map(|context| tracing::field::display(context.trace)),
            status = facts.status,
            scim_type = refusal.and_then(scim_type),
            kind = refusal.map(|refusal| refusal.kind),
            error = refusal.and_then(|refusal| refusal.failure.as_deref()),
            duration_ms = (facts.duration.as_secs_f64() * 1e6).round() / 1e3,
            bytes_in = facts.bytes_in,
            bytes_out = facts.bytes_out,
            waited.body_ms = slow(facts, SlowPart::Body),
            waited.permit_ms = slow(facts, SlowPart::Permit),
            waited.plugins_ms = slow(facts, SlowPart::Plugins),
            waited.connection_ms = slow(facts, SlowPart::Connection),
            "{}",
            message(facts)
        );
    }};
}

/// One line for each request. Providers read far more than they write, so a successful read is logged at debug level only, and so are probes and
/// what a lost database refuses: that is one line when it is lost, and one when it is back, with their number.
fn log(facts: &Facts, is_outage: bool) {
    let refusal = facts.refusal.as_ref();
    let is_read = matches!(facts.method, "GET" | "HEAD" | "OPTIONS");
    let is_success = facts.status.is_some_and(|status| (200..400).contains(&status));
    if is_outage || is_read && is_success || facts.surface == "probe" {
        line!(debug, facts);
    } else if refusal.is_some_and(|refusal| refusal.failure.is_some()) {
        line!(error, facts);
    } else {
        line!(info, facts);
    }
}

fn message(facts: &Facts) -> &'static str {
    match (facts.status, &facts.refusal) {
        (None, _) => "client disconnected before the reply",
        (_, Some(Refusal { failure: Some(_), .. })) => "request failed",
        _ => "request answered",
    }
}

fn scim_type(refusal: &Refusal) -> Option<&'static str> {
    let ScimError { scim_type, .. } = &refusal.error;
    scim_type.map(scimgate_scim::error::ScimType::keyword)
}

/// A slow part in milliseconds, if it is worth a look.
fn slow(facts: &Facts, part: SlowPart) -> Option<u64> {
    let took = facts.slow_part(part).as_millis();
    (took >= SLOW_PART_MS).then(|| u64::try_from(took).unwrap_or(u64::MAX))
}
