//! What the provisioning log costs a request: the same requests at two processes on one database, of which one keeps no log, in turns.
//! Prints the table of docs/provisioning-log.md.
#![allow(missing_docs, clippy::cast_precision_loss, clippy::print_stdout, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use scimgate_tests::binary::cpu_seconds;
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::tenant::user;
use scimgate_tests::{Request, Tenant};
use tokio::time::sleep;

/// Requests of a slice.
const REQUESTS: usize = 2_000;
/// Pairs of slices; the first one is not counted.
const PAIRS: usize = 16;
/// Concurrent requests.
const CLIENTS: usize = 4;
/// After a slice, so that its rows are stored before the next one begins.
const REST: Duration = Duration::from_millis(400);

/// A process, and a tenant there.
struct Side {
    served: Served,
    tenant: Tenant,
    user: String,
}

/// The times of a slice's requests, and the CPU time of the process for one.
struct Slice {
    p50: Duration,
    cpu: f64,
}

async fn side(prepared: &Prepared, name: &str, log: &str) -> Side {
    let served = prepared.serve(&["--provisioning-log", log]).await;
    let tenant = Tenant::plain(&served.operator, name, served.addresses()).await;
    let user = tenant.user("Ada").await;
    Side { served, tenant, user }
}

async fn slice(side: &Side, request: &(dyn Fn(&str, usize) -> Request + Sync), salt: usize) -> Slice {
    let before = cpu_seconds(side.served.running.id());
    let client = |first: usize| async move {
        let mut times = Vec::with_capacity(REQUESTS / CLIENTS);
        for number in (first..REQUESTS).step_by(CLIENTS) {
            let begun = Instant::now();
            let answer = side.tenant.scim.send(request(&side.user, salt * REQUESTS + number)).await;
            assert!(answer.status < 300, "{}", answer.text);
            times.push(begun.elapsed());
        }
        times
    };
    let mut times = join_all((0..CLIENTS).map(client)).await.concat();
    sleep(REST).await;
    times.sort_unstable();
    Slice { p50: times[times.len() / 2], cpu: (cpu_seconds(side.served.running.id()) - before) / REQUESTS as f64 }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn compare(what: &str, (with, without): (&Side, &Side), request: &(dyn Fn(&str, usize) -> Request + Sync)) {
    let (mut times, mut cpus, mut p50s) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    for pair in 0..PAIRS {
        // Which one is first changes, since a slice warms the database for the next.
        let (one, other) = if pair % 2 == 0 {
            let one = slice(with, request, pair).await;
            (one, slice(without, request, pair).await)
        } else {
            let other = slice(without, request, pair).await;
            (slice(with, request, pair).await, other)
        };
        if pair > 0 {
            times.push(one.p50.as_secs_f64() / other.p50.as_secs_f64());
            cpus.push(one.cpu / other.cpu);
            p50s[0].push(one.p50.as_secs_f64() * 1e6);
            p50s[1].push(other.p50.as_secs_f64() * 1e6);
        }
    }
    let [with, without] = p50s.map(middle);
    println!("| {what} | {without:.0} | {with:.0} | **{:.3}** | {:.3} |", middle(times), middle(cpus));
}

fn main() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let prepared = Prepared::new(&fresh.url, &[]).await;
        let (with, without) = (side(&prepared, "with", "on").await, side(&prepared, "without", "off").await);
        println!(
            "| | p50 without the log, µs | p50 with it, µs | ratio | ratio of the gateway's CPU time |\n|---|--:|--:|--:|--:|"
        );
        let sides = (&with, &without);
        compare("GET of a user", sides, &|id, _| Request::new("GET", &format!("/Users/{id}"))).await;
        let create = |_: &str, number: usize| Request::new("POST", "/Users").json(&user(&format!("user-{number}")));
        compare("creating a user", sides, &create).await;
        with.served.running.kill().await;
        without.served.running.kill().await;
        fresh.drop().await;
    });
}
