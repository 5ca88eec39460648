//! What a write is answered with.

use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{TestGateway, on_both};
use serde_json::json;

on_both!(what_must_be_asked_for_is_shown_to_whom_wrote_it,);

const NOTES: &str = "urn:example:notes:2.0:User";

async fn what_must_be_asked_for_is_shown_to_whom_wrote_it(gateway: &TestGateway) {
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
