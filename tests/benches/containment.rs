//! What one tenant's hostile plugin costs the others: the time of the others' mappings, in slices without and with it in
//! turns, so that whatever else the machine does falls on both. Prints docs/containment.md.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use scimgate::app;
use scimgate::clock::Clock;
use scimgate::mapping::call::Call;
use scimgate::mapping::{Bounds, Chain, Mapper, OnFailure, Step};
use scimgate::store::Store;
use scimgate_plugin_host::{Host, HostConfig};
use scimgate_scim::schema::registry::Registry;
use scimgate_tests::{plugin, tenant::user};
use serde_json::{Value, json};

const SLICE: Duration = Duration::from_secs(1);
/// Pairs of an undisturbed and a disturbed slice.
const PAIRS: usize = 10;
/// Documents at once of the hostile tenant; as an impatient client, it comes again at once.
const LOOPS: usize = 32;
const IMPATIENCE: Duration = Duration::from_millis(10);
/// The others: documents at once, and the pause between two.
const OTHERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(2);

const HEADING: &str = "\
# Containment

<!-- Written by `make bench-containment`. -->

What one tenant's hostile plugin costs the others. The tenant keeps 32 documents under way, each sent again 10 ms after
it failed. Four others map a user every 2 ms with the tutorial's mapping; counted is how long such a mapping takes, in
slices of a second with and without the hostile tenant, in turns, ten of each. Everything runs in one process on 2 cores,
without HTTP and database. Quote the ratios; at most 1.5 is wanted of the last.

The first row is what so many requests cost that mean no harm. *Not contained* leaves out what holds the loops back: a
seat for calls that last, and the rest for a step that keeps failing.

| what the plugin does | answered | p99 alone, µs | p99 beside, µs | p50 ratio | p99 ratio |
|---|--:|--:|--:|--:|--:|";

/// A row: what it is called, whether the tenant is contained, and what its plugin does.
type Case = (&'static str, bool, Value);

fn cases() -> [Case; 10] {
    let all = 1_000_000;
    [
        ("nothing, as many requests", true, json!({ "do": "nothing" })),
        ("loops, **not contained**", false, json!({ "do": "spin" })),
        ("loops", true, json!({ "do": "spin" })),
        ("calls itself without end", true, json!({ "do": "recurse", "times": 100_000_000 })),
        ("traps", true, json!({ "do": "trap" })),
        ("asks for 64 MiB", true, json!({ "do": "allocate", "size": 64 << 20 })),
        ("writes without end", true, json!({ "do": "write", "times": all, "size": 100_000 })),
        ("answers 1 MiB", true, json!({ "do": "replace", "size": 1_000_000 })),
        ("logs without end", true, json!({ "do": "log", "times": all, "size": 1000 })),
        ("calls the host without end", true, json!({ "do": "read", "times": all })),
    ]
}

fn main() {
    println!("{HEADING}");
    // Cargo adds an option of its own.
    let only: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let asked = |what: &str| only.is_empty() || only.iter().any(|word| what.contains(word.as_str()));
    for (what, contain, config) in cases().into_iter().filter(|(what, ..)| asked(what)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let row = runtime.block_on(measure(contain, config));
        let [alone, beside] = row.times.map(|mut times| {
            times.sort_unstable();
            [times[times.len() / 2], times[times.len() * 99 / 100]].map(|time| time.as_secs_f64() * 1e6)
        });
        let [p50, p99] = [0, 1].map(|at| beside[at] / alone[at]);
        let (answered, alone, beside) = (row.answered, alone[1], beside[1]);
        println!("| {what} | {answered} | {alone:.0} | {beside:.0} | {p50:.2} | **{p99:.2}** |");
        runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

struct Row {
    /// Undisturbed and disturbed.
    times: [Vec<Duration>; 2],
    /// Documents of the tenant that were answered, somehow.
    answered: u64,
}

async fn measure(contain: bool, deed: Value) -> Row {
    let host = Host::new(HostConfig { escalate: app::escalate, ..HostConfig::default() }).unwrap();
    // No plugin is read from it: both are compiled beforehand.
    let store: Store = scimgate_tests::database::connect("postgres://nobody@127.0.0.1:1/none?sslmode=disable", 1);
    let mapper = Mapper::new(host, store.control(), Clock::system(), Bounds { contain, ..Bounds::default() });
    let hostile = mapper.prepare(plugin("hostile")).await.unwrap().digest();
    let tutorial = mapper.prepare(plugin("tutorial")).await.unwrap().digest();
    let (disturbed, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let answered = Arc::new(AtomicU64::new(0));
    let loops: Vec<_> = (0..LOOPS)
        .map(|_| {
            let (mapper, disturbed, over, answered) =
                (mapper.clone(), disturbed.clone(), over.clone(), answered.clone());
            let (digest, deed) = (hostile.clone(), deed.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    if disturbed.load(Ordering::Relaxed) {
                        map(&mapper, "hostile", &digest, deed.clone()).await;
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(IMPATIENCE).await;
                }
            })
        })
        .collect();
    let others: Vec<_> = (0..OTHERS)
        .map(|number| {
            let (mapper, disturbed, over, digest) = (mapper.clone(), disturbed.clone(), over.clone(), tutorial.clone());
            tokio::spawn(async move {
                let mut times = [Vec::new(), Vec::new()];
                while !over.load(Ordering::Relaxed) {
                    let slice = usize::from(disturbed.load(Ordering::Relaxed));
                    let started = Instant::now();
                    map(
                        &mapper,
                        &format!("other{number}"),
                        &digest,
                        json!({ "lowerCaseMail": true, "buildDisplayName": true }),
                    )
                    .await;
                    times[slice].push(started.elapsed());
                    tokio::time::sleep(PAUSE).await;
                }
                times
            })
        })
        .collect();
    for slice in 0..2 * PAIRS {
        disturbed.store(slice % 2 == 1, Ordering::Relaxed);
        tokio::time::sleep(SLICE).await;
    }
    over.store(true, Ordering::Relaxed);
    let mut times = [Vec::new(), Vec::new()];
    for other in others {
        let [alone, beside] = other.await.unwrap();
        times[0].extend(alone);
        times[1].extend(beside);
    }
    for one in loops {
        one.await.unwrap();
    }
    Row { times, answered: answered.load(Ordering::Relaxed) }
}

async fn map(mapper: &Mapper, tenant: &str, digest: &str, config: Value) {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::standard);
    let chain = Chain {
        revision: 1,
        on_failure: OnFailure::Refuse,
        steps: vec![Step { plugin: digest.to_owned(), config, resource_types: Vec::new() }],
    };
    let document = user("ada");
    let call = Call {
        tenant,
        resource_type: REGISTRY.resource_type("User").unwrap(),
        id: uuid::Uuid::nil(),
        last_modified: "2026-01-02T03:04:05Z".to_owned(),
        size: document.to_string().len(),
    };
    // Whether it fails is the plugin's affair; how long it takes is what is asked.
    let _ = mapper.run(&chain, call, document.as_object().unwrap().clone()).await;
}
