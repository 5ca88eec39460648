//! Writes that start from a row which this process wrote shortly before: each gives what a write gives that has read the row,
//! whatever another process did in between.

use std::sync::{Arc, Mutex};

use scimgate::operation::resource::recent::RecentRows;
use scimgate::operation::resource::record::{Record, Recorder};
use scimgate::operation::resource::reply::Reply;
use scimgate::operation::resource::{delete, get, patch, replace};
use scimgate::operation::{Context, Error};
use scimgate_scim::etag;
use scimgate_tests::tenant::{patch as operations, user};
use scimgate_tests::{Tenant, TestGateway, on_both};
use serde_json::{Value, json};

on_both!(
    a_second_patch_starts_from_the_row_of_the_first,
    a_row_that_was_changed_elsewhere_is_read_anew,
    that_nothing_changes_is_decided_on_what_is_stored,
    a_refusal_is_decided_on_what_is_stored,
    a_row_that_was_deleted_elsewhere_is_not_found,
    a_row_that_was_deleted_and_restored_elsewhere_is_read_anew,
    a_reply_shows_the_groups_of_now,
    attributes_that_a_schema_defines_by_now_are_reconciled,
    the_product_gets_its_event,
    a_row_that_was_remapped_elsewhere_is_read_anew,
);

/// Counts the attempts of each write.
#[derive(Default)]
struct Attempts(Mutex<Vec<u32>>);

impl Recorder for Attempts {
    fn record(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push(record.attempts);
    }
}

/// A process with rows of its own.
struct Process<'g> {
    gateway: &'g TestGateway,
    recent: RecentRows,
    attempts: Arc<Attempts>,
}

impl<'g> Process<'g> {
    fn new(gateway: &'g TestGateway) -> Self {
        Self { gateway, recent: RecentRows::default(), attempts: Arc::default() }
    }

    async fn context(&self) -> Context {
        let mut ctx = self.gateway.context("acme").await;
        ctx.gateway.recent = self.recent.clone();
        ctx.gateway.recorder = Arc::clone(&self.attempts) as Arc<dyn Recorder>;
        ctx
    }

    async fn try_patch(&self, id: &str, changes: Value, if_match: Option<&str>) -> Result<Reply, Error> {
        let ctx = self.context().await;
        let users = ctx.resource_type("Users")?;
        let condition = etag::Condition::read(if_match, None)?;
        patch::run(ctx, users, id, operations(changes), condition, None).await
    }

    /// PATCH of a text; the user as the reply shows it, and the attempts.
    async fn set(&self, id: &str, path: &str, value: &str) -> (Value, u32) {
        let change = json!([{ "op": "replace", "path": path, "value": value }]);
        let reply = self.try_patch(id, change, None).await.unwrap();
        (body(&reply), self.attempts.0.lock().unwrap().pop().unwrap())
    }
}

fn body(reply: &Reply) -> Value {
    serde_json::from_str(reply.body.as_deref().unwrap()).unwrap()
}

fn status(result: Result<Reply, Error>) -> u16 {
    match result {
        Ok(reply) => reply.status,
        Err(Error::Scim(error)) => error.status,
        Err(other) => panic!("{other:?}"),
    }
}

async fn stored(process: &Process<'_>, id: &str) -> Value {
    let ctx = process.context().await;
    let users = ctx.resource_type("Users").unwrap();
    body(&get::run(ctx, users, id, None).await.unwrap().0)
}

/// Two processes, and a user that the first one wrote last.
async fn two(gateway: &TestGateway) -> (Tenant, String, Process<'_>, Process<'_>) {
    let tenant = gateway.tenant("acme").await;
    let id = tenant.user("ada").await;
    let (one, other) = (Process::new(gateway), Process::new(gateway));
    let _ = one.set(&id, "nickName", "first").await;
    (tenant, id, one, other)
}

async fn a_second_patch_starts_from_the_row_of_the_first(gateway: &TestGateway) {
    let (_, id, one, _) = two(gateway).await;
    let (shown, attempts) = one.set(&id, "title", "Countess").await;
    assert_eq!((&shown["title"], &shown["nickName"], attempts), (&json!("Countess"), &json!("first"), 1));
    assert_eq!(shown, stored(&one, &id).await);
    let users = one.context().await.resource_type("Users").unwrap();
    let again = replace::run(one.context().await, users, &id, user("ada"), None, None).await.unwrap();
    assert_eq!(body(&again), stored(&one, &id).await);
}

async fn a_row_that_was_changed_elsewhere_is_read_anew(gateway: &TestGateway) {
    let (_, id, one, other) = two(gateway).await;
    assert_eq!(other.set(&id, "title", "Countess").await.1, 1, "it has no row and reads");
    let (shown, attempts) = one.set(&id, "nickName", "second").await;
    assert_eq!(attempts, 2, "the first attempt started from an older row");
    assert_eq!((&shown["title"], &shown["nickName"]), (&json!("Countess"), &json!("second")));
    assert_eq!(shown, stored(&one, &id).await);
    let mut ada = user("ada");
    ada["title"] = json!("Analyst");
    let _ = one.set(&id, "locale", "en").await;
    let _ = other.set(&id, "nickName", "third").await;
    let users = one.context().await.resource_type("Users").unwrap();
    let _ = replace::run(one.context().await, users, &id, ada, None, None).await.unwrap();
    let now = stored(&one, &id).await;
    assert_eq!((&now["title"], &now["nickName"]), (&json!("Analyst"), &Value::Null));
}

async fn that_nothing_changes_is_decided_on_what_is_stored(gateway: &TestGateway) {
    let (_, id, one, other) = two(gateway).await;
    let _ = other.set(&id, "nickName", "other").await;
    let (shown, _) = one.set(&id, "nickName", "first").await;
    assert_eq!(shown["nickName"], "first", "the older row says so already");
    assert_eq!(shown, stored(&one, &id).await);
    let (same, _) = one.set(&id, "nickName", "first").await;
    assert_eq!(same["meta"], shown["meta"]);
}

async fn a_refusal_is_decided_on_what_is_stored(gateway: &TestGateway) {
    let (_, id, one, other) = two(gateway).await;
    let version = stored(&one, &id).await["meta"]["version"].as_str().unwrap().to_owned();
    let _ = other.set(&id, "title", "Countess").await;
    let now = stored(&one, &id).await["meta"]["version"].as_str().unwrap().to_owned();
    let change = |value: &str| json!([{ "op": "replace", "path": "title", "value": value }]);
    assert_eq!(status(one.try_patch(&id, change("a"), Some(&version)).await), 412, "it holds for the older row");
    assert_eq!(status(one.try_patch(&id, change("b"), Some(&now)).await), 200);
    let _ = one.set(&id, "locale", "en").await;
    let phone = json!([{ "op": "add", "path": "phoneNumbers", "value": [{ "type": "work", "value": "1" }] }]);
    assert_eq!(status(other.try_patch(&id, phone, None).await), 200);
    let client = json!({ "profile": "strict" });
    let _ = gateway.operator.patch("/tenants/acme/client", &client).await.expect(200);
    let digits = json!([{ "op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "2" }]);
    assert_eq!(status(one.try_patch(&id, digits, None).await), 200, "the older row has no such number");
    assert_eq!(stored(&one, &id).await["phoneNumbers"][0]["value"], "2");
    let digits = json!([{ "op": "replace", "path": "phoneNumbers[type eq \"home\"].value", "value": "2" }]);
    assert_eq!(status(one.try_patch(&id, digits, None).await), 400);
}

async fn a_row_that_was_deleted_elsewhere_is_not_found(gateway: &TestGateway) {
    let (_, id, one, other) = two(gateway).await;
    let users = other.context().await.resource_type("Users").unwrap();
    let _ = delete::run(other.context().await, users, &id, None).await.unwrap();
    let change = json!([{ "op": "replace", "path": "title", "value": "x" }]);
    for _ in 0..2 {
        assert_eq!(status(one.try_patch(&id, change.clone(), None).await), 404);
    }
}

async fn a_row_that_was_deleted_and_restored_elsewhere_is_read_anew(gateway: &TestGateway) {
    let (tenant, id, one, other) = two(gateway).await;
    let client = json!({ "allow": ["restore-deleted"] });
    let _ = gateway.operator.patch("/tenants/acme/client", &client).await.expect(200);
    let users = other.context().await.resource_type("Users").unwrap();
    let _ = delete::run(other.context().await, users, &id, None).await.unwrap();
    let mut ada = user("ada");
    ada["title"] = json!("Restored");
    assert_eq!(tenant.post("/Users", &ada).await.expect(201).id(), id);
    let (shown, attempts) = one.set(&id, "locale", "en").await;
    assert_eq!((&shown["title"], &shown["nickName"], attempts), (&json!("Restored"), &Value::Null, 2));
    assert_eq!(shown, stored(&one, &id).await);
}

async fn a_reply_shows_the_groups_of_now(gateway: &TestGateway) {
    let (tenant, id, one, _) = two(gateway).await;
    let crew = format!("/Groups/{}", tenant.group("Crew").await);
    let member = |verb: &str| operations(json!([{ "op": verb, "path": "members", "value": [{ "value": id }] }]));
    let _ = tenant.patch(&crew, &member("add")).await;
    let (shown, attempts) = one.set(&id, "title", "a").await;
    assert_eq!((&shown["groups"][0]["display"], attempts), (&json!("Crew"), 1));
    assert_eq!(shown, stored(&one, &id).await);
    let name = operations(json!([{ "op": "replace", "path": "displayName", "value": "Band" }]));
    let _ = tenant.patch(&crew, &name).await;
    assert_eq!(one.set(&id, "title", "b").await.0["groups"][0]["display"], "Band");
    let _ = tenant.patch(&crew, &member("remove")).await;
    let (shown, attempts) = one.set(&id, "title", "c").await;
    assert_eq!((&shown["groups"], attempts), (&Value::Null, 1));
}

async fn attributes_that_a_schema_defines_by_now_are_reconciled(gateway: &TestGateway) {
    let (_, id, one, _) = two(gateway).await;
    let urn = "urn:acme:badge:1.0:User";
    let (_, attempts) = one.set(&id, &format!("{urn}:colour"), "red").await;
    assert_eq!(attempts, 1);
    let schema = json!({ "id": urn, "name": "Badge", "attributes": [{ "name": "colour", "type": "string" }] });
    let body = json!({ "schema": schema });
    let _ = gateway.operator.post("/tenants/acme/schemas", &body).await.expect(201);
    let (shown, _) = one.set(&id, "title", "x").await;
    assert_eq!(shown[urn]["colour"], "red");
    assert_eq!(shown, stored(&one, &id).await);
}

async fn the_product_gets_its_event(gateway: &TestGateway) {
    let (tenant, id, one, _) = two(gateway).await;
    let active = |value: bool| json!([{ "op": "replace", "path": "active", "value": value }]);
    assert_eq!(status(one.try_patch(&id, active(false), None).await), 200);
    let _ = one.set(&id, "title", "x").await;
    assert_eq!(status(one.try_patch(&id, active(true), None).await), 200);
    let own: Vec<Value> = tenant.events().await.into_iter().filter(|event| event["resourceId"] == *id).collect();
    let types: Vec<&str> = own.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["user.created", "user.updated", "user.deactivated", "user.updated", "user.updated"]);
    let mapped = tenant.directory(&format!("/users/{id}")).await.expect(200).body;
    assert_eq!((&mapped["title"], &mapped["nickName"]), (&json!("x"), &json!("first")));
}

/// A remap changes neither the version nor the document of a row.
async fn a_row_that_was_remapped_elsewhere_is_read_anew(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let id = tenant.user("ada").await;
    let one = Process::new(gateway);
    let _ = one.set(&id, "nickName", "first").await;
    gateway.map("acme", "hostile", &json!({ "do": "exclude" }), "refuse").await;
    scimgate_tests::poll("the remap has excluded it", async || {
        (tenant.directory(&format!("/users/{id}")).await.status == 404).then_some(())
    })
    .await;
    let rule = json!({ "excludeWhere": { "path": "nickName", "equals": "first" } });
    gateway.map("acme", "tutorial", &rule, "refuse").await;
    scimgate_tests::poll("the remap is finished", async || {
        let job = gateway.operator.get("/tenants/acme/jobs/remap").await.expect(200).body;
        (job["state"] == "finished").then_some(())
    })
    .await;
    // By the row that this process has, the product would see it, and `updated` would be the event.
    let (_, attempts) = one.set(&id, "nickName", "second").await;
    assert_eq!(attempts, 2);
    let events = tenant.events().await;
    let kinds: Vec<_> =
        events.iter().filter(|it| it["resourceId"] == id.as_str()).map(|it| it["type"].clone()).collect();
    assert_eq!(kinds, ["user.created", "user.updated", "user.deleted", "user.created"]);
}
