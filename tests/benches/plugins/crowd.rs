//! A thousand tenants with a plugin each beside one tenant with one: the start of a process, its memory, and the CPU time of a request.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use scimgate_tests::binary::cpu_seconds;
use scimgate_tests::database::Fresh;
use scimgate_tests::plugins::{use_variant, with_variant};
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::tenant::patch;
use scimgate_tests::{Client, Request, Tenant};
use serde_json::{Value, json};
use tokio::time::sleep;

const TENANTS: usize = 1_000;
/// Requests of a slice, for each side as many.
const REQUESTS: usize = 2_000;
/// Pairs of slices; the first one is not counted.
const PAIRS: usize = 9;
/// Concurrent requests.
const CLIENTS: usize = 4;

fn config() -> Value {
    json!({ "lowerCaseMail": true, "buildDisplayName": true })
}

/// Creates a tenant with a plugin of its own, and users.
async fn tenant(served: &Served, number: usize, users: usize) -> (Tenant, Vec<String>) {
    let tenant = with_variant(served, number, &config()).await;
    let mut ids = Vec::with_capacity(users);
    for user in 0..users {
        ids.push(tenant.user(&format!("user{user}")).await);
    }
    (tenant, ids)
}

pub(super) async fn run() {
    println!("\n## A thousand tenants with a plugin each\n");
    let fresh = Fresh::empty().await;
    let prepared = Prepared::new(&fresh.url, &[("SCIMGATE_ROOT_KEY", "11".repeat(32))]).await;
    let served = prepared.serve(&[]).await;
    let solo = tenant(&served, TENANTS, TENANTS / 2).await;
    let served = restart(&prepared, served).await.0;
    let alone = settled_memory(&served).await;
    let mut tenants = Vec::with_capacity(TENANTS);
    for first in (0..TENANTS).step_by(10) {
        tenants.extend(join_all((first..TENANTS.min(first + 10)).map(|number| tenant(&served, number, 1))).await);
    }
    let (served, serving) = restart(&prepared, served).await;
    let idle = settled_memory(&served).await;
    // One pool of connections for all: with a pool for each tenant there would be more idle ones than the server keeps.
    let shared = Client::new(String::new());
    let at = |(tenant, ids): &(Tenant, Vec<String>)| {
        let mut tenant = tenant.at(served.addresses());
        let header = tenant.scim.authorization.clone().unwrap();
        tenant.scim = shared.authorized(header).at(tenant.scim.base.clone());
        (tenant, ids.clone())
    };
    let (solo, crowd): (_, Vec<_>) = (at(&solo), tenants.iter().map(at).collect());
    let first = first_calls(&crowd).await;
    let used = settled_memory(&served).await;
    let kibibytes = |bytes: u64| bytes as f64 / 1024.0 / TENANTS as f64;
    println!(
        "The process was started anew with {TENANTS} tenants, no two of which have the same plugin: it was ready after {} ms (goal 500). \
         Then each tenant changed a user, which called its plugin for the first time: p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms, with \
         reading the tenant's settings, its token and the compiled code, which the database keeps sealed.\n",
        serving.as_millis(),
        milliseconds(&first, 50),
        milliseconds(&first, 99),
        milliseconds(&first, 100),
    );
    println!(
        "Beside a process with one tenant, one with {TENANTS} tenants that have sent nothing yet takes {:.1} KiB more for each (goal 10), and {:.0} \
         KiB once each has called its plugin; compiled plugins that are not used for half an hour are dropped.\n",
        kibibytes(idle.saturating_sub(alone)),
        kibibytes(used.saturating_sub(alone)),
    );
    compare(&served, &solo, &crowd, "tenants and as many plugins").await;
    for number in 0..TENANTS {
        use_variant(&served, &format!("t{number}"), TENANTS, &config()).await;
    }
    let _ = first_calls(&crowd).await;
    compare(&served, &solo, &crowd, "tenants with the same plugin").await;
    println!(
        "The second ratio is what many tenants cost without their plugins. With 64 memory slots instead of 2,048 the first one was 1.37: two system \
         calls replaced the contents of a slot that another plugin had."
    );
    served.running.kill().await;
    fresh.drop().await;
}

/// Prints the CPU time of a request over one tenant and over all, in slices that take turns.
async fn compare(served: &Served, solo: &(Tenant, Vec<String>), crowd: &[(Tenant, Vec<String>)], others: &str) {
    let solo_targets: Vec<(&Tenant, &str)> = solo.1.iter().map(|id| (&solo.0, id.as_str())).collect();
    let crowd_targets: Vec<(&Tenant, &str)> = crowd.iter().map(|(tenant, ids)| (tenant, ids[0].as_str())).collect();
    let mut ratios = Vec::new();
    for pair in 0..PAIRS {
        let [one, many] = [slice(served, &solo_targets, pair).await, slice(served, &crowd_targets, pair).await];
        if pair > 0 {
            ratios.push((many.as_secs_f64() / one.as_secs_f64(), one, many));
        }
    }
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (ratio, one, many) = ratios[ratios.len() / 2];
    println!(
        "CPU time of the gateway for a PATCH, in {} pairs of slices of {REQUESTS}: {:.0} µs with one tenant and one plugin, {:.0} µs over {TENANTS} \
         {others}, **{ratio:.2}** times (goal 1.05).\n",
        PAIRS - 1,
        one.as_secs_f64() * 1e6 / REQUESTS as f64,
        many.as_secs_f64() * 1e6 / REQUESTS as f64,
    );
}

/// Another process on the same database, and how long it took until it was ready.
async fn restart(prepared: &Prepared, served: Served) -> (Served, Duration) {
    served.running.kill().await;
    let begun = Instant::now();
    let served = prepared.serve(&[]).await;
    assert_eq!(served.probe("/readyz").await, 200);
    (served, begun.elapsed())
}

async fn first_calls(crowd: &[(Tenant, Vec<String>)]) -> Vec<Duration> {
    let mut times = Vec::with_capacity(crowd.len());
    for (tenant, ids) in crowd {
        let begun = Instant::now();
        change((tenant, &ids[0]), "first").await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times
}

async fn change((tenant, id): (&Tenant, &str), title: &str) {
    let change = patch(json!([{ "op": "replace", "path": "title", "value": title }]));
    let request = Request::new("PATCH", &format!("/Users/{id}")).json(&change);
    // The server ends connections that were idle, and each client may have as many of those.
    for _ in 0..CLIENTS {
        if let Ok(answer) = tenant.scim.try_send(request.clone()).await {
            let _ = answer.expect(200);
            return;
        }
    }
    let _ = tenant.scim.send(request).await.expect(200);
}

/// The gateway's CPU time for the requests of a slice.
async fn slice(served: &Served, targets: &[(&Tenant, &str)], pair: usize) -> Duration {
    let before = cpu_seconds(served.running.id());
    let client = |first: usize| async move {
        for number in (first..REQUESTS).step_by(CLIENTS) {
            change(targets[number % targets.len()], &format!("title {pair} {number}")).await;
        }
    };
    join_all((0..CLIENTS).map(client)).await;
    Duration::from_secs_f64(cpu_seconds(served.running.id()) - before)
}

/// The resident memory of the server in bytes, when it has stopped to change.
async fn settled_memory(served: &Served) -> u64 {
    let mut last = 0;
    loop {
        sleep(Duration::from_secs(3)).await;
        let status = std::fs::read_to_string(format!("/proc/{}/status", served.running.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let now = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024;
        if now.abs_diff(last) < 128 << 10 {
            return now;
        }
        last = now;
    }
}

fn milliseconds(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
}
