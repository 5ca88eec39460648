//! The guard against mass deprovisioning: few removals pass, more are held for the product until an operator decides.

mod failing;
mod interrupted;
mod locks;
mod members;
mod mistake;
mod older;
mod protected;
mod races;
mod remap;
mod settings;

use std::time::Duration;

use scimgate_tests::matching::assert_holds;
use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Database, Tenant, TestGateway, on_both, poll, rows};
use serde_json::{Value, json};

on_both!(
    more_removals_than_the_limit_are_held_until_they_are_released,
    a_rejected_batch_restores_the_source,
    a_held_user_whose_removal_is_undone_is_not_held_any_more,
    a_held_deleted_user_that_is_created_again_is_restored,
    a_protected_user_never_leaves_without_an_operator,
    what_cannot_be_restored_stays_held,
);

/// A tenant whose guard lets this many users pass within an hour, and this many memberships.
async fn guarded(gateway: &TestGateway, users: i64, members: i64) -> Tenant {
    let tenant = gateway.plain_tenant("acme").await;
    set_guard(gateway, &json!({ "users": users, "members": members, "percent": 0 })).await;
    tenant
}

async fn set_guard(gateway: &TestGateway, guard: &Value) {
    let _ = gateway.operator.put("/tenants/acme/guard", guard).await.expect(200);
}

/// The batches, the latest first.
async fn batches(gateway: &TestGateway) -> Vec<Value> {
    gateway.operator.get("/tenants/acme/held").await.expect(200).body["batches"].as_array().unwrap().clone()
}

/// The only batch, with what it holds.
async fn batch(gateway: &TestGateway) -> Value {
    let batches = batches(gateway).await;
    assert_eq!(batches.len(), 1, "{batches:?}");
    let path = format!("/tenants/acme/held/{}", batches[0]["id"].as_str().unwrap());
    gateway.operator.get(&path).await.expect(200).body
}

/// Decides on the open batch, and waits until the verdict is carried out. Returns the state afterwards.
async fn decide(gateway: &TestGateway, state: &str) -> String {
    let open = batches(gateway).await.into_iter().find(|batch| batch["state"] == "open").unwrap();
    let path = format!("/tenants/acme/held/{}", open["id"].as_str().unwrap());
    let _ = gateway.operator.patch(&path, &json!({ "state": state })).await.expect(200);
    poll("the verdict is carried out", async || {
        let batch = gateway.operator.get(&path).await.expect(200).body["batch"]["state"].clone();
        let state = batch.as_str().unwrap();
        (!state.ends_with("ing")).then(|| state.to_owned())
    })
    .await
}

async fn set(tenant: &Tenant, id: &str, attribute: &str, value: Value) {
    let body = patch(json!([{ "op": "replace", "path": attribute, "value": value }]));
    let _ = tenant.patch(&format!("/Users/{id}"), &body).await.expect(200);
}

async fn deactivate(tenant: &Tenant, id: &str) {
    set(tenant, id, "active", false.into()).await;
}

async fn source(tenant: &Tenant, id: &str) -> Value {
    tenant.get(&format!("/Users/{id}")).await.expect(200).body
}

async fn seen(tenant: &Tenant, id: &str) -> Value {
    tenant.directory(&format!("/users/{id}")).await.expect(200).body
}

/// How the groups are called that mark positions in the event feed. The common ones are deleted, which the guard might hold.
const MARK: &str = "mark in the feed";

/// Every event so far but those of marks: a group is created, and all events before its event are complete.
pub(crate) async fn feed(tenant: &Tenant) -> Vec<Value> {
    let mark = tenant.group(MARK).await;
    let mut events: Vec<Value> = Vec::new();
    poll("the event feed has reached the mark", async || {
        let page = tenant.directory(&format!("/events?after={}&limit=1000", events.len())).await.expect(200);
        events.extend(page.body["events"].as_array().unwrap().iter().cloned());
        events.iter().any(|event| event["resourceId"] == mark.as_str()).then_some(())
    })
    .await;
    let marks = tenant.get(&format!("/Groups?filter=displayName eq \"{MARK}\"")).await.expect(200).body;
    let marks = marks["Resources"].as_array().unwrap();
    events.retain(|event| marks.iter().all(|mark| event["resourceId"] != mark["id"]));
    events
}

/// The types of the events so far but the first `after`, with the resource or the member.
async fn events(tenant: &Tenant, after: usize) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let who =
        |event: &Value| if event["memberId"].is_null() { text(&event["resourceId"]) } else { text(&event["memberId"]) };
    feed(tenant).await.iter().skip(after).map(|event| (text(&event["type"]), who(event))).collect()
}

/// The ids that the product lists, in order.
async fn listed(tenant: &Tenant) -> Vec<String> {
    let page = tenant.directory("/users?limit=1000").await.expect(200).body;
    page["resources"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

/// The members of a group as the product and as the SCIM client see them.
async fn members(tenant: &Tenant, group: &str) -> [Vec<String>; 2] {
    let product = tenant.directory(&format!("/groups/{group}")).await.expect(200).body;
    let client = tenant.get(&format!("/Groups/{group}")).await.expect(200).body;
    [product, client].map(|group| {
        let members = group["members"].as_array().into_iter().flatten();
        let mut ids: Vec<String> = members.map(|it| it["value"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    })
}

async fn users(tenant: &Tenant, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(tenant.user(&format!("u{number}")).await);
    }
    ids
}

async fn check_rows(gateway: &TestGateway) {
    if gateway.database() == Database::Postgres {
        rows::check(&gateway.store().await).await;
    }
}

/// Two deactivated users that pass; then one that is deactivated, one deleted and one excluded, which are held. All but the first two are
/// members of the group.
struct Lost {
    tenant: Tenant,
    ids: Vec<String>,
    crew: String,
    /// The number of events before the first that is held.
    events: usize,
}

async fn lose(gateway: &TestGateway) -> Lost {
    let tenant = guarded(gateway, 2, 100).await;
    let config = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    gateway.map("acme", "tutorial", &config, "refuse").await;
    let ids = users(&tenant, 6).await;
    let mut crew = group("Crew");
    crew["members"] = ids[2..].iter().map(|id| json!({ "value": id })).collect();
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    for id in &ids[..2] {
        deactivate(&tenant, id).await;
    }
    let events = feed(&tenant).await.len();
    assert_eq!(batches(gateway).await, Vec::<Value>::new());
    gateway.clock.advance(Duration::from_mins(1));
    deactivate(&tenant, &ids[2]).await;
    let _ = tenant.delete(&format!("/Users/{}", ids[3])).await.expect(204);
    set(&tenant, &ids[4], "userType", "Contractor".into()).await;
    Lost { tenant, ids, crew, events }
}

/// Whether each user is active for the product, and its mapping state.
async fn states(tenant: &Tenant, ids: &[String]) -> Vec<(Value, Value)> {
    let mut states = Vec::new();
    for id in ids {
        states.push((seen(tenant, id).await["active"].clone(), seen(tenant, id).await["mappingState"].clone()));
    }
    states
}

/// The names of a batch's resources, and what is held of each.
fn kinds(shown: &Value) -> Vec<(&str, &str)> {
    let resources = shown["resources"].as_array().unwrap().iter();
    resources.map(|it| (it["name"].as_str().unwrap(), it["kind"].as_str().unwrap())).collect()
}

async fn more_removals_than_the_limit_are_held_until_they_are_released(gateway: &TestGateway) {
    let Lost { tenant, ids, crew, events: before } = lose(gateway).await;
    // The client is answered as usual, and reads what it wrote.
    assert_eq!(source(&tenant, &ids[2]).await["active"], false);
    let _ = tenant.get(&format!("/Users/{}", ids[3])).await.expect(404);
    assert_eq!(source(&tenant, &ids[4]).await["userType"], "Contractor");
    assert_eq!(tenant.get("/Users").await.expect(200).body["totalResults"], 5);
    // The product sees nothing of it.
    let held = (json!(true), json!("held"));
    assert_eq!(
        states(&tenant, &ids[2..]).await,
        [held.clone(), (json!(true), json!("same")), held, (json!(true), json!("same"))]
    );
    assert_eq!(listed(&tenant).await, ids);
    let mut all: Vec<String> = ids[2..].to_vec();
    all.sort();
    let without = |gone: &[usize]| -> Vec<String> {
        all.iter().filter(|id| gone.iter().all(|at| ids[*at] != **id)).cloned().collect()
    };
    assert_eq!(members(&tenant, &crew).await, [all.clone(), without(&[3])]);
    assert_eq!(events(&tenant, before).await, []);

    let shown = batch(gateway).await;
    let expected = json!({ "state": "open", "cause": "threshold", "resources": 3, "memberships": 1, "passed": 2,
        "openedAt": "2026-05-01T09:01:00.000Z", "decidedAt": null });
    assert_holds("the batch", &expected, &shown["batch"]);
    assert_eq!(
        kinds(&shown),
        [("u2@corp.test", "deactivated"), ("u3@corp.test", "deleted"), ("u4@corp.test", "excluded")]
    );
    assert_eq!(shown["groups"], json!([{ "id": crew, "display": "Crew", "members": 1 }]));
    let explained = gateway.operator.get("/tenants/acme/explanation?resource=u4").await.expect(200).body;
    let sentence = explained["sentences"][0].as_str().unwrap();
    assert!(
        sentence.contains(
            "still sees User u4@corp.test as it was: its exclusion is held since 2026-05-01T09:01:00.000Z in"
        ),
        "{sentence}"
    );
    assert!(sentence.contains("by step 1 of revision 1"), "{sentence}");

    gateway.clock.advance(Duration::from_mins(1));
    assert_eq!(decide(gateway, "released").await, "released");
    let kinds = [("user.deactivated", 2), ("user.deleted", 3), ("user.deleted", 4)];
    assert_eq!(events(&tenant, before).await, kinds.map(|(kind, at)| (kind.to_owned(), ids[at].clone())));
    assert_holds("released", &json!({ "active": false, "mappingState": "same" }), &seen(&tenant, &ids[2]).await);
    for id in [&ids[3], &ids[4]] {
        let _ = tenant.directory(&format!("/users/{id}")).await.expect(404);
    }
    assert_eq!(listed(&tenant).await, [&ids[0], &ids[1], &ids[2], &ids[5]].map(Clone::clone));
    assert_eq!(members(&tenant, &crew).await, [without(&[3, 4]), without(&[3])]);
    let shown = batch(gateway).await;
    assert_holds("afterwards", &json!({ "state": "released", "resources": 0, "memberships": 0 }), &shown["batch"]);
    let path = format!("/tenants/acme/held/{}", shown["batch"]["id"].as_str().unwrap());
    let _ = gateway.operator.patch(&path, &json!({ "state": "rejected" })).await.expect(409);
    // The operator has seen the removals: the hour begins anew.
    deactivate(&tenant, &ids[5]).await;
    assert_eq!(events(&tenant, before + 3).await, [("user.deactivated".to_owned(), ids[5].clone())]);
    check_rows(gateway).await;
}

async fn a_rejected_batch_restores_the_source(gateway: &TestGateway) {
    let Lost { tenant, ids, crew, events: before } = lose(gateway).await;
    assert_eq!(decide(gateway, "rejected").await, "rejected");
    assert_eq!(source(&tenant, &ids[2]).await["active"], true);
    assert_eq!(source(&tenant, &ids[3]).await["userName"], "u3@corp.test");
    assert_eq!(source(&tenant, &ids[4]).await["userType"], Value::Null);
    assert_eq!(tenant.get("/Users").await.expect(200).body["totalResults"], 6);
    let found = tenant.get("/Users?filter=userName eq \"u3@corp.test\"").await.expect(200);
    assert_eq!(found.body["Resources"][0]["id"], ids[3].as_str(), "its names are its own again");
    let mut all: Vec<String> = ids[2..].to_vec();
    all.sort();
    assert_eq!(members(&tenant, &crew).await, [all.clone(), all]);
    for id in &ids[2..] {
        assert_holds("the product", &json!({ "active": true, "mappingState": "same" }), &seen(&tenant, id).await);
    }
    assert_eq!(listed(&tenant).await, ids);
    assert_eq!(events(&tenant, before).await, [], "nothing happened for the product");
    assert_eq!(batch(gateway).await["batch"]["resources"], 0);
    // The two that had passed stay as they are.
    assert_eq!(source(&tenant, &ids[0]).await["active"], false);
}

async fn a_held_user_whose_removal_is_undone_is_not_held_any_more(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    let ada = tenant.user("ada").await;
    deactivate(&tenant, &ada).await;
    set(&tenant, &ada, "title", "Countess".into()).await;
    assert_holds(
        "still held",
        &json!({ "active": true, "title": null, "mappingState": "held" }),
        &seen(&tenant, &ada).await,
    );
    assert_eq!(events(&tenant, 1).await, []);
    // A request that changes nothing.
    deactivate(&tenant, &ada).await;
    assert_eq!(batch(gateway).await["batch"]["resources"], 1);
    set(&tenant, &ada, "active", true.into()).await;
    assert_holds(
        "active again",
        &json!({ "active": true, "title": "Countess", "mappingState": "same" }),
        &seen(&tenant, &ada).await,
    );
    assert_eq!(events(&tenant, 1).await, [("user.updated".to_owned(), ada.clone())]);
    assert_eq!(batch(gateway).await["batch"]["resources"], 0);
    assert_eq!(decide(gateway, "rejected").await, "rejected");
    assert_eq!(source(&tenant, &ada).await["title"], "Countess", "nothing of it was held any more");
}

async fn a_held_deleted_user_that_is_created_again_is_restored(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    let allow = json!({ "allow": ["restore-deleted"] });
    let _ = gateway.operator.patch("/tenants/acme/client", &allow).await.expect(200);
    let ada = tenant.user("ada").await;
    let mut crew = group("Crew");
    crew["members"] = json!([{ "value": ada }]);
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let before = feed(&tenant).await.len();
    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    assert_eq!(seen(&tenant, &ada).await["userName"], "ada@corp.test");
    let mut again = user("ada");
    again["title"] = "Countess".into();
    assert_eq!(tenant.post("/Users", &again).await.expect(201).id(), ada, "it is the same resource");
    assert_eq!(events(&tenant, before).await, [("user.updated".to_owned(), ada.clone())], "it never was away");
    assert_holds("the product", &json!({ "title": "Countess", "mappingState": "same" }), &seen(&tenant, &ada).await);
    assert_eq!(tenant.get("/Users").await.expect(200).body["totalResults"], 1);
    // Its membership ended at the source, which is still held; adding it again changes nothing for the product.
    assert_eq!(members(&tenant, &crew).await, [vec![ada.clone()], vec![]]);
    assert_holds("the membership", &json!({ "resources": 0, "memberships": 1 }), &batch(gateway).await["batch"]);
    let add = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]));
    let _ = tenant.patch(&format!("/Groups/{crew}"), &add).await.expect(200);
    assert_eq!(decide(gateway, "released").await, "released");
    assert_eq!(members(&tenant, &crew).await, [vec![ada.clone()], vec![ada.clone()]]);
    assert_eq!(events(&tenant, before + 1).await, []);
}

async fn a_protected_user_never_leaves_without_an_operator(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let protected = "userName eq \"u0@corp.test\" or title eq \"Countess\"";
    set_guard(gateway, &json!({ "protected": protected })).await;
    let ids = users(&tenant, 4).await;
    set(&tenant, &ids[1], "title", "Countess".into()).await;
    let before = feed(&tenant).await.len();
    for id in &ids[..3] {
        let _ = tenant.delete(&format!("/Users/{id}")).await.expect(204);
    }
    assert_eq!(listed(&tenant).await, [&ids[0], &ids[1], &ids[3]].map(Clone::clone), "the third passes");
    assert_eq!(events(&tenant, before).await, [("user.deleted".to_owned(), ids[2].clone())]);
    assert_holds("the batch", &json!({ "cause": "protected", "resources": 2 }), &batch(gateway).await["batch"]);
    assert_eq!(decide(gateway, "rejected").await, "rejected");
    assert_eq!(source(&tenant, &ids[0]).await["userName"], "u0@corp.test");
    assert_eq!(listed(&tenant).await.len(), 3);
}

async fn what_cannot_be_restored_stays_held(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    let ada = tenant.user("ada").await;
    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    let mut other = user("ada");
    other["externalId"] = "someone-else".into();
    let other = tenant.post("/Users", &other).await.expect(201).id();
    assert_eq!(listed(&tenant).await, [ada.clone(), other.clone()], "the product sees both");
    assert_eq!(decide(gateway, "rejected").await, "open", "its name is taken");
    let job = poll("the job has finished", async || {
        let job = gateway.operator.get("/tenants/acme/jobs/held").await.expect(200).body;
        (job["state"] == "finished").then_some(job)
    })
    .await;
    assert_holds(
        "the job",
        &json!({ "state": "finished", "rejected": { "count": 1, "examples": [{ "id": ada }] } }),
        &job,
    );
    assert!(job["rejected"]["examples"][0]["reason"].as_str().unwrap().contains("has this userName already"), "{job}");
    assert_eq!(decide(gateway, "released").await, "released");
    assert_eq!(listed(&tenant).await, [other]);
    check_rows(gateway).await;
}
