//! No two mapped users have a value that must be unique, whatever writes them, and a value is free as soon as nobody has it.

use futures_util::future::join_all;
use scimgate_tests::tenant::patch;
use scimgate_tests::{Tenant, TestGateway, on_both, on_postgres, poll};
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::{activate, detail, planned, set, set_rules, with};
use crate::plan::draft;

on_both!(
    a_second_user_with_a_value_is_refused_with_the_mapping_and_the_first,
    a_value_is_free_once_nobody_has_it,
    a_held_user_keeps_its_value_until_the_release,
    a_bulk_request_of_circular_references_names_the_operation,
    a_remap_leaves_what_conflicts_as_it_is_and_its_plan_says_so,
    documents_that_give_their_values_to_one_another_are_mapped,
    stored_documents_that_conflict_are_reported_and_stay,
);
on_postgres!(of_many_concurrent_writers_one_has_the_value);

pub(crate) async fn titled(tenant: &Tenant, name: &str, title: &str) -> String {
    tenant.post("/Users", &with(name, &[("title", title.into())])).await.expect(201).id()
}

pub(crate) async fn unique_title(gateway: &TestGateway) {
    let check = set_rules(gateway, &json!([{ "path": "title", "unique": true }])).await;
    assert_eq!(check["conflicts"], 0, "{check}");
}

/// The entries are the titles of what the product sees. Of documents in conflict, which are stale, that is the older one.
pub(crate) async fn check_entries(owner: &Client, what: &str) {
    let sql = "
WITH seen AS (SELECT id, (CASE WHEN mapping_state = 'same' THEN source ELSE mapped END)::json ->> 'title' AS title FROM resource
  WHERE resource_type = 'User' AND mapping_state NOT IN ('excluded', 'never') AND (deleted_at IS NULL OR held IS NOT NULL)),
wanted AS (SELECT id, lower(title) FROM seen WHERE title <> ''), entered AS (SELECT id, key FROM mapped_unique WHERE seen)
SELECT 'missing', w::text FROM (SELECT * FROM wanted EXCEPT SELECT * FROM entered) w
UNION ALL SELECT 'too much', e::text FROM (SELECT * FROM entered EXCEPT SELECT * FROM wanted) e";
    let rows = owner.query(sql, &[]).await.unwrap();
    let wrong: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(wrong.is_empty(), "{what}: {wrong:?}");
}

async fn a_second_user_with_a_value_is_refused_with_the_mapping_and_the_first(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let mail = r#"emails[type eq "work"].value"#;
    let _ = set_rules(gateway, &json!([{ "path": mail, "unique": true }])).await;
    let mails = |value: &str| vec![("emails", json!([{ "type": "work", "value": value }]))];
    let ada = tenant.post("/Users", &with("ada", &mails("ada@corp.test"))).await.expect(201).id();
    let refused = tenant.post("/Users", &with("eve", &mails("ADA@corp.test"))).await.expect(409);
    assert_eq!(refused.body["scimType"], "uniqueness");
    assert_eq!(
        detail(&refused),
        format!(
            "The User, which nothing maps, cannot be stored: User {ada} has the {mail} \"ada@corp.test\" already, which the \
             directory schema wants to be unique."
        )
    );
    let revision = gateway.map("acme", "tutorial", &json!({ "lowerCaseMail": true }), "keep").await;
    let eve = tenant.post("/Users", &with("eve", &mails("eve@corp.test"))).await.expect(201).id();
    let refused = set(&tenant, &eve, mail, "Ada@Corp.test".into()).await.expect(409);
    let named = format!(
        "The User that revision {revision} maps (its last step is 1, tutorial@0.1.0) cannot be stored: User {ada} has"
    );
    assert!(detail(&refused).starts_with(&named), "{}", detail(&refused));
    // Her own value is not a conflict, and neither is it where it is not a work mail.
    let _ = set(&tenant, &ada, mail, "ADA@corp.test".into()).await.expect(200);
    let home = json!([{ "type": "home", "value": "ada@corp.test" }]);
    let _ = set(&tenant, &eve, "emails", home).await.expect(200);
}

async fn a_value_is_free_once_nobody_has_it(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let allow = json!({ "allow": ["restore-deleted"] });
    let _ = gateway.operator.patch("/tenants/acme/client", &allow).await.expect(200);
    unique_title(gateway).await;
    let config = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    let _ = gateway.map("acme", "tutorial", &config, "refuse").await;
    let ada = titled(&tenant, "ada", "Dr").await;
    let _ = tenant.post("/Users", &with("eve", &[("title", "dr".into())])).await.expect(409);
    // By a PATCH, a PUT, an exclusion, a deletion.
    let _ = set(&tenant, &ada, "title", "Prof".into()).await.expect(200);
    let eve = titled(&tenant, "eve", "Dr").await;
    let _ = tenant.put(&format!("/Users/{eve}"), &with("eve", &[])).await.expect(200);
    let _ = set(&tenant, &ada, "title", "Dr".into()).await.expect(200);
    let _ = set(&tenant, &eve, "title", "DR".into()).await.expect(409);
    let _ = set(&tenant, &ada, "userType", "Contractor".into()).await.expect(200);
    let _ = set(&tenant, &eve, "title", "DR".into()).await.expect(200);
    let refused = set(&tenant, &ada, "userType", "Employee".into()).await.expect(409);
    assert!(detail(&refused).contains(&eve), "{}", detail(&refused));
    let _ = tenant.delete(&format!("/Users/{eve}")).await.expect(204);
    let _ = set(&tenant, &ada, "userType", "Employee".into()).await.expect(200);
    // A restored one has it no more.
    let _ = tenant.post("/Users", &with("eve", &[("title", "Dr".into())])).await.expect(409);
    let restored = tenant.post("/Users", &with("eve", &[("title", "Eng".into())])).await;
    assert!(restored.status < 300, "{}", restored.text);
    let _ = tenant.post("/Users", &with("bob", &[("title", "ENG".into())])).await.expect(409);
}

async fn a_held_user_keeps_its_value_until_the_release(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    unique_title(gateway).await;
    let guard = json!({ "users": 0, "members": 0, "percent": 0 });
    let ada = titled(&tenant, "ada", "Dr").await;
    let eve = titled(&tenant, "eve", "Prof").await;
    let _ = gateway.operator.put("/tenants/acme/guard", &guard).await.expect(200);
    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    let change = patch(json!([
        { "op": "replace", "path": "active", "value": false }, { "op": "replace", "path": "title", "value": "Eng" },
    ]));
    let _ = tenant.patch(&format!("/Users/{eve}"), &change).await.expect(200);
    // What the product sees is theirs, and so is what it will see.
    for title in ["dr", "prof", "eng"] {
        let _ = tenant.post("/Users", &with("zoe", &[("title", title.into())])).await.expect(409);
    }
    let batches = gateway.operator.get("/tenants/acme/held").await.expect(200).body;
    let batch = batches["batches"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/tenants/acme/held/{batch}");
    let _ = gateway.operator.patch(&path, &json!({ "state": "released" })).await.expect(200);
    poll("it is released", async || {
        let batch = gateway.operator.get(&path).await.expect(200).body;
        (batch["batch"]["state"] == "released").then_some(())
    })
    .await;
    let _ = titled(&tenant, "zoe", "Dr").await;
    let _ = titled(&tenant, "bob", "Prof").await;
    let _ = tenant.post("/Users", &with("kim", &[("title", "Eng".into())])).await.expect(409);
}

async fn a_bulk_request_of_circular_references_names_the_operation(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    unique_title(gateway).await;
    let _ = titled(&tenant, "ada", "Dr").await;
    let group = |name: &str, other: &str| {
        json!({ "method": "POST", "path": "/Groups", "bulkId": name, "data": {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": [{ "value": format!("bulkId:{other}") }] } })
    };
    let operations = json!([
        group("one", "two"), group("two", "one"),
        { "method": "POST", "path": "/Users", "bulkId": "eve", "data": with("eve", &[("title", "DR".into())]) },
    ]);
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
    let answer = tenant.post("/Bulk", &body).await.expect(200);
    let status = |index: usize| answer.body["Operations"][index]["status"].as_str().unwrap().to_owned();
    assert_eq!(status(2), "409", "{}", answer.text);
}

async fn a_remap_leaves_what_conflicts_as_it_is_and_its_plan_says_so(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    unique_title(gateway).await;
    let nick = |name: &str, nick: &str, title: &str| with(name, &[("nickName", nick.into()), ("title", title.into())]);
    let ada = tenant.post("/Users", &nick("ada", "Doc", "a")).await.expect(201).id();
    let eve = tenant.post("/Users", &nick("eve", "doc", "e")).await.expect(201).id();
    let bob = tenant.post("/Users", &nick("bob", "x", "b")).await.expect(201).id();
    let revision = draft(gateway, &[("tutorial", json!({ "lift": { "nickName": "title" } }))]).await;
    let plan = planned(gateway, revision).await;
    assert_eq!((&plan["conflicts"], &plan["changed"]), (&json!(1), &json!(2)), "{plan}");
    let examples = plan["examples"].as_array().unwrap();
    let example = examples.iter().find(|it| it["change"] == "conflict").unwrap();
    let why = format!("User {ada} has the title \"doc\" already, which the directory schema wants to be unique.");
    assert_eq!((&example["id"], &example["reason"]), (&json!(eve), &json!(why)));
    activate(gateway, revision).await;
    let title = async |id: &str| {
        let seen = tenant.directory(&format!("/users/{id}")).await.expect(200).body;
        (seen["title"].as_str().unwrap().to_owned(), seen["mappingState"].as_str().unwrap().to_owned())
    };
    assert_eq!(title(&ada).await, ("Doc".to_owned(), "mapped".to_owned()));
    assert_eq!(title(&eve).await, ("e".to_owned(), "stale".to_owned()));
    assert_eq!(title(&bob).await, ("x".to_owned(), "mapped".to_owned()));
    let explained = gateway.operator.get(&format!("/tenants/acme/explanation?resource={eve}")).await.expect(200);
    assert!(explained.text.contains(&why.replace('"', "\\\"")), "{}", explained.text);
    // Her older value is still hers, and a run after the conflict has gone maps her.
    let _ = set(&tenant, &bob, "nickName", "E".into()).await.expect(409);
    let _ = set(&tenant, &ada, "nickName", "other".into()).await.expect(200);
    let _ = gateway.operator.patch("/tenants/acme/jobs/remap", &json!({ "state": "running" })).await.expect(200);
    super::remapped(gateway).await;
    assert_eq!(title(&eve).await, ("doc".to_owned(), "mapped".to_owned()));
    let _ = set(&tenant, &bob, "nickName", "E".into()).await.expect(200);
}

/// A gets what B has, B what C has: nobody is in conflict in the end, in the order of ids or against it.
async fn documents_that_give_their_values_to_one_another_are_mapped(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    unique_title(gateway).await;
    let owner_of = ["b", "c", "d", "new"];
    let mut ids = Vec::new();
    for (name, nick) in ["a", "b", "c", "d"].iter().zip(owner_of) {
        let body = with(name, &[("nickName", nick.into()), ("title", (*name).into())]);
        ids.push(tenant.post("/Users", &body).await.expect(201).id());
    }
    let revision = draft(gateway, &[("tutorial", json!({ "lift": { "nickName": "title" } }))]).await;
    let plan = planned(gateway, revision).await;
    assert_eq!((&plan["conflicts"], &plan["changed"]), (&json!(0), &json!(4)), "{plan}");
    activate(gateway, revision).await;
    for (id, nick) in ids.iter().zip(owner_of) {
        let seen = tenant.directory(&format!("/users/{id}")).await.expect(200).body;
        assert_eq!((&seen["title"], &seen["mappingState"]), (&json!(nick), &json!("mapped")));
    }
    let _ = tenant.post("/Users", &with("eve", &[("nickName", "A".into())])).await.expect(201);
}

async fn stored_documents_that_conflict_are_reported_and_stay(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = titled(&tenant, "ada", "Dr").await;
    let eve = titled(&tenant, "eve", "dr").await;
    let check = set_rules(gateway, &json!([{ "path": "title", "unique": true }])).await;
    assert_eq!((&check["conflicts"], &check["nonCompliant"], &check["applies"]), (&json!(1), &json!(0), &json!(true)));
    assert_eq!(check["examples"][0]["id"], json!(eve));
    let _ = tenant.directory(&format!("/users/{eve}")).await.expect(200);
    let refused = set(&tenant, &eve, "nickName", "Eve".into()).await.expect(409);
    assert!(detail(&refused).contains(&ada), "{}", detail(&refused));
    let _ = set(&tenant, &eve, "title", "Prof".into()).await.expect(200);
    let begun = gateway.operator.post(&format!("{}/check", super::PATH), &json!({})).await.expect(202);
    assert_eq!(begun.body["applies"], false);
    assert_eq!(super::checked(gateway).await["conflicts"], 0);
}

async fn of_many_concurrent_writers_one_has_the_value(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    unique_title(gateway).await;
    let replica = gateway.replica().await;
    let other = tenant.at((&format!("http://{}", replica.public), &format!("http://{}", replica.internal)));
    let owner = gateway.store().await;
    for round in 0..5 {
        let title = format!("t{round}");
        let create = |number: usize| {
            let tenant = if number.is_multiple_of(2) { &tenant } else { &other };
            let body: Value = with(&format!("u{round}-{number}"), &[("title", title.clone().into())]);
            async move { tenant.post("/Users", &body).await.status }
        };
        let statuses = join_all((0..12).map(create)).await;
        let created = statuses.iter().filter(|status| **status == 201).count();
        let refused = statuses.iter().filter(|status| **status == 409).count();
        assert_eq!((created, refused), (1, 11), "{statuses:?}");
        check_entries(&owner, &title).await;
    }
    replica.end().await;
}
