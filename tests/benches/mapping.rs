//! What a plan and a remap of a hundred thousand users take, and what a remap costs the requests beside it. Prints
//! docs/mapping-rates.md.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scimgate_tests::binary::cpu_seconds;
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::tenant::patch;
use scimgate_tests::{Client, Request, Tenant, many_users, plugin};
use serde_json::{Value, json};
use tokio::time::sleep;

const USERS: u32 = 100_000;
/// Between two requests of the tenant whose documents are mapped.
const PAUSE: Duration = Duration::from_millis(20);
const SLICE: Duration = Duration::from_secs(8);
/// Pairs of a slice alone and a slice beside a remap.
const PAIRS: usize = 4;

const HEADING: &str = "\
# Plans and remaps: rates

<!-- Written by `make bench-mapping`. -->

A tenant of 100,000 users of about 900 bytes on PostgreSQL. The chain is one step, the tutorial's plugin, that changes each user. Runs
take all of one worker (`--job-share 100`); client, gateway and PostgreSQL share the machine's cores. *A second of a core* divides the
documents by the CPU time of the gateway, then of gateway and PostgreSQL.

| run | documents | seconds | documents a second | of the gateway's core | of gateway and PostgreSQL |
|---|--:|--:|--:|--:|--:|";

const BESIDE: &str = "
## Requests beside a remap

A client reads a user of the same tenant every 20 ms, and another changes one, in alternating slices of eight seconds alone and beside
a remap with the share that the row names. The target is a ratio of 1.5, which a remap that takes half a core misses on two cores that
client, gateway and PostgreSQL share: a fifth (`--job-share 20`) comes close. Smaller batches change nothing, since a request waits for
a core, not for the batch.

| share | request | p50 alone, ms | p50 beside, ms | p99 alone, ms | p99 beside, ms | p99 ratio |
|---|---|--:|--:|--:|--:|--:|";

#[derive(Clone, Copy)]
struct Cpu {
    gateway: f64,
    database: f64,
}

/// The seconds of CPU time of the gateway, and of all processes of PostgreSQL.
fn cpu(served: &Served) -> Cpu {
    let mut database = 0.0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let is_postgres = std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|it| it.trim() == "postgres");
        database += if is_postgres { cpu_seconds(pid) } else { 0.0 };
    }
    Cpu { gateway: cpu_seconds(served.running.id()), database }
}

async fn until_finished(served: &Served, path: &str) -> Value {
    loop {
        let job = served.operator.get(path).await.expect(200).body;
        if job["state"] == "finished" {
            return job;
        }
        assert_eq!(job["state"], "running", "{job}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Stores a draft whose documents differ from those of any other number.
async fn draft(served: &Served, digest: &Value, number: usize) -> i64 {
    let config = json!({ "buildDisplayName": true, "lowerCaseMail": number.is_multiple_of(2), "lift": { "title": if number.is_multiple_of(2) { "nickName" } else { "userType" } } });
    let steps = [json!({ "plugin": digest, "config": config, "resourceTypes": ["User"] })];
    let body = json!({ "onFailure": "refuse", "steps": steps, "note": format!("number {number}") });
    let made = served.operator.post("/tenants/acme/mapping/revisions", &body).await;
    made.expect(201).body["revision"].as_i64().unwrap()
}

async fn activate(served: &Served, revision: i64) {
    let path = format!("/tenants/acme/mapping/revisions/{revision}/activate");
    let _ = served.operator.post(&path, &json!({ "acceptVanishing": true })).await.expect(200);
}

#[expect(clippy::cast_precision_loss, reason = "a count for a page")]
fn print_rate(what: &str, examined: i64, begun: Instant, (before, after): (Cpu, Cpu)) {
    let (documents, took) = (examined as f64, begun.elapsed().as_secs_f64());
    let gateway = after.gateway - before.gateway;
    let both = gateway + after.database - before.database;
    println!(
        "| {what} | {examined} | {took:.1} | {:.0} | **{:.0}** | {:.0} |",
        documents / took,
        documents / gateway,
        documents / both
    );
}

/// A request that is sent every 20 ms until `stop`, and its times.
fn measure(
    client: Client,
    request: impl Fn(u32) -> Request + Send + 'static,
    stop: Arc<AtomicBool>,
) -> tokio::task::JoinHandle<Vec<Duration>> {
    tokio::spawn(async move {
        let (mut times, mut number) = (Vec::new(), 0);
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let answer = client.send(request(number)).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            times.push(begun.elapsed());
            number += 1;
            sleep(PAUSE).await;
        }
        times
    })
}

/// The times of the reads and of the changes.
async fn slice(tenant: &Tenant, salt: usize) -> [Vec<Duration>; 2] {
    let stop = Arc::new(AtomicBool::new(false));
    let some = move |number: u32| many_users::id(1 + number * 7_919 % USERS);
    let gets = measure(tenant.scim.clone(), move |n| Request::new("GET", &format!("/Users/{}", some(n))), stop.clone());
    let changes = measure(
        tenant.scim.clone(),
        move |number| {
            let body =
                patch(json!([{ "op": "replace", "path": "name.givenName", "value": format!("{salt} {number}") }]));
            Request::new("PATCH", &format!("/Users/{}", some(number + 31))).json(&body)
        },
        stop.clone(),
    );
    sleep(SLICE).await;
    stop.store(true, Ordering::Relaxed);
    [gets.await.unwrap(), changes.await.unwrap()]
}

fn milliseconds(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

async fn beside(prepared: &Prepared, tenant: &Tenant, digest: &Value, share: &str) {
    let served = prepared.serve(&["--job-share", share]).await;
    let tenant = tenant.at(served.addresses());
    let _ = slice(&tenant, 0).await;
    let mut times = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
    for pair in 0..PAIRS {
        for is_beside in [false, true] {
            if is_beside {
                activate(&served, draft(&served, digest, pair).await).await;
            }
            for (all, some) in times[usize::from(is_beside)].iter_mut().zip(slice(&tenant, pair).await) {
                all.extend(some);
            }
            let _ = until_finished(&served, "/tenants/acme/jobs/remap").await;
        }
    }
    let [mut alone, mut beside] = times;
    for (number, what) in ["GET", "PATCH"].into_iter().enumerate() {
        let numbers = [&mut alone[number], &mut beside[number]].map(|times| {
            times.sort_unstable();
            [50, 99].map(|percent| milliseconds(times, percent))
        });
        let [[p50, p99], [p50_beside, p99_beside]] = numbers;
        println!(
            "| {share} % | {what} | {p50:.2} | {p50_beside:.2} | {p99:.2} | {p99_beside:.2} | **{:.2}** |",
            p99_beside / p99
        );
    }
    served.running.kill().await;
}

async fn run() {
    let fresh = Fresh::empty().await;
    let prepared = Prepared::new(&fresh.url, &[]).await;
    let owner = fresh.owner().await;
    let served = prepared.serve(&["--job-share", "100"]).await;
    let tenant = Tenant::plain(&served.operator, "acme", served.addresses()).await;
    many_users::fill(&owner, "acme", USERS).await;
    let upload = Request::new("POST", "/plugins").body("application/wasm", plugin("tutorial"));
    let digest = served.operator.send(upload).await.body["digest"].clone();
    println!("{HEADING}");
    for (number, what) in ["", ", again"].into_iter().enumerate() {
        let revision = draft(&served, &digest, number).await;
        let plan = format!("/tenants/acme/mapping/revisions/{revision}/plan");
        let (begun, before) = (Instant::now(), cpu(&served));
        let _ = served.operator.post(&plan, &json!({})).await.expect(202);
        let report = until_finished(&served, &plan).await;
        print_rate(&format!("plan{what}"), report["examined"].as_i64().unwrap(), begun, (before, cpu(&served)));
        let (begun, before) = (Instant::now(), cpu(&served));
        activate(&served, revision).await;
        let job = until_finished(&served, "/tenants/acme/jobs/remap").await;
        print_rate(&format!("remap{what}"), job["examined"].as_i64().unwrap(), begun, (before, cpu(&served)));
    }
    served.running.kill().await;
    println!("{BESIDE}");
    for share in ["50", "20"] {
        beside(&prepared, &tenant, &digest, share).await;
    }
    fresh.drop().await;
}

fn main() {
    block_on(run());
}
