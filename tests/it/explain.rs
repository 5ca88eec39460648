//! Why a resource is hidden from the product, or why it reads an older document: kept with the resource, explained, and listed.

use std::time::Duration;

use scimgate_tests::matching::assert_holds;
use scimgate_tests::tenant::{group, patch, tutorial_config, user};
use scimgate_tests::{Answer, Tenant, TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

on_both!(an_excluded_user_is_explained_by_the_step_that_excluded_it, a_failed_mapping_is_explained_and_listed,);
on_postgres!(
    a_deleted_user_is_explained,
    a_name_that_means_several_resources_is_refused,
    a_decision_of_an_older_revision_is_explained_with_the_active_one,
    explaining_writes_nothing,
    a_mapped_resource_has_no_reason,
);

fn contractor(name: &str) -> Value {
    let mut contractor = user(name);
    contractor["userType"] = "Contractor".into();
    contractor
}

fn exclude_contractors() -> Value {
    json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } })
}

async fn explain(gateway: &TestGateway, name: &str) -> Answer {
    gateway.operator.get(&format!("/tenants/acme/explanation?resource={name}")).await
}

async fn explained(gateway: &TestGateway, name: &str) -> Value {
    explain(gateway, name).await.expect(200).body
}

fn sentences(explained: &Value) -> String {
    let sentences: Vec<&str> =
        explained["sentences"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    sentences.join("\n")
}

/// The ids and the reasons of a list.
async fn unmapped(gateway: &TestGateway, query: &str) -> Vec<(String, Value)> {
    let list = gateway.operator.get(&format!("/tenants/acme/unmapped?{query}")).await.expect(200).body;
    let entry = |it: &Value| (it["id"].as_str().unwrap().to_owned(), it["reason"]["reason"].clone());
    list["resources"].as_array().unwrap().iter().map(entry).collect()
}

async fn set(tenant: &Tenant, id: &str, path: &str, value: &str) {
    let body = patch(json!([{ "op": "replace", "path": path, "value": value }]));
    let _ = tenant.patch(&format!("/Users/{id}"), &body).await.expect(200);
}

async fn an_excluded_user_is_explained_by_the_step_that_excluded_it(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    gateway.map("acme", "tutorial", &exclude_contractors(), "refuse").await;
    let charles = tenant.post("/Users", &contractor("charles")).await.expect(201).id();
    gateway.clock.advance(Duration::from_mins(5));
    set(&tenant, &charles, "title", "Count").await;
    let digest = gateway.operator.get("/plugins/tutorial/0.1.0").await.expect(200).body["digest"].clone();

    for name in ["Charles@Corp.Test", "charles", &charles] {
        let found = explained(gateway, name).await;
        let expected = json!({
            "id": charles,
            "resourceType": "User",
            "name": "charles@corp.test",
            "state": "excluded",
            "reason": { "state": "excluded", "since": "2026-05-01T09:00:00.000Z", "revision": 1, "step": 1,
                "plugin": "tutorial@0.1.0", "digest": digest, "reason": "userType is \"Contractor\"." },
            "source": { "title": "Count" },
            "mapped": null,
            "now": { "revision": 1, "outcome": "excluded", "steps": [{ "number": 1, "result": "excluded", "digest": digest }] },
            "events": [],
        });
        assert_holds(name, &expected, &found);
        let text = sentences(&found);
        let standing = "The product does not see User charles@corp.test: excluded since 2026-05-01T09:00:00.000Z by step 1 of \
                        revision 1 (tutorial@0.1.0): userType is \"Contractor\".";
        assert!(text.starts_with(standing), "{text}");
        assert!(text.contains("It was last written at 2026-05-01T09:05:00.000Z by "), "{text}");
        assert!(!text.contains("no event names the request"), "the reason has the request: {text}");
    }
    assert_eq!(unmapped(gateway, "state=excluded").await, [(charles.clone(), json!("userType is \"Contractor\"."))]);

    set(&tenant, &charles, "userType", "Employee").await;
    let found = explained(gateway, &charles).await;
    assert_holds("included again", &json!({ "state": "same", "reason": null, "mapped": { "title": "Count" } }), &found);
    assert!(sentences(&found).starts_with("The product sees User charles@corp.test as the SCIM client wrote it."));
    assert_eq!(unmapped(gateway, "state=excluded").await, []);
    gateway.clock.advance(Duration::from_mins(5));
    set(&tenant, &charles, "userType", "Contractor").await;
    let since = explained(gateway, &charles).await["reason"]["since"].clone();
    assert_eq!(since, "2026-05-01T09:10:00.000Z", "since it is excluded again");
    let events = tenant.events().await.len();
    let found = explained(gateway, &charles).await;
    assert_eq!(found["events"].as_array().unwrap().len(), events, "{found}");
    assert_eq!(found["events"][0]["type"], "user.deleted");
}

async fn a_failed_mapping_is_explained_and_listed(gateway: &TestGateway) {
    // No remap: each resource is mapped by its next write.
    let _rounds = gateway.gateway.job_rounds.acquire().await;
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let mapped = explained(gateway, "ada").await;
    assert_holds("changed by the mapping", &json!({ "state": "mapped", "now": { "outcome": "mapped" } }), &mapped);
    assert!(!sentences(&mapped).contains("as it is active now"), "what is stored is what it would be: {mapped}");
    gateway.map("acme", "hostile", &json!({ "do": "fail" }), "keep").await;
    set(&tenant, &ada, "title", "Countess").await;
    let (bob, eve) = (tenant.user("bob").await, tenant.user("eve").await);

    let stale = explained(gateway, "ada").await;
    assert_holds("stale", &json!({ "state": "stale", "now": { "outcome": "failed" } }), &stale);
    assert_eq!(stale["mapped"]["title"], Value::Null, "the older document");
    let text = sentences(&stale);
    assert!(
        text.starts_with("The product sees an older document of User ada@corp.test: the mapping fails since"),
        "{text}"
    );
    assert!(
        text.contains("by step 1 of revision 2 (hostile@0.1.0): ") && text.contains("I would rather not"),
        "{text}"
    );
    let never = explained(gateway, "bob").await;
    assert_holds("never mapped", &json!({ "state": "never", "mapped": null, "events": [] }), &never);
    assert!(sentences(&never).starts_with("The product has never seen User bob@corp.test"));

    let ids = |list: Vec<(String, Value)>| list.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids(unmapped(gateway, "state=stale").await), [ada.as_str()]);
    let first = gateway.operator.get("/tenants/acme/unmapped?state=never&limit=1").await.expect(200).body;
    assert_eq!(first["resources"][0]["id"], bob.as_str());
    let next = first["next"].as_str().unwrap();
    assert_eq!(ids(unmapped(gateway, &format!("state=never&after={next}")).await), [eve.as_str()]);
    assert_eq!(unmapped(gateway, "state=excluded").await, []);
    for query in ["state=mapped", "state=never&limit=0", "state=never&after=x", ""] {
        let _ = gateway.operator.get(&format!("/tenants/acme/unmapped?{query}")).await.expect(400);
    }

    gateway.map("acme", "tutorial", &tutorial_config(), "keep").await;
    set(&tenant, &ada, "title", "Duchess").await;
    assert_holds("mapped again", &json!({ "state": "mapped", "reason": null }), &explained(gateway, "ada").await);
    assert_eq!(unmapped(gateway, "state=stale").await, []);
    // A deleted one is on no list.
    let _ = tenant.delete(&format!("/Users/{bob}")).await.expect(204);
    assert_eq!(ids(unmapped(gateway, "state=never").await), [eve.as_str()]);
}

async fn a_deleted_user_is_explained(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = tenant.user("ada").await;
    gateway.clock.advance(Duration::from_mins(1));
    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    for name in ["ada", &ada] {
        let found = explained(gateway, name).await;
        let expected = json!({ "id": ada, "state": "deleted", "deletedAt": "2026-05-01T09:01:00.000Z", "mapped": null, "now": null });
        assert_holds(name, &expected, &found);
        assert!(
            sentences(&found)
                .starts_with("User ada@corp.test was deleted by the SCIM client at 2026-05-01T09:01:00.000Z.")
        );
    }
    // A living one with the name comes first.
    let again = tenant.user("ada").await;
    assert_eq!(explained(gateway, "ada").await["id"], again.as_str());
    assert_eq!(explained(gateway, &ada).await["state"], "deleted");

    let refusal = explain(gateway, "nobody").await.expect(404);
    assert!(
        refusal.text.contains("No resource has the userName, displayName, externalId or id nobody."),
        "{}",
        refusal.text
    );
    let _ = explain(gateway, "no%00body").await.expect(404);
    let _ = gateway.operator.get("/tenants/acme/explanation").await.expect(400);
    let _ = gateway.operator.get("/tenants/nobody/explanation?resource=ada").await.expect(404);
}

async fn a_name_that_means_several_resources_is_refused(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let mut twin = group("Crew");
    let first = tenant.post("/Groups", &twin).await.expect(201).id();
    twin["externalId"] = "other".into();
    let second = tenant.post("/Groups", &twin).await.expect(201).id();
    let refusal = explain(gateway, "crew").await.expect(409);
    assert!(refusal.text.contains(&first) && refusal.text.contains(&second), "{}", refusal.text);
    let found = explained(gateway, "other").await;
    assert_holds("by externalId", &json!({ "id": second, "resourceType": "Group", "name": "Crew" }), &found);

    let user = tenant.user("crew").await;
    let _ = explain(gateway, "crew").await.expect(409);
    let found = explain(gateway, "crew&type=User").await.expect(200);
    assert_eq!(found.body["id"], user.as_str());
    let _ = explain(gateway, "crew&type=Robot").await.expect(404);
}

async fn a_decision_of_an_older_revision_is_explained_with_the_active_one(gateway: &TestGateway) {
    let _rounds = gateway.gateway.job_rounds.acquire().await;
    let tenant = gateway.plain_tenant("acme").await;
    gateway.map("acme", "tutorial", &exclude_contractors(), "refuse").await;
    let _ = tenant.post("/Users", &contractor("charles")).await.expect(201);
    let _ = tenant.user("ada").await;
    let everybody = json!({ "excludeWhere": { "path": "active", "equals": true } });
    gateway.map("acme", "tutorial", &everybody, "refuse").await;
    let text = sentences(&explained(gateway, "ada").await);
    assert!(text.contains("By revision 2, as it is active now, it would be excluded: active is true."), "{text}");
    let _ = gateway.operator.delete("/tenants/acme/mapping").await.expect(204);
    let text = sentences(&explained(gateway, "charles").await);
    assert!(text.contains("by step 1 of revision 1"), "{text}");
    assert!(text.contains("Without a mapping, as it is active now, the product would see it."), "{text}");
}

async fn explaining_writes_nothing(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    gateway.map("acme", "tutorial", &exclude_contractors(), "refuse").await;
    let _ = tenant.post("/Users", &contractor("charles")).await.expect(201);
    let _ = tenant.user("ada").await;
    let events = tenant.events().await;
    let before = (gateway.row_counts().await, tenant.everything().await);
    for name in ["charles", "ada", "nobody"] {
        let _ = explain(gateway, name).await;
    }
    let _ = unmapped(gateway, "state=excluded").await;
    assert_eq!((gateway.row_counts().await, tenant.everything().await), before);
    assert_eq!(tenant.events().await, events);
}

async fn a_mapped_resource_has_no_reason(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    set(&tenant, &ada, "title", "Countess").await;
    let owner = gateway.store().await;
    let count = "SELECT count(*) FROM mapping_reason";
    assert_eq!(owner.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 0);
    gateway.map("acme", "hostile", &json!({ "do": "fail" }), "keep").await;
    set(&tenant, &ada, "title", "Duchess").await;
    assert_eq!(owner.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    assert_eq!(owner.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 0, "it is gone with the resource");
}
