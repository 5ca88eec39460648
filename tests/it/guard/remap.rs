//! A mapping that takes too much from the product: what its remap excludes is under the same guard.

use scimgate_tests::matching::assert_holds;
use scimgate_tests::tenant::user;
use scimgate_tests::{Tenant, TestGateway, on_both, poll};
use serde_json::json;

use super::{batch, check_rows, decide, events, guarded, listed, seen};

on_both!(a_remap_holds_what_it_excludes_beyond_the_limit, a_rollback_of_the_mapping_ends_the_hold);

const USERS: usize = 8;
const LIMIT: usize = 3;

/// All users but two become contractors in a mapping that excludes those. Returns the ids.
async fn exclude(gateway: &TestGateway) -> (Tenant, Vec<String>) {
    let tenant = guarded(gateway, i64::try_from(LIMIT).unwrap(), 0).await;
    let mut ids = Vec::new();
    for number in 0..USERS {
        let mut body = user(&format!("u{number}"));
        body["userType"] = if number < 2 { "Employee".into() } else { "Contractor".into() };
        ids.push(tenant.post("/Users", &body).await.expect(201).id());
    }
    let config = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    gateway.map("acme", "tutorial", &config, "refuse").await;
    remapped(gateway).await;
    (tenant, ids)
}

async fn remapped(gateway: &TestGateway) {
    poll("the remap has finished", async || {
        let job = gateway.operator.get("/tenants/acme/jobs/remap").await.expect(200).body;
        (job["state"] == "finished").then_some(())
    })
    .await;
}

async fn a_remap_holds_what_it_excludes_beyond_the_limit(gateway: &TestGateway) {
    let (tenant, ids) = exclude(gateway).await;
    assert_eq!(listed(&tenant).await.len(), USERS - LIMIT);
    assert_eq!(events(&tenant, USERS).await.len(), LIMIT);
    let held = USERS - 2 - LIMIT;
    let shown = batch(gateway).await;
    assert_holds("the batch", &json!({ "resources": held, "passed": LIMIT }), &shown["batch"]);
    for resource in shown["resources"].as_array().unwrap() {
        assert_eq!(resource["kind"], "excluded");
        let seen = seen(&tenant, resource["id"].as_str().unwrap()).await;
        assert_holds("the product", &json!({ "userType": "Contractor", "mappingState": "held" }), &seen);
    }
    // What passed has the reason of the step that excluded it.
    let gone =
        ids[2..].iter().find(|id| shown["resources"].as_array().unwrap().iter().all(|it| it["id"] != id.as_str()));
    let explained =
        gateway.operator.get(&format!("/tenants/acme/explanation?resource={}", gone.unwrap())).await.expect(200);
    assert_eq!(explained.body["reason"]["reason"], "userType is \"Contractor\".");

    assert_eq!(decide(gateway, "released").await, "released");
    assert_eq!(listed(&tenant).await, ids[..2]);
    assert_eq!(events(&tenant, USERS).await.len(), USERS - 2);
    check_rows(gateway).await;
}

async fn a_rollback_of_the_mapping_ends_the_hold(gateway: &TestGateway) {
    let (tenant, ids) = exclude(gateway).await;
    // The source is as it was: a rejection alone does not bring anybody back.
    assert_eq!(decide(gateway, "rejected").await, "open");
    let _ = gateway.operator.delete("/tenants/acme/mapping").await.expect(204);
    remapped(gateway).await;
    assert_eq!(listed(&tenant).await, ids);
    assert_eq!(batch(gateway).await["batch"]["resources"], 0);
    for id in &ids {
        assert_eq!(seen(&tenant, id).await["mappingState"], "same");
    }
    let kinds: Vec<String> = events(&tenant, USERS).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "user.deleted").count(), LIMIT);
    assert_eq!(kinds.iter().filter(|kind| *kind == "user.created").count(), LIMIT);
    assert_eq!(kinds.len(), 2 * LIMIT, "the held ones never were away");
}
