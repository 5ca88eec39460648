//! The attributes that an operator makes searchable by value.

use scimgate_tests::harness::poll;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{TestGateway, on_both};
use serde_json::{Value, json};

on_both!(
    an_attribute_is_searched_by_its_keys_once_they_are_complete,
    attributes_without_search_keys_are_refused,
    a_search_attribute_keeps_its_folding,
);

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATH: &str = "/tenants/acme/search-attributes";

fn number() -> String {
    format!("{ENTERPRISE}:employeeNumber")
}

async fn set(gateway: &TestGateway, attributes: &[&str]) -> scimgate_tests::Answer {
    gateway.operator.put(PATH, &json!({ "attributes": attributes })).await
}

async fn an_attribute_is_searched_by_its_keys_once_they_are_complete(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let with_number = |name: &str, number: &str| {
        let mut body = user(name);
        body[ENTERPRISE] = json!({ "employeeNumber": number });
        body
    };
    let mut ids = Vec::new();
    for name in ["ada", "bob", "eve"] {
        ids.push(tenant.post("/Users", &with_number(name, &format!("n-{name}"))).await.expect(201).id());
    }
    let found = async |wanted: &str| -> Vec<String> {
        let filter = format!("{}%20eq%20%22{wanted}%22", number());
        let body = tenant.get(&format!("/Users?filter={filter}")).await.expect(200).body;
        body["Resources"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    };
    let before = gateway.operator.get(PATH).await.expect(200);
    assert_eq!(before.body, json!({ "attributes": ["emails.value"], "ready": ["emails.value"] }));
    assert_eq!(found("N-ADA").await, [ids[0].clone()], "by looking at documents");

    let written = number().to_uppercase();
    let changed = set(gateway, &["emails.value", &written]).await.expect(200);
    assert_eq!(changed.body["attributes"], json!(["emails.value", number()]));
    assert_eq!(changed.body["ready"], json!(["emails.value"]));
    poll("the keys are complete", async || {
        let now = gateway.operator.get(PATH).await.expect(200);
        (now.body["ready"] == now.body["attributes"]).then_some(())
    })
    .await;
    // A user from before, one that changes, a new one, and one that is deleted.
    assert_eq!(found("n-ada").await, [ids[0].clone()]);
    let change = patch(json!([{ "op": "replace", "path": number(), "value": "m-bob" }]));
    let _ = tenant.patch(&format!("/Users/{}", ids[1]), &change).await.expect(200);
    assert_eq!((found("m-bob").await, found("n-bob").await), (vec![ids[1].clone()], vec![]));
    let zoe = tenant.post("/Users", &with_number("zoe", "n-zoe")).await.expect(201).id();
    assert_eq!(found("n-zoe").await, [zoe]);
    let _ = tenant.scim.delete(&format!("/Users/{}", ids[2])).await.expect(204);
    assert_eq!(found("n-eve").await, Vec::<String>::new());

    let _ = set(gateway, &["emails.value"]).await.expect(200);
    assert_eq!(found("m-bob").await, [ids[1].clone()], "by looking at documents again");
}

/// The stored keys are folded as the attribute says.
async fn a_search_attribute_keeps_its_folding(gateway: &TestGateway) {
    const SEAT: &str = "urn:acme:seat:2.0:User";
    let tenant = gateway.plain_tenant("acme").await;
    let define = async |exact: bool| {
        let attributes = json!([{ "name": "desk", "type": "string", "caseExact": exact }]);
        let schema = json!({ "schema": { "id": SEAT, "name": "Seat", "attributes": attributes } });
        gateway.operator.post("/tenants/acme/schemas", &schema).await
    };
    let _ = define(false).await.expect(201);
    let desk = format!("{SEAT}:desk");
    let _ = set(gateway, &["emails.value", &desk]).await.expect(200);
    let mut ada = user("ada");
    ada[SEAT] = json!({ "desk": "A1" });
    let _ = tenant.post("/Users", &ada).await.expect(201);
    let refused = define(true).await.expect(409);
    assert!(refused.body["detail"].as_str().unwrap().contains(&desk), "{}", refused.text);
    let _ = set(gateway, &["emails.value"]).await.expect(200);
    let _ = define(true).await.expect(200);
}

async fn attributes_without_search_keys_are_refused(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    for (attribute, why) in [
        ("shoeSize", "No schema"),
        ("userName", "look-ups already"),
        ("members.value", "look-ups already"),
        ("active", "only text"),
        ("emails", "sub-attributes"),
        ("password", "no value"),
    ] {
        let refused = set(gateway, &[attribute]).await.expect(400);
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(attribute) && detail.contains(why), "{detail}");
    }
    let many: Vec<String> = (0..17).map(|n| format!("a{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(set(gateway, &many).await.expect(400).body["detail"].as_str().unwrap().contains("17"));
    let unknown = gateway.operator.get("/tenants/nobody/search-attributes").await.expect(404);
    assert_ne!(unknown.body["detail"], Value::Null);
}
