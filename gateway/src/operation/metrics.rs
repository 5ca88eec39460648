//! The metrics of a process, as text for Prometheus. Each part of the server counts for itself; here every metric has its name and is
//! explained in a sentence. docs/metrics.md says more, and is compared with this by a test.

mod plugins;
mod process;
pub mod requests;
mod tenants;

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::counts::Labels;
use crate::operation::context::Gateway;
use crate::operation::health::finding::Health;
use crate::operation::health::webhooks::Outcome;
use crate::operation::traces::Traces;
use crate::store::job::JobKind;
use crate::store::reminder::Kind;

/// The media type of the text.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Seconds = Family<Labels<1>, Gauge<f64, AtomicU64>>;

/// The metrics now.
#[must_use]
pub fn text(gateway: &Gateway) -> String {
    let mut all = Registry::default();
    process::register(&mut all);
    let registry = all.sub_registry_with_prefix("scimgate");
    registry.register("build", "The version of the binary", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    gateway.request_end.metrics.register(registry);
    plugins::register(gateway, registry);
    database(gateway, registry);
    caches(gateway, registry);
    permits(gateway, registry);
    queues(gateway, registry);
    registry.register("worker_failures", "Failed tries of background work", gateway.workers.failures.clone());
    figures(gateway, registry);
    expiring(gateway, registry);
    webhooks(gateway, registry);
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = encode(&mut text, &all);
    text
}

fn database(gateway: &Gateway, registry: &mut Registry) {
    let pool = gateway.store.pool_figures();
    let availability = gateway.store.availability();
    registry.register(
        "database_up",
        "Whether the database answers",
        ConstGauge::new(i64::from(!availability.is_lost())),
    );
    registry.register("database_losses", "How often the database was lost", ConstCounter::new(availability.losses()));
    let connections = gauges("state", [("in_use", pool.in_use), ("idle", pool.idle)]);
    registry.register("database_connections", "Open connections to the database", connections);
    registry.register("database_connections_max", "Most connections to the database", gauge(pool.max));
    registry.register("database_waiting", "Batches that wait for a connection", gauge(pool.waiting));
    let about = "Time that a batch waits for a connection";
    registry.register_with_unit("database_wait", about, Unit::Seconds, pool.wait);
}

fn caches(gateway: &Gateway, registry: &mut Registry) {
    let (hits, misses) = (Family::<Labels<1>, Counter>::default(), Family::<Labels<1>, Counter>::default());
    let entries = Family::<Labels<1>, Gauge>::default();
    let of_auth = gateway.auth.cache_figures();
    let others = [gateway.settings.cache_figures(), gateway.mapper.cache_figures(), gateway.recent.cache_figures()];
    for cache in of_auth.into_iter().chain(others) {
        let label = [("cache", cache.name)];
        hits.get_or_create(&label).inc_by(cache.hits);
        misses.get_or_create(&label).inc_by(cache.misses);
        entries.get_or_create(&label).set(number(cache.entries));
    }
    registry.register("cache_hits", "Look-ups that a cache answered", hits);
    registry.register("cache_misses", "Look-ups that a cache could not answer", misses);
    registry.register("cache_entries", "Entries of a cache, about", entries);
}

fn permits(gateway: &Gateway, registry: &mut Registry) {
    let (max, in_use) = (Family::<Labels<1>, Gauge>::default(), Family::<Labels<1>, Gauge>::default());
    let bulks = (crate::operation::bulk::MAX_CONCURRENT, gateway.bulks.available_permits());
    let [large, mappings] = [gateway.large.figures(), gateway.mapper.permits()];
    for (limit, (all, free)) in [("bulks", bulks), ("large", large), ("mappings", mappings)] {
        max.get_or_create(&[("limit", limit)]).set(number(all));
        in_use.get_or_create(&[("limit", limit)]).set(number(all.saturating_sub(free)));
    }
    registry.register("permits_max", "Permits of a limit of the process", max);
    registry.register("permits_in_use", "Permits of a limit that are in use", in_use);
    let (all, free) = gateway.store.memory_figures();
    let about = "Memory for bodies and replies of all requests";
    registry.register_with_unit("reply_memory_max", about, Unit::Bytes, gauge(all));
    let about = "Memory for bodies and replies that is in use";
    registry.register_with_unit("reply_memory_in_use", about, Unit::Bytes, gauge(all.saturating_sub(free)));
}

fn queues(gateway: &Gateway, registry: &mut Registry) {
    let queues = gauges(
        "queue",
        [
            ("events_waiting", gateway.events_waiting.count()),
            ("shadow", gateway.shadow.count()),
            ("last_used", gateway.auth.used.count()),
            ("first_uses", gateway.auth.first_uses.count()),
            ("leniency_uses", gateway.uses.count()),
            ("event_readers", gateway.event_readers.count()),
            ("provisioning_log", gateway.provisioning_log.waiting()),
            ("traces", gateway.request_end.traces().map_or(0, Traces::waiting)),
        ],
    );
    registry.register("queue_entries", "What is noted in memory and not stored yet", queues);
    let log = &gateway.provisioning_log;
    registry.register(
        "log_rows_written",
        "Rows of the provisioning log that were written",
        ConstCounter::new(log.written()),
    );
    let about = "Rows of the provisioning log that found no room, or that the database refused";
    registry.register("log_rows_lost", about, ConstCounter::new(log.lost()));
    let about = "Rows of refused credentials and of requests beyond a rate that were left out";
    registry.register("log_rows_left_out", about, ConstCounter::new(log.left_out()));
    let (sent, dropped) = gateway.request_end.traces().map(Traces::counts).unwrap_or_default();
    registry.register("trace_spans_sent", "Spans of traces that the collector has taken", ConstCounter::new(sent));
    let about = "Spans of traces that found no room, or that the collector refused";
    registry.register("trace_spans_dropped", about, ConstCounter::new(dropped));
}

/// What all tenants have together, as this process read it last; nothing until it has, since zeros would say that all is well.
fn figures(gateway: &Gateway, registry: &mut Registry) {
    let Some((found, age)) = gateway.figures.get() else { return };
    let about = "How long ago the figures below were read from the database";
    registry.register_with_unit("figures_age", about, Unit::Seconds, seconds(age));
    registry.register("held_resources", "Resources whose removal the guard holds, at most 10,000", gauge(found.held));
    registry.register("held_batches", "Held batches without a verdict that is carried out", gauge(found.batches));
    let about = "How long the oldest held batch has been open";
    registry.register_with_unit("held_oldest_age", about, Unit::Seconds, seconds(found.oldest_batch));
    let about = "Resources whose mapped document is older than their source or missing, at most 10,000";
    registry.register("stale_resources", about, gauge(found.stale));
    registry.register("unnumbered_events", "Events without a number, at most 300", gauge(found.unnumbered));
    let about = "How long the oldest of these events has been without: the sequencer's lag";
    registry.register_with_unit("unnumbered_oldest_age", about, Unit::Seconds, seconds(found.oldest_unnumbered));
    let (jobs, overdue) = (Family::<Labels<1>, Gauge>::default(), Seconds::default());
    for kind in JobKind::ALL {
        let of_kind = found.jobs.iter().find(|(name, ..)| name == kind.name());
        let (count, late) = of_kind.map(|(_, count, late)| (*count, *late)).unwrap_or_default();
        jobs.get_or_create(&[("kind", kind.name())]).set(number(count));
        // It runs for as long as there are rules, and most of the time has nothing to do.
        let late = if kind == JobKind::GroupRules { 0.0 } else { late.as_secs_f64() };
        overdue.get_or_create(&[("kind", kind.name())]).set(late);
    }
    jobs.get_or_create(&[("kind", "erase")]).set(number(found.erasures));
    registry.register("jobs", "Running jobs by kind, at most 300 in all", jobs);
    registry.register_with_unit("job_overdue", "How long a job's batch has been due", Unit::Seconds, overdue);
    let tenants = Family::<Labels<1>, Gauge>::default();
    for health in Health::ALL {
        let of_rank = found.tenants.iter().find(|(rank, _)| *rank == health.rank());
        tenants.get_or_create(&[("health", health.word())]).set(number(of_rank.map_or(0, |(_, count)| *count)));
    }
    registry.register("tenants", "Tenants by their health, at most 100,000", tenants);
}

fn webhooks(gateway: &Gateway, registry: &mut Registry) {
    let family = Family::<Labels<1>, Counter>::default();
    for outcome in Outcome::ALL {
        let label = [("outcome", outcome.name())];
        let counted = gateway.webhooks.outcomes.get_or_create(&label).get();
        family.get_or_create(&label).inc_by(counted);
    }
    registry.register("webhook_deliveries", "Tries to deliver messages to webhooks", family);
}

fn expiring(gateway: &Gateway, registry: &mut Registry) {
    let family = Family::<Labels<2>, Gauge>::default();
    if let Some(counts) = gateway.figures.expiring() {
        for (kind, (soon, expired)) in Kind::ALL.into_iter().zip(counts) {
            family.get_or_create(&[("kind", kind.name()), ("state", "within_30_days")]).set(number(soon));
            family.get_or_create(&[("kind", kind.name()), ("state", "expired")]).set(number(expired));
        }
    }
    registry.register("expiring_credentials", "Credentials that expire soon, or have expired", family);
}

fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

fn gauge(count: impl TryInto<i64>) -> ConstGauge {
    ConstGauge::new(number(count))
}

fn seconds(age: std::time::Duration) -> ConstGauge<f64> {
    ConstGauge::new(age.as_secs_f64())
}

fn gauges<const N: usize>(label: &'static str, values: [(&'static str, usize); N]) -> Family<Labels<1>, Gauge> {
    let family = Family::<Labels<1>, Gauge>::default();
    for (value, count) in values {
        family.get_or_create(&[(label, value)]).set(number(count));
    }
    family
}
