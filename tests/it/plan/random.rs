//! For random chains and documents, the numbers of a plan are those of the remap that follows its activation. A normal run tries a
//! hundred chains, a full run as many as `SCIMGATE_PLAN_CASES` says, such as 5000.

use std::collections::BTreeMap;

use scimgate::config::JobShare;
use scimgate::operation::Gateway;
use scimgate::operation::job::runner::Runner;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Tenant, TestGateway, on_postgres};
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::{activate, digest, path, stored};
use crate::directory_schema::unique::check_entries;
use crate::pushdown::random::Random;

on_postgres!(
    the_numbers_of_a_plan_are_what_activation_does,
    the_numbers_of_a_plan_are_what_activation_does_with_a_directory_schema,
);

const CASES: u64 = 100;
const USERS: usize = 12;
const TYPES: [&str; 3] = ["Employee", "Contractor", "Robot"];

fn step(random: &mut Random) -> (&'static str, Value) {
    let rule = json!({ "path": "userType", "equals": random.pick(&TYPES) });
    let prefix = format!("u{}", random.below(USERS));
    match random.below(9) {
        0 => ("tutorial", json!({ "buildDisplayName": true })),
        1 => ("tutorial", json!({ "lowerCaseMail": true })),
        2 => ("tutorial", json!({ "excludeWhere": rule })),
        3 => ("tutorial", json!({ "rejectWhere": rule })),
        4 => ("tutorial", json!({ "lift": { "nickName": "title" } })),
        5 => ("hostile", json!({ "do": "fail", "for": prefix })),
        6 => ("hostile", json!({ "do": "exclude", "for": prefix })),
        7 => ("hostile", json!({ "do": "write", "path": "title", "size": 1 + random.below(3) })),
        _ => ("tutorial", json!({ "lift": { "userName": "nickName" } })),
    }
}

#[expect(clippy::disallowed_methods, reason = "the full run sets an environment variable")]
fn cases() -> u64 {
    std::env::var("SCIMGATE_PLAN_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES)
}

/// Runs what is due until it is done.
async fn run_jobs(gateway: &Gateway, owner: &Client) {
    let runner = Runner::default();
    let waiting = "SELECT count(*) FROM job WHERE state = 'running' AND attempt = 0";
    while owner.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        let _ = runner.run_due(gateway).await.unwrap();
    }
}

async fn change_some(tenant: &Tenant, ids: &[String], random: &mut Random) {
    for _ in 0..random.below(4) {
        let id = random.pick(ids);
        let (path, value) = match random.below(3) {
            0 => ("userType", json!(random.pick(&TYPES))),
            1 => ("nickName", json!(format!("n{}", random.below(3)))),
            _ => ("active", json!(random.below(2) == 0)),
        };
        let change = patch(json!([{ "op": "replace", "path": path, "value": value }]));
        // The active chain may refuse it.
        assert!(tenant.patch(&format!("/Users/{id}"), &change).await.status < 500);
    }
}

/// The events of the last remap, by their verbs.
async fn events(owner: &Client, after: i64) -> BTreeMap<String, i64> {
    let sql = "SELECT split_part(type, '.', 2), count(*) FROM event WHERE actor = 'remap' AND id > $1 GROUP BY 1";
    let rows = owner.query(sql, &[&after]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn the_numbers_of_a_plan_are_what_activation_does(gateway: &TestGateway) {
    let kinds = compare(gateway, None).await;
    assert!(kinds.values().all(|count| *count > 0), "every kind of change is met: {kinds:?}");
}

/// Titles are unique, and not everybody has a nickName that is allowed.
async fn the_numbers_of_a_plan_are_what_activation_does_with_a_directory_schema(gateway: &TestGateway) {
    let allowed: Vec<String> = (0..USERS / 2).map(|number| format!("n{number}")).collect();
    let rules = json!([{ "path": "title", "unique": true }, { "path": "nickName", "allowed": allowed }]);
    let kinds = compare(gateway, Some(&rules)).await;
    for name in ["nonCompliant", "conflicts", "changed", "unchanged"] {
        assert!(kinds[name] > 0, "{name} is met: {kinds:?}");
    }
}

async fn users(tenant: &Tenant) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..USERS {
        let mut body = user(&format!("u{number}"));
        body["userType"] = TYPES[number % 3].into();
        body["nickName"] = format!("n{number}").into();
        ids.push(tenant.post("/Users", &body).await.expect(201).id());
    }
    ids
}

/// How many documents of each kind the plans met.
async fn compare(gateway: &TestGateway, rules: Option<&Value>) -> BTreeMap<&'static str, i64> {
    let tenant = gateway.plain_tenant("acme").await;
    let owner = gateway.store().await;
    let _held = gateway.gateway.job_rounds.clone().acquire_owned().await.unwrap();
    let mut quick = gateway.gateway.clone();
    quick.job_share = JobShare::new(100);
    let digests = [digest(gateway, "tutorial").await, digest(gateway, "hostile").await];
    let ids = users(&tenant).await;
    if let Some(rules) = rules {
        let _ = gateway.operator.put("/tenants/acme/directory-schema", &json!({ "rules": rules })).await.expect(200);
        run_jobs(&quick, &owner).await;
    }
    let mut kinds = BTreeMap::<&str, i64>::new();
    for case in 0..cases() {
        let mut random = Random::new(case);
        change_some(&tenant, &ids, &mut random).await;
        let steps: Vec<(&str, Value)> = (0..=random.below(3)).map(|_| step(&mut random)).collect();
        let revision = stored(gateway, &digests, &steps).await;
        let _ = gateway.operator.post(&path(revision), &json!({})).await.expect(202);
        run_jobs(&quick, &owner).await;
        let plan = gateway.operator.get(&path(revision)).await.expect(200).body;
        let last = owner.query_one("SELECT coalesce(max(id), 0) FROM event", &[]).await.unwrap().get(0);
        let _ = activate(gateway, revision, true).await.expect(200);
        run_jobs(&quick, &owner).await;
        let remap = gateway.operator.get("/tenants/acme/jobs/remap").await.expect(200).body;
        let happened = events(&owner, last).await;
        let event = |verbs: &[&str]| verbs.iter().filter_map(|verb| happened.get(*verb)).sum::<i64>();
        let number = |name: &str| plan[name].as_i64().unwrap();
        let planned = [
            number("examined"),
            number("changed"),
            number("deactivated"),
            number("newlyExcluded"),
            number("newlyIncluded"),
            number("rejected") + number("failed") + number("nonCompliant") + number("conflicts"),
        ];
        let done = [
            remap["examined"].as_i64().unwrap(),
            event(&["updated", "deactivated"]),
            event(&["deactivated"]),
            event(&["deleted"]),
            event(&["created"]),
            remap["rejected"]["count"].as_i64().unwrap(),
        ];
        assert_eq!(planned, done, "case {case}, revision {revision}: {steps:?}\n{plan}\n{remap}");
        assert_eq!(remap["changed"], number("changed") + number("newlyExcluded") + number("newlyIncluded"));
        for name in ["unchanged", "changed", "newlyExcluded", "newlyIncluded", "rejected", "failed"] {
            *kinds.entry(name).or_default() += number(name);
        }
        if rules.is_some() {
            for name in ["nonCompliant", "conflicts"] {
                *kinds.entry(name).or_default() += number(name);
            }
            check_entries(&owner, &format!("case {case}, {steps:?}")).await;
        }
    }
    kinds
}
