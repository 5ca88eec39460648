//! Entra loses 60 % of its scope by mistake, of a tenant with the guard on: the product sees nothing of it until an operator decides.

use std::collections::BTreeMap;

use scimgate_simulate::{Options, Size};
use scimgate_tests::{Tenant, TestGateway, on_both, on_postgres, poll};
use serde_json::json;

use crate::guard::feed;

use super::{directory, options, simulate_entra};

on_both!(a_lost_scope_is_held_and_the_next_cycle_heals);
on_postgres!(a_lost_scope_that_was_meant_is_released);

const USERS: usize = 50;
const LOST_PERCENT: u8 = 60;
const LOST: usize = 30;

/// Whether each user is active for the product, and how many events took one from it. What a cycle changes besides is compared by the
/// simulation.
#[derive(Debug, PartialEq)]
struct Seen {
    active: BTreeMap<String, bool>,
    removals: usize,
}

async fn seen(tenant: &Tenant) -> Seen {
    let events = feed(tenant).await;
    let removals = events.iter().filter(|event| event["type"] == "user.deactivated" || event["type"] == "user.deleted");
    let users = tenant.directory("/users?limit=1000").await.expect(200).body;
    let users = users["resources"].as_array().unwrap().iter();
    let active = users.map(|user| (user["id"].as_str().unwrap().to_owned(), user["active"] != false));
    Seen { active: active.collect(), removals: removals.count() }
}

fn inactive(seen: &Seen) -> usize {
    seen.active.values().filter(|active| !**active).count()
}

/// A cycle after which a share of the users is out of scope. The SCIM client sees what it sent.
async fn cycle(tenant: &Tenant, lost_percent: u8) {
    let size = Size { users: USERS, groups: 5, members_per_group: 9, cycles: 0 };
    let report = simulate_entra(&Options { size, lost_percent, keep: true, ..options(tenant) }).await;
    assert!(report.green, "{:#?} {:?}", report.findings, report.stopped);
}

/// A cycle after which the product sees exactly what the client sent, too.
async fn whole_cycle(tenant: &Tenant) {
    let size = Size { users: USERS, groups: 5, members_per_group: 9, cycles: 0 };
    let options = Options { size, keep: true, directory: Some(directory(tenant)), ..options(tenant) };
    let report = simulate_entra(&options).await;
    assert!(report.green, "{:#?} {:?}", report.findings, report.stopped);
    assert_eq!(report.compared.len(), 2, "{:?}", report.compared);
}

/// A provisioned tenant of which one user has left, and come back.
async fn provisioned(gateway: &TestGateway) -> Tenant {
    let tenant = gateway.plain_tenant("acme").await;
    let guard = json!({ "users": 1, "members": 0, "percent": 2 });
    let _ = gateway.operator.put("/tenants/acme/guard", &guard).await.expect(200);
    whole_cycle(&tenant).await;
    let before = seen(&tenant).await;
    // A normal leaver passes at once.
    cycle(&tenant, 2).await;
    let after = seen(&tenant).await;
    assert_eq!((inactive(&after), after.removals), (inactive(&before) + 1, before.removals + 1));
    whole_cycle(&tenant).await;
    assert_eq!(inactive(&seen(&tenant).await), inactive(&before));
    tenant
}

/// Decides on the open batch, which has to hold this many users, and waits until the verdict is carried out.
async fn decide(gateway: &TestGateway, held: usize, state: &str) {
    let list = gateway.operator.get("/tenants/acme/held").await.expect(200).body;
    let batch = &list["batches"][0];
    assert_eq!((&batch["state"], &batch["resources"]), (&json!("open"), &json!(held)), "{list}");
    let path = format!("/tenants/acme/held/{}", batch["id"].as_str().unwrap());
    let _ = gateway.operator.patch(&path, &json!({ "state": state })).await.expect(200);
    poll("the verdict is carried out", async || {
        let batch = gateway.operator.get(&path).await.expect(200).body;
        (batch["batch"]["state"] == state).then_some(())
    })
    .await;
}

/// The mistake, of which the product sees nothing.
async fn lose(tenant: &Tenant) -> Seen {
    let before = seen(tenant).await;
    cycle(tenant, LOST_PERCENT).await;
    let after = seen(tenant).await;
    assert_eq!(after, before);
    assert!(after.active.len() >= USERS, "with those that the client provisioned on demand: {after:?}");
    after
}

async fn a_lost_scope_is_held_and_the_next_cycle_heals(gateway: &TestGateway) {
    let tenant = provisioned(gateway).await;
    let before = lose(&tenant).await;
    decide(gateway, LOST, "rejected").await;
    assert_eq!(seen(&tenant).await, before);
    // The filter is corrected.
    whole_cycle(&tenant).await;
    assert_eq!(seen(&tenant).await, before, "for the product nothing happened");
}

async fn a_lost_scope_that_was_meant_is_released(gateway: &TestGateway) {
    let tenant = provisioned(gateway).await;
    let before = lose(&tenant).await;
    decide(gateway, LOST, "released").await;
    let after = seen(&tenant).await;
    assert_eq!((inactive(&after), after.removals), (inactive(&before) + LOST, before.removals + LOST));
    // All of them return.
    whole_cycle(&tenant).await;
    assert_eq!(inactive(&seen(&tenant).await), inactive(&before));
}
