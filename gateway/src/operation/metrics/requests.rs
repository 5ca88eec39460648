//! Metrics of requests, by labels of few values: interface, route, method, class of the status, the client's profile. The handles of
//! one combination are found by one look-up, and then are atomics; nothing is allocated for a request.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::counts::{Labels, seconds};
use crate::operation::metrics::tenants::Tenants;
use crate::operation::request_facts::{Facts, SlowPart};

type Seconds = Counter<f64, AtomicU64>;

/// Every limit by which requests are refused ([`crate::operation::Error::limit`]).
const LIMITS: [&str; 11] = [
    "requests",
    "rate",
    "scans",
    "long_pages",
    "bulks",
    "memory",
    "connections",
    "mappings",
    "breaker",
    "reply_bytes",
    "unknown_credentials",
];

/// Every interface ([`Facts::surface`]).
const SURFACES: [&str; 6] = ["scim", "oauth", "setup", "admin", "directory", "probe"];

/// The metrics.
pub struct RequestMetrics {
    in_progress: Family<Labels<1>, Gauge>,
    in_progress_of: [(&'static str, Gauge); SURFACES.len()],
    requests: Family<Labels<4>, Counter>,
    durations: Family<Labels<3>, Histogram, fn() -> Histogram>,
    clients: Family<Labels<3>, Counter>,
    received: Family<Labels<1>, Counter>,
    sent: Family<Labels<1>, Counter>,
    waits: [Seconds; SlowPart::ALL.len()],
    wait_seconds: Family<Labels<1>, Seconds>,
    refusals: Family<Labels<1>, Counter>,
    limits: Family<Labels<1>, Counter>,
    known: RwLock<HashMap<Combination, Handles>>,
    tenants: Tenants,
}

/// What the labels of a request follow from.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Combination {
    surface: &'static str,
    route: Option<&'static str>,
    method: &'static str,
    class: &'static str,
    profile: Option<&'static str>,
}

#[derive(Clone)]
struct Handles {
    requests: Counter,
    duration: Histogram,
    client: Option<Counter>,
    received: Counter,
    sent: Counter,
}

impl RequestMetrics {
    /// Nothing is counted yet. Of so many tenants, those with the most requests, requests are counted apart.
    #[must_use]
    pub fn new(tenants: usize) -> Self {
        let (limits, wait_seconds) = (Family::<Labels<1>, Counter>::default(), Family::<Labels<1>, Seconds>::default());
        for limit in LIMITS {
            let _ = limits.get_or_create_owned(&[("limit", limit)]);
        }
        let in_progress = Family::<Labels<1>, Gauge>::default();
        Self {
            in_progress_of: SURFACES.map(|surface| (surface, in_progress.get_or_create_owned(&[("surface", surface)]))),
            in_progress,
            requests: Family::default(),
            durations: Family::new_with_constructor(seconds),
            clients: Family::default(),
            received: Family::default(),
            sent: Family::default(),
            waits: SlowPart::ALL.map(|part| wait_seconds.get_or_create_owned(&[("part", part.name())])),
            wait_seconds,
            refusals: Family::default(),
            limits,
            known: RwLock::default(),
            tenants: Tenants::new(tenants),
        }
    }

    /// Counts a request that begins.
    pub(in crate::operation) fn begin(&self, surface: &'static str) {
        if let Some((_, gauge)) = self.in_progress_of.iter().find(|(known, _)| *known == surface) {
            gauge.inc();
        }
    }

    /// Counts a request that has ended.
    pub(in crate::operation) fn count(&self, facts: &Facts) {
        if let Some((_, gauge)) = self.in_progress_of.iter().find(|(known, _)| *known == facts.surface) {
            gauge.dec();
        }
        let class = class(facts.status);
        let combination = Combination {
            surface: facts.surface,
            route: facts.route,
            method: facts.method,
            class,
            profile: facts.profile(),
        };
        self.with_handles(&combination, |handles| {
            handles.requests.inc();
            handles.duration.observe(facts.duration.as_secs_f64());
            if let Some(client) = &handles.client {
                client.inc();
            }
            handles.received.inc_by(facts.bytes_in);
            handles.sent.inc_by(facts.bytes_out);
        });
        for (part, seconds) in SlowPart::ALL.into_iter().zip(&self.waits) {
            let took = facts.slow_part(part);
            if !took.is_zero() {
                seconds.inc_by(took.as_secs_f64());
            }
        }
        if let Some(refusal) = &facts.refusal {
            self.refusals.get_or_create(&[("kind", refusal.kind)]).inc();
            if let Some(limit) = refusal.limit {
                self.limits.get_or_create(&[("limit", limit)]).inc();
            }
        }
        self.tenants.count(facts, class);
    }

    fn with_handles(&self, combination: &Combination, count: impl FnOnce(&Handles)) {
        if let Some(handles) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(combination) {
            return count(handles);
        }
        let handles = self.handles(combination);
        count(&handles);
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(combination.clone(), handles);
    }

    fn handles(&self, combination: &Combination) -> Handles {
        let Combination { surface, route, method, class, profile } = combination.clone();
        let route = route.map_or("none", label);
        // Operators' requests are few: their durations are not told apart by route.
        let timed = if matches!(surface, "scim" | "directory") { route } else { "all" };
        let client = (surface == "scim").then(|| {
            let profile = profile.unwrap_or("none");
            self.clients.get_or_create_owned(&[("profile", profile), ("method", method), ("status", class)])
        });
        let of_surface = [("surface", surface)];
        Handles {
            requests: self.requests.get_or_create_owned(&[
                ("surface", surface),
                ("route", route),
                ("method", method),
                ("status", class),
            ]),
            duration: self.durations.get_or_create_owned(&[("surface", surface), ("route", timed), ("method", method)]),
            client,
            received: self.received.get_or_create_owned(&of_surface),
            sent: self.sent.get_or_create_owned(&of_surface),
        }
    }

    /// Adds the metrics to a registry.
    pub(in crate::operation) fn register(&self, registry: &mut Registry) {
        registry.register("requests_in_progress", "Requests that have begun and not ended", self.in_progress.clone());
        registry.register("requests", "Requests that have ended", self.requests.clone());
        let about = "Time from the complete header to the end of the reply";
        registry.register_with_unit("request_duration", about, Unit::Seconds, self.durations.clone());
        registry.register("client_requests", "SCIM requests by the client's profile", self.clients.clone());
        registry.register_with_unit("received", "Bytes of requests' bodies", Unit::Bytes, self.received.clone());
        registry.register_with_unit("sent", "Bytes of replies' bodies", Unit::Bytes, self.sent.clone());
        let about = "Time of requests that was no computing of their own";
        registry.register_with_unit("request_wait", about, Unit::Seconds, self.wait_seconds.clone());
        registry.register("refusals", "Requests that were refused or failed", self.refusals.clone());
        registry.register("limit_refusals", "Requests that were refused by a limit", self.limits.clone());
        self.tenants.register(registry);
    }
}

/// The class of a status; of none, the client disconnected.
fn class(status: Option<u16>) -> &'static str {
    match status {
        None => "disconnected",
        Some(..200) => "1xx",
        Some(..300) => "2xx",
        Some(..400) => "3xx",
        Some(..500) => "4xx",
        Some(_) => "5xx",
    }
}

/// A route's pattern without the tenant: the address for all tenants and a tenant's own are one route.
fn label(route: &'static str) -> &'static str {
    route.strip_prefix("/t/{tenant}").unwrap_or(route)
}

#[cfg(test)]
mod tests {
    use scimgate_scim::error::ScimError;

    use super::*;
    use crate::operation::request_facts::Refusal;

    fn facts(route: &'static str, status: u16) -> Facts {
        let refusal = (status >= 400).then(|| Refusal {
            error: ScimError::new(status, "no"),
            kind: "busy",
            limit: Some("rate"),
            failure: None,
            is_unavailable: false,
        });
        let mut facts = Facts { surface: "scim", route: Some(route), method: "GET", ..Facts::default() };
        (facts.status, facts.refusal) = (Some(status), refusal);
        facts
    }

    #[test]
    fn a_request_is_counted_without_an_allocation() {
        let metrics = RequestMetrics::new(0);
        let requests = [facts("/scim/v2/{endpoint}", 200), facts("/t/{tenant}/scim/v2/{endpoint}", 429)];
        requests.iter().for_each(|facts| metrics.count(facts));
        let allocated = allocation_counter::measure(|| requests.iter().for_each(|facts| metrics.count(facts)));
        assert_eq!(allocated.count_total, 0);
        let of_route =
            |status| [("surface", "scim"), ("route", "/scim/v2/{endpoint}"), ("method", "GET"), ("status", status)];
        assert_eq!(metrics.requests.get_or_create(&of_route("2xx")).get(), 2);
        assert_eq!(metrics.requests.get_or_create(&of_route("4xx")).get(), 2);
        assert_eq!(metrics.limits.get_or_create(&[("limit", "rate")]).get(), 2);
    }
}
