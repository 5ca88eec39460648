//! After a mapping is activated, or switched off, every stored document is mapped by it: the product sees what changed for it, and
//! the SCIM client sees nothing.

mod interrupted;
mod races;

use std::time::Duration;

use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Tenant, TestGateway, on_both};
use serde_json::{Value, json};

use self::helpers::{Stop, counts, finished, job, map};

pub(crate) mod helpers {
    use scimgate_tests::{Tenant, TestGateway, poll};
    use serde_json::Value;

    /// Keeps the gateway from running jobs until it is dropped.
    pub(crate) type Stop = tokio::sync::OwnedSemaphorePermit;

    pub(crate) async fn stop_jobs(gateway: &TestGateway) -> Stop {
        gateway.gateway.job_rounds.clone().acquire_owned().await.unwrap()
    }

    pub(crate) async fn job(gateway: &TestGateway, tenant: &Tenant) -> Value {
        gateway.operator.get(&format!("/tenants/{}/jobs/remap", tenant.name)).await.expect(200).body
    }

    /// Activates a mapping of one step, for users alone; returns its revision.
    pub(crate) async fn map(gateway: &TestGateway, plugin: &str, config: &Value, on_failure: &str) -> i64 {
        let digest = gateway.upload(scimgate_tests::plugin(plugin)).await.body["digest"].clone();
        let step = serde_json::json!({ "plugin": digest, "config": config, "resourceTypes": ["User"] });
        let mapping = serde_json::json!({ "onFailure": on_failure, "steps": [step] });
        gateway.operator.put("/tenants/acme/mapping?dryRun=false", &mapping).await.expect(200).body["revision"]
            .as_i64()
            .unwrap()
    }

    /// The remap's progress at its end.
    pub(crate) async fn finished(gateway: &TestGateway, tenant: &Tenant) -> Value {
        poll("the remap is finished", async || {
            let progress = job(gateway, tenant).await;
            (progress["state"] == "finished").then_some(progress)
        })
        .await
    }

    /// The number of documents by revision and state, as `revision state count`.
    pub(crate) async fn counts(gateway: &TestGateway, tenant: &Tenant) -> Vec<String> {
        let path = format!("/tenants/{}/mapping/documents", tenant.name);
        let body = gateway.operator.get(&path).await.expect(200).body;
        let lines = body["documents"].as_array().unwrap().iter();
        let line = |it: &Value| format!("{} {} {}", it["revision"], it["state"].as_str().unwrap(), it["count"]);
        lines.map(line).collect()
    }
}

on_both!(
    stored_documents_are_mapped_by_the_activated_revision,
    the_product_is_told_what_changed_for_it,
    memberships_of_resources_that_become_visible_together_are_announced_once,
    documents_whose_mapping_fails_keep_the_older_one_until_it_succeeds,
    what_fails_for_a_passing_reason_is_tried_again,
    a_remap_runs_in_batches_and_counts_each_document_once,
    a_cancelled_remap_leaves_each_document_mapped_by_one_revision,
    documents_that_a_write_maps_are_passed_by,
);

fn exclude_contractors() -> Value {
    json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } })
}

/// The types of the events after this number, with the name of what they are about.
async fn events_after(tenant: &Tenant, seq: usize) -> Vec<(String, String)> {
    let events = tenant.events().await;
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let after = |event: &&Value| event["seq"].as_u64().unwrap() > u64::try_from(seq).unwrap();
    let events = events.iter().filter(after);
    events.map(|it| (text(&it["type"]), text(&it["resourceId"]))).collect()
}

/// The number of the newest event.
pub(crate) async fn newest(tenant: &Tenant) -> usize {
    tenant.events().await.last().map_or(0, |event| usize::try_from(event["seq"].as_u64().unwrap()).unwrap())
}

async fn stored_documents_are_mapped_by_the_activated_revision(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = tenant.user("Ada").await;
    let mut named = user("bob");
    named["displayName"] = "Bob".into();
    let bob = tenant.post("/Users", &named).await.expect(201).id();
    let crew = tenant.group("Crew").await;
    let (before, seq) = (tenant.everything().await, newest(&tenant).await);
    gateway.clock.advance(Duration::from_mins(1));

    map(gateway, "tutorial", &json!({ "buildDisplayName": true }), "refuse").await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!((&progress["examined"], &progress["total"]), (&json!(3), &json!(3)));
    assert_eq!((&progress["changed"], &progress["rejected"]["count"]), (&json!(1), &json!(0)));
    assert_eq!(progress["revision"], 1);
    assert_eq!(counts(gateway, &tenant).await, ["1 mapped 1", "1 same 2"]);

    let after = tenant.everything().await;
    assert_eq!(after[..2], before[..2], "the client sees the same versions, times and documents");
    assert_eq!(after[3], before[3]);
    let mapped = tenant.directory(&format!("/users/{ada}")).await.expect(200).body;
    assert_eq!((&mapped["displayName"], &mapped["mappingState"]), (&json!("Ada Byron"), &json!("mapped")));
    let events = tenant.events().await;
    let last = events.last().unwrap();
    assert_eq!(
        (&last["type"], &last["actor"], &last["resourceId"]),
        (&json!("user.updated"), &json!("remap"), &json!(ada))
    );
    assert_eq!(events_after(&tenant, seq).await, [("user.updated".to_owned(), ada.clone())]);

    let _ = gateway.operator.delete("/tenants/acme/mapping").await.expect(204);
    assert_eq!(finished(gateway, &tenant).await["revision"], 0);
    assert_eq!(counts(gateway, &tenant).await, ["0 same 3"]);
    assert_eq!(tenant.everything().await, before, "as before the mapping, {bob} and {crew}, too");
}

async fn the_product_is_told_what_changed_for_it(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let mut contractor = user("eve");
    contractor["userType"] = "Contractor".into();
    let (ada, eve) = (tenant.user("ada").await, tenant.post("/Users", &contractor).await.expect(201).id());
    let mut crew = group("Crew");
    crew["members"] = json!([{ "value": ada }, { "value": eve }]);
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let seq = newest(&tenant).await;
    map(gateway, "tutorial", &exclude_contractors(), "refuse").await;
    assert_eq!(finished(gateway, &tenant).await["changed"], 1);
    assert_eq!(counts(gateway, &tenant).await, ["1 excluded 1", "1 same 2"]);
    let _ = tenant.directory(&format!("/users/{eve}")).await.expect(404);
    assert_eq!(events_after(&tenant, seq).await, [("user.deleted".to_owned(), eve.clone())]);

    let seq = newest(&tenant).await;
    map(gateway, "tutorial", &json!({ "lift": { "userType": "title" } }), "refuse").await;
    assert_eq!(finished(gateway, &tenant).await["changed"], 1);
    let _ = tenant.directory(&format!("/users/{eve}")).await.expect(200);
    let created = [("user.created".to_owned(), eve.clone()), ("membership.added".to_owned(), crew)];
    assert_eq!(events_after(&tenant, seq).await, created);

    // A mapping that deactivates: the product's document was active before.
    let seq = newest(&tenant).await;
    map(gateway, "hostile", &json!({ "do": "write", "path": "active", "size": 0, "for": "eve" }), "keep").await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!(progress["rejected"]["count"], 1, "a text is not a boolean: {progress}");
    assert_eq!(events_after(&tenant, seq).await, []);
}

/// A user and a group that become visible in one batch, and a user that was visible all the time.
async fn memberships_of_resources_that_become_visible_together_are_announced_once(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    gateway.map("acme", "hostile", &json!({ "do": "exclude" }), "refuse").await;
    let (ada, bob) = (tenant.user("ada").await, tenant.user("bob").await);
    let mut crew = group("Crew");
    crew["members"] = json!([{ "value": ada }, { "value": bob }]);
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let mut band = group("Band");
    band["members"] = json!([{ "value": bob }, { "value": crew }]);
    let band = tenant.post("/Groups", &band).await.expect(201).id();
    gateway.map("acme", "hostile", &json!({ "do": "nothing" }), "refuse").await;
    let _ = finished(gateway, &tenant).await;
    let mut events = events_after(&tenant, 0).await;
    let added =
        |group: &str| events.iter().filter(|it| **it == ("membership.added".to_owned(), group.to_owned())).count();
    assert_eq!((added(&crew), added(&band)), (2, 2), "{events:?}");
    events.retain(|(kind, _)| kind != "membership.added");
    events.sort();
    let mut created: Vec<_> = [ada, bob].map(|id| ("user.created".to_owned(), id)).to_vec();
    created.extend([crew, band].map(|id| ("group.created".to_owned(), id)));
    created.sort();
    assert_eq!(events, created);
}

async fn documents_whose_mapping_fails_keep_the_older_one_until_it_succeeds(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let (ada, bob, eve) = (tenant.user("ada").await, tenant.user("bob").await, tenant.user("eve").await);
    map(gateway, "hostile", &json!({ "do": "exclude", "for": "eve" }), "refuse").await;
    let _ = finished(gateway, &tenant).await;
    let (before, seq) = (tenant.everything().await, newest(&tenant).await);
    // Whatever onFailure says: there is no write to refuse.
    for (on_failure, action) in [("refuse", "trap"), ("keep", "fail")] {
        let revision = map(gateway, "hostile", &json!({ "do": action }), on_failure).await;
        let progress = finished(gateway, &tenant).await;
        assert_eq!((&progress["rejected"]["count"], &progress["changed"]), (&json!(3), &json!(0)));
        let example = &progress["rejected"]["examples"][0];
        assert_eq!((&example["id"], &example["attribute"]), (&json!(ada), &json!("the mapping")));
        assert!(example["reason"].as_str().unwrap().contains("plugin hostile 0.1.0 (step 1)"), "{example}");
        assert_eq!(counts(gateway, &tenant).await, [format!("{revision} never 1"), format!("{revision} stale 2")]);
        let after = tenant.everything().await;
        assert_eq!(after[..2], before[..2]);
        let read = tenant.directory(&format!("/users/{bob}")).await.expect(200).body;
        assert_eq!((&read["userName"], &read["mappingState"]), (&json!("bob@corp.test"), &json!("stale")));
    }
    assert_eq!(events_after(&tenant, seq).await, []);
    let _ = map(
        gateway,
        "tutorial",
        &json!({ "rejectWhere": { "path": "userName", "equals": "ada@corp.test" } }),
        "refuse",
    )
    .await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!(progress["rejected"]["examples"][0]["reason"], "userName must not be \"ada@corp.test\".");
    assert_eq!(events_after(&tenant, seq).await, [("user.created".to_owned(), eve)]);
    // The same revision again, for what failed.
    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    let ada = tenant.user("ada2").await;
    let again = gateway.operator.patch("/tenants/acme/jobs/remap", &json!({ "state": "running" })).await.expect(200);
    assert_eq!(again.body["revision"], progress["revision"]);
    assert_eq!(finished(gateway, &tenant).await["rejected"]["count"], 0);
    let _ = tenant.directory(&format!("/users/{ada}")).await.expect(200);
}

async fn what_fails_for_a_passing_reason_is_tried_again(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let (ada, bob) = (tenant.user("ada").await, tenant.user("bob").await);
    map(gateway, "hostile", &json!({ "do": "spin", "for": "ada" }), "keep").await;
    let waiting = scimgate_tests::poll("the remap waits", async || {
        let progress = job(gateway, &tenant).await;
        progress["retriesAt"].is_string().then_some(progress)
    })
    .await;
    assert_eq!((&waiting["state"], &waiting["retries"]), (&json!("running"), &json!(1)));
    assert_eq!(waiting["rejected"]["count"], 1);
    assert_eq!(counts(gateway, &tenant).await, ["1 same 1", "1 stale 1"]);
    // Its next try is due.
    let context = gateway.context("acme").await;
    let state = json!({ "state": "cancelled" });
    let _ = gateway.operator.patch("/tenants/acme/jobs/remap", &state).await.expect(200);
    let _ = tenant
        .patch(&format!("/Users/{ada}"), &patch(json!([{ "op": "replace", "path": "userName", "value": "eve" }])))
        .await;
    assert!(context.store.begin_remap_anew(gateway.clock.now()).await.unwrap());
    let done = finished(gateway, &tenant).await;
    assert_eq!((&done["rejected"]["count"], &done["retries"]), (&json!(0), &Value::Null));
    assert_eq!(counts(gateway, &tenant).await, ["1 same 2"], "{bob}");
}

async fn a_remap_runs_in_batches_and_counts_each_document_once(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    fill(&tenant, 60).await;
    map(gateway, "hostile", &json!({ "do": "count" }), "refuse").await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!((&progress["examined"], &progress["changed"]), (&json!(60), &json!(60)));
    let events = tenant.events().await;
    let updated = events.iter().filter(|event| event["type"] == "user.updated").count();
    assert_eq!((updated, events.len()), (60, 120));
}

/// Creates so many users.
pub(crate) async fn fill(tenant: &Tenant, count: usize) {
    for number in 0..count {
        let _ = tenant.user(&format!("u{number}")).await;
    }
}

async fn a_cancelled_remap_leaves_each_document_mapped_by_one_revision(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    fill(&tenant, 5).await;
    let held: Stop = helpers::stop_jobs(gateway).await;
    let first = map(gateway, "hostile", &json!({ "do": "count" }), "refuse").await;
    let ada = tenant.user("ada").await;
    let cancelled =
        gateway.operator.patch("/tenants/acme/jobs/remap", &json!({ "state": "cancelled" })).await.expect(200);
    assert_eq!(cancelled.body["state"], "cancelled");
    drop(held);
    assert_eq!(counts(gateway, &tenant).await, ["0 same 5".to_owned(), format!("{first} mapped 1")]);
    let refused =
        gateway.operator.patch("/tenants/acme/jobs/remap", &json!({ "state": "cancelled" })).await.expect(409);
    assert!(refused.body["detail"].as_str().unwrap().contains("is not running"), "{}", refused.text);
    // Switched off in the middle: the documents that were mapped are as before.
    let _ = gateway.operator.delete("/tenants/acme/mapping").await.expect(204);
    let progress = finished(gateway, &tenant).await;
    assert_eq!((&progress["examined"], &progress["changed"]), (&json!(6), &json!(1)));
    assert_eq!(counts(gateway, &tenant).await, ["0 same 6"], "{ada}");
}

async fn documents_that_a_write_maps_are_passed_by(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    fill(&tenant, 3).await;
    let ada = tenant.user("ada").await;
    let held: Stop = helpers::stop_jobs(gateway).await;
    map(gateway, "hostile", &json!({ "do": "count" }), "refuse").await;
    let change = patch(json!([{ "op": "replace", "path": "nickName", "value": "A" }]));
    let _ = tenant.patch(&format!("/Users/{ada}"), &change).await.expect(200);
    let seq = newest(&tenant).await;
    drop(held);
    let progress = finished(gateway, &tenant).await;
    assert_eq!((&progress["examined"], &progress["changed"]), (&json!(4), &json!(3)), "the marks are deleted");
    let events = events_after(&tenant, seq).await;
    assert!(events.len() == 3 && events.iter().all(|(kind, id)| kind == "user.updated" && *id != ada), "{events:?}");
}
