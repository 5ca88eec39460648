//! Changes to attributes that no schema defines yet, and the documents after a schema defines them.

use scimgate::operation::resource::patch as operation;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Tenant, TestGateway, on_both};
use serde_json::{Value, json};

use super::{define, finished, hold};

on_both!(
    changes_have_the_result_they_would_have_had_with_the_schema,
    a_schema_that_grows_gets_all_added_values,
    a_later_write_wins_over_a_kept_value,
    a_put_of_a_get_keeps_unknown_attributes,
    okta_reactivates_a_user_with_unknown_attributes,
    a_change_read_under_older_schemas_joins_kept_values,
    a_bulk_id_in_an_unknown_attribute_becomes_an_id,
);

const S: &str = "urn:acme:seat:2.0:User";

/// The schema, with no more than these attributes of it.
fn seat(names: &[&str]) -> Value {
    let pair = json!([{ "name": "type", "type": "string" }, { "name": "value", "type": "string" }]);
    let all = json!([
        { "name": "a", "type": "string" },
        { "name": "b", "type": "string" },
        { "name": "tags", "type": "string", "multiValued": true },
        { "name": "desk", "type": "complex", "subAttributes": [
            { "name": "floor", "type": "string" }, { "name": "room", "type": "string" },
        ] },
        { "name": "items", "type": "complex", "multiValued": true, "subAttributes": pair },
    ]);
    let wanted = |attribute: &&Value| names.contains(&attribute["name"].as_str().unwrap());
    let attributes: Vec<&Value> = all.as_array().unwrap().iter().filter(wanted).collect();
    json!({ "schema": { "id": S, "name": "Seat", "attributes": attributes } })
}

const ALL: [&str; 5] = ["a", "b", "tags", "desk", "items"];

fn at(part: &str) -> String {
    format!("{S}:{part}")
}

async fn make(tenant: &Tenant, name: &str, more: &[(&str, Value)]) -> String {
    let mut body = user(name);
    for (key, value) in more {
        body[*key] = value.clone();
    }
    format!("/Users/{}", tenant.post("/Users", &body).await.expect(201).id())
}

async fn change(tenant: &Tenant, path: &str, operations: Value) -> Value {
    tenant.patch(path, &patch(operations)).await.expect(200).body
}

async fn seat_of(tenant: &Tenant, path: &str) -> Value {
    tenant.get(path).await.expect(200).body[S].clone()
}

async fn changes_have_the_result_they_would_have_had_with_the_schema(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let (work, home) = (json!({ "type": "work", "value": "x" }), json!({ "type": "home", "value": "y" }));
    let both = json!([{ "op": "add", "path": at("items"), "value": [work, home] }]);
    let part = json!([{ "op": "add", "path": at("items[type eq \"work\"].value"), "value": "x" }]);
    let tag = |tag: &str| json!([{ "op": "Add", "path": at("tags"), "value": [tag] }]);
    let cases = [
        (vec![tag("a"), tag("b")], json!({ "tags": ["a", "b"] })),
        (
            vec![
                json!([{ "op": "replace", "value": { S: { "a": "1", "b": "x" } } }]),
                json!([{ "op": "replace", "value": { S: { "a": "3" } } }]),
            ],
            json!({ "a": "3", "b": "x" }),
        ),
        (
            vec![
                json!([{ "op": "add", "path": at("desk"), "value": { "floor": "1" } }]),
                json!([{ "op": "add", "path": at("desk"), "value": { "room": "2" } }]),
            ],
            json!({ "desk": { "floor": "1", "room": "2" } }),
        ),
        (vec![part, json!([{ "op": "remove", "path": at("items") }])], Value::Null),
        (
            vec![both.clone(), json!([{ "op": "remove", "path": at("items[type eq \"work\"]") }])],
            json!({ "items": [home] }),
        ),
        (
            vec![both, json!([{ "op": "remove", "path": at("items"), "value": [{ "value": "y" }] }])],
            json!({ "items": [work] }),
        ),
    ];
    let mut made = Vec::new();
    for (number, (requests, expected)) in cases.into_iter().enumerate() {
        let path = make(&tenant, &format!("u{number}"), &[]).await;
        for operations in requests {
            assert!(change(&tenant, &path, operations).await.get(S).is_none(), "it is not shown");
        }
        made.push((path, expected));
    }
    define(gateway, &tenant, &seat(&ALL)).await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!(
        (&progress["rejected"]["count"], &progress["withUnknownAttributes"]),
        (&json!(0), &json!(0)),
        "{progress}"
    );
    for (path, expected) in made {
        assert_eq!(seat_of(&tenant, &path).await, expected);
    }
}

async fn a_schema_that_grows_gets_all_added_values(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    define(gateway, &tenant, &seat(&["a"])).await;
    let ada = make(&tenant, "ada", &[(S, json!({ "a": "1" }))]).await;
    for tag in ["x", "y"] {
        change(&tenant, &ada, json!([{ "op": "add", "path": at("tags"), "value": [tag] }])).await;
    }
    // What it has already is put again with the new one beside it.
    let _ = gateway.operator.post("/tenants/acme/schemas", &seat(&["a", "tags"])).await.expect(200);
    finished(gateway, &tenant).await;
    assert_eq!(seat_of(&tenant, &ada).await, json!({ "a": "1", "tags": ["x", "y"] }));
}

async fn a_later_write_wins_over_a_kept_value(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let tags = json!({ "tags": ["a"] });
    let (ada, bob) = (make(&tenant, "ada", &[(S, tags.clone())]).await, make(&tenant, "bob", &[(S, tags)]).await);
    let _held = hold(gateway).await;
    define(gateway, &tenant, &seat(&ALL)).await;
    // A PATCH reconciles first; a PUT replaces the document.
    let added = json!([{ "op": "add", "path": at("tags"), "value": ["b"] }]);
    assert_eq!(change(&tenant, &ada, added).await[S], json!({ "tags": ["a", "b"] }));
    let mut body = user("bob");
    body[S] = json!({ "tags": ["c"] });
    assert_eq!(tenant.put(&bob, &body).await.expect(200).body[S], json!({ "tags": ["c"] }));
    let title = json!([{ "op": "replace", "path": "title", "value": "Sir" }]);
    assert_eq!(change(&tenant, &bob, title).await[S], json!({ "tags": ["c"] }), "it does not come back");
}

async fn a_put_of_a_get_keeps_unknown_attributes(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = make(&tenant, "ada", &[(S, json!({ "a": "1" })), ("favouriteColour", json!("red"))]).await;
    change(&tenant, &ada, json!([{ "op": "add", "path": at("tags"), "value": ["x"] }])).await;
    let shown = tenant.get(&ada).await.expect(200);
    let put = tenant.put(&ada, &shown.body).await.expect(200);
    assert_eq!(put.version(), shown.version(), "nothing has changed");
    let mut body = shown.body;
    body["title"] = "Countess".into();
    body["favouriteColour"] = Value::Null;
    let _ = tenant.put(&ada, &body).await.expect(200);
    let mut schema = seat(&ALL);
    let colour = json!({ "name": "favouriteColour", "type": "string" });
    schema["schema"]["attributes"].as_array_mut().unwrap().push(colour);
    define(gateway, &tenant, &schema).await;
    finished(gateway, &tenant).await;
    assert_eq!(seat_of(&tenant, &ada).await, json!({ "a": "1", "tags": ["x"] }));
}

async fn okta_reactivates_a_user_with_unknown_attributes(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = gateway.operator.patch("/tenants/acme/client", &json!({ "profile": "okta" })).await.expect(200);
    let ada = make(&tenant, "ada", &[(S, json!({ "a": "1" })), ("urn:acme:other:b", json!("2"))]).await;
    change(&tenant, &ada, json!([{ "op": "replace", "value": { "active": false } }])).await;
    let mut body = user("ada");
    body[S] = json!({ "b": "3" });
    assert_eq!(format!("/Users/{}", tenant.post("/Users", &body).await.expect(201).id()), ada);
    assert_eq!(gateway.operator.get("/tenants/acme/jobs/reconcile").await.expect(200).body["withUnknownAttributes"], 1);
    define(gateway, &tenant, &seat(&ALL)).await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!(progress["withUnknownAttributes"], 1, "what the body does not mention is still there");
    assert_eq!(seat_of(&tenant, &ada).await, json!({ "b": "3" }), "what it mentions is as it says");
}

async fn a_change_read_under_older_schemas_joins_kept_values(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let resource_type = gateway.context("acme").await.settings.registry.resource_type("User").unwrap().clone();
    let ada = make(&tenant, "ada", &[(S, json!({ "a": "1", "tags": ["x"] }))]).await;
    let id = ada.rsplit('/').next().unwrap();
    let _held = hold(gateway).await;
    define(gateway, &tenant, &seat(&ALL)).await;
    let operations = patch(json!([
        { "op": "add", "path": at("tags"), "value": ["y"] },
        { "op": "replace", "value": { S: { "a": "2" } } },
    ]));
    let ctx = gateway.context("acme").await;
    let _ = operation::run(ctx, resource_type, id, operations, None, None).await.unwrap();
    assert_eq!(seat_of(&tenant, &ada).await, json!({ "a": "2", "tags": ["x", "y"] }));
    assert_eq!(gateway.operator.get("/tenants/acme/jobs/reconcile").await.expect(200).body["withUnknownAttributes"], 0);
}

async fn a_bulk_id_in_an_unknown_attribute_becomes_an_id(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let mut ada = user("ada");
    ada[S] = json!({ "a": "bulkId:bob", "b": "see bulkId:bob", "tags": ["bulkId:nobody", "bulkId:bob"] });
    let sent = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Users", "bulkId": "ada", "data": ada },
            { "method": "POST", "path": "/Users", "bulkId": "bob", "data": user("bob") },
        ],
    });
    let results = tenant.post("/Bulk", &sent).await.expect(200).body["Operations"].clone();
    let ids: Vec<&str> = ["ada", "bob"]
        .map(|name| {
            let made = results.as_array().unwrap().iter().find(|result| result["bulkId"] == name).unwrap();
            made["location"].as_str().unwrap_or_else(|| panic!("{made}")).rsplit('/').next().unwrap()
        })
        .to_vec();
    define(gateway, &tenant, &seat(&ALL)).await;
    finished(gateway, &tenant).await;
    let expected = json!({ "a": ids[1], "b": "see bulkId:bob", "tags": ["bulkId:nobody", ids[1]] });
    assert_eq!(seat_of(&tenant, &format!("/Users/{}", ids[0])).await, expected);
}
