//! What erasing a tenant of 50,000 users costs another tenant: the times of its GETs and PATCHes alone, and while an erasure runs, in
//! turns. Prints the tables of docs/tenants.md.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::tenant::patch;
use scimgate_tests::{Client, Request, Tenant, many_users};
use serde_json::{Value, json};
use tokio::time::sleep;

const USERS: u32 = 50_000;
/// Of the tenant that is measured.
const OTHERS: u32 = 1_000;
/// Erasures, each after a slice without one.
const PAIRS: u32 = 3;
/// How long a slice without an erasure lasts.
const SLICE: Duration = Duration::from_secs(15);
/// Between two requests of one kind.
const PAUSE: Duration = Duration::from_millis(10);

/// Two events for each user.
const EVENTS: &str = "
INSERT INTO event (tenant_id, seq, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT t.id, n, 'user.created', 'User', gen_random_uuid(), 1, 'test', 'test', now() FROM tenant t, generate_series(1, 2 * {USERS}) n
  WHERE t.name = '{TENANT}';
INSERT INTO event_head (tenant_id, last_seq) SELECT id, 2 * {USERS} FROM tenant WHERE name = '{TENANT}'
  ON CONFLICT (tenant_id) DO UPDATE SET last_seq = excluded.last_seq";

/// A request that is sent again and again until `stop`, and its times.
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

/// The times of the reads and of the changes while something goes on.
async fn beside(tenant: &Tenant, salt: u32, work: impl Future<Output = ()>) -> [Vec<Duration>; 2] {
    let stop = Arc::new(AtomicBool::new(false));
    let some = move |number: u32| many_users::id(1 + number * 7 % OTHERS);
    let gets = measure(tenant.scim.clone(), move |n| Request::new("GET", &format!("/Users/{}", some(n))), stop.clone());
    let changes = measure(
        tenant.scim.clone(),
        move |number| {
            let title = json!([{ "op": "replace", "path": "title", "value": format!("{salt} {number}") }]);
            Request::new("PATCH", &format!("/Users/{}", some(number + 31))).json(&patch(title))
        },
        stop.clone(),
    );
    work.await;
    stop.store(true, Ordering::Relaxed);
    [gets.await.unwrap(), changes.await.unwrap()]
}

/// Erases a tenant to the end, and prints how long it took.
async fn erase(served: &Served, name: &str) {
    let begun = Instant::now();
    let path = format!("/tenants/{name}/erasure");
    let started = served.operator.post(&path, &json!({ "confirm": name })).await.expect(202).body;
    let erasure = format!("/erasures/{}", started["tenant"].as_str().unwrap());
    let done = loop {
        let done: Value = served.operator.get(&erasure).await.expect(200).body;
        if done["state"] == "finished" {
            break done;
        }
        sleep(Duration::from_millis(100)).await;
    };
    let (rows, took) = (done["erased"].as_f64().unwrap(), begun.elapsed().as_secs_f64());
    println!("| {} | {} | {took:.1} | {:.0} |", done["erased"], done["proof"]["rows"], rows / took);
}

fn milliseconds(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

async fn run() {
    let fresh = Fresh::empty().await;
    let prepared = Prepared::new(&fresh.url, &[]).await;
    let (owner, served) = (fresh.owner().await, prepared.serve(&[]).await);
    let tenant = Tenant::plain(&served.operator, "good", served.addresses()).await;
    many_users::fill(&owner, "good", OTHERS).await;
    for number in 0..PAIRS {
        let name = format!("gone{number}");
        let _ = Tenant::plain(&served.operator, &name, served.addresses()).await;
        many_users::fill(&owner, &name, USERS).await;
        owner.batch_execute(&EVENTS.replace("{TENANT}", &name).replace("{USERS}", &USERS.to_string())).await.unwrap();
    }
    owner.batch_execute("ANALYZE; CHECKPOINT").await.unwrap();
    let _ = beside(&tenant, PAIRS, sleep(SLICE / 5)).await;
    println!("| rows erased | found at the end | seconds | rows a second |\n|--:|--:|--:|--:|");
    let mut times = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
    for number in 0..PAIRS {
        let alone = beside(&tenant, number, sleep(SLICE)).await;
        let meanwhile = beside(&tenant, number, erase(&served, &format!("gone{number}"))).await;
        for (all, some) in times.iter_mut().zip([alone, meanwhile]) {
            for (all, some) in all.iter_mut().zip(some) {
                all.extend(some);
            }
        }
    }
    println!(
        "\n| | requests | p50 alone, ms | p50 meanwhile, ms | p99 alone, ms | p99 meanwhile, ms | ratio |\n|---|--:|--:|--:|--:|--:|--:|"
    );
    let [mut alone, mut meanwhile] = times;
    for (number, what) in ["GET", "PATCH"].into_iter().enumerate() {
        let [[p50, p99], [p50_beside, p99_beside]] = [&mut alone[number], &mut meanwhile[number]].map(|times| {
            times.sort_unstable();
            [50, 99].map(|percent| milliseconds(times, percent))
        });
        let requests = alone[number].len() + meanwhile[number].len();
        println!(
            "| {what} | {requests} | {p50:.2} | {p50_beside:.2} | {p99:.2} | {p99_beside:.2} | **{:.2}** |",
            p99_beside / p99
        );
    }
    served.running.kill().await;
    fresh.drop().await;
}

fn main() {
    block_on(run());
}
