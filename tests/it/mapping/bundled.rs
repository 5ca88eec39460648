//! The plugins that come with the gateway, with the tenant's schemas: values get their attribute's type.

use scimgate_tests::{Request, TestGateway, on_both};
use serde_json::{Value, json};

use super::{mapped, source};

on_both!(expressions_set_values_of_their_attributes_type, the_other_plugins_map_a_user_of_entra);

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

async fn expressions_set_values_of_their_attributes_type(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let rule = |target: &str, expression: &str| json!({ "target": target, "expression": expression });
    let config = json!({ "rules": [
        rule("active", "Switch([IsSoftDeleted], , \"False\", \"True\", \"True\", \"False\")"),
        rule("displayName", "Join(\" \", [givenName], [surname])"),
        rule("emails", "Split(\"a@example.org,b@example.org\", \",\")"),
        rule("addresses[type eq \"work\"].country", "ToUpper(\"no\")"),
        rule("title", "DateAdd(\"d\", 1, CDate(\"2024-02-28\"))"),
        rule(&format!("{ENTERPRISE}:employeeNumber"), "Len([userName])"),
    ] });
    map_users(gateway, "attribute_map", &config).await;
    let ida = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ida@example.org",
        "active": false,
        "name": { "givenName": "Ida", "familyName": "Lund" },
    });
    let id = tenant.post("/Users", &ida).await.expect(201).id();
    let read = mapped(&tenant, &id).await;
    assert_eq!(read["active"], false);
    assert_eq!(read["displayName"], "Ida Lund");
    assert_eq!(read["emails"], json!([{ "value": "a@example.org" }, { "value": "b@example.org" }]));
    assert_eq!(read["addresses"], json!([{ "type": "work", "country": "NO" }]));
    assert_eq!(read["title"], "2/29/2024 12:00:00 AM");
    assert_eq!(read[ENTERPRISE]["employeeNumber"], "15");
    assert_eq!(source(&tenant, &id).await["displayName"], Value::Null);

    let mut rule = rule("title", "[jobTittle]");
    rule["when"] = json!("[userName] = \"bo@example.org\"");
    let unknown = json!({ "rules": [rule] });
    map_users(gateway, "attribute_map", &unknown).await;
    let refused = tenant.post("/Users", &json!({ "userName": "bo@example.org" })).await.expect(400);
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("rule 1 (title): column 1:") && detail.contains("did you mean [jobTitle]?"), "{detail}");
}

/// Makes a plugin the only step, for users.
async fn map_users(gateway: &TestGateway, plugin: &str, config: &Value) {
    let upload = Request::new("POST", "/plugins").body("application/wasm", scimgate_tests::plugin(plugin));
    let digest = gateway.operator.send(upload).await.body["digest"].clone();
    let step = json!({ "plugin": digest, "config": config, "resourceTypes": ["User"] });
    let mapping = json!({ "onFailure": "refuse", "steps": [step] });
    let _ = gateway.operator.put("/tenants/acme/mapping?dryRun=false", &mapping).await.expect(200);
}

async fn the_other_plugins_map_a_user_of_entra(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ida = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ida@example.org",
        "title": "Sales",
        "phoneNumbers": [{ "type": "work", "value": "22 33 44 55" }, { "type": "mobile", "value": "+44 20 7946 0958" }],
        "roles": [{ "value": "{\"id\":\"1\",\"value\":\"Editor\",\"displayName\":\"Content editor\"}" }],
    });
    let attributes = json!([{ "path": "phoneNumbers.value", "to": "phone", "country": "NO" }]);
    map_users(gateway, "normalize", &json!({ "attributes": attributes })).await;
    let id = tenant.post("/Users", &ida).await.expect(201).id();
    let numbers = json!([{ "type": "work", "value": "+4722334455" }, { "type": "mobile", "value": "+442079460958" }]);
    assert_eq!(mapped(&tenant, &id).await["phoneNumbers"], numbers);
    assert_eq!(source(&tenant, &id).await["phoneNumbers"], ida["phoneNumbers"]);

    map_users(gateway, "roles", &json!({ "rename": { "Editor": "content:write" } })).await;
    let _ = tenant.patch(&format!("/Users/{id}"), &super::set("nickName", "1")).await;
    assert_eq!(mapped(&tenant, &id).await["roles"], json!([{ "value": "content:write" }]));

    let attributes = json!([{ "path": "phoneNumbers.value", "action": "mask", "keep": 2 }]);
    map_users(gateway, "redact", &json!({ "attributes": attributes })).await;
    let _ = tenant.patch(&format!("/Users/{id}"), &super::set("nickName", "2")).await;
    assert_eq!(mapped(&tenant, &id).await["phoneNumbers"][0]["value"], "*********55");

    let clause = json!({ "attribute": "title", "operator": "EQUALS", "value": "Support" });
    map_users(gateway, "scoping", &json!({ "filters": [{ "clauses": [clause] }] })).await;
    let _ = tenant.patch(&format!("/Users/{id}"), &super::set("nickName", "3")).await;
    let _ = tenant.directory(&format!("/users/{id}")).await.expect(404);
    let _ = tenant.get(&format!("/Users/{id}")).await.expect(200);
}
