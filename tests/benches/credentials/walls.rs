//! What row-level security costs: the same requests, in turns with and without the policies of all tables.

use std::time::{Duration, Instant};

use scimgate_tests::database::Fresh;
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Request, Tenant, many_users};
use serde_json::json;

use crate::{micros, percentile};

const USERS: u32 = 10_000;
const SLICE: Duration = Duration::from_secs(2);
/// Pairs of a slice with and one without.
const PAIRS: usize = 4;

const HEADING: &str = "
## Row-level security

The median time of a request of one client, in alternating slices with the policies of all tables, and without them.

| request | with, µs | without, µs | ratio |
|---|--:|--:|--:|";

const REQUESTS: [&str; 4] = ["GET", "filter by userName", "create", "PATCH"];

fn request(what: &str, number: u32, salt: &str) -> Request {
    let some = 1 + number * 7_919 % USERS;
    match what {
        "GET" => Request::new("GET", &format!("/Users/{}", many_users::id(some))),
        "filter by userName" => Request::new("GET", &format!("/Users?filter=userName%20eq%20%22u{some}@corp.test%22")),
        "create" => Request::new("POST", "/Users").json(&user(&format!("{salt}-{number}"))),
        _ => {
            let name = json!([{ "op": "replace", "path": "name.givenName", "value": format!("{salt}-{number}") }]);
            Request::new("PATCH", &format!("/Users/{}", many_users::id(some))).json(&patch(name))
        }
    }
}

async fn slice(tenant: &Tenant, what: &str, salt: &str) -> Vec<Duration> {
    let (mut times, end) = (Vec::new(), Instant::now() + SLICE);
    while Instant::now() < end {
        let request = request(what, u32::try_from(times.len()).unwrap(), salt);
        let begun = Instant::now();
        let answer = tenant.scim.send(request).await;
        times.push(begun.elapsed());
        assert!(answer.status < 300, "{}", answer.text);
    }
    times
}

pub(super) async fn print(prepared: &Prepared, fresh: &Fresh) {
    println!("{HEADING}");
    let served = prepared.serve(&[]).await;
    let tenant = Tenant::plain(&served.operator, "walls", served.addresses()).await;
    let owner = fresh.owner().await;
    many_users::fill(&owner, "walls", USERS).await;
    owner.batch_execute("ANALYZE").await.unwrap();
    for what in REQUESTS {
        let mut times = [Vec::new(), Vec::new()];
        let _ = slice(&tenant, what, "warm").await;
        for pair in 0..PAIRS {
            for (number, verb) in ["ENABLE", "DISABLE"].into_iter().enumerate() {
                owner.batch_execute(&policies(verb)).await.unwrap();
                times[number].extend(slice(&tenant, what, &format!("{verb}{pair}")).await);
            }
        }
        let [with, without] = times.map(|mut times| {
            times.sort_unstable();
            micros(percentile(&times, 50))
        });
        println!("| {what} | {with:.0} | {without:.0} | **{:.2}** |", with / without);
    }
    served.running.kill().await;
}

fn policies(verb: &str) -> String {
    format!(
        "DO $$ DECLARE t regclass; BEGIN \
         FOR t IN SELECT DISTINCT polrelid::regclass FROM pg_policy LOOP \
         EXECUTE format('ALTER TABLE %s {verb} ROW LEVEL SECURITY', t); END LOOP; END $$"
    )
}
