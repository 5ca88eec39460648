//! Definitions of resource types: packs, rules, deletion, and replicas.

use scimgate_tests::tenant::device;
use scimgate_tests::{TestGateway, on_both, on_postgres, poll};
use serde_json::{Value, json};

use super::{LAB, define, printer, with_devices};

on_both!(
    packs_add_schemas_and_resource_types,
    invalid_definitions_are_refused_with_the_rule,
    a_resource_type_in_use_is_not_deleted,
);
on_postgres!(a_new_resource_type_reaches_every_replica);

async fn packs_add_schemas_and_resource_types(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let packs = gateway.operator.get("/schema-packs").await.expect(200).body;
    let names: Vec<&Value> = packs["packs"].as_array().unwrap().iter().map(|pack| &pack["name"]).collect();
    assert_eq!(names, ["enterprise", "ws1b", "okta", "agents"]);
    for pack in ["okta", "agents", "ws1b", "okta"] {
        let _ = gateway.operator.post("/tenants/acme/schema-packs", &json!({ "pack": pack })).await.expect(200);
    }
    let _ = gateway.operator.post("/tenants/acme/schema-packs", &json!({ "pack": "none" })).await.expect(404);
    let role = json!({
        "schemas": ["urn:okta:scim:schemas:core:1.0:Role"], "displayName": "Editor", "type": "Role", "description": "Edits.",
    });
    let role = tenant.post("/Roles", &role).await.expect(201);
    let listed = tenant.get("/Roles?startIndex=1&count=100").await.expect(200).body;
    assert_eq!((&listed["totalResults"], &listed["Resources"][0]["id"]), (&json!(1), &json!(role.id())));
    let entitlement =
        json!({ "schemas": ["urn:okta:scim:schemas:core:1.0:Entitlement"], "displayName": "Seat", "type": "License" });
    let _ = tenant.post("/Entitlements", &entitlement).await.expect(201);

    let agent = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Agent"], "externalId": "agent-42",
        "agentUserName": "Support-Agent", "displayName": "Support", "active": true,
        "owners": [{ "value": "u1", "type": "User" }],
    });
    let made = tenant.post("/Agents", &agent).await.expect(201);
    let found = tenant.get("/Agents?filter=agentUserName eq \"support-agent\"").await.expect(200).body;
    assert_eq!(found["Resources"][0]["id"], made.id().as_str());
    assert_eq!(tenant.post("/Agents", &agent).await.expect(409).body["scimType"], "uniqueness");
    let crew = json!({ "displayName": "Crew", "members": [{ "value": made.id() }] });
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let read = tenant.get(&format!("/Agents/{}", made.id())).await.expect(200).body;
    assert_eq!(read["groups"][0]["value"], crew.as_str());
    let application =
        json!({ "name": "Desk", "applicationUrls": [{ "type": "homepage", "value": "https://desk.test" }] });
    let _ = tenant.post("/AgenticApplications", &application).await.expect(201);
    let types = tenant.get("/ResourceTypes").await.expect(200).body;
    assert_eq!(types["totalResults"], 6);
    // What a pack added can be extended by hand.
    let mut role = gateway.operator.get("/tenants/acme/resource-types/Role").await.expect(200).body;
    role["schema"]["attributes"].as_array_mut().unwrap().push(json!({ "name": "risk", "type": "integer" }));
    let _ = gateway.operator.post("/tenants/acme/resource-types", &role).await.expect(200);
    assert_eq!(tenant.post("/Roles", &json!({ "displayName": "Admin", "risk": 9 })).await.expect(201).body["risk"], 9);
}

async fn invalid_definitions_are_refused_with_the_rule(gateway: &TestGateway) {
    let tenant = with_devices(gateway, "acme").await;
    let with = |pointer: &str, value: Value| {
        let mut definition = device();
        definition["name"] = "Gadget".into();
        definition["endpoint"] = "/Gadgets".into();
        definition["schema"]["id"] = "urn:acme:schemas:2.0:Gadget".into();
        *definition.pointer_mut(pointer).unwrap() = value;
        definition
    };
    for (definition, rule) in [
        (with("/name", "user".into()), "the protocol's own resource type"),
        (with("/endpoint", "/devices".into()), "/Devices is the endpoint of the resource type Device."),
        (with("/endpoint", "/Me".into()), "has a meaning of its own"),
        (with("/endpoint", "/.search".into()), "cannot be an endpoint"),
        (with("/schema/id", "gadget".into()), "it must begin with urn:"),
        (with("/schema/id", "urn:ietf:params:scim:schemas:core:2.0:Gadget".into()), "the IETF keeps"),
        (
            with("/schema/id", "urn:ietf:params:scim:schemas:core:2.0:User".into()),
            "the IETF keeps the core and api namespaces",
        ),
        (with("/schema/attributes/1/name", "id".into()), "every resource has id"),
        (with("/schema/attributes/2/type", "number".into()), "inventory: type is \"number\""),
        (
            with("/schema/attributes/9/subAttributes/1/referenceTypes", json!(["Car"])),
            "owner.$ref: referenceTypes names Car",
        ),
        (with("/nameAttribute", "tags".into()), "must be a single string"),
    ] {
        let refused = gateway.operator.post("/tenants/acme/resource-types", &definition).await.expect(400);
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(rule), "{rule}: {detail}");
    }
    let nested = json!({ "schema": { "id": LAB, "attributes": [{ "name": "a", "type": "complex", "uniqueness": "server",
        "subAttributes": [{ "name": "b" }] }] } });
    let refused = gateway.operator.post("/tenants/acme/schemas", &nested).await.expect(400);
    assert!(refused.body["detail"].as_str().unwrap().contains("erratum 6004"), "{}", refused.text);
    let types = tenant.get("/ResourceTypes").await.expect(200).body;
    assert_eq!(types["totalResults"], 3, "nothing was added");
}

async fn a_resource_type_in_use_is_not_deleted(gateway: &TestGateway) {
    let tenant = with_devices(gateway, "acme").await;
    let id = tenant.post("/Devices", &printer("Ink")).await.expect(201).id();
    let path = "/tenants/acme/resource-types/Device";
    let _ = gateway.operator.delete(path).await.expect(409);
    assert_eq!(tenant.get(&format!("/Devices/{id}")).await.expect(200).body["displayName"], "Ink");
    let _ = tenant.delete(&format!("/Devices/{id}")).await.expect(204);
    let _ = gateway.operator.delete(path).await.expect(204);
    let _ = gateway.operator.delete(path).await.expect(404);
    let _ = tenant.get("/Devices").await.expect(404);
    let _ = gateway.operator.get(path).await.expect(404);
    define(gateway, "acme", &device()).await;
    assert_eq!(tenant.get("/Devices").await.expect(200).body["totalResults"], 0);
}

async fn a_new_resource_type_reaches_every_replica(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let replica = gateway.replica().await;
    let at_replica = tenant.at((&format!("http://{}", replica.public), &format!("http://{}", replica.internal)));
    let _ = at_replica.get("/Devices").await.expect(404);
    define(gateway, "acme", &device()).await;
    poll("the other replica has it", async || (at_replica.get("/Devices").await.status == 200).then_some(())).await;
    let id = at_replica.post("/Devices", &printer("Ink")).await.expect(201).id();
    assert_eq!(tenant.get(&format!("/Devices/{id}")).await.expect(200).body["displayName"], "Ink");
    replica.end().await;
}
