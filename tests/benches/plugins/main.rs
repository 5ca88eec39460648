//! What mappings cost: steps in three languages, attribute-map with more and more rules, longer and longer chains, each beside the same
//! plugin compiled natively; then a thousand tenants with a plugin each. Prints docs/plugin-costs.md.
#![allow(missing_docs, clippy::cast_precision_loss, clippy::print_stdout, clippy::unwrap_used)]

mod cases;
mod crowd;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cases::{Case, user};
use scimgate::app;
use scimgate::clock::Clock;
use scimgate::mapping::{Chain, DocumentInfo, Mapper, MapperConfig, MappingOutcome, OnFailure, Step};
use scimgate_plugin_host::{Host, HostConfig};
use scimgate_scim::schema::registry::Registry;

/// Rounds through all cases, so that other load on the machine affects all alike; the first one is not counted.
const ROUNDS: usize = 41;
/// Calls of each case in a round.
const CALLS: usize = 25;

const HEADING: &str = "\
# What plugins cost

<!-- Written by `make bench-plugins`. -->

The time of a mapping of one user with 20 attributes, without HTTP and without a database, on one thread: 1,000 documents for each row, the
rows in turns. *Steps* is the CPU time of the plugins' calls as the gateway counts it against their limit; *run* is everything from the
source document to the mapped one, with the check against the schemas. *Native* is the same plugin compiled into the program and called
on the same kind of document: what remains beside it is WebAssembly, a new instance for each call, and values that are copied
between plugin and host. Quote the ratios.

| chain | steps p50, µs | steps p99, µs | run p50, µs | native p50, µs | run ÷ native |
|---|--:|--:|--:|--:|--:|";

fn main() {
    println!("{HEADING}");
    // Cargo adds an option of its own.
    let filters: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_selected = |label: &str| filters.is_empty() || filters.iter().any(|filter| label.contains(filter.as_str()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let compiled = runtime.block_on(async {
        let mapper = mapper();
        let (cases, compiled) = cases::all(&mapper, is_selected).await;
        measure(&mapper, &cases).await;
        compiled
    });
    println!("\n{}", cases::TAIL);
    println!("{compiled}");
    if is_selected("tenants") {
        runtime.block_on(crowd::run());
    }
}

fn mapper() -> Mapper {
    let host = Host::new(HostConfig { escalate: app::escalate, ..HostConfig::default() }).unwrap();
    let mapper = Mapper::new(host, BTreeMap::new(), Clock::system(), MapperConfig::default());
    mapper.accept_large_plugins();
    mapper
}

#[derive(Default)]
struct Times {
    steps: Vec<Duration>,
    run: Vec<Duration>,
    native: Vec<Duration>,
}

async fn measure(mapper: &Mapper, cases: &[Case]) {
    let registry = Registry::standard();
    let source = Arc::new(user().as_object().unwrap().clone());
    let size = user().to_string().len();
    let mut times: Vec<Times> = cases.iter().map(|_| Times::default()).collect();
    for round in 0..ROUNDS {
        for (case, times) in cases.iter().zip(&mut times) {
            let step = |(digest, config): &(String, serde_json::Value)| Step {
                plugin: digest.clone(),
                config: config.clone().into(),
                resource_types: Vec::new(),
            };
            let steps = case.steps.iter().map(step).collect();
            let chain = Chain { revision: 1, on_failure: OnFailure::Refuse, steps };
            for _ in 0..CALLS {
                let info = DocumentInfo {
                    tenant: "acme",
                    resource_type: registry.resource_type("User").unwrap(),
                    rules: None,
                    id: uuid::Uuid::nil(),
                    last_modified: "2026-01-02T03:04:05Z".to_owned(),
                    size,
                };
                let begun = Instant::now();
                let run = mapper.run(&chain, info, Arc::clone(&source)).await;
                let elapsed = begun.elapsed();
                assert!(matches!(run.result, Ok(MappingOutcome::Mapped(_))), "{}: {:?}", case.label, run.result.err());
                if round > 0 {
                    times.run.push(elapsed);
                    times.steps.push(run.steps.iter().map(|step| step.cpu).sum());
                }
            }
            for _ in 0..CALLS {
                let native: Duration = case.natives.iter().map(|native| native()).sum();
                if round > 0 {
                    times.native.push(native);
                }
            }
        }
    }
    for (case, times) in cases.iter().zip(times) {
        print(case.label, times);
    }
}

fn print(label: &str, times: Times) {
    let micros = |mut times: Vec<Duration>, percent: usize| {
        times.sort_unstable();
        times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6
    };
    let (run, native) = (micros(times.run, 50), micros(times.native, 50));
    let (native, ratio) = if native > 0.0 {
        (format!("{native:.1}"), format!("{:.1}", run / native))
    } else {
        ("–".to_owned(), "–".to_owned())
    };
    println!(
        "| {label} | {:.1} | {:.1} | **{run:.1}** | {native} | {ratio} |",
        micros(times.steps.clone(), 50),
        micros(times.steps, 99)
    );
}
