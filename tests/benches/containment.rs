//! What one tenant's hostile plugin costs the other tenants: the time of their mappings, in alternating slices without and
//! with it, so that other load on the machine affects both alike. Prints docs/containment.md.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use scimgate::app;
use scimgate::clock::Clock;
use scimgate::mapping::{Chain, DocumentInfo, Mapper, MapperConfig, OnFailure, Step};
use scimgate_plugin_host::{Host, HostConfig};
use scimgate_scim::schema::registry::Registry;
use scimgate_tests::{plugin, tenant::user};
use serde_json::{Value, json};

const SLICE: Duration = Duration::from_secs(1);
/// Pairs of an undisturbed and a disturbed slice.
const SLICE_PAIRS: usize = 10;
/// Concurrent documents of the hostile tenant, each sent again after a short pause.
const HOSTILE_TASKS: usize = 32;
const HOSTILE_PAUSE: Duration = Duration::from_millis(10);
/// Concurrent documents of the other tenants, one each, and the pause between two.
const OTHER_TASKS: usize = 4;
const OTHER_PAUSE: Duration = Duration::from_millis(2);

const HEADING: &str = "\
# Containment

<!-- Written by `make bench-containment`. -->

What one tenant's hostile plugin costs the other tenants. The hostile tenant has 32 concurrent documents, each sent again
10 ms after it failed. Four other tenants map a user every 2 ms with the tutorial's mapping. Measured is the time of such
a mapping, in alternating slices of a second with and without the hostile tenant, ten of each. Everything runs in one
process on 2 cores, without HTTP and without a database. Quote the ratios; the target is a p99 ratio of at most 1.5.

The first row is the cost of as many harmless requests. *Not contained* switches the containment off: the bulkhead, the
slow-call limiter and the circuit breaker.

| what the plugin does | answered | p99 alone, µs | p99 beside, µs | p50 ratio | p99 ratio |
|---|--:|--:|--:|--:|--:|";

/// A row: its label, whether the tenant is contained, and its plugin's configuration.
type Case = (&'static str, bool, Value);

fn cases() -> [Case; 10] {
    let endless = 1_000_000;
    [
        ("nothing, as many requests", true, json!({ "do": "nothing" })),
        ("loops, **not contained**", false, json!({ "do": "spin" })),
        ("loops", true, json!({ "do": "spin" })),
        ("calls itself without end", true, json!({ "do": "recurse", "times": 100_000_000 })),
        ("traps", true, json!({ "do": "trap" })),
        ("asks for 64 MiB", true, json!({ "do": "allocate", "size": 64 << 20 })),
        ("writes without end", true, json!({ "do": "write", "times": endless, "size": 100_000 })),
        ("answers 1 MiB", true, json!({ "do": "replace", "size": 1_000_000 })),
        ("logs without end", true, json!({ "do": "log", "times": endless, "size": 1000 })),
        ("calls the host without end", true, json!({ "do": "read", "times": endless })),
    ]
}

fn main() {
    println!("{HEADING}");
    // Cargo adds an option of its own.
    let filters: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_selected = |label: &str| filters.is_empty() || filters.iter().any(|filter| label.contains(filter.as_str()));
    for (label, contain, config) in cases().into_iter().filter(|(label, ..)| is_selected(label)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let row = runtime.block_on(measure(contain, config));
        let [alone, beside] = row.times.map(|mut times| {
            times.sort_unstable();
            [times[times.len() / 2], times[times.len() * 99 / 100]].map(|time| time.as_secs_f64() * 1e6)
        });
        let [p50, p99] = [0, 1].map(|at| beside[at] / alone[at]);
        let (answered, alone, beside) = (row.answered, alone[1], beside[1]);
        println!("| {label} | {answered} | {alone:.0} | {beside:.0} | {p50:.2} | **{p99:.2}** |");
        runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

struct Row {
    /// Undisturbed and disturbed.
    times: [Vec<Duration>; 2],
    /// Documents of the hostile tenant that had a result, good or bad.
    answered: u64,
}

async fn measure(contain: bool, hostile_config: Value) -> Row {
    let host = Host::new(HostConfig { escalate: app::escalate, ..HostConfig::default() }).unwrap();
    let config = MapperConfig { contain, ..MapperConfig::default() };
    // Nothing is loaded: both plugins are prepared below.
    let mapper = Mapper::new(host, BTreeMap::new(), Clock::system(), config);
    let hostile = mapper.prepare(plugin("hostile")).await.unwrap().digest();
    let tutorial = mapper.prepare(plugin("tutorial")).await.unwrap().digest();
    let (disturbed, stopped) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let answered = Arc::new(AtomicU64::new(0));
    let hostile_tasks: Vec<_> = (0..HOSTILE_TASKS)
        .map(|_| {
            let (mapper, disturbed, stopped, answered) =
                (mapper.clone(), disturbed.clone(), stopped.clone(), answered.clone());
            let (digest, config) = (hostile.clone(), hostile_config.clone());
            tokio::spawn(async move {
                while !stopped.load(Ordering::Relaxed) {
                    if disturbed.load(Ordering::Relaxed) {
                        map(&mapper, "hostile", &digest, config.clone()).await;
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(HOSTILE_PAUSE).await;
                }
            })
        })
        .collect();
    let other_tasks: Vec<_> = (0..OTHER_TASKS)
        .map(|number| tokio::spawn(times(mapper.clone(), number, tutorial.clone(), disturbed.clone(), stopped.clone())))
        .collect();
    for slice in 0..2 * SLICE_PAIRS {
        disturbed.store(slice % 2 == 1, Ordering::Relaxed);
        tokio::time::sleep(SLICE).await;
    }
    stopped.store(true, Ordering::Relaxed);
    let mut times = [Vec::new(), Vec::new()];
    for task in other_tasks {
        let [alone, beside] = task.await.unwrap();
        times[0].extend(alone);
        times[1].extend(beside);
    }
    for task in hostile_tasks {
        task.await.unwrap();
    }
    Row { times, answered: answered.load(Ordering::Relaxed) }
}

/// The times of a tenant's documents until it is stopped, undisturbed and disturbed.
async fn times(
    mapper: Mapper,
    number: usize,
    digest: String,
    disturbed: Arc<AtomicBool>,
    stopped: Arc<AtomicBool>,
) -> [Vec<Duration>; 2] {
    let mut times = [Vec::new(), Vec::new()];
    while !stopped.load(Ordering::Relaxed) {
        let slice = usize::from(disturbed.load(Ordering::Relaxed));
        let started = Instant::now();
        map(&mapper, &format!("other{number}"), &digest, json!({ "lowerCaseMail": true, "buildDisplayName": true }))
            .await;
        times[slice].push(started.elapsed());
        tokio::time::sleep(OTHER_PAUSE).await;
    }
    times
}

async fn map(mapper: &Mapper, tenant: &str, digest: &str, config: Value) {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::standard);
    let chain = Chain {
        revision: 1,
        on_failure: OnFailure::Refuse,
        steps: vec![Step { plugin: digest.to_owned(), config: config.into(), resource_types: Vec::new() }],
    };
    let document = user("ada");
    let info = DocumentInfo {
        tenant,
        resource_type: REGISTRY.resource_type("User").unwrap(),
        rules: None,
        id: uuid::Uuid::nil(),
        last_modified: "2026-01-02T03:04:05Z".to_owned(),
        size: document.to_string().len(),
    };
    // Only the time matters, not the result.
    let _ = mapper.run(&chain, info, Arc::new(document.as_object().unwrap().clone())).await;
}
