//! The reply to a write: the members of a group, and attributes that are returned on request.

use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Tenant, TestGateway, on_both};
use serde_json::{Value, json};

on_both!(
    a_patch_of_a_small_group_returns_it_and_of_a_large_one_does_not,
    a_patch_by_entra_returns_no_group,
    a_write_returns_the_attributes_on_request_that_it_wrote,
);

/// Most members of a group that a PATCH returns.
const MAX_RETURNED_MEMBERS: usize = 100;
const NOTES: &str = "urn:example:notes:2.0:User";

fn rename(name: &str) -> Value {
    patch(json!([{ "op": "replace", "path": "displayName", "value": name }]))
}

/// A group with this many unknown members.
async fn crew(tenant: &Tenant, members: usize) -> String {
    let mut body = group("Crew");
    body["members"] = (0..members).map(|number| json!({ "value": format!("m{number}") })).collect();
    format!("/Groups/{}", tenant.post("/Groups", &body).await.expect(201).id())
}

async fn a_patch_of_a_small_group_returns_it_and_of_a_large_one_does_not(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let path = crew(&tenant, MAX_RETURNED_MEMBERS).await;
    let renamed = tenant.patch(&path, &rename("Staff")).await.expect(200);
    assert_eq!(renamed.body["members"].as_array().unwrap().len(), MAX_RETURNED_MEMBERS);
    let read = tenant.get(&path).await.expect(200);
    assert_eq!((&renamed.body, renamed.version()), (&read.body, read.version()));

    let one_more = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": "one more" }] }]));
    assert_eq!(tenant.patch(&path, &one_more).await.expect(204).text, "");
    let _ = tenant.patch(&path, &rename("Band")).await.expect(204);
    let asked = tenant.patch(&format!("{path}?attributes=displayName"), &rename("Troop")).await.expect(200);
    assert_eq!((&asked.body["displayName"], asked.body.get("members")), (&json!("Troop"), None));
    let without = tenant.patch(&format!("{path}?excludedAttributes=members"), &rename("Team")).await.expect(200);
    assert_eq!((&without.body["displayName"], without.body.get("members")), (&json!("Team"), None));

    let one_less = patch(json!([{ "op": "remove", "path": "members[value eq \"one more\"]" }]));
    assert_eq!(
        tenant.patch(&path, &one_less).await.expect(200).body["members"].as_array().unwrap().len(),
        MAX_RETURNED_MEMBERS
    );
    let remove_all = patch(json!([{ "op": "remove", "path": "members" }]));
    assert_eq!(tenant.patch(&path, &remove_all).await.expect(200).body.get("members"), None);
    assert_eq!(tenant.get(&path).await.expect(200).body.get("members"), None);
}

async fn a_patch_by_entra_returns_no_group(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let path = crew(&tenant, 2).await;
    let add = |op: &str, value: &str| patch(json!([{ "op": op, "path": "members", "value": [{ "value": value }] }]));
    let _ = tenant.patch(&path, &add("add", "ada")).await.expect(200);
    // From here on the client is recognised as Entra ID.
    let _ = tenant.patch(&path, &add("Add", "bob")).await.expect(204);
    let _ = tenant.patch(&path, &add("add", "cyd")).await.expect(204);
    let read = tenant.get(&path).await.expect(200);
    assert_eq!(read.body["members"].as_array().unwrap().len(), 5);
}

async fn a_write_returns_the_attributes_on_request_that_it_wrote(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let schema = json!({ "id": NOTES, "attributes": [
        { "name": "note", "type": "string", "returned": "request" },
        { "name": "mark", "type": "string", "returned": "request" },
    ] });
    let _ = gateway.operator.post("/tenants/acme/schemas", &json!({ "schema": schema })).await.expect(201);
    let mut ada = user("ada");
    ada[NOTES] = json!({ "note": "n", "mark": "m" });
    let created = tenant.post("/Users", &ada).await.expect(201);
    assert_eq!(created.body[NOTES], ada[NOTES]);
    let path = format!("/Users/{}", created.id());
    assert_eq!(tenant.get(&path).await.expect(200).body.get(NOTES), None);
    let asked = tenant.get(&format!("{path}?attributes={NOTES}:note")).await.expect(200);
    assert_eq!(asked.body[NOTES], json!({ "note": "n" }));

    let title = patch(json!([{ "op": "add", "path": "title", "value": "Countess" }]));
    assert_eq!(tenant.patch(&path, &title).await.expect(200).body.get(NOTES), None);
    let note = patch(json!([{ "op": "replace", "path": format!("{NOTES}:note"), "value": "other" }]));
    assert_eq!(tenant.patch(&path, &note).await.expect(200).body[NOTES], json!({ "note": "other" }));
    assert_eq!(tenant.put(&path, &ada).await.expect(200).body[NOTES], ada[NOTES]);
    let excluded = tenant.put(&format!("{path}?excludedAttributes={NOTES}:note"), &ada).await.expect(200);
    assert_eq!(excluded.body[NOTES], json!({ "mark": "m" }));
    assert_eq!(tenant.get(&path).await.expect(200).body.get(NOTES), None);
}
