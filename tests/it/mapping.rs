//! Mapping over HTTP: the product reads the mapped documents, the SCIM client its own; and plugins that fail.

mod bundled;
mod checks;
mod preview;
mod revisions;
mod without_database;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join3;
use scimgate_tests::matching::assert_holds;
use scimgate_tests::tenant::{PRODUCT, WS1B, group, patch, tutorial_config, user};
use scimgate_tests::{Tenant, TestGateway, on_both};
use serde_json::{Value, json};
use tokio::sync::watch;

on_both!(
    the_product_reads_the_mapped_document_and_the_client_the_source,
    a_chain_passes_the_document_from_step_to_step,
    a_plugin_that_fails_refuses_the_write,
    a_plugin_that_takes_too_long_is_a_503,
    the_result_must_match_the_directorys_schemas,
    with_keep_the_product_reads_the_previous_document,
    an_excluded_user_is_visible_to_the_client_only,
    excluding_a_user_emits_deleted_and_including_it_emits_created,
    a_new_revision_applies_to_the_next_write,
    a_rejection_is_a_scim_error,
    trapping_plugins_do_not_disturb_the_gateway_or_its_database,
);

/// Recursion deeper than any stack.
const MAX_RECURSION: u32 = 100_000_000;

/// A PATCH of one attribute.
fn set(path: &str, value: &str) -> Value {
    patch(json!([{ "op": "replace", "path": path, "value": value }]))
}

async fn mapped(tenant: &Tenant, id: &str) -> Value {
    tenant.directory(&format!("/users/{id}")).await.expect(200).body
}

async fn source(tenant: &Tenant, id: &str) -> Value {
    tenant.get(&format!("/Users/{id}")).await.expect(200).body
}

/// The types of the events about this user and its memberships.
async fn events_of(tenant: &Tenant, id: &str) -> Vec<String> {
    let about = |event: &&Value| event["resourceId"] == id || event["memberId"] == id;
    tenant.events().await.iter().filter(about).map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

async fn the_product_reads_the_mapped_document_and_the_client_the_source(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let mut ada = user("Ada");
    ada["schemas"].as_array_mut().unwrap().push(WS1B.into());
    ada[WS1B] = json!({ "customAttribute1": "B-1815", "customAttribute3": "kept" });
    let id = tenant.post("/Users", &ada).await.expect(201).id();

    let read = source(&tenant, &id).await;
    assert_holds("the source document", &ada, &read);
    assert_eq!(read["displayName"], Value::Null);
    let expected = json!({
        "id": id,
        "userName": "Ada@corp.test",
        "displayName": "Ada Byron",
        "emails": [{ "type": "work", "primary": true, "value": "ada@corp.test" }],
        WS1B: { "customAttribute1": null, "customAttribute3": "kept" },
        PRODUCT: { "badgeNumber": "B-1815", "building": null },
        "mappingState": "mapped",
    });
    assert_holds("the mapped document", &expected, &mapped(&tenant, &id).await);

    let _ = tenant.patch(&format!("/Users/{id}"), &set(&format!("{WS1B}:customAttribute2"), "Annex")).await.expect(200);
    assert_holds("the source document", &json!({ WS1B: { "customAttribute2": "Annex" } }), &source(&tenant, &id).await);
    assert_eq!(mapped(&tenant, &id).await[PRODUCT], json!({ "badgeNumber": "B-1815", "building": "Annex" }));
    assert_eq!(events_of(&tenant, &id).await, ["user.created", "user.updated"]);

    let crew = tenant.group("Crew").await;
    let read = tenant.directory(&format!("/groups/{crew}")).await.expect(200);
    assert_eq!(read.body["mappingState"], "same", "the plugin is for users");
}

async fn a_chain_passes_the_document_from_step_to_step(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    gateway.map("acme", "hostile", &json!({ "do": "nothing" }), "refuse").await;
    let digests = gateway.operator.get("/plugins").await.expect(200).body["plugins"].clone();
    let digest = |name: &str| {
        let plugin = digests.as_array().unwrap().iter().find(|plugin| plugin["name"] == name).unwrap();
        plugin["digest"].clone()
    };
    // The third step tests the title that the second one writes.
    let exclude = json!({ "excludeWhere": { "path": "title", "equals": "1" } });
    let steps = json!([
        { "plugin": digest("tutorial"), "config": tutorial_config() },
        { "plugin": digest("hostile"), "config": { "do": "count" }, "resourceTypes": ["User"] },
        { "plugin": digest("tutorial"), "config": exclude },
    ]);
    let mapping = json!({ "onFailure": "refuse", "steps": steps });
    let _ = gateway.operator.put("/tenants/acme/mapping", &mapping).await.expect(200);
    for name in ["ada", "bob"] {
        let id = tenant.user(name).await;
        assert_eq!(source(&tenant, &id).await["title"], Value::Null);
        let _ = tenant.directory(&format!("/users/{id}")).await.expect(404);
    }
    let without = json!({ "onFailure": "refuse", "steps": [steps[0], steps[1]] });
    let _ = gateway.operator.put("/tenants/acme/mapping", &without).await.expect(200);
    for name in ["eve", "joe"] {
        let id = tenant.user(name).await;
        let expected = json!({ "displayName": format!("{name} Byron"), "title": "1", "mappingState": "mapped" });
        assert_holds("each call has a fresh instance", &expected, &mapped(&tenant, &id).await);
    }
}

async fn a_plugin_that_fails_refuses_the_write(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = format!("/Users/{}", tenant.user("ada").await);
    for (config, reason) in [
        (json!({ "do": "trap" }), "The plugin panicked"),
        (json!({ "do": "panic" }), "The plugin panicked"),
        (json!({ "do": "recurse", "times": MAX_RECURSION }), "The plugin called itself too deeply"),
        (json!({ "do": "allocate", "size": 64 << 20 }), "The plugin asked for more memory than it may have (16 MiB)"),
        (json!({ "do": "write", "size": 1_100_000 }), "The plugin wrote more than 1 MiB"),
        (json!({ "do": "fail" }), "I would rather not"),
    ] {
        gateway.map("acme", "hostile", &config, "refuse").await;
        let before = (gateway.row_counts().await, tenant.everything().await);
        let refusals = [
            tenant.post("/Users", &user("bob")).await,
            tenant.put(&ada, &user("changed")).await,
            tenant.patch(&ada, &set("title", "Countess")).await,
        ];
        for refusal in refusals {
            let refusal = refusal.expect(400);
            assert_eq!(refusal.body["scimType"], "invalidValue", "{config}: {}", refusal.text);
            let detail = refusal.body["detail"].as_str().unwrap();
            assert!(detail.contains("plugin hostile 0.1.0 (step 1)"), "{config}: {detail}");
            assert!(detail.contains(reason), "{config}: {detail}");
        }
        let after = (gateway.row_counts().await, tenant.everything().await);
        assert_eq!(after, before, "{config}: nothing is stored");
    }
    let _ = gateway.operator.delete("/tenants/acme/mapping").await.expect(204);
    let _ = tenant.user("bob").await;
    let _ = tenant.patch(&ada, &set("title", "Countess")).await.expect(200);
}

/// The load of the machine may be the cause, so the client is asked to retry.
async fn a_plugin_that_takes_too_long_is_a_503(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    gateway.map("acme", "hostile", &json!({ "do": "spin" }), "refuse").await;
    let before = (gateway.row_counts().await, tenant.everything().await);
    let refusal = tenant.post("/Users", &user("bob")).await.expect(503);
    assert!(refusal.header("retry-after").parse::<u32>().is_ok(), "{:?}", refusal.headers);
    let detail = refusal.body["detail"].as_str().unwrap();
    assert!(detail.contains("plugin hostile 0.1.0 (step 1)"), "{detail}");
    assert!(detail.contains("The plugin used more than its 20ms of CPU time"), "{detail}");
    assert_eq!((gateway.row_counts().await, tenant.everything().await), before, "nothing is stored");

    gateway.map("acme", "hostile", &json!({ "do": "spin" }), "keep").await;
    let bob = tenant.user("bob").await;
    let _ = tenant.directory(&format!("/users/{bob}")).await.expect(404);
}

async fn the_result_must_match_the_directorys_schemas(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let lift = json!({ "lift": { "userName": "nickName" } });
    gateway.map("acme", "tutorial", &lift, "refuse").await;
    let before = (gateway.row_counts().await, tenant.everything().await);
    let refusal = tenant.post("/Users", &user("ada")).await.expect(400);
    assert_eq!(refusal.body["scimType"], "invalidValue");
    let detail = refusal.body["detail"].as_str().unwrap();
    assert!(detail.contains("the result does not match the directory's schemas: "), "{detail}");
    assert!(detail.contains("userName"), "{detail}");
    assert_eq!((gateway.row_counts().await, tenant.everything().await), before, "nothing is stored");
}

/// Keeps the gateway from mapping stored documents until it is dropped.
async fn without_remap(gateway: &TestGateway) -> tokio::sync::OwnedSemaphorePermit {
    gateway.gateway.job_rounds.clone().acquire_owned().await.unwrap()
}

async fn with_keep_the_product_reads_the_previous_document(gateway: &TestGateway) {
    let _held = without_remap(gateway).await;
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    for action in ["trap", "fail"] {
        gateway.map("acme", "hostile", &json!({ "do": action }), "keep").await;
        let _ = tenant.patch(&format!("/Users/{ada}"), &set("title", action)).await.expect(200);
        assert_eq!(source(&tenant, &ada).await["title"], action, "the source is stored");
        let expected = json!({ "displayName": "ada Byron", "title": null, "mappingState": "stale" });
        assert_holds("the product", &expected, &mapped(&tenant, &ada).await);

        let bob = tenant.user(action).await;
        assert_eq!(source(&tenant, &bob).await["name"]["givenName"], action);
        let _ = tenant.directory(&format!("/users/{bob}")).await.expect(404);
        let listed = tenant.directory("/users").await.expect(200).body;
        assert_eq!(
            listed["resources"].as_array().unwrap().len(),
            1,
            "a user that was never mapped is not listed: {listed}"
        );
    }
    gateway.map("acme", "tutorial", &tutorial_config(), "keep").await;
    assert_eq!(events_of(&tenant, &ada).await, ["user.created"], "a failed mapping emits no event");

    let bob = tenant.get("/Users?filter=userName eq \"trap@corp.test\"").await.expect(200).body["Resources"][0].clone();
    let bob = bob["id"].as_str().unwrap();
    for id in [&ada, bob] {
        let _ = tenant.patch(&format!("/Users/{id}"), &set("title", "Countess")).await.expect(200);
        assert_holds(
            "mapped again",
            &json!({ "title": "Countess", "mappingState": "mapped" }),
            &mapped(&tenant, id).await,
        );
    }
    assert_eq!(events_of(&tenant, &ada).await, ["user.created", "user.updated"]);
    assert_eq!(events_of(&tenant, bob).await, ["user.created"]);
}

fn exclude_contractors() -> Value {
    json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } })
}

fn contractor(name: &str) -> Value {
    let mut contractor = user(name);
    contractor["userType"] = "contractor".into();
    contractor
}

async fn an_excluded_user_is_visible_to_the_client_only(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    gateway.map("acme", "tutorial", &exclude_contractors(), "refuse").await;
    let (ada, crew) = (tenant.user("ada").await, tenant.group("Crew").await);
    let eve = tenant.post("/Users", &contractor("eve")).await.expect(201).id();
    let members = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }, { "value": eve }] }]);
    let _ = tenant.patch(&format!("/Groups/{crew}"), &patch(members)).await.expect(200);
    // A group created with members, one of which is created and excluded later.
    let mut band = group("Band");
    band["members"] = json!([{ "value": eve }, { "value": ada }, { "value": "zoe@corp.test" }]);
    let band = tenant.post("/Groups", &band).await.expect(201).id();
    let zoe = tenant.post("/Users", &contractor("zoe")).await.expect(201).id();
    let _ = tenant.patch(&format!("/Users/{eve}"), &set("title", "Countess")).await.expect(200);

    assert_eq!(source(&tenant, &eve).await["title"], "Countess");
    assert_eq!(source(&tenant, &eve).await["groups"].as_array().unwrap().len(), 2);
    assert_eq!(tenant.get("/Users").await.expect(200).body["totalResults"], 3);
    assert_eq!(tenant.get(&format!("/Groups/{crew}")).await.expect(200).body["members"].as_array().unwrap().len(), 2);
    assert_eq!(tenant.get(&format!("/Groups/{band}")).await.expect(200).body["members"].as_array().unwrap().len(), 3);

    for id in [&eve, &zoe] {
        let _ = tenant.directory(&format!("/users/{id}")).await.expect(404);
        assert_eq!(events_of(&tenant, id).await, Vec::<String>::new());
    }
    let texts =
        [tenant.directory("/users").await, tenant.directory("/groups").await, tenant.directory("/events").await];
    for text in texts.map(|answer| answer.expect(200).text) {
        assert!(text.contains(&ada), "{text}");
        assert!(!text.contains(&eve) && !text.contains(&zoe), "{text}");
    }
    for id in [&crew, &band] {
        let read = tenant.directory(&format!("/groups/{id}")).await.expect(200);
        assert_eq!(read.body["members"], json!([{ "value": ada, "type": "User" }]));
    }
    let _ = tenant.delete(&format!("/Users/{eve}")).await.expect(204);
    assert_eq!(events_of(&tenant, &eve).await, Vec::<String>::new());
}

async fn excluding_a_user_emits_deleted_and_including_it_emits_created(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    gateway.map("acme", "tutorial", &exclude_contractors(), "refuse").await;
    let eve = tenant.post("/Users", &contractor("eve")).await.expect(201).id();
    let mut crew = group("Crew");
    crew["members"] = json!([{ "value": eve }]);
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let change_type = async |kind: &str| {
        let _ = tenant.patch(&format!("/Users/{eve}"), &set("userType", kind)).await.expect(200);
        let user = tenant.directory(&format!("/users/{eve}")).await.status;
        let members = tenant.directory(&format!("/groups/{crew}")).await.expect(200).body["members"].clone();
        (user, members)
    };
    let member = json!([{ "value": eve, "type": "User" }]);
    assert_eq!(change_type("Employee").await, (200, member.clone()));
    assert_eq!(change_type("Contractor").await, (404, json!([])));
    assert_eq!(change_type("Owner").await, (200, member));
    // Created again, the user's membership is announced with it; deleted, it is implied.
    let events = events_of(&tenant, &eve).await;
    assert_eq!(events, ["user.created", "membership.added", "user.deleted", "user.created", "membership.added"]);
}

async fn a_new_revision_applies_to_the_next_write(gateway: &TestGateway) {
    let _held = without_remap(gateway).await;
    let tenant = gateway.plain_tenant("acme").await;
    let first = gateway.map("acme", "tutorial", &json!({ "lowerCaseMail": true }), "refuse").await;
    let ada = tenant.user("ada").await;
    assert_holds("revision 1", &json!({ "displayName": null }), &mapped(&tenant, &ada).await);
    let second = gateway.map("acme", "tutorial", &json!({ "buildDisplayName": true }), "refuse").await;
    assert_eq!((first, second), (1, 2));
    let unchanged = json!({ "displayName": null, "emails": [{ "value": "ada@corp.test" }] });
    assert_holds("stored documents stay", &unchanged, &mapped(&tenant, &ada).await);

    let _ = tenant.patch(&format!("/Users/{ada}"), &set("title", "Countess")).await.expect(200);
    let next = json!({ "displayName": "ada Byron", "emails": [{ "value": "ada@Corp.Test" }], "title": "Countess" });
    assert_holds("revision 2", &next, &mapped(&tenant, &ada).await);
    let bob = tenant.user("bob").await;
    assert_eq!(mapped(&tenant, &bob).await["displayName"], "bob Byron");

    let _ = gateway.operator.delete("/tenants/acme/mapping").await.expect(204);
    let _ = tenant.patch(&format!("/Users/{ada}"), &set("title", "Lady")).await.expect(200);
    let unmapped = json!({ "displayName": null, "title": "Lady", "mappingState": "same" });
    assert_holds("no mapping", &unmapped, &mapped(&tenant, &ada).await);
    assert_eq!(mapped(&tenant, &bob).await["displayName"], "bob Byron");
}

async fn a_rejection_is_a_scim_error(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let rule = json!({ "rejectWhere": { "path": "userType", "equals": "Robot" } });
    gateway.map("acme", "tutorial", &rule, "keep").await;
    let ada = format!("/Users/{}", tenant.user("ada").await);
    let mut robot = user("robot");
    robot["userType"] = "robot".into();
    let before = (gateway.row_counts().await, tenant.everything().await);
    let refusals = [
        tenant.post("/Users", &robot).await,
        tenant.put(&ada, &robot).await,
        tenant.patch(&ada, &set("userType", "ROBOT")).await,
    ];
    for refusal in refusals {
        let refusal = refusal.expect(400);
        assert_eq!(refusal.body["scimType"], "invalidValue", "{}", refusal.text);
        assert_eq!(refusal.body["detail"], "userType must not be \"Robot\".");
    }
    let after = (gateway.row_counts().await, tenant.everything().await);
    assert_eq!(after, before, "a rejection is not a failure: nothing is stored");
}

/// With the embedded database two WASM runtimes catch traps in one process; neither may catch the other's.
async fn trapping_plugins_do_not_disturb_the_gateway_or_its_database(gateway: &TestGateway) {
    const ROUNDS: usize = 200;
    const MIN_READS: usize = 50;
    let good = gateway.tenant("good").await;
    let (traps, recurses) = (gateway.plain_tenant("traps").await, gateway.plain_tenant("recurses").await);
    gateway.map("traps", "hostile", &json!({ "do": "trap" }), "refuse").await;
    gateway.map("recurses", "hostile", &json!({ "do": "recurse", "times": MAX_RECURSION }), "refuse").await;
    let ada = good.user("ada").await;

    let (done, running) = watch::channel(());
    let reads_done = AtomicUsize::new(0);
    let fail = async |tenant: &Tenant, _done: watch::Sender<()>, reason: &str| {
        let mut round = 0;
        while round < ROUNDS || reads_done.load(Ordering::Relaxed) < MIN_READS {
            let refusal = tenant.post("/Users", &user(&format!("u{round}"))).await.expect(400);
            assert!(refusal.text.contains(reason), "{}", refusal.text);
            round += 1;
        }
    };
    let reads = async {
        while running.has_changed().is_ok() {
            assert_eq!(source(&good, &ada).await["id"], ada.as_str());
            assert_eq!(mapped(&good, &ada).await["displayName"], "ada Byron");
            reads_done.fetch_add(1, Ordering::Relaxed);
        }
    };
    join3(fail(&traps, done.clone(), "panicked"), fail(&recurses, done, "too deeply"), reads).await;

    for tenant in [&traps, &recurses] {
        assert_eq!(tenant.get("/Users").await.expect(200).body["totalResults"], 0);
        gateway.map(&tenant.name, "tutorial", &json!({ "buildDisplayName": true }), "refuse").await;
        let id = tenant.user("eve").await;
        assert_eq!(mapped(tenant, &id).await["displayName"], "eve Byron");
    }
    let bob = good.user("bob").await;
    assert_eq!(mapped(&good, &bob).await["displayName"], "bob Byron");
}
