//! The cost of one plugin call: microseconds for the tutorial plugin, on one thread and on all, and for the same plugin in each
//! language. Quote the ratios between
//! the rows of one run; the absolute figures depend on the machine.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/it/support.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod support;

use std::time::Instant;

use scimgate_plugin_host::{Component, Host, HostConfig};
use serde_json::{Value, json};
use support::{TestDocument, built, context, wasm};

const CALLS: usize = 20_000;
/// Calls of a plugin in another language than Rust.
const SLOW_CALLS: usize = 2_000;

fn main() {
    let host = Host::new(HostConfig::default()).unwrap();
    let started = Instant::now();
    let component = host.prepare(&wasm("tutorial")).unwrap();
    println!("prepare (wrap, compile, describe)  {:>8.1} ms\n", started.elapsed().as_secs_f64() * 1e3);
    println!(
        "{:<22} {:>7} {:>10} {:>9} {:>9} {:>10} {:>6}",
        "step", "threads", "median µs", "p99 µs", "p99.9 µs", "calls/s", "ratio"
    );
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut first = None;
    for (name, config) in steps() {
        for threads in [1, threads] {
            let row = measure(&host, &component, &config, (threads, CALLS));
            let base = *first.get_or_insert(row.median);
            println!(
                "{name:<22} {threads:>7} {:>10.1} {:>9.1} {:>9.1} {:>10.0} {:>6.2}",
                row.median,
                row.p99,
                row.p999,
                row.rate,
                row.median / base
            );
        }
    }
    print_languages();
}

/// What the guest for tests of the limits costs in each language, where it does nothing and where it sets one attribute.
fn print_languages() {
    let host = Host::new(HostConfig::default()).unwrap();
    host.accept_large_plugins();
    println!(
        "\n{:<12} {:>12} {:>12} {:>12} {:>12} {:>6}",
        "language", "prepare ms", "code KiB", "nothing µs", "one set µs", "ratio"
    );
    let mut first = None;
    for (language, bytes, calls) in [
        ("Rust", wasm("hostile"), CALLS),
        ("TypeScript", built("hostile-ts"), SLOW_CALLS),
        ("Python", built("hostile-py"), SLOW_CALLS),
    ] {
        let started = Instant::now();
        let component = host.prepare(&bytes).unwrap();
        let prepared = started.elapsed().as_secs_f64() * 1e3;
        let [nothing, set] = [r#"{"do":"nothing"}"#, r#"{"do":"write","size":10}"#]
            .map(|config| measure(&host, &component, config, (1, calls)).median);
        let code = component.code_size() >> 10;
        let base = *first.get_or_insert(set);
        println!("{language:<12} {prepared:>12.0} {code:>12} {nothing:>12.1} {set:>12.1} {:>6.1}", set / base);
    }
}

fn steps() -> [(&'static str, String); 3] {
    // The demo tenant's configuration.
    let lift = json!({
        "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User:customAttribute1": "urn:example:product:2.0:User:badgeNumber",
        "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User:customAttribute2": "urn:example:product:2.0:User:building",
    });
    let all = json!({ "lowerCaseMail": true, "buildDisplayName": true, "lift": lift });
    let rule = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    [
        ("nothing configured", "{}".to_owned()),
        ("one rule", rule.to_string()),
        ("the tutorial's mapping", all.to_string()),
    ]
}

struct Row {
    median: f64,
    p99: f64,
    p999: f64,
    rate: f64,
}

fn measure(host: &Host, component: &Component, config: &str, (threads, count): (usize, usize)) -> Row {
    let started = Instant::now();
    let mut times: Vec<f64> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads).map(|_| scope.spawn(move || calls(host, component, config, count))).collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    });
    #[expect(clippy::cast_precision_loss, reason = "a few tens of thousands")]
    let rate = times.len() as f64 / started.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let at = |per_mille: usize| times[times.len() * per_mille / 1000];
    Row { median: at(500), p99: at(990), p999: at(999), rate }
}

fn calls(host: &Host, component: &Component, config: &str, count: usize) -> Vec<f64> {
    let user = user();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let document = TestDocument::new(user.clone());
        let started = Instant::now();
        let result = host.run(component, &context(), config, document, &host.limits());
        times.push(started.elapsed().as_secs_f64() * 1e6);
        assert!(result.decision.is_ok(), "{:?}", result.decision);
    }
    times
}

fn user() -> Value {
    let filler: Vec<Value> = (0..40).map(|n| json!({ "value": format!("some text of some length {n}") })).collect();
    json!({
        "id": "1", "userName": "Ada@Example.COM", "userType": "Employee",
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "emails": [{ "value": "Ada@Example.COM", "type": "work" }, { "value": "ADA@home.example" }],
        "entitlements": filler,
        "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User": { "customAttribute1": "B-7", "customAttribute2": "x" },
    })
}
