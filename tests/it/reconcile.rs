//! Unknown attributes are kept and reconciled when their schema is defined: by a background job, and by the next PATCH.

mod changes;

use std::time::Duration;

use scimgate::operation::job::runner::Runner;
use scimgate::operation::resource::{create, replace};
use scimgate::store::job::{JobKind, JobLease};
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Tenant, TestGateway, on_both, on_postgres, poll};
use serde_json::{Value, json};

on_both!(
    unknown_attributes_are_reconciled_when_their_schema_is_defined,
    unknown_attributes_are_reconciled_by_the_next_patch,
    a_unique_value_in_use_is_rejected_and_other_writes_succeed,
    a_job_runs_in_batches_to_the_end,
    a_write_read_under_older_schemas_is_stored_under_the_new,
    a_resource_that_cannot_be_written_is_skipped,
    a_batch_that_is_cut_short_keeps_its_progress,
    an_error_of_one_tenant_leaves_the_others_alone,
    the_oldest_unknown_attribute_is_dropped,
    unknown_attributes_are_deleted_with_the_resource,
    a_request_read_under_older_schemas_is_stored_under_the_new,
    a_cancelled_job_stays_cancelled_until_the_schemas_change,
);
on_postgres!(an_unfinished_run_of_an_older_replica_is_taken_over);

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
    poll("the job is finished", async || {
        let progress = gateway.operator.get(&format!("/tenants/{}/jobs/reconcile", tenant.name)).await.expect(200).body;
        (progress["state"] == "finished").then_some(progress)
    })
    .await
}

/// Keeps the gateway from running jobs until it is dropped.
async fn hold(gateway: &TestGateway) -> tokio::sync::OwnedSemaphorePermit {
    gateway.gateway.job_rounds.clone().acquire_owned().await.unwrap()
}

async fn unknown_attributes_are_reconciled_when_their_schema_is_defined(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let mut body = with_badge("ada", json!({ "Number": "B-1815", "floor": "7", "shape": "round" }));
    body["favouriteColour"] = "red".into();
    let ada = tenant.post("/Users", &body).await.expect(201);
    assert!(ada.body.get(BADGE).is_none() && ada.body.get("favouriteColour").is_none(), "{}", ada.text);
    let bob = tenant.post("/Users", &with_badge("bob", json!({ "floor": "seven" }))).await.expect(201).id();
    let eve = tenant.user("eve").await;
    let idle = gateway.operator.get("/tenants/acme/jobs/reconcile").await.expect(200).body;
    assert_eq!(idle["withUnknownAttributes"], 2);
    gateway.clock.advance(Duration::from_mins(1));
    define(gateway, &tenant, &badge(false)).await;

    let progress = finished(gateway, &tenant).await;
    assert_eq!((&progress["examined"], &progress["changed"]), (&json!(2), &json!(1)));
    assert_eq!(
        progress["rejected"],
        json!({ "count": 1, "examples": [{
        "id": bob, "resourceType": "User", "attribute": format!("{BADGE}:floor"),
        "reason": format!("{BADGE}:floor must be a whole number, not this text."),
    }] })
    );
    assert_eq!(progress["withUnknownAttributes"], 2, "the shape, and Bob's floor");
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
    assert_eq!((&last["type"], &last["actor"]), (&json!("user.updated"), &json!("reconcile")));
    assert_eq!((events.len(), last["resourceId"].as_str().unwrap()), (4, ada.id().as_str()));

    let change = patch(json!([{ "op": "Replace", "path": format!("{BADGE}:floor"), "value": "8" }]));
    let patched = tenant.patch(&format!("/Users/{}", ada.id()), &change).await.expect(200);
    assert_eq!((&patched.body[BADGE]["floor"], patched.version()), (&json!(8), 3));
}

async fn unknown_attributes_are_reconciled_by_the_next_patch(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.post("/Users", &with_badge("ada", json!({ "number": "B-1", "floor": 1 }))).await.expect(201).id();
    let path = format!("/Users/{ada}");
    let _held = hold(gateway).await;
    define(gateway, &tenant, &badge(false)).await;
    assert!(tenant.get(&path).await.expect(200).body.get(BADGE).is_none(), "nothing reconciles it");
    let change = patch(json!([
        { "op": "replace", "path": "title", "value": "Countess" },
        { "op": "replace", "path": format!("{BADGE}:floor"), "value": 2 },
    ]));
    let patched = tenant.patch(&path, &change).await.expect(200);
    assert_eq!(patched.body[BADGE], json!({ "number": "B-1", "floor": 2 }));
    assert_eq!(patched.version(), 2, "in one write");
    let read = tenant.get(&path).await.expect(200);
    assert_eq!((&read.body[BADGE], &read.body["title"]), (&patched.body[BADGE], &json!("Countess")));
    assert_eq!(gateway.operator.get("/tenants/acme/jobs/reconcile").await.expect(200).body["withUnknownAttributes"], 0);
}

async fn a_unique_value_in_use_is_rejected_and_other_writes_succeed(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let mut ids = Vec::new();
    for name in ["ada", "bob"] {
        let body = with_badge(name, json!({ "number": "B-1", "floor": 1 }));
        ids.push(tenant.post("/Users", &body).await.expect(201).id());
    }
    define(gateway, &tenant, &badge(true)).await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!((&progress["changed"], &progress["rejected"]["count"]), (&json!(2), &json!(1)));
    let reason = &progress["rejected"]["examples"][0]["reason"];
    assert_eq!(*reason, format!("Another User has this {BADGE}:number already."));
    let read = tenant.get(&format!("/Users/{}", ids[1])).await.expect(200);
    assert_eq!(read.body[BADGE], json!({ "floor": 1 }));
    // Bob's rejected unknown attributes must not refuse a client's change of something else.
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

async fn a_job_runs_in_batches_to_the_end(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let count = 45;
    for number in 0..count {
        let body = with_badge(&format!("u{number}"), json!({ "floor": number }));
        let _ = tenant.post("/Users", &body).await.expect(201);
    }
    define(gateway, &tenant, &badge(false)).await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!((&progress["examined"], &progress["changed"]), (&json!(count), &json!(count)));
    assert_eq!((&progress["withUnknownAttributes"], &progress["rejected"]["count"]), (&json!(0), &json!(0)));
    let found = tenant.get(&format!("/Users?count=0&filter={BADGE}:floor ge 0")).await.expect(200);
    assert_eq!(found.body["totalResults"], count);
    // A schema that grows begins another run.
    let mut grown = badge(false);
    grown["schema"]["attributes"].as_array_mut().unwrap().push(json!({ "name": "desk", "type": "string" }));
    let _ = gateway.operator.post("/tenants/acme/schemas", &grown).await.expect(200);
    assert_eq!(finished(gateway, &tenant).await["revision"], 2);
}

async fn a_request_read_under_older_schemas_is_stored_under_the_new(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let resource_type = gateway.context("acme").await.settings.registry.resource_type("User").unwrap().clone();
    let _held = hold(gateway).await;
    define(gateway, &tenant, &badge(true)).await;
    let of_before = || resource_type.clone();
    let body = with_badge("ada", json!({ "number": "B-1" }));
    let made = create::run(gateway.context("acme").await, of_before(), body, None).await.unwrap();
    let made: Value = serde_json::from_str(&made.body.unwrap()).unwrap();
    assert_eq!(made[BADGE], json!({ "number": "B-1" }));

    let id = made["id"].as_str().unwrap();
    let body = with_badge("ada", json!({ "number": "B-2" }));
    let _ = replace::run(gateway.context("acme").await, of_before(), id, body, None, None).await.unwrap();
    let read = tenant.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read.body[BADGE], json!({ "number": "B-2" }));
    // Its old number is free again, its new one is not.
    let _ = tenant.post("/Users", &with_badge("bob", json!({ "number": "B-1" }))).await.expect(201);
    let _ = tenant.post("/Users", &with_badge("cyd", json!({ "number": "B-2" }))).await.expect(409);
}

async fn a_write_read_under_older_schemas_is_stored_under_the_new(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    // As on a replica that has not heard of the change yet.
    let ctx = gateway.context("acme").await;
    let resource_type = ctx.settings.registry.resource_type("User").unwrap().clone();
    let _held = hold(gateway).await;
    define(gateway, &tenant, &badge(false)).await;
    let body = with_badge("ada", json!({ "number": "B-1", "shape": "round" }));
    let reply = create::run(ctx, resource_type, body, None).await.unwrap();
    let shown: Value = serde_json::from_str(&reply.body.unwrap()).unwrap();
    assert_eq!(shown[BADGE], json!({ "number": "B-1" }));
    let read = tenant.get(&format!("/Users/{}", shown["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(read.body[BADGE], json!({ "number": "B-1" }));
    assert_eq!(
        gateway.operator.get("/tenants/acme/jobs/reconcile").await.expect(200).body["withUnknownAttributes"],
        1,
        "the shape"
    );
}

async fn a_resource_that_cannot_be_written_is_skipped(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    // It is as long as it may be, and its `schemas` would have one more.
    let mut long = with_badge("ada", json!({ "floor": 1 }));
    long["title"] = "".into();
    let room = (1 << 20) - long.to_string().len();
    long["title"] = "x".repeat(room - 10).into();
    let ada = tenant.post("/Users", &long).await.expect(201).id();
    // With the URN before each of its names it would be six times as long.
    let mut many: serde_json::Map<String, Value> = (0..30_000).map(|n| (format!("a{n}"), json!(n))).collect();
    many.insert("floor".into(), json!(2));
    let bob = tenant.post("/Users", &with_badge("bob", Value::Object(many))).await.expect(201).id();
    let eve = tenant.post("/Users", &with_badge("eve", json!({ "floor": 3 }))).await.expect(201).id();
    define(gateway, &tenant, &badge(false)).await;

    let progress = finished(gateway, &tenant).await;
    assert_eq!((&progress["examined"], &progress["changed"]), (&json!(3), &json!(2)), "{progress}");
    let reason = "The resource would be longer than 1048576 bytes, the longest accepted.";
    assert_eq!(
        progress["rejected"],
        json!({ "count": 1, "examples": [{ "id": ada, "resourceType": "User", "attribute": "the resource", "reason": reason }] })
    );
    assert_eq!(progress["withUnknownAttributes"], 2, "the floor of Ada, and what no schema knows of Bob");
    for (id, floor) in [(&ada, Value::Null), (&bob, json!({ "floor": 2 })), (&eve, json!({ "floor": 3 }))] {
        assert_eq!(tenant.get(&format!("/Users/{id}")).await.expect(200).body[BADGE], floor);
    }
    let change = patch(json!([{ "op": "replace", "path": "title", "value": "Countess" }]));
    for (id, floor) in [(&ada, 1), (&bob, 2)] {
        let patched = tenant.patch(&format!("/Users/{id}"), &change).await.expect(200);
        assert_eq!(patched.body[BADGE], json!({ "floor": floor }));
    }
}

async fn a_batch_that_is_cut_short_keeps_its_progress(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let id = gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap().id;
    let mut ids = Vec::new();
    for name in ["ada", "bob", "eve"] {
        ids.push(tenant.post("/Users", &with_badge(name, json!({ "floor": 1 }))).await.expect(201).id());
    }
    gateway.map("acme", "hostile", &json!({ "do": "spin", "for": "bob" }), "refuse").await;
    let _held = hold(gateway).await;
    define(gateway, &tenant, &badge(false)).await;
    let progress = async || {
        let shown = gateway.operator.get("/tenants/acme/jobs/reconcile").await.expect(200).body;
        (
            shown["state"].clone(),
            shown["examined"].clone(),
            shown["changed"].clone(),
            shown["rejected"]["count"].clone(),
        )
    };
    let (runner, store) = (Runner::default(), gateway.gateway.store.tenant(id));
    let run = async || {
        let _rest = runner.run_due(&gateway.gateway).await.unwrap();
    };
    let (kind, ttl) = (JobKind::Reconcile, Duration::from_mins(1));
    let holder = uuid::Uuid::new_v4();
    let job = store.claim_job(kind, holder, ttl).await.unwrap().expect("the job is due");
    run().await;
    assert_eq!(progress().await, (json!("running"), json!(0), json!(0), json!(0)), "another process has the lease");
    let lease = JobLease { kind, id: job.id, holder, ttl };
    assert!(store.renew_job(&lease).await.unwrap());
    store.save_job(&lease, &job.progress, false, (Duration::ZERO, gateway.clock.now())).await.unwrap();

    for _ in 0..2 {
        run().await;
        assert_eq!(progress().await, (json!("running"), json!(1), json!(1), json!(0)), "Ada is done, and once");
    }
    gateway.map("acme", "hostile", &json!({ "do": "trap", "for": "bob" }), "refuse").await;
    poll("the job is finished", async || {
        run().await;
        (progress().await.0 == "finished").then_some(())
    })
    .await;
    assert_eq!(progress().await, (json!("finished"), json!(3), json!(2), json!(1)), "nothing helps Bob");
    let versions = [2, 1, 2];
    for (id, version) in ids.iter().zip(versions) {
        assert_eq!(tenant.get(&format!("/Users/{id}")).await.expect(200).version(), version);
    }
}

async fn an_error_of_one_tenant_leaves_the_others_alone(gateway: &TestGateway) {
    let (bad, good) = (gateway.plain_tenant("spinner").await, gateway.plain_tenant("bystander").await);
    let bob = bad.post("/Users", &with_badge("bob", json!({ "floor": 1 }))).await.expect(201).id();
    for number in 0..45 {
        let body = with_badge(&format!("u{number}"), json!({ "floor": number }));
        let _ = good.post("/Users", &body).await.expect(201);
    }
    gateway.map("spinner", "hostile", &json!({ "do": "spin" }), "refuse").await;
    define(gateway, &bad, &badge(false)).await;
    define(gateway, &good, &badge(false)).await;
    assert_eq!(finished(gateway, &good).await["changed"], 45);
    let waits = gateway.operator.get("/tenants/spinner/jobs/reconcile").await.expect(200).body;
    assert_eq!(
        (&waits["state"], &waits["examined"], &waits["rejected"]["count"]),
        (&json!("running"), &json!(0), &json!(0))
    );
    gateway.map("spinner", "hostile", &json!({ "do": "nothing" }), "refuse").await;
    assert_eq!(finished(gateway, &bad).await["changed"], 1);
    assert_eq!(bad.get(&format!("/Users/{bob}")).await.expect(200).body[BADGE], json!({ "floor": 1 }));
}

async fn the_oldest_unknown_attribute_is_dropped(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let mut body = user("ada");
    body["favouriteColour"] = "red".into();
    for number in 0..999 {
        body[format!("x{number}")] = number.into();
    }
    let ada = format!("/Users/{}", tenant.post("/Users", &body).await.expect(201).id());
    body["number"] = "7".into();
    let put = tenant.put(&ada, &body).await.expect(200);
    let title = patch(json!([{ "op": "add", "value": { "title": "Countess", "X7": 8 } }]));
    assert_eq!(tenant.patch(&ada, &title).await.expect(200).body["title"], "Countess");
    assert_eq!((put.version(), tenant.get(&ada).await.expect(200).version()), (2, 3));
    let add = patch(json!([{ "op": "add", "path": "y", "value": 1 }]));
    let _ = tenant.patch(&ada, &add).await.expect(200);
    let used = gateway.operator.get("/tenants/acme/client").await.expect(200).body["used"].clone();
    let dropped = used.as_array().unwrap().iter().filter(|used| used["leniency"] == "unknown-attribute-dropped");
    let dropped: Vec<&Value> = dropped.map(|used| &used["attribute"]).collect();
    assert!(dropped.contains(&&json!("favouriteColour")) && dropped.contains(&&json!("x0")), "{dropped:?}");
    define(gateway, &tenant, &badge(false)).await;
    finished(gateway, &tenant).await;
    let read = tenant.get(&ada).await.expect(200);
    assert_eq!(read.body[BADGE], json!({ "number": "7" }), "the colour was the oldest");
}

async fn unknown_attributes_are_deleted_with_the_resource(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = gateway.operator.patch("/tenants/acme/client", &json!({ "profile": "onelogin" })).await.expect(200);
    let ada = tenant.post("/Users", &with_badge("ada", json!({ "number": "B-1" }))).await.expect(201).id();
    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    assert_eq!(tenant.post("/Users", &user("ada")).await.expect(201).id(), ada, "it is restored");
    assert_eq!(gateway.operator.get("/tenants/acme/jobs/reconcile").await.expect(200).body["withUnknownAttributes"], 0);
    define(gateway, &tenant, &badge(false)).await;
    finished(gateway, &tenant).await;
    assert!(tenant.get(&format!("/Users/{ada}")).await.expect(200).body.get(BADGE).is_none());
}

async fn a_cancelled_job_stays_cancelled_until_the_schemas_change(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = tenant.post("/Users", &with_badge("ada", json!({ "floor": 1 }))).await.expect(201).id();
    let held = hold(gateway).await;
    define(gateway, &tenant, &badge(false)).await;
    let (job, cancel) = ("/tenants/acme/jobs/reconcile", json!({ "state": "cancelled" }));
    assert_eq!(gateway.operator.patch(job, &cancel).await.expect(200).body["state"], "cancelled");
    let _ = gateway.operator.patch(job, &cancel).await.expect(409);
    let _ = gateway.operator.patch(job, &json!({ "state": "running" })).await.expect(409);
    let _rest = Runner::default().run_due(&gateway.gateway).await.unwrap();
    let progress = gateway.operator.get(job).await.expect(200).body;
    assert_eq!((&progress["state"], &progress["examined"]), (&json!("cancelled"), &json!(0)));
    assert_eq!(tenant.get(&format!("/Users/{ada}")).await.expect(200).body.get(BADGE), None);

    drop(held);
    let _ = gateway.operator.post("/tenants/acme/schemas", &badge(true)).await.expect(200);
    assert_eq!(finished(gateway, &tenant).await["changed"], 1);
}

/// During a rolling update an older replica begins its runs in the table `fold_in`, and may end before them.
async fn an_unfinished_run_of_an_older_replica_is_taken_over(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = tenant.post("/Users", &with_badge("ada", json!({ "floor": 1 }))).await.expect(201).id();
    let held = hold(gateway).await;
    define(gateway, &tenant, &badge(false)).await;
    let owner = gateway.store().await;
    let left = "WITH gone AS (DELETE FROM job WHERE kind = 'reconcile' RETURNING tenant_id, revision) \
                INSERT INTO fold_in (tenant_id, schema_revision, after_id, begun_at, moved_at) \
                SELECT tenant_id, revision, '00000000-0000-0000-0000-000000000000', now(), now() FROM gone";
    assert_eq!(owner.execute(left, &[]).await.unwrap(), 1);
    drop(held);
    gateway.gateway.schemas_changed.notify_one();
    assert_eq!(finished(gateway, &tenant).await["changed"], 1);
    assert_eq!(tenant.get(&format!("/Users/{ada}")).await.expect(200).body[BADGE], json!({ "floor": 1 }));
    let unfinished = owner.query_one("SELECT count(*) FROM fold_in WHERE NOT finished", &[]).await.unwrap();
    assert_eq!(unfinished.get::<_, i64>(0), 0, "it is taken over once");
}
