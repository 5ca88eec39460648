//! Custom resource types and extensions: every operation at their endpoint, immediately, and for that tenant alone.

mod definitions;

use insta::assert_snapshot;
use scimgate_tests::tenant::{WS1B, device, patch};
use scimgate_tests::{Request, Tenant, TestGateway, on_both};
use serde_json::{Value, json};

on_both!(
    a_custom_resource_type_supports_every_operation,
    characteristics_of_a_custom_schema_are_enforced,
    custom_resources_are_listed_filtered_and_sorted,
    the_directory_and_the_events_include_custom_resources,
    a_step_can_map_a_custom_resource_type,
    an_extension_defined_at_runtime_works_everywhere,
);

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const LAB: &str = "urn:acme:lab:2.0:Device";

async fn define(gateway: &TestGateway, tenant: &str, definition: &Value) {
    let _ = gateway.operator.post(&format!("/tenants/{tenant}/resource-types"), definition).await.expect(201);
}

async fn with_devices(gateway: &TestGateway, name: &str) -> Tenant {
    let tenant = gateway.plain_tenant(name).await;
    define(gateway, name, &device()).await;
    tenant
}

fn printer(name: &str) -> Value {
    json!({ "schemas": ["urn:acme:schemas:2.0:Device"], "displayName": name, "serial": format!("S-{name}") })
}

async fn names(tenant: &Tenant, path: &str) -> Vec<String> {
    let list = tenant.get(path).await.expect(200).body;
    let found = list["Resources"].as_array().unwrap().iter().map(|it| it["displayName"].as_str().unwrap().to_owned());
    found.collect()
}

async fn a_custom_resource_type_supports_every_operation(gateway: &TestGateway) {
    let tenant = with_devices(gateway, "acme").await;
    let other = gateway.plain_tenant("globex").await;
    let created = tenant.post("/Devices", &printer("Ink")).await.expect(201);
    let path = format!("/Devices/{}", created.id());
    assert!(created.header("location").ends_with(&format!("/scim/v2{path}")), "{}", created.header("location"));
    assert_snapshot!(created.redacted(), @r#"
    {
      "id": "[id 1]",
      "schemas": [
        "urn:acme:schemas:2.0:Device"
      ],
      "displayName": "Ink",
      "serial": "S-Ink",
      "meta": {
        "resourceType": "Device",
        "created": "2026-05-01T09:00:00.000Z",
        "lastModified": "2026-05-01T09:00:00.000Z",
        "location": "http://[host]/scim/v2/Devices/[id 1]",
        "version": "W/\"1\""
      }
    }
    "#);
    is_changed(&tenant, &path, created.header("etag")).await;
    is_described(&tenant).await;

    // Another tenant has neither the resource type nor the resource.
    for path in [path.as_str(), "/Devices", "/ResourceTypes/Device", "/Schemas/urn:acme:schemas:2.0:Device"] {
        let _ = other.get(path).await.expect(404);
    }
    let _ = other.post("/Devices", &printer("Ink")).await.expect(404);
    define(gateway, "globex", &device()).await;
    let _ = other.get(&path).await.expect(404);
    let _ = other.post("/Devices", &printer("Ink")).await.expect(201);

    // A group can have it as a member.
    let group = json!({ "displayName": "Room", "members": [{ "value": created.id() }] });
    let group = tenant.post("/Groups", &group).await.expect(201);
    let read = tenant.get(&format!("/Groups/{}", group.id())).await.expect(200);
    assert_eq!(read.body["members"][0]["type"], "Device");
    assert!(read.body["members"][0]["$ref"].as_str().unwrap().ends_with(&path));
    let _ = tenant.delete(&path).await.expect(204);
    let _ = tenant.get(&path).await.expect(404);
    let _ = tenant.delete(&path).await.expect(404);
}

/// Reads, replaces and changes a resource that has this entity tag.
async fn is_changed(tenant: &Tenant, path: &str, tag: &str) {
    assert_eq!(tenant.send(Request::new("GET", path).header("if-none-match", tag)).await.status, 304);

    let mut body = printer("Ink");
    body["tags"] = json!(["old"]);
    assert_eq!(tenant.put(path, &body).await.expect(200).version(), 2);
    let stale = Request::new("PUT", path).header("if-match", tag).json(&body);
    assert_eq!(tenant.send(stale).await.status, 412);
    let change = patch(json!([
        { "op": "Add", "path": "tags", "value": ["new"] },
        { "op": "Replace", "path": "ports[type eq \"usb\"].speed", "value": "5.5" },
        { "op": "Replace", "path": "owner", "value": "6f1c" },
        { "op": "replace", "value": { "urn:acme:schemas:2.0:Device:active": "False" } },
    ]));
    let patched = tenant.patch(path, &change).await.expect(200);
    let read = tenant.get(path).await.expect(200).body;
    assert_eq!(read, patched.body);
    assert_eq!((&read["tags"], &read["active"]), (&json!(["old", "new"]), &json!(false)));
    assert_eq!(
        (&read["ports"], &read["owner"]),
        (&json!([{ "type": "usb", "speed": 5.5 }]), &json!({ "value": "6f1c" }))
    );
}

/// Reads the type and its schema.
async fn is_described(tenant: &Tenant) {
    let types = tenant.get("/ResourceTypes").await.expect(200).body;
    assert_eq!((&types["totalResults"], &types["Resources"][2]["endpoint"]), (&json!(3), &json!("/Devices")));
    assert_snapshot!(tenant.get("/ResourceTypes/Device").await.expect(200).redacted(), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
      ],
      "id": "Device",
      "name": "Device",
      "endpoint": "/Devices",
      "description": "A machine.",
      "schema": "urn:acme:schemas:2.0:Device",
      "schemaExtensions": [],
      "meta": {
        "resourceType": "ResourceType",
        "location": "http://[host]/scim/v2/ResourceTypes/Device"
      }
    }
    "#);
    let schema = tenant.get("/Schemas/urn:acme:schemas:2.0:Device").await.expect(200).body;
    assert_eq!(schema["attributes"].as_array().unwrap().len(), 11);
}

async fn characteristics_of_a_custom_schema_are_enforced(gateway: &TestGateway) {
    let tenant = with_devices(gateway, "acme").await;
    let mut body = printer("Ink");
    body["inventory"] = 7.into();
    body["model"] = "X1".into();
    body["note"] = "by the door".into();
    body["pin"] = "1815".into();
    let created = tenant.post("/Devices", &body).await.expect(201);
    let path = format!("/Devices/{}", created.id());
    // RFC 7643 §7: an attribute returned on "request" is in a reply if requested, or if the client has just written it.
    assert_eq!((&created.body["note"], created.body.get("pin")), (&json!("by the door"), None));
    let plain = tenant.get(&path).await.expect(200).body;
    assert!(plain.get("note").is_none() && plain.get("pin").is_none(), "{plain}");
    let asked = tenant.get(&format!("{path}?attributes=note,pin")).await.expect(200).body;
    assert_eq!((&asked["note"], asked.get("pin")), (&json!("by the door"), None));

    for (twin, status) in [
        (json!({ "displayName": "B", "serial": "S-Ink" }), 409),
        (json!({ "displayName": "B", "inventory": 7.0 }), 409),
        (json!({ "displayName": "Ink", "serial": "s-ink" }), 201),
        (json!({ "serial": "S-2" }), 400),
        (json!({ "displayName": "C", "checked": "yesterday" }), 400),
        (json!({ "displayName": "C", "inventory": "many" }), 400),
    ] {
        let answer = tenant.post("/Devices", &twin).await.expect(status);
        if status == 409 {
            assert_eq!(answer.body["scimType"], "uniqueness");
        }
    }
    let model = patch(json!([{ "op": "replace", "path": "model", "value": "X2" }]));
    assert_eq!(tenant.patch(&path, &model).await.expect(400).body["scimType"], "mutability");
    let remove = patch(json!([{ "op": "remove", "path": "displayName" }]));
    assert_eq!(tenant.patch(&path, &remove).await.expect(400).body["scimType"], "mutability");
    let other_serial = patch(json!([{ "op": "replace", "path": "serial", "value": "S-9" }]));
    let _ = tenant.patch(&path, &other_serial).await.expect(200);
    let _ = tenant.post("/Devices", &json!({ "displayName": "D", "serial": "S-Ink" })).await.expect(201);
}

async fn custom_resources_are_listed_filtered_and_sorted(gateway: &TestGateway) {
    let tenant = with_devices(gateway, "acme").await;
    for (name, inventory, tag) in [("Scanner", 3, "a"), ("ink", 1, "b"), ("Laser", 2, "b")] {
        let mut body = printer(name);
        body["inventory"] = inventory.into();
        body["tags"] = json!([tag]);
        body["ports"] = json!([{ "type": "usb", "speed": inventory }, { "type": "hdmi", "value": name }]);
        let _ = tenant.post("/Devices", &body).await.expect(201);
    }
    let _ = tenant.user("ada").await;
    let all = ["Scanner", "ink", "Laser"];
    for (query, found) in [
        ("", &all as &[&str]),
        ("?sortBy=displayName", &["ink", "Laser", "Scanner"]),
        ("?sortBy=displayName&sortOrder=descending", &["Scanner", "Laser", "ink"]),
        ("?sortBy=inventory", &["ink", "Laser", "Scanner"]),
        ("?startIndex=2&count=1", &["ink"]),
        ("?filter=displayName eq \"INK\"", &["ink"]),
        ("?filter=displayName sw \"l\"", &["Laser"]),
        ("?filter=serial eq \"S-ink\"", &["ink"]),
        ("?filter=serial eq \"s-ink\"", &[]),
        ("?filter=inventory gt 1 and tags eq \"b\"", &["Laser"]),
        ("?filter=ports[type eq \"usb\" and speed ge 3]", &["Scanner"]),
        ("?filter=ports[type eq \"usb\"].value pr", &[]),
        ("?filter=urn:acme:schemas:2.0:Device:ports.value co \"as\"", &["Laser"]),
        ("?filter=meta.resourceType eq \"Device\" and not (tags eq \"a\")", &["ink", "Laser"]),
    ] {
        assert_eq!(names(&tenant, &format!("/Devices{query}")).await, found, "{query}");
    }
    let unknown = tenant.get("/Devices?filter=userName eq \"x\"").await.expect(400);
    assert_eq!(unknown.body["scimType"], "invalidFilter");
    let search =
        json!({ "schemas": [SEARCH], "filter": "inventory le 2", "sortBy": "inventory", "attributes": ["serial"] });
    let found = tenant.post("/Devices/.search", &search).await.expect(200).body;
    let serials: Vec<&Value> = found["Resources"].as_array().unwrap().iter().map(|it| &it["serial"]).collect();
    assert_eq!(serials, ["S-ink", "S-Laser"]);
    assert!(found["Resources"][0].get("displayName").is_none());
    let root = tenant
        .post("/.search", &json!({ "schemas": [SEARCH], "filter": "inventory pr", "count": 0 }))
        .await
        .expect(200);
    assert_eq!(root.body["totalResults"], 3);
    assert_eq!(tenant.get("/").await.expect(200).body["totalResults"], 4);
}

async fn the_directory_and_the_events_include_custom_resources(gateway: &TestGateway) {
    let tenant = with_devices(gateway, "acme").await;
    let id = tenant.post("/Devices", &printer("Ink")).await.expect(201).id();
    let path = format!("/Devices/{id}");
    let set = |active: bool| patch(json!([{ "op": "replace", "path": "active", "value": active }]));
    let _ = tenant.patch(&path, &set(true)).await.expect(200);
    let _ = tenant.patch(&path, &set(false)).await.expect(200);
    let listed = tenant.directory("/devices").await.expect(200).body;
    assert_eq!(listed["resources"][0]["serial"], "S-Ink");
    assert_eq!(listed["resources"][0]["meta"]["resourceType"], "Device");
    assert_eq!(tenant.directory(&format!("/Devices/{id}")).await.expect(200).body["displayName"], "Ink");
    let _ = tenant.directory(&format!("/users/{id}")).await.expect(404);
    let nothing = tenant.directory("/gadgets").await.expect(404);
    assert_snapshot!(nothing.redacted(), @r#"
    {
      "title": "Not Found",
      "status": 404,
      "detail": "There is nothing at /gadgets. There are: /users, /groups, /devices, /events."
    }
    "#);
    let _ = tenant.delete(&path).await.expect(204);
    let _ = tenant.directory(&format!("/devices/{id}")).await.expect(404);
    let events = tenant.events().await;
    assert!(events.iter().all(|event| event["resourceType"] == "Device" && event["resourceId"] == id));
    let kinds: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["resource.created", "resource.updated", "resource.deactivated", "resource.deleted"]);
}

async fn a_step_can_map_a_custom_resource_type(gateway: &TestGateway) {
    let tenant = with_devices(gateway, "acme").await;
    let _ = gateway.upload(scimgate_tests::plugin("hostile")).await;
    let _ = gateway.upload(scimgate_tests::plugin("tutorial")).await;
    let mapping = |plugin: &str, types: Value| {
        let config = if plugin == "hostile" { json!({ "do": "write", "path": "model", "size": 3 }) } else { json!({}) };
        json!({ "steps": [{ "plugin": plugin, "config": config, "resourceTypes": types }] })
    };
    let refused =
        gateway.operator.put("/tenants/acme/mapping", &mapping("tutorial", json!(["Device"]))).await.expect(400);
    assert!(refused.body["detail"].as_str().unwrap().contains("not for Device"), "{}", refused.text);
    let _ = gateway.operator.put("/tenants/acme/mapping", &mapping("hostile", json!(["device"]))).await.expect(200);
    let id = tenant.post("/Devices", &printer("Ink")).await.expect(201).id();
    assert!(tenant.get(&format!("/Devices/{id}")).await.expect(200).body.get("model").is_none());
    let mapped = tenant.directory(&format!("/devices/{id}")).await.expect(200).body;
    assert_eq!((&mapped["model"], &mapped["mappingState"]), (&json!("xxx"), &json!("mapped")));
    let ada = tenant.user("ada").await;
    assert_eq!(tenant.directory(&format!("/users/{ada}")).await.expect(200).body["mappingState"], "same");
}

async fn an_extension_defined_at_runtime_works_everywhere(gateway: &TestGateway) {
    let tenant = with_devices(gateway, "acme").await;
    let lab = json!({ "resourceType": "device", "schema": { "id": LAB, "name": "Lab", "attributes": [
        { "name": "room", "type": "string" }, { "name": "calibrated", "type": "dateTime" },
    ] } });
    let ink = tenant.post("/Devices", &printer("Ink")).await.expect(201).id();
    for schema in [&lab, &json!({ "pack": "ws1b" })] {
        let _ = gateway.operator.post("/tenants/acme/schemas", schema).await.expect(201);
    }
    let change = patch(json!([{ "op": "Add", "path": format!("{LAB}:room"), "value": "B 12" }]));
    let patched = tenant.patch(&format!("/Devices/{ink}"), &change).await.expect(200);
    assert_eq!((&patched.body[LAB], &patched.body["schemas"][1]), (&json!({ "room": "B 12" }), &json!(LAB)));
    assert_eq!(names(&tenant, &format!("/Devices?filter={LAB}:room eq \"b 12\"")).await, ["Ink"]);

    let ada = tenant.user("ada").await;
    let custom = format!("{WS1B}:customAttribute3");
    let change = patch(json!([{ "op": "Replace", "path": custom, "value": "Blue" }]));
    let _ = tenant.patch(&format!("/Users/{ada}"), &change).await.expect(200);
    let _ = tenant.user("bob").await;
    let found = tenant.get(&format!("/Users?filter={custom} eq \"blue\"&attributes={custom}")).await.expect(200).body;
    assert_eq!(found["totalResults"], 1);
    assert_eq!(found["Resources"][0][WS1B], json!({ "customAttribute3": "Blue" }));
    assert!(found["Resources"][0].get("userName").is_none());
    let without = tenant.get(&format!("/Users/{ada}?excludedAttributes={custom}")).await.expect(200).body;
    assert!(without.get(WS1B).is_none_or(|it| it.get("customAttribute3").is_none()), "{without}");
    let sorted = tenant.get(&format!("/Users?sortBy={custom}")).await.expect(200).body;
    assert_eq!(sorted["Resources"][0]["id"], ada.as_str());

    let stored = gateway.operator.get(&format!("/tenants/acme/schemas/{LAB}")).await.expect(200).body;
    assert_eq!(
        (&stored["resourceType"], &stored["schema"]["attributes"][0]["name"]),
        (&json!("Device"), &json!("room"))
    );
}
