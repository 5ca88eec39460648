//! What mapped users and groups must be: rules that every write, remap and plan keeps, and values that no two of them may have.

mod check;
mod rejected;
pub(crate) mod unique;

use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Answer, Tenant, TestGateway, on_both, poll};
use serde_json::{Value, json};

use crate::plan::draft;

on_both!(
    a_write_whose_mapped_document_breaks_a_rule_is_refused_with_the_rule_and_the_value,
    a_mapping_that_keeps_the_last_good_document_does_so,
    a_mapping_by_which_every_user_would_break_a_rule_is_refused_when_it_is_drafted,
    a_plan_counts_what_breaks_a_rule_and_the_remap_leaves_it_as_it_is,
    a_rule_and_the_schemas_fit_each_other,
);

const PATH: &str = "/tenants/acme/directory-schema";

pub(crate) async fn set_rules(gateway: &TestGateway, rules: &Value) -> Value {
    let _ = gateway.operator.put(PATH, &json!({ "rules": rules })).await.expect(200);
    checked(gateway).await
}

/// The latest check, once it is complete.
pub(crate) async fn checked(gateway: &TestGateway) -> Value {
    poll("the check is complete", async || {
        let check = gateway.operator.get(&format!("{PATH}/check")).await.expect(200).body;
        (check["state"] == "finished").then_some(check)
    })
    .await
}

fn with(name: &str, attributes: &[(&str, Value)]) -> Value {
    let mut body = user(name);
    for (attribute, value) in attributes {
        body[*attribute] = value.clone();
    }
    body
}

fn detail(answer: &Answer) -> String {
    answer.body["detail"].as_str().unwrap().to_owned()
}

async fn set(tenant: &Tenant, id: &str, attribute: &str, value: Value) -> Answer {
    let body = patch(json!([{ "op": "replace", "path": attribute, "value": value }]));
    tenant.patch(&format!("/Users/{id}"), &body).await
}

async fn a_write_whose_mapped_document_breaks_a_rule_is_refused_with_the_rule_and_the_value(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    assert_eq!(gateway.operator.get(PATH).await.expect(200).body["rules"], json!([]));
    let rules = json!([
        { "resourceType": "User", "path": "title", "required": true, "unique": false },
        { "resourceType": "User", "path": "userType", "allowed": ["Employee", "Guest"], "required": false, "unique": false },
        { "resourceType": "Group", "path": "displayName", "allowed": ["Crew"], "required": false, "unique": false },
    ]);
    let _ = set_rules(gateway, &rules).await;
    let shown = gateway.operator.get(PATH).await.expect(200).body;
    assert_eq!(shown["rules"], rules);
    assert!(shown["changedAt"].is_string() && shown["changedBy"].is_string(), "{shown}");
    let refused = tenant.post("/Users", &with("ada", &[])).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidValue");
    assert_eq!(
        detail(&refused),
        "The User, which nothing maps, does not comply with the directory schema: title is required."
    );
    let ada = tenant.post("/Users", &with("ada", &[("title", "Dr".into())])).await.expect(201).id();
    let refused = set(&tenant, &ada, "userType", "Robot".into()).await.expect(400);
    assert_eq!(
        detail(&refused),
        "The User, which nothing maps, does not comply with the directory schema: userType must be one of \"Employee\", \
         \"Guest\", and is \"Robot\"."
    );
    let _ = set(&tenant, &ada, "userType", "guest".into()).await.expect(200);
    let refused = tenant.post("/Groups", &json!({ "displayName": "Staff" })).await.expect(400);
    assert!(detail(&refused).contains("displayName must be \"Crew\", and is \"Staff\"."), "{}", detail(&refused));
    let _ = tenant.group("Crew").await;

    // By a mapping, the revision and its last step are named.
    let revision = gateway.map("acme", "tutorial", &json!({ "lift": { "title": "nickName" } }), "refuse").await;
    let refused = tenant.post("/Users", &with("eve", &[("title", "Dr".into())])).await.expect(400);
    assert_eq!(
        detail(&refused),
        format!(
            "The User that revision {revision} maps (its last step is 1, tutorial@0.1.0) does not comply with the directory \
             schema: title is required."
        )
    );
    // A rule that is wrong is refused, and nothing changes.
    let wrong = json!({ "rules": [{ "path": "badge", "required": true }] });
    let refused = gateway.operator.put(PATH, &wrong).await.expect(400);
    assert_eq!(detail(&refused), "Rule 1: badge is not an attribute of User; see /Schemas for those there are.");
    assert_eq!(gateway.operator.get(PATH).await.expect(200).body["rules"], rules);
    let _ = set_rules(gateway, &json!([])).await;
    let _ = tenant.post("/Users", &with("eve", &[])).await.expect(201);
}

async fn a_mapping_that_keeps_the_last_good_document_does_so(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = set_rules(gateway, &json!([{ "path": "userType", "allowed": ["Employee"] }])).await;
    let revision = gateway.map("acme", "tutorial", &json!({ "buildDisplayName": true }), "keep").await;
    let ada = tenant.post("/Users", &with("ada", &[("userType", "Employee".into())])).await.expect(201).id();
    let eve = tenant.post("/Users", &with("eve", &[("userType", "Robot".into())])).await.expect(201).id();
    let _ = set(&tenant, &ada, "userType", "Robot".into()).await.expect(200);
    let seen = tenant.directory(&format!("/users/{ada}")).await.expect(200).body;
    assert_eq!((&seen["userType"], &seen["mappingState"]), (&json!("Employee"), &json!("stale")));
    let _ = tenant.directory(&format!("/users/{eve}")).await.expect(404);
    let explained = gateway.operator.get(&format!("/tenants/acme/explanation?resource={ada}")).await.expect(200);
    let why = format!(
        "by step 1 of revision {revision} (tutorial@0.1.0): the result does not comply with the directory schema: userType must \
         be \"Employee\", and is \"Robot\"."
    );
    assert!(explained.text.contains(&why.replace('"', "\\\"")), "{}", explained.text);
}

async fn a_mapping_by_which_every_user_would_break_a_rule_is_refused_when_it_is_drafted(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    // Examples that the mapping leaves alone comply, whatever is required and allowed.
    let rules = json!([
        { "path": "emails[type eq \"work\"].value", "required": true },
        { "path": "userType", "allowed": ["Employee"], "required": true },
        { "path": "title", "required": true },
    ]);
    let _ = set_rules(gateway, &rules).await;
    let digest = crate::plan::digest(gateway, "tutorial").await;
    let draft = async |config: Value| {
        let body = json!({ "steps": [{ "plugin": digest, "config": config }] });
        gateway.operator.post("/tenants/acme/mapping/revisions", &body).await
    };
    let fine = draft(json!({ "buildDisplayName": true })).await.expect(201);
    assert_eq!(fine.body["warnings"], json!([]), "{}", fine.text);
    let refused = draft(json!({ "lift": { "title": "nickName" } })).await.expect(400);
    assert!(
        detail(&refused).starts_with(
            "The mapping fails on every example User: the result does not comply with the directory schema: title is required."
        ),
        "{}",
        detail(&refused)
    );
}

async fn a_plan_counts_what_breaks_a_rule_and_the_remap_leaves_it_as_it_is(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = tenant.post("/Users", &with("ada", &[("title", "Dr".into())])).await.expect(201).id();
    let eve = tenant.post("/Users", &with("eve", &[("nickName", "Eve".into())])).await.expect(201).id();
    let check = set_rules(gateway, &json!([{ "path": "title", "required": true }])).await;
    assert_eq!((&check["examined"], &check["nonCompliant"], &check["applies"]), (&json!(2), &json!(1), &json!(true)));
    // What is stored stays as the product sees it.
    let _ = tenant.directory(&format!("/users/{eve}")).await.expect(200);
    let revision = draft(gateway, &[("tutorial", json!({ "lift": { "nickName": "title" } }))]).await;
    let plan = planned(gateway, revision).await;
    assert_eq!(
        (&plan["nonCompliant"], &plan["changed"], &plan["unchanged"]),
        (&json!(0), &json!(1), &json!(1)),
        "{plan}"
    );
    let revision = draft(gateway, &[("tutorial", json!({ "lift": { "title": "nickName" } }))]).await;
    let plan = planned(gateway, revision).await;
    assert_eq!((&plan["nonCompliant"], &plan["changed"]), (&json!(2), &json!(0)), "{plan}");
    let example = &plan["examples"][0];
    assert_eq!(
        (&example["change"], &example["reason"]),
        (&json!("non-compliant"), &json!("the result does not comply with the directory schema: title is required."))
    );
    activate(gateway, revision).await;
    let seen = tenant.directory(&format!("/users/{ada}")).await.expect(200).body;
    assert_eq!((&seen["title"], &seen["mappingState"]), (&json!("Dr"), &json!("stale")));
    let remap = gateway.operator.get("/tenants/acme/jobs/remap").await.expect(200).body;
    assert_eq!(remap["rejected"]["count"], 2, "{remap}");
}

pub(crate) async fn planned(gateway: &TestGateway, revision: i64) -> Value {
    let path = format!("/tenants/acme/mapping/revisions/{revision}/plan");
    let _ = gateway.operator.post(&path, &json!({})).await.expect(202);
    poll("the plan is complete", async || {
        let plan = gateway.operator.get(&path).await.expect(200).body;
        (plan["state"] == "finished").then_some(plan)
    })
    .await
}

/// Activates a revision, and waits for the remap.
pub(crate) async fn activate(gateway: &TestGateway, revision: i64) {
    let path = format!("/tenants/acme/mapping/revisions/{revision}/activate");
    let _ = gateway.operator.post(&path, &json!({ "dryRun": false, "acceptVanishing": true })).await.expect(200);
    remapped(gateway).await;
}

async fn remapped(gateway: &TestGateway) {
    poll("the remap has ended", async || {
        let remap = gateway.operator.get("/tenants/acme/jobs/remap").await.expect(200).body;
        (remap["state"] == "finished").then_some(())
    })
    .await;
}

async fn a_rule_and_the_schemas_fit_each_other(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let badge = |case_exact: bool| {
        let number = json!({ "name": "number", "type": "string", "caseExact": case_exact });
        json!({ "resourceType": "User", "schema": { "id": "urn:example:badge", "name": "Badge", "attributes": [number] } })
    };
    let _ = gateway.operator.post("/tenants/acme/schemas", &badge(false)).await.expect(201);
    let _ = set_rules(gateway, &json!([{ "path": "urn:example:badge:number", "unique": true }])).await;
    let body = with(
        "ada",
        &[
            ("urn:example:badge", json!({ "number": "a1" })),
            ("schemas", json!(["urn:ietf:params:scim:schemas:core:2.0:User", "urn:example:badge"])),
        ],
    );
    let _ = tenant.post("/Users", &body).await.expect(201);
    let refused = gateway.operator.delete("/tenants/acme/schemas/urn:example:badge").await.expect(409);
    assert!(detail(&refused).contains("The directory schema does not fit this change: Rule 1"), "{}", detail(&refused));
    let refused = gateway.operator.post("/tenants/acme/schemas", &badge(true)).await.expect(409);
    assert!(detail(&refused).contains("type and caseExact must stay"), "{}", detail(&refused));
}
