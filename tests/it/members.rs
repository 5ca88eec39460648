//! Members of groups beside the recorded exchanges: writes that lose their race, references by name, limits.

use scimgate::store::key::Keys;
use scimgate::store::membership::Members;
use scimgate::store::resource::{Along, MappingState};
use scimgate::store::stamp::Stamp;
use scimgate::store::write::{Content, Update, Written};
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{TestGateway, on_both};
use serde_json::{Value, json};

on_both!(
    a_write_that_lost_its_race_leaves_the_members_alone,
    a_member_may_be_named_before_and_after_it_is_there,
    a_put_that_does_not_mention_members_keeps_them,
    a_member_that_names_too_much_is_refused,
    a_request_cannot_ask_for_unbounded_work,
    a_filter_on_groups_of_a_user_is_refused_and_not_empty,
);

async fn members(tenant: &scimgate_tests::Tenant, group: &str) -> Vec<String> {
    let read = tenant.get(&format!("/Groups/{group}")).await.expect(200);
    let listed = read.body["members"].as_array().cloned().unwrap_or_default();
    listed.iter().filter_map(|member| member["value"].as_str().map(str::to_owned)).collect()
}

async fn a_write_that_lost_its_race_leaves_the_members_alone(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let body = json!({ "displayName": "Engineering", "members": [{ "value": ada }] });
    let group = tenant.post("/Groups", &body).await.expect(201).id();
    let id = group.parse().unwrap();
    let row = gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap();
    let store = gateway.gateway.store.tenant(row.id);
    let read = store.get("Group", id, Along::default()).await.unwrap().unwrap();
    // Exactly one write comes between the look and the write: its version is the one this write would have made.
    let rename = patch(json!([{ "op": "replace", "path": "displayName", "value": "Research" }]));
    tenant.patch(&format!("/Groups/{group}"), &rename).await.expect(204);
    let keys = Keys::of(&serde_json::from_str(&read.source).unwrap(), registry_group());
    let content = Content {
        source: read.source.clone(),
        set_aside: None,
        mapped: None,
        mapping_state: MappingState::Same,
        mapping_revision: row.active_mapping,
        keys: keys.clone(),
        event: None,
    };
    let nobody = Members { replace_all: true, ..Members::default() };
    let update = Update {
        resource_type: "Group",
        id,
        version: read.own_version,
        member_changes: None,
        before: &keys,
        content: &content,
        members: Some(&nobody),
    };
    let stamp = Stamp { at: gateway.clock.now(), actor: "test".into(), request_id: "test".into() };
    assert_eq!(store.update(&update, &stamp).await.unwrap(), Written::Lost);
    assert_eq!(members(&tenant, &group).await, [ada]);
}

fn registry_group() -> &'static scimgate_scim::schema::ResourceType {
    static REGISTRY: std::sync::LazyLock<scimgate_scim::schema::registry::Registry> =
        std::sync::LazyLock::new(scimgate_scim::schema::registry::Registry::standard);
    REGISTRY.resource_type("Group").unwrap()
}

async fn a_member_may_be_named_before_and_after_it_is_there(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let group = json!({ "displayName": "Engineering", "members": [{ "value": "Ada@corp.test" }] });
    let created = tenant.post("/Groups", &group).await.expect(201);
    let path = format!("/Groups/{}", created.id());
    assert_eq!(members(&tenant, &created.id()).await, ["Ada@corp.test"], "what the client wrote it reads back");
    let ada = tenant.user("ada").await;
    assert_eq!(members(&tenant, &created.id()).await, std::slice::from_ref(&ada), "the reference became a membership");
    // The same again must not take away who is there.
    tenant.put(&path, &group).await.expect(200);
    assert_eq!(members(&tenant, &created.id()).await, std::slice::from_ref(&ada));
    let remove = patch(json!([{ "op": "Remove", "path": "members", "value": [{ "value": "ada@corp.test" }] }]));
    tenant.patch(&path, &remove).await.expect(204);
    assert_eq!(members(&tenant, &created.id()).await, Vec::<String>::new());
    let kinds: Vec<Value> = tenant.events().await.into_iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["group.created", "user.created", "membership.added", "membership.removed"]);
}

async fn a_put_that_does_not_mention_members_keeps_them(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let body = json!({ "displayName": "Engineering", "members": [{ "value": ada }] });
    let group = tenant.post("/Groups", &body).await.expect(201).id();
    let path = format!("/Groups/{group}");
    tenant.put(&path, &json!({ "displayName": "Research" })).await.expect(200);
    assert_eq!(members(&tenant, &group).await, [ada]);
    let flat = json!({ "displayName": "Research", "urn:ietf:params:scim:schemas:core:2.0:Group:members": [] });
    tenant.put(&path, &flat).await.expect(200);
    assert_eq!(members(&tenant, &group).await, Vec::<String>::new());
}

async fn a_member_that_names_too_much_is_refused(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let long: String = (0..3000).map(|n| char::from(b'a' + u8::try_from(n * 7 % 26).unwrap())).collect();
    let answer =
        tenant.post("/Groups", &json!({ "displayName": "E", "members": [{ "value": long }] })).await.expect(400);
    assert_eq!(answer.body["scimType"], "invalidValue");
}

async fn a_request_cannot_ask_for_unbounded_work(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let path = format!("/Users/{}", tenant.user("ada").await);
    let many: Vec<Value> = (0..1_100).map(|n| json!({ "type": "other", "value": format!("{n}@x") })).collect();
    let add = patch(json!([{ "op": "add", "path": "emails", "value": many }]));
    tenant.patch(&path, &add).await.expect(400);
    let operations: Vec<Value> =
        (0..1_100).map(|n| json!({ "op": "add", "path": "title", "value": n.to_string() })).collect();
    tenant.patch(&path, &patch(json!(operations))).await.expect(413);
    let mut wide = user("bob");
    wide["emails"] = json!(many);
    tenant.post("/Users", &wide).await.expect(400);
    let hidden = json!({ "userName": "eve", "x": { "$serde_json::private::RawValue": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]" } });
    tenant.post("/Users", &hidden).await.expect(400);
}

async fn a_filter_on_groups_of_a_user_is_refused_and_not_empty(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let filter = format!("/Users?filter=id%20eq%20%22{ada}%22%20and%20groups%20eq%20%22x%22");
    assert_eq!(tenant.get(&filter).await.expect(400).body["scimType"], "invalidFilter");
}
