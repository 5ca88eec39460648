//! The order of operations: as written, but after those that they depend on.

use scimgate_tests::tenant::{device, user};
use scimgate_tests::{TestGateway, on_both};
use serde_json::{Value, json};

use super::{bulk, id, members, post, post_group, post_user, statuses};

on_both!(
    a_freed_name_can_be_reused,
    operations_on_one_resource_keep_their_order,
    references_in_paths_and_patches_are_resolved,
    events_are_in_the_order_of_operations,
    references_in_an_extension_are_found_by_its_schema,
    references_in_a_custom_resource_type_are_found_by_its_schema,
    a_bulk_id_of_a_restored_user_resolves_to_its_id,
);

async fn a_freed_name_can_be_reused(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let (ada, bob) = (tenant.user("ada").await, tenant.user("bob").await);
    let rename = |name: &str| json!([{ "op": "replace", "path": "userName", "value": name }]);
    let operations = json!([
        { "method": "DELETE", "path": format!("/Users/{ada}") },
        post("/Users", "ada again", &user("ada")),
        { "method": "PATCH", "path": format!("/Users/{bob}"), "data": rename("robert@corp.test") },
        post("/Users", "bob again", &user("bob")),
        post("/Users", "ada a third time", &user("ada")),
        { "method": "DELETE", "path": "/Users/bulkId:ada again" },
        { "method": "PATCH", "path": format!("/Users/{bob}"), "data": rename("ada@corp.test") },
    ]);
    let results = bulk(&tenant, &operations).await;
    assert_eq!(statuses(&results), ["204", "201", "200", "201", "409", "204", "200"], "{results:#?}");
    let found = tenant.get("/Users?filter=userName eq \"ada@corp.test\"").await.expect(200);
    assert_eq!((&found.body["totalResults"], &found.body["Resources"][0]["id"]), (&json!(1), &json!(bob)));
}

async fn operations_on_one_resource_keep_their_order(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let (ada, crew) = (tenant.user("ada").await, tenant.group("crew").await);
    let title = |text: &str| json!([{ "op": "add", "path": "title", "value": text }]);
    let path = format!("/Users/{ada}");
    // The first depends on the last, so the others of the same user come after both.
    let boss = json!([{ "op": "add", "path": "manager", "value": "bulkId:boss" }, { "op": "add", "path": "title", "value": "first" }]);
    let operations = json!([
        { "method": "PATCH", "path": path, "data": boss },
        { "method": "PATCH", "path": format!(" {path}/ "), "data": title("second") },
        { "method": "PATCH", "path": format!("/Groups/{crew}"), "data": [{ "op": "add", "path": "members", "value": [ada, "bulkId:boss"] }] },
        { "method": "DELETE", "path": path },
        { "method": "PATCH", "path": path, "data": title("too late") },
        post_user("boss", ""),
    ]);
    let results = bulk(&tenant, &operations).await;
    assert_eq!(statuses(&results), ["200", "200", "200", "204", "404", "201"], "{results:#?}");
    let versions: Vec<&Value> = results[..2].iter().map(|result| &result["version"]).collect();
    assert_eq!(versions, ["W/\"2\"", "W/\"3\""]);
    // A member that is deleted later leaves no reference.
    assert_eq!(members(&tenant, &crew).await, [id(&results[5])]);
}

async fn references_in_paths_and_patches_are_resolved(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let crew = tenant.group("crew").await;
    let path = format!("/Groups/{crew}");
    let operations = json!([
        { "method": "PATCH", "path": "/Users/bulkId:a", "data": [{ "op": "add", "path": "manager", "value": { "value": "bulkId:b" } }] },
        { "method": "PATCH", "path": "/Groups/bulkId:g", "data": [{ "op": "add", "path": "members", "value": [{ "value": "bulkId:a" }, { "value": "bulkId:b" }] }] },
        { "method": "PATCH", "path": "/Groups/bulkId:g", "data": [{ "op": "remove", "path": "members[value eq \"bulkId:a\"]" }] },
        { "method": "PATCH", "path": path, "data": [{ "op": "add", "value": { "members": [{ "value": "bulkId:a" }] } }] },
        { "method": "PUT", "path": "/Users/bulkId:b", "data": user("bea") },
        post_group("g", &["bulkId:c"]),
        { "method": "DELETE", "path": "/Users/bulkId:c" },
        post_user("a", ""),
        post_user("b", ""),
        post_user("c", ""),
    ]);
    let results = bulk(&tenant, &operations).await;
    let expected = ["200", "200", "200", "200", "200", "201", "204", "201", "201", "201"];
    assert_eq!(statuses(&results), expected, "{results:#?}");
    let [group, a, b] = [5, 7, 8].map(|place| id(&results[place]));
    assert_eq!((id(&results[0]), id(&results[1]), id(&results[4])), (a.clone(), group.clone(), b.clone()));
    assert_eq!((members(&tenant, &group).await, members(&tenant, &crew).await), (vec![b.clone()], vec![a.clone()]));
    let read = tenant.get(&format!("/Users/{a}")).await.expect(200);
    assert_eq!(read.body[scimgate_tests::tenant::ENTERPRISE]["manager"]["value"], b.as_str());
    assert_eq!(tenant.get(&format!("/Users/{b}")).await.expect(200).body["userName"], "bea@corp.test");
}

async fn events_are_in_the_order_of_operations(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let operations = json!([
        post_group("g", &["bulkId:b", &ada]),
        post_user("b", ""),
        { "method": "PATCH", "path": format!("/Users/{ada}"), "data": [{ "op": "replace", "path": "active", "value": false }] },
        { "method": "DELETE", "path": "/Users/bulkId:b" },
    ]);
    let results = bulk(&tenant, &operations).await;
    assert_eq!(statuses(&results), ["201", "201", "200", "204"], "{results:#?}");
    let events: Vec<(Value, Value)> =
        tenant.events().await.into_iter().map(|event| (event["type"].clone(), event["resourceId"].clone())).collect();
    let [g, b] = [0, 1].map(|place| id(&results[place]));
    let expected = [
        ("user.created", &ada),
        ("user.created", &b),
        ("group.created", &g),
        ("membership.added", &g),
        ("membership.added", &g),
        ("user.deactivated", &ada),
        ("user.deleted", &b),
    ];
    assert_eq!(events, expected.map(|(kind, id)| (json!(kind), json!(id))));
}

async fn references_in_an_extension_are_found_by_its_schema(gateway: &TestGateway) {
    const OWNED: &str = "urn:acme:owned";
    let tenant = gateway.plain_tenant("acme").await;
    let reference = json!({ "name": "$ref", "type": "reference", "referenceTypes": ["User"] });
    let parts = json!([{ "name": "value", "type": "string" }, reference]);
    let attributes = json!([
        { "name": "owner", "type": "reference", "referenceTypes": ["User"] },
        { "name": "deputies", "type": "complex", "multiValued": true, "subAttributes": parts },
        { "name": "motto", "type": "string" },
    ]);
    let schema =
        json!({ "schema": { "id": OWNED, "name": "Owned", "attributes": attributes }, "resourceType": "Group" });
    let _ = gateway.operator.post("/tenants/acme/schemas", &schema).await.expect(201);
    let owned = |name: &str, owner: &str| {
        let mut group = post_group(name, &[]);
        let deputies = json!([{ "value": "bulkId:ada", "$ref": "../Users/bulkId:ada" }]);
        group["data"][OWNED] = json!({ "owner": owner, "deputies": deputies, "motto": "bulkId:ada" });
        group
    };
    let path = format!("{OWNED}:owner");
    let operations = json!([
        owned("g", "bulkId:ada"),
        owned("h", "bulkId:h"),
        { "method": "PATCH", "path": "/Groups/bulkId:g", "data": [{ "op": "replace", "path": path, "value": "bulkId:bob" }] },
        post_user("ada", ""),
        post_user("bob", ""),
    ]);
    let results = bulk(&tenant, &operations).await;
    assert_eq!(statuses(&results), ["201", "201", "200", "201", "201"], "{results:#?}");
    let [g, h, ada, bob] = [0, 1, 3, 4].map(|place| id(&results[place]));
    for (group, owner) in [(&g, &bob), (&h, &h)] {
        let read = tenant.get(&format!("/Groups/{group}")).await.expect(200);
        let deputies = json!([{ "value": ada, "$ref": format!("../Users/{ada}") }]);
        assert_eq!(read.body[OWNED], json!({ "owner": owner, "deputies": deputies, "motto": "bulkId:ada" }));
    }
}

/// By the client's profile a POST may restore a user. Its bulkId then resolves to the existing id, and the other operations
/// are done.
async fn a_bulk_id_of_a_restored_user_resolves_to_its_id(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let _ = gateway.operator.patch("/tenants/acme/client", &json!({ "profile": "okta" })).await.expect(200);
    let ada = tenant.user("ada").await;
    let off = json!({ "method": "PATCH", "path": format!("/Users/{ada}"), "data": [{ "op": "replace", "path": "active", "value": false }] });
    let operations = json!([
        off,
        post_group("crew", &["bulkId:ada", "bulkId:bob"]),
        post_user("bob", "bulkId:ada"),
        post_user("ada", ""),
        { "method": "PATCH", "path": "/Users/bulkId:ada", "data": [{ "op": "replace", "path": "title", "value": "Countess" }] },
    ]);
    let results = bulk(&tenant, &operations).await;
    assert_eq!(statuses(&results), ["200", "201", "201", "201", "200"], "{results:#?}");
    let [crew, bob] = [1, 2].map(|place| id(&results[place]));
    assert_eq!((id(&results[3]), id(&results[4])), (ada.clone(), ada.clone()));
    assert_eq!(members(&tenant, &crew).await, super::sorted([ada.clone(), bob.clone()]));
    let read = tenant.get(&format!("/Users/{ada}")).await.expect(200);
    assert_eq!((&read.body["active"], &read.body["title"]), (&json!(true), &json!("Countess")));
    let below = tenant.get(&format!("/Users/{bob}")).await.expect(200);
    assert_eq!(below.body[scimgate_tests::tenant::ENTERPRISE]["manager"]["value"], ada.as_str());
}

/// Custom resource types work like the standard ones, in circles and as members.
async fn references_in_a_custom_resource_type_are_found_by_its_schema(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = gateway.operator.post("/tenants/acme/resource-types", &device()).await.expect(201);
    let printer = |name: &str, owner: Value| {
        let urn = "urn:acme:schemas:2.0:Device";
        post("/Devices", name, &json!({ "schemas": [urn], "displayName": name, "owner": owner }))
    };
    let reference =
        |name: &str| json!({ "value": format!("bulkId:{name}"), "$ref": format!("../Devices/bulkId:{name}") });
    let operations = json!([
        post_group("room", &["bulkId:ink", "bulkId:ada"]),
        printer("ink", reference("toner")),
        printer("toner", json!("bulkId:ink")),
        printer("paper", json!({ "value": "bulkId:ada" })),
        post_user("ada", ""),
        { "method": "PATCH", "path": "/Devices/bulkId:paper", "data": [{ "op": "replace", "path": "owner.value", "value": "bulkId:ink" }] },
        { "method": "DELETE", "path": "/Devices/bulkId:toner" },
    ]);
    let results = bulk(&tenant, &operations).await;
    assert_eq!(statuses(&results), ["201", "201", "201", "201", "201", "200", "204"], "{results:#?}");
    let [room, ink, toner, paper, ada] = [0, 1, 2, 3, 4].map(|place| id(&results[place]));
    assert_eq!(members(&tenant, &room).await, super::sorted([ink.clone(), ada]));
    let read = tenant.get(&format!("/Devices/{ink}")).await.expect(200);
    assert_eq!(read.body["owner"], json!({ "value": toner, "$ref": format!("../Devices/{toner}") }));
    assert_eq!(tenant.get(&format!("/Devices/{paper}")).await.expect(200).body["owner"]["value"], ink.as_str());
    let _ = tenant.get(&format!("/Devices/{toner}")).await.expect(404);
}
