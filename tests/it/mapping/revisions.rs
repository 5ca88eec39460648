//! The life of a mapping revision: draft, active, retired; and what is checked on the way.

use scimgate::store::mapping::{ActivationBase, NewRevision};
use scimgate_tests::tenant::{WS1B, patch};
use scimgate_tests::{Tenant, TestGateway, on_both, on_postgres, plugin};
use serde_json::{Value, json};

on_both!(
    a_revision_is_drafted_activated_and_retired,
    a_rollback_returns_to_an_older_revision,
    revisions_are_listed_in_pages,
    two_revisions_are_compared,
    a_draft_is_checked_again_when_it_is_activated,
    an_activation_depends_on_what_it_was_decided_on,
);
on_postgres!(revisions_of_an_older_replica_have_a_state);

const MAPPING: &str = "/tenants/acme/mapping";
const REVISIONS: &str = "/tenants/acme/mapping/revisions";

async fn with_tutorial(gateway: &TestGateway) -> Tenant {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = gateway.upload(plugin("tutorial")).await;
    tenant
}

#[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
fn mapping(config: Value, note: &str) -> Value {
    json!({ "steps": [{ "plugin": "tutorial", "config": config }], "note": note })
}

async fn draft(gateway: &TestGateway, config: Value) -> Value {
    gateway.operator.post(REVISIONS, &mapping(config, "a draft")).await.expect(201).body
}

async fn activate(gateway: &TestGateway, revision: i64, status: u16) -> Value {
    gateway.operator.post(&format!("{REVISIONS}/{revision}/activate"), &json!({})).await.expect(status).body
}

async fn roll_back(gateway: &TestGateway, revision: Value, status: u16) -> Value {
    let body = json!({ "revision": revision });
    gateway.operator.post(&format!("{MAPPING}/rollback"), &body).await.expect(status).body
}

/// Each revision's number and state, the newest first.
async fn states(gateway: &TestGateway) -> Vec<(i64, String)> {
    let listed = gateway.operator.get(REVISIONS).await.expect(200).body;
    let revisions = listed["revisions"].as_array().unwrap().iter();
    revisions.map(|it| (it["revision"].as_i64().unwrap(), it["state"].as_str().unwrap().to_owned())).collect()
}

fn named(states: &[(i64, &str)]) -> Vec<(i64, String)> {
    states.iter().map(|(revision, state)| (*revision, (*state).to_owned())).collect()
}

async fn display_name(tenant: &Tenant, name: &str) -> Value {
    let id = tenant.user(name).await;
    tenant.directory(&format!("/users/{id}")).await.expect(200).body["displayName"].clone()
}

async fn a_revision_is_drafted_activated_and_retired(gateway: &TestGateway) {
    let tenant = with_tutorial(gateway).await;
    assert_eq!(states(gateway).await, []);
    let first = draft(gateway, json!({ "buildDisplayName": true })).await;
    assert_eq!(
        (&first["revision"], &first["state"], &first["note"], &first["warnings"]),
        (&json!(1), &json!("draft"), &json!("a draft"), &json!([]))
    );
    let author = first["author"].as_str().unwrap().to_owned();
    assert!(author.parse::<uuid::Uuid>().is_ok(), "the operator key's id: {author}");
    assert!(first["createdAt"].is_string() && first["activatedAt"].is_null() && first["retiredAt"].is_null());
    assert_eq!(gateway.operator.get(MAPPING).await.expect(200).body["revision"], 0, "a draft maps nothing");
    assert_eq!(display_name(&tenant, "ada").await, Value::Null);

    gateway.clock.advance(std::time::Duration::from_mins(1));
    let active = activate(gateway, 1, 200).await;
    assert_eq!((&active["state"], &active["activatedBy"]), (&json!("active"), &json!(author)));
    assert_ne!(active["activatedAt"], active["createdAt"]);
    assert_eq!(gateway.operator.get(MAPPING).await.expect(200).body, active);
    assert_eq!(display_name(&tenant, "bob").await, "bob Byron");
    let again = activate(gateway, 1, 409).await;
    assert_eq!(again["detail"], "Revision 1 is active already.");

    let put = gateway.operator.put(MAPPING, &mapping(json!({ "lowerCaseMail": true }), "")).await.expect(200).body;
    assert_eq!((&put["revision"], &put["state"], &put["note"]), (&json!(2), &json!("active"), &Value::Null));
    assert_eq!(put["activatedAt"], put["createdAt"]);
    assert_eq!(states(gateway).await, named(&[(2, "active"), (1, "retired")]));
    let retired = gateway.operator.get(&format!("{REVISIONS}/1")).await.expect(200).body;
    assert_eq!((&retired["steps"], &retired["activatedAt"]), (&active["steps"], &active["activatedAt"]));
    assert!(retired["retiredAt"].is_string());
    assert_eq!(display_name(&tenant, "eve").await, Value::Null);
    let refusal = activate(gateway, 1, 409).await;
    assert_eq!(refusal["detail"], "Revision 1 was active before. To return to it, roll back to it.");

    let _ = gateway.operator.delete(MAPPING).await.expect(204);
    assert_eq!(states(gateway).await, named(&[(2, "retired"), (1, "retired")]));
    for unknown in ["3", "0", "-1", "x", "99999999999"] {
        let _ = gateway.operator.get(&format!("{REVISIONS}/{unknown}")).await.expect(404);
        let _ = gateway.operator.post(&format!("{REVISIONS}/{unknown}/activate"), &json!({})).await.expect(404);
    }
    let long = gateway.operator.post(REVISIONS, &mapping(json!({}), &"x".repeat(1_001))).await.expect(400);
    assert_eq!(long.body["detail"], "A note has at most 1000 characters.");
    let _ = gateway.operator.post(REVISIONS, &mapping(json!({}), "a\0")).await.expect(400);
}

async fn a_rollback_returns_to_an_older_revision(gateway: &TestGateway) {
    let tenant = with_tutorial(gateway).await;
    let refusal = roll_back(gateway, Value::Null, 409).await;
    assert_eq!(refusal["detail"], "Mapping is off. Name the revision to return to.");
    for config in [json!({ "buildDisplayName": true }), json!({ "lowerCaseMail": true })] {
        let _ = gateway.operator.put(MAPPING, &mapping(config, "")).await.expect(200);
    }
    let _ = draft(gateway, json!({})).await;
    activate(gateway, 3, 200).await;
    let _ = draft(gateway, json!({})).await;
    let refusal = roll_back(gateway, json!(4), 409).await;
    assert_eq!(refusal["detail"], "Revision 4 was never active. To make it so, activate it.");

    assert_eq!(roll_back(gateway, Value::Null, 200).await["revision"], 2);
    assert_eq!(states(gateway).await, named(&[(4, "draft"), (3, "retired"), (2, "active"), (1, "retired")]));
    let first = roll_back(gateway, Value::Null, 200).await;
    assert_eq!((&first["revision"], &first["state"], &first["retiredAt"]), (&json!(1), &json!("active"), &Value::Null));
    assert_eq!(display_name(&tenant, "ada").await, "ada Byron");
    assert_eq!(roll_back(gateway, Value::Null, 409).await["detail"], "No revision before 1 was ever active.");
    assert_eq!(roll_back(gateway, json!(1), 409).await["detail"], "Revision 1 is active already.");
    let _ = roll_back(gateway, json!(5), 404).await;

    let third = roll_back(gateway, json!(3), 200).await;
    assert_eq!(third["state"], "active");
    assert_eq!(display_name(&tenant, "bob").await, Value::Null);
    let _ = gateway.operator.delete(MAPPING).await.expect(204);
    assert_eq!(roll_back(gateway, json!(1), 200).await["state"], "active");
}

async fn revisions_are_listed_in_pages(gateway: &TestGateway) {
    let _ = with_tutorial(gateway).await;
    for _ in 0..5 {
        let _ = draft(gateway, json!({})).await;
    }
    let page = async |query: &str| gateway.operator.get(&format!("{REVISIONS}?{query}")).await.expect(200).body;
    let numbers = |page: &Value| -> Vec<i64> {
        page["revisions"].as_array().unwrap().iter().map(|it| it["revision"].as_i64().unwrap()).collect()
    };
    let first = page("limit=2").await;
    assert_eq!((numbers(&first), &first["next"]), (vec![5, 4], &json!(4)));
    let second = page("limit=2&before=4").await;
    assert_eq!((numbers(&second), &second["next"]), (vec![3, 2], &json!(2)));
    let third = page("limit=2&before=2").await;
    assert_eq!((numbers(&third), &third["next"]), (vec![1], &Value::Null));
    assert_eq!(numbers(&page("").await), [5, 4, 3, 2, 1]);
    for wrong in ["limit=0", "limit=101", "before=x", "limit=x"] {
        let _ = gateway.operator.get(&format!("{REVISIONS}?{wrong}")).await.expect(400);
    }
}

async fn two_revisions_are_compared(gateway: &TestGateway) {
    let _ = with_tutorial(gateway).await;
    let _ = gateway.upload(plugin("hostile")).await;
    let rule = |kind: &str| json!({ "excludeWhere": { "path": "userType", "equals": kind } });
    let _ = gateway.operator.put(MAPPING, &mapping(rule("Contractor"), "")).await.expect(200);
    let second = json!({ "onFailure": "keep", "steps": [
        { "plugin": "hostile", "config": { "do": "nothing" } },
        { "plugin": "tutorial", "config": rule("Guest"), "resourceTypes": ["user"] },
    ] });
    let _ = gateway.operator.post(REVISIONS, &second).await.expect(201);
    let diff = gateway.operator.get(&format!("{MAPPING}/diff")).await.expect(200).body;
    assert_eq!((&diff["from"], &diff["to"]), (&json!(1), &json!(2)), "the active one with the newest");
    assert_eq!(diff["onFailure"], json!({ "before": "refuse", "after": "keep" }));
    let steps = diff["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2);
    assert_eq!(
        (&steps[0]["from"], &steps[0]["to"], &steps[0]["step"]["name"]),
        (&Value::Null, &json!(1), &json!("hostile"))
    );
    let changes = json!([
        { "path": "/resourceTypes", "before": [], "after": ["User"] },
        { "path": "/config/excludeWhere/equals", "before": "Contractor", "after": "Guest" },
    ]);
    assert_eq!((&steps[1]["from"], &steps[1]["to"], &steps[1]["changes"]), (&json!(1), &json!(2), &changes));
    let back = gateway.operator.get(&format!("{MAPPING}/diff?from=2&to=1")).await.expect(200).body;
    assert_eq!((&back["steps"][0]["from"], &back["steps"][0]["to"]), (&json!(1), &Value::Null));
    let none = gateway.operator.get(&format!("{MAPPING}/diff?from=2&to=2")).await.expect(200).body;
    assert_eq!(none, json!({ "from": 2, "to": 2, "onFailure": null, "steps": [] }));
    let new = gateway.operator.get(&format!("{MAPPING}/diff?from=0&to=1")).await.expect(200).body;
    assert_eq!((new["steps"].as_array().unwrap().len(), &new["onFailure"]["before"]), (1, &Value::Null));
    let _ = gateway.operator.get(&format!("{MAPPING}/diff?from=7")).await.expect(404);
}

async fn a_draft_is_checked_again_when_it_is_activated(gateway: &TestGateway) {
    let tenant = with_tutorial(gateway).await;
    let _ = gateway.operator.post("/tenants/acme/schemas", &json!({ "pack": "ws1b" })).await.expect(201);
    let lift = json!({ "lift": { (format!("{WS1B}:customAttribute1")): "title" } });
    let _ = gateway.operator.put(MAPPING, &mapping(lift.clone(), "")).await.expect(200);
    let _ = gateway.operator.put(MAPPING, &mapping(json!({}), "")).await.expect(200);
    let _ = draft(gateway, lift).await;
    let _ = gateway.operator.delete(&format!("/tenants/acme/schemas/{WS1B}")).await.expect(204);

    let why = format!(
        "Step 1 (tutorial@0.1.0): the configuration at /lift: {WS1B}:customAttribute1 is not an attribute of User; see /Schemas for \
         those there are."
    );
    assert_eq!(activate(gateway, 3, 400).await["detail"], why);
    assert_eq!(states(gateway).await, named(&[(3, "draft"), (2, "active"), (1, "retired")]));
    // What was active before is wanted back, whatever its check says.
    let back = roll_back(gateway, json!(1), 200).await;
    assert_eq!((&back["state"], &back["warnings"]), (&json!("active"), &json!([why])));
    let _ = tenant.post("/Users", &scimgate_tests::tenant::user("ada")).await.expect(400);
    assert_eq!(roll_back(gateway, json!(2), 200).await["warnings"], json!([]));
    let ada = tenant.user("ada").await;
    let title = patch(json!([{ "op": "replace", "path": "title", "value": "Countess" }]));
    let _ = tenant.patch(&format!("/Users/{ada}"), &title).await.expect(200);
}

/// Of two operators who decide on the same state, the second is told to look again.
async fn an_activation_depends_on_what_it_was_decided_on(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let tenant = || async { gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap() };
    let (row, now) = (tenant().await, gateway.clock.now());
    let store = gateway.gateway.store.tenant(row.id);
    let new = NewRevision { on_failure: "keep", steps: "[]", author: "x", note: None };
    let (one, other) = (store.insert_draft(&new, now).await.unwrap(), store.insert_draft(&new, now).await.unwrap());
    let base = ActivationBase { active_mapping: 0, schema_revision: row.schema_revision };
    assert!(!store.activate_mapping(99, base, ("x", now)).await.unwrap());
    let newer_schemas = ActivationBase { schema_revision: row.schema_revision + 1, ..base };
    assert!(!store.activate_mapping(one, newer_schemas, ("x", now)).await.unwrap());
    assert_eq!(tenant().await.config_epoch, row.config_epoch, "nothing changed");
    let (first, second) =
        tokio::join!(store.activate_mapping(one, base, ("x", now)), store.activate_mapping(other, base, ("y", now)));
    assert_ne!(first.unwrap(), second.unwrap(), "one of them");
    let winner = tenant().await.active_mapping;
    let loser = if winner == one { other } else { one };
    let listed = states(gateway).await;
    assert!(listed.contains(&(i64::from(winner), "active".to_owned())), "{listed:?}");
    assert!(listed.contains(&(i64::from(loser), "draft".to_owned())), "{listed:?}");
    assert!(tenant().await.config_epoch > row.config_epoch, "other replicas see it");
}

/// A replica of the version before inserts revisions and switches between them by its own statements.
async fn revisions_of_an_older_replica_have_a_state(gateway: &TestGateway) {
    let _ = with_tutorial(gateway).await;
    let _ = draft(gateway, json!({})).await;
    let owner = gateway.store().await;
    let put = "WITH r AS (INSERT INTO mapping_revision (tenant_id, revision, on_failure, steps, created_at)
          SELECT id, (SELECT coalesce(max(revision), 0) + 1 FROM mapping_revision), 'refuse', '[]', now() FROM tenant RETURNING revision)
        UPDATE tenant SET active_mapping = r.revision, config_epoch = nextval('config_epoch') FROM r WHERE name = 'acme'";
    for _ in 0..2 {
        owner.execute(put, &[]).await.unwrap();
    }
    assert_eq!(states(gateway).await, named(&[(3, "active"), (2, "retired"), (1, "draft")]));
    let shown = gateway.operator.get(&format!("{REVISIONS}/2")).await.expect(200).body;
    assert_eq!(shown["activatedAt"], shown["createdAt"], "it was active at once");
    for unknown in ["author", "note", "activatedBy", "retiredAt"] {
        assert_eq!(shown[unknown], Value::Null, "{unknown}");
    }
    let back = roll_back(gateway, Value::Null, 200).await;
    assert_eq!(
        (&back["revision"], &back["warnings"][0]),
        (&json!(2), &json!("A mapping has at least one step. To switch mapping off, delete it."))
    );
    activate(gateway, 1, 200).await;
    let shown = gateway.operator.get(&format!("{REVISIONS}/3")).await.expect(200).body;
    assert!(shown["state"] == "retired" && shown["retiredAt"].is_string(), "{shown}");
    owner.execute("UPDATE tenant SET active_mapping = 0 WHERE name = 'acme'", &[]).await.unwrap();
    assert_eq!(states(gateway).await, named(&[(3, "retired"), (2, "retired"), (1, "retired")]));
}
