//! What one tenant's requests cost another tenant and the probes: the times of a GET every 20 ms alone, and beside each attack.
//! Prints docs/fair-share.md.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

mod crowd;
mod restart;
mod small_memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use scimgate_tests::attacks::{Attack, fill};
use scimgate_tests::database::{self, Fresh};
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::{Client, Request, Tenant};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const SLICE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
/// Large users of the attacking tenant: 270 MB of documents.
const LARGE_USERS: u32 = 300;
/// After a slice, requests that are still unanswered are given up.
const PATIENCE: Duration = Duration::from_mins(1);

const HEADING: &str = "\
# Fair share

<!-- Written by `make bench-containment`. -->

What the requests of one tenant cost another. The attacking tenant has 300 users of 0.9 MB and one with 900 mail addresses; each row
is a request that so many of its clients send without a pause, for five seconds. Meanwhile another tenant reads one user every 20 ms,
and a probe asks `/livez`. Clients, gateway and PostgreSQL share 2 cores. The target is a worst time under 250 ms, and less than 300 MiB
of memory.

| what is sent | clients | answered | GET p50, ms | GET p99, ms | GET worst, ms | `/livez` worst, ms | memory, MiB |
|---|--:|--:|--:|--:|--:|--:|--:|";

type Flag = Arc<AtomicBool>;
type Count = Arc<AtomicU64>;

/// The times of a request that is sent every 20 ms until `stop`.
fn measure(client: Client, path: String, stop: Flag) -> JoinHandle<Vec<Duration>> {
    tokio::spawn(async move {
        let mut times = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let answer = client.get(&path).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            times.push(begun.elapsed());
            sleep(PAUSE).await;
        }
        times.sort_unstable();
        times
    })
}

/// The resident memory of the server, in MiB.
fn memory(served: &Served) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.running.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Clients that send a request without a pause until `stop`, each of which counts its answers.
fn send_all(
    clients: usize,
    client: &Client,
    request: &Request,
    (stop, answered): (&Flag, &Count),
) -> Vec<JoinHandle<()>> {
    let one = |_| {
        let (stop, answered, client, request) = (stop.clone(), answered.clone(), client.clone(), request.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                // A refusal at the connection is an answer, too.
                let _ = client.try_send(request.clone()).await;
                answered.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    (0..clients).map(one).collect()
}

struct Row {
    answered: u64,
    gets: Vec<Duration>,
    probes: Vec<Duration>,
    memory: u64,
}

async fn slice(served: &Served, (evil, good, path): (&Tenant, &Tenant, &str), attack: Option<&Attack>) -> Row {
    let (stop, answered) = (Flag::default(), Count::default());
    let attacking = attack
        .map(|attack| send_all(attack.clients, &evil.scim, &attack.request, (&stop, &answered)))
        .unwrap_or_default();
    let gets = measure(good.scim.clone(), path.to_owned(), stop.clone());
    let probes = measure(Client::new(served.probes.clone()), "/livez".to_owned(), stop.clone());
    let before = memory(served);
    let (begun, mut peak) = (Instant::now(), before);
    while begun.elapsed() < SLICE {
        sleep(Duration::from_millis(50)).await;
        peak = peak.max(memory(served));
    }
    stop.store(true, Ordering::Relaxed);
    for task in attacking {
        let _ = timeout(PATIENCE, task).await;
    }
    let (gets, probes) = (gets.await.unwrap(), probes.await.unwrap());
    Row { answered: answered.load(Ordering::Relaxed), gets, probes, memory: peak - before }
}

fn milliseconds(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

fn print(what: &str, clients: usize, row: &Row) {
    println!(
        "| {what} | {clients} | {} | {:.1} | {:.1} | **{:.0}** | **{:.0}** | {} |",
        row.answered,
        milliseconds(&row.gets, 50),
        milliseconds(&row.gets, 99),
        milliseconds(&row.gets, 100),
        milliseconds(&row.probes, 100),
        row.memory
    );
}

async fn attacks(filters: &[String]) {
    println!("{HEADING}");
    let fresh = Fresh::empty().await;
    let served = Prepared::new(&fresh.url, &[]).await.serve(&[]).await;
    let evil = Tenant::plain(&served.operator, "evil", served.addresses()).await;
    let good = Tenant::plain(&served.operator, "good", served.addresses()).await;
    fill(&database::owner(&fresh.url).await, &evil, LARGE_USERS).await;
    let path = format!("/Users/{}", good.user("ada").await);
    let sides = (&evil, &good, path.as_str());
    print("nothing", 0, &slice(&served, sides, None).await);
    for attack in scimgate_tests::attacks::attacks() {
        if filters.is_empty() || filters.iter().any(|filter| attack.what.contains(filter.as_str())) {
            print(attack.what, attack.clients, &slice(&served, sides, Some(&attack)).await);
        }
    }
    served.running.kill().await;
    fresh.drop().await;
}

fn main() {
    // Cargo adds an option of its own.
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let is_wanted = |part: &str| filters.is_empty() || filters.iter().any(|filter| filter == part);
    runtime.block_on(async {
        // A filter is a part's name, or a piece of an attack's.
        if !["crowd", "memory", "restart"].iter().any(|part| filters.iter().any(|filter| filter == part)) {
            attacks(&filters).await;
        }
        if is_wanted("crowd") {
            crowd::run().await;
        }
        if is_wanted("memory") {
            small_memory::run().await;
        }
        if is_wanted("restart") {
            restart::run().await;
        }
    });
}
