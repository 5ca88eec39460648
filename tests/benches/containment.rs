//! What endless loops of one tenant cost the others: the time of the others' mappings, in slices without and with the
//! loops in turns, so that whatever else the machine does falls on both. With containment and without. Quote the ratios.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use scimgate::app;
use scimgate::clock::Clock;
use scimgate::mapping::run::Call;
use scimgate::mapping::{Bounds, Chain, Mapper, OnFailure, Step};
use scimgate::store::Store;
use scimgate_plugin_host::{Host, HostConfig};
use scimgate_scim::schema::registry::Registry;
use scimgate_tests::{plugin, tenant::user};
use serde_json::{Value, json};

const SLICE: Duration = Duration::from_secs(1);
/// Pairs of an undisturbed and a disturbed slice.
const PAIRS: usize = 20;
/// Documents at once of the tenant that loops; as an impatient client, it comes again at once.
const LOOPS: usize = 32;
const IMPATIENCE: Duration = Duration::from_millis(10);
/// The others: documents at once, and the pause between two.
const OTHERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(2);

fn main() {
    println!("{LOOPS} endless loops at once of one tenant; {OTHERS} others map a user every {PAUSE:?}\n");
    println!(
        "{:<12} {:>9} {:>9} {:>11} {:>11} {:>9} {:>9} {:>8}",
        "containment", "p50 µs", "p99 µs", "p50 beside", "p99 beside", "ratio p50", "ratio p99", "answered"
    );
    // The last row is what so many clients cost that mean no harm.
    for (what, contain, deed) in [("off", false, "spin"), ("on", true, "spin"), ("harmless", true, "nothing")] {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let row = runtime.block_on(measure(contain, deed));
        let [alone, beside] = row.times.map(|mut times| {
            times.sort_unstable();
            [times[times.len() / 2], times[times.len() * 99 / 100]].map(|time| time.as_secs_f64() * 1e6)
        });
        println!(
            "{:<12} {:>9.0} {:>9.0} {:>11.0} {:>11.0} {:>9.2} {:>9.2} {:>8}",
            what,
            alone[0],
            alone[1],
            beside[0],
            beside[1],
            beside[0] / alone[0],
            beside[1] / alone[1],
            row.answered
        );
        runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

struct Row {
    /// Undisturbed and disturbed.
    times: [Vec<Duration>; 2],
    /// Documents of the tenant that were answered, somehow.
    answered: u64,
}

async fn measure(contain: bool, deed: &'static str) -> Row {
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
            let (mapper, disturbed, over, answered, digest) =
                (mapper.clone(), disturbed.clone(), over.clone(), answered.clone(), hostile.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    if disturbed.load(Ordering::Relaxed) {
                        map(&mapper, "hostile", &digest, json!({ "do": deed })).await;
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
