//! What no schema knew is kept aside, and comes in when its schema appears: in the background, and with the next write.

use std::sync::Arc;
use std::time::Duration;

use scimgate::operation::{Context, create};
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Tenant, TestGateway, on_both, poll};
use serde_json::{Value, json};

on_both!(
    what_was_aside_comes_in_when_its_schema_appears,
    what_was_aside_comes_in_with_the_next_write,
    a_unique_value_that_is_in_use_stays_aside_and_disturbs_nobody,
    a_run_goes_through_all_in_batches,
    a_write_by_older_schemas_is_understood_by_the_new,
);

const BADGE: &str = "urn:acme:badge:2.0:User";

fn badge(unique: bool) -> Value {
    let uniqueness = if unique { "server" } else { "none" };
    json!({ "schema": { "id": BADGE, "name": "Badge", "attributes": [
        { "name": "number", "type": "string", "uniqueness": uniqueness },
        { "name": "floor", "type": "integer" },
        { "name": "favouriteColour", "type": "string" },
    ] } })
}

fn with_badge(name: &str, badge: Value) -> Value {
    let mut body = user(name);
    body[BADGE] = badge;
    body
}

async fn define(gateway: &TestGateway, tenant: &Tenant, schema: &Value) {
    let _ = gateway.operator.post(&format!("/tenants/{}/schemas", tenant.name), schema).await.expect(201);
}

async fn finished(gateway: &TestGateway, tenant: &Tenant) -> Value {
    poll("what was aside is folded in", async || {
        let progress = gateway.operator.get(&format!("/tenants/{}/fold-in", tenant.name)).await.expect(200).body;
        (progress["state"] == "finished").then_some(progress)
    })
    .await
}

/// Keeps the background from its work, as a replica that holds the lease and does nothing.
async fn hold(gateway: &TestGateway) {
    let control = gateway.gateway.store.control();
    poll("the lease is free", async || {
        let term = Duration::from_hours(1);
        let taken = control.take_lease("fold-in", uuid::Uuid::new_v4(), gateway.clock.now(), term).await.unwrap();
        gateway.clock.advance(Duration::from_secs(31));
        taken.then_some(())
    })
    .await;
}

async fn what_was_aside_comes_in_when_its_schema_appears(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let mut body = with_badge("ada", json!({ "Number": "B-1815", "floor": "7", "shape": "round" }));
    body["favouriteColour"] = "red".into();
    let ada = tenant.post("/Users", &body).await.expect(201);
    assert!(ada.body.get(BADGE).is_none() && ada.body.get("favouriteColour").is_none(), "{}", ada.text);
    let bob = tenant.post("/Users", &with_badge("bob", json!({ "floor": "seven" }))).await.expect(201).id();
    let eve = tenant.user("eve").await;
    let idle = gateway.operator.get("/tenants/acme/fold-in").await.expect(200).body;
    assert_eq!(idle["setAside"], 2);
    gateway.clock.advance(Duration::from_mins(1));
    define(gateway, &tenant, &badge(false)).await;

    let progress = finished(gateway, &tenant).await;
    assert_eq!((&progress["examined"], &progress["folded"]), (&json!(2), &json!(1)));
    assert_eq!(
        progress["misfits"],
        json!({ "count": 1, "examples": [{
        "id": bob, "resourceType": "User", "attribute": format!("{BADGE}:floor"),
        "reason": format!("{BADGE}:floor must be a whole number, not this text."),
    }] })
    );
    assert_eq!(progress["setAside"], 2, "the shape, and Bob's floor");
    let read = tenant.get(&format!("/Users/{}", ada.id())).await.expect(200);
    assert_eq!(read.body[BADGE], json!({ "number": "B-1815", "floor": 7, "favouriteColour": "red" }));
    assert!(read.body["schemas"].as_array().unwrap().contains(&BADGE.into()));
    assert_eq!(read.version(), 2, "the client can see the change, so the version moves");
    assert_ne!(read.body["meta"]["lastModified"], ada.body["meta"]["lastModified"]);
    for (unchanged, version) in [(&bob, 1), (&eve, 1)] {
        assert_eq!(tenant.get(&format!("/Users/{unchanged}")).await.expect(200).version(), version);
    }
    let found = tenant.get(&format!("/Users?filter={BADGE}:number eq \"b-1815\"&attributes={BADGE}:floor")).await;
    assert_eq!(found.expect(200).body["Resources"][0][BADGE], json!({ "floor": 7 }));

    let mapped = tenant.directory(&format!("/users/{}", ada.id())).await.expect(200);
    assert_eq!(mapped.body[BADGE]["floor"], 7);
    assert_eq!(mapped.body["emails"][0]["value"], "ada@corp.test", "it was mapped by the active chain");
    let events = tenant.events().await;
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["actor"]), (&json!("user.updated"), &json!("fold-in")));
    assert_eq!((events.len(), last["resourceId"].as_str().unwrap()), (4, ada.id().as_str()));

    let change = patch(json!([{ "op": "Replace", "path": format!("{BADGE}:floor"), "value": "8" }]));
    let patched = tenant.patch(&format!("/Users/{}", ada.id()), &change).await.expect(200);
    assert_eq!((&patched.body[BADGE]["floor"], patched.version()), (&json!(8), 3));
}

async fn what_was_aside_comes_in_with_the_next_write(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.post("/Users", &with_badge("ada", json!({ "number": "B-1", "floor": 1 }))).await.expect(201).id();
    let path = format!("/Users/{ada}");
    hold(gateway).await;
    define(gateway, &tenant, &badge(false)).await;
    assert!(tenant.get(&path).await.expect(200).body.get(BADGE).is_none(), "nobody folds it in");
    let change = patch(json!([
        { "op": "replace", "path": "title", "value": "Countess" },
        { "op": "replace", "path": format!("{BADGE}:floor"), "value": 2 },
    ]));
    let patched = tenant.patch(&path, &change).await.expect(200);
    assert_eq!(patched.body[BADGE], json!({ "number": "B-1", "floor": 2 }));
    assert_eq!(patched.version(), 2, "in one write");
    let read = tenant.get(&path).await.expect(200);
    assert_eq!((&read.body[BADGE], &read.body["title"]), (&patched.body[BADGE], &json!("Countess")));
    assert_eq!(gateway.operator.get("/tenants/acme/fold-in").await.expect(200).body["setAside"], 0);
}

async fn a_unique_value_that_is_in_use_stays_aside_and_disturbs_nobody(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let mut ids = Vec::new();
    for name in ["ada", "bob"] {
        let body = with_badge(name, json!({ "number": "B-1", "floor": 1 }));
        ids.push(tenant.post("/Users", &body).await.expect(201).id());
    }
    define(gateway, &tenant, &badge(true)).await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!((&progress["folded"], &progress["misfits"]["count"]), (&json!(2), &json!(1)));
    let reason = &progress["misfits"]["examples"][0]["reason"];
    assert_eq!(*reason, format!("Another User has this {BADGE}:number already."));
    let read = tenant.get(&format!("/Users/{}", ids[1])).await.expect(200);
    assert_eq!(read.body[BADGE], json!({ "floor": 1 }));
    // What is aside of Bob is nothing that a client who changes something else could mend.
    let change = patch(json!([{ "op": "replace", "path": "title", "value": "Bob" }]));
    let patched = tenant.patch(&format!("/Users/{}", ids[1]), &change).await.expect(200);
    assert_eq!(patched.body[BADGE], json!({ "floor": 1 }));
    let taken = patch(json!([{ "op": "replace", "path": format!("{BADGE}:number"), "value": "B-1" }]));
    tenant.patch(&format!("/Users/{}", ids[1]), &taken).await.expect(409);
    tenant.delete(&format!("/Users/{}", ids[0])).await.expect(204);
    let change = patch(json!([{ "op": "replace", "path": "title", "value": "Robert" }]));
    let freed = tenant.patch(&format!("/Users/{}", ids[1]), &change).await.expect(200);
    assert_eq!(freed.body[BADGE], json!({ "floor": 1, "number": "B-1" }), "now it is free");
}

async fn a_run_goes_through_all_in_batches(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let count = 45;
    for number in 0..count {
        let body = with_badge(&format!("u{number}"), json!({ "floor": number }));
        let _ = tenant.post("/Users", &body).await.expect(201);
    }
    define(gateway, &tenant, &badge(false)).await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!((&progress["examined"], &progress["folded"]), (&json!(count), &json!(count)));
    assert_eq!((&progress["setAside"], &progress["misfits"]["count"]), (&json!(0), &json!(0)));
    let found = tenant.get(&format!("/Users?count=0&filter={BADGE}:floor ge 0")).await.expect(200);
    assert_eq!(found.body["totalResults"], count);
    // A schema that grows begins another run.
    let mut grown = badge(false);
    grown["schema"]["attributes"].as_array_mut().unwrap().push(json!({ "name": "desk", "type": "string" }));
    let _ = gateway.operator.post("/tenants/acme/schemas", &grown).await.expect(200);
    assert_eq!(finished(gateway, &tenant).await["schemaRevision"], 2);
}

async fn a_write_by_older_schemas_is_understood_by_the_new(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let row = gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap();
    // As on a replica that has not heard of the change yet.
    let ctx = Context {
        gateway: gateway.gateway.clone(),
        store: gateway.gateway.store.tenant(row.id),
        settings: gateway.gateway.settings.get(row.id).await.unwrap(),
        base_url: Arc::from("http://test"),
        actor: "test".into(),
        request_id: "test".into(),
        deadline: tokio::time::Instant::now() + Duration::from_mins(1),
    };
    let resource_type = ctx.settings.registry.resource_type("User").unwrap().clone();
    hold(gateway).await;
    define(gateway, &tenant, &badge(false)).await;
    let body = with_badge("ada", json!({ "number": "B-1", "shape": "round" }));
    let reply = create::run(ctx, resource_type, body, None).await.unwrap();
    let shown: Value = serde_json::from_str(&reply.body.unwrap()).unwrap();
    assert_eq!(shown[BADGE], json!({ "number": "B-1" }));
    let read = tenant.get(&format!("/Users/{}", shown["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(read.body[BADGE], json!({ "number": "B-1" }));
    assert_eq!(gateway.operator.get("/tenants/acme/fold-in").await.expect(200).body["setAside"], 1, "the shape");
}
