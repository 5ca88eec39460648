//! Groups with more members than are read at once: their members are sent while they are read.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use scimgate_tests::{Answer, Request, Tenant, TestGateway};
use serde_json::{Value, json};

/// A group with so many members that do not exist as resources; inserted by SQL, since their number is what matters.
async fn large_group(gateway: &TestGateway, tenant: &Tenant, members: u32) -> String {
    let group = tenant.group("Everybody").await;
    let name = &tenant.name;
    let fill = format!(
        "INSERT INTO membership SELECT t.id, '{group}', ('0198c0de-0005-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'User', now()
        FROM tenant t, generate_series(1, {members}) n WHERE t.name = '{name}'"
    );
    gateway.store().await.batch_execute(&fill).await.unwrap();
    group
}

/// The values of the members, each once.
fn values(answer: &Answer) -> BTreeSet<String> {
    let members = answer.body["members"].as_array().unwrap();
    let values: BTreeSet<_> = members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(values.len(), members.len(), "a member is shown twice");
    values
}

/// Values that name nothing yet, sent in one request.
pub(super) async fn every_pending_reference_of_a_large_group_is_shown_once(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let _ = gateway.operator.patch("/tenants/acme/client", &json!({ "profile": "entra" })).await.expect(200);
    let members: Vec<Value> = (0..1001).map(|number| json!({ "value": format!("later{number}") })).collect();
    let body = json!({ "displayName": "Everybody", "members": members });
    let group = tenant.post("/Groups", &body).await.expect(201).id();
    let whole = tenant.get(&format!("/Groups/{group}")).await.expect(200);
    assert_eq!(values(&whole).len(), 1001);
    let product = tenant.directory(&format!("/Groups/{group}")).await.expect(200);
    assert_eq!(product.body["members"], json!([]));
}

pub(super) async fn every_member_of_a_large_group_is_shown_once(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let _ = gateway.operator.patch("/tenants/acme/client", &json!({ "profile": "entra" })).await.expect(200);
    let seen = tenant.user("ada").await;
    for count in [498, 499, 500, 501, 999, 1000, 1001] {
        let group = large_group(gateway, &tenant, count).await;
        let added = join_all([json!({ "value": seen }), json!({ "value": "someone-later" })].map(async |member| {
            let add = json!([{ "op": "add", "path": "members", "value": [member] }]);
            tenant.patch(&format!("/Groups/{group}"), &scimgate_tests::tenant::patch(add)).await
        }));
        for answer in added.await {
            assert!(answer.status < 300, "{}", answer.text);
        }
        let path = format!("/Groups/{group}");
        let whole = tenant.get(&path).await.expect(200);
        let shown = values(&whole);
        assert_eq!(shown.len(), count as usize + 2, "{count}");
        assert!(shown.contains(&seen) && shown.contains("someone-later"));
        let only = tenant.get(&format!("{path}?attributes=members.value")).await.expect(200);
        assert_eq!(values(&only), shown);
        assert!(only.body["displayName"].is_null() && only.body["members"][0]["$ref"].is_null(), "{:.300}", only.text);
        let without = tenant.get(&format!("{path}?excludedAttributes=members")).await.expect(200);
        let mut rest = whole.body.clone();
        let _ = rest.as_object_mut().unwrap().remove("members");
        assert_eq!(without.body, rest);
        assert_eq!(whole.header("etag"), rest["meta"]["version"].as_str().unwrap());
        let request = Request::new("GET", &path).header("if-none-match", whole.header("etag"));
        assert_eq!(tenant.send(request).await.expect(304).text, "");
        // The product sees those that exist, alone.
        let product = tenant.directory(&format!("/Groups/{group}")).await.expect(200);
        assert_eq!(product.body["members"], json!([{ "value": seen, "type": "User" }]), "{count}");
        assert_eq!(product.body["id"], Value::from(group.as_str()));
        let _ = tenant.delete(&path).await.expect(204);
    }
}

/// Users that exist, more than are read at once; on both databases.
pub(super) async fn a_large_group_of_users_is_shown(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let create = |n: u32| json!({ "method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": { "userName": format!("user{n}") } });
    let schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    let created: Vec<Value> = (0..501).map(create).collect();
    let created = tenant.post("/Bulk", &json!({ "schemas": [schema], "Operations": created })).await.expect(200);
    let ids = created.body["Operations"].as_array().unwrap().iter();
    let members: Vec<Value> =
        ids.map(|it| json!({ "value": it["location"].as_str().unwrap().rsplit('/').next().unwrap() })).collect();
    let group = tenant.group("Everybody").await;
    let add = json!([{ "op": "add", "path": "members", "value": members }]);
    let _ = tenant.patch(&format!("/Groups/{group}"), &scimgate_tests::tenant::patch(add)).await.expect(204);
    let shown = tenant.get(&format!("/Groups/{group}")).await.expect(200);
    assert_eq!(values(&shown).len(), 501);
    assert_eq!(values(&tenant.directory(&format!("/groups/{group}")).await.expect(200)), values(&shown));
    let none = tenant.get(&format!("/Groups/{group}?attributes=members.display")).await.expect(200);
    assert!(none.body.get("members").is_none(), "{:.300}", none.text);
}

/// Its members alone are longer than the longest page.
pub(super) async fn a_group_longer_than_any_page_is_shown(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let group = large_group(gateway, &tenant, 300_000).await;
    for client in [tenant.scim.clone(), tenant.scim.on_http2()] {
        let whole = client.get(&format!("/Groups/{group}")).await.expect(200);
        assert!(whole.text.len() > 32 << 20, "{}", whole.text.len());
        assert_eq!(values(&whole).len(), 300_000);
    }
    let page = tenant.get("/Groups").await.expect(400);
    assert!(page.text.contains("excludedAttributes=members"), "{}", page.text);
    let page = tenant.get("/Groups?excludedAttributes=members").await.expect(200);
    assert_eq!(page.body["Resources"][0]["id"], group.as_str());
    // The product sees no members that do not exist, but may not read the page with them either.
    let page = tenant.directory("/groups?excludedAttributes=members").await.expect(200);
    assert_eq!(page.body["resources"][0]["id"], group.as_str());
    assert!(page.body["resources"][0].get("members").is_none(), "{}", page.text);
    let refused = tenant.directory("/groups?excludedAttributes=emails").await.expect(400);
    assert!(refused.text.contains("can only be members"), "{}", refused.text);
}
