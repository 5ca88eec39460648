//! Members of groups: writes that lose a race, references by name, limits.

use scimgate::store::membership::Members;
use scimgate::store::resource::content::{Content, Written};
use scimgate::store::resource::indexed::IndexedAttributes;
use scimgate::store::resource::key::Keys;
use scimgate::store::resource::read::{MappingState, ReadOptions};
use scimgate::store::resource::update::Update;
use scimgate::store::stamp::Stamp;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{TestGateway, on_both, on_postgres};

use large::{
    a_group_longer_than_any_page_is_shown, a_large_group_of_users_is_shown,
    every_member_of_a_large_group_is_shown_once, every_pending_reference_of_a_large_group_is_shown_once,
};
use serde_json::{Value, json};

mod large;
mod values;

on_both!(
    a_write_that_loses_a_race_keeps_the_members,
    a_member_can_be_referenced_before_it_exists,
    ids_of_members_and_other_values_change_in_one_version,
    a_put_without_members_keeps_them,
    a_member_value_over_the_limit_is_refused,
    the_size_of_requests_is_bounded,
    users_are_found_by_their_groups_and_groups_by_their_members,
    every_pending_reference_of_a_large_group_is_shown_once,
    a_large_group_of_users_is_shown,
);
on_postgres!(every_member_of_a_large_group_is_shown_once, a_group_longer_than_any_page_is_shown);

async fn members(tenant: &scimgate_tests::Tenant, group: &str) -> Vec<String> {
    let read = tenant.get(&format!("/Groups/{group}")).await.expect(200);
    let listed = read.body["members"].as_array().cloned().unwrap_or_default();
    listed.iter().filter_map(|member| member["value"].as_str().map(str::to_owned)).collect()
}

async fn a_write_that_loses_a_race_keeps_the_members(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let body = json!({ "displayName": "Engineering", "members": [{ "value": ada }] });
    let group = tenant.post("/Groups", &body).await.expect(201).id();
    let id = group.parse().unwrap();
    let row = gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap();
    let store = gateway.gateway.store.tenant(row.id);
    let read = store.get("Group", id, ReadOptions::default()).await.unwrap().unwrap();
    // One write comes between read and write. Its version is the one that this write would have.
    let rename = patch(json!([{ "op": "replace", "path": "displayName", "value": "Research" }]));
    tenant.patch(&format!("/Groups/{group}"), &rename).await.expect(200);
    let keys = Keys::of(
        &serde_json::from_str(&read.source).unwrap(),
        registry_group(),
        &IndexedAttributes::unique(registry_group()),
    );
    let content = Content {
        source: read.source.clone(),
        set_aside: None,
        mapped: None,
        mapping_state: MappingState::Same,
        mapping_revision: row.active_mapping,
        schema_revision: row.schema_revision,
        key_layout: row.search.layout,
        awaits_references: row.awaits_references,
        keys: keys.clone(),
        event: None,
        reason: scimgate::store::mapping_reason::ReasonChange::None,
        hold: scimgate::store::held::HoldChange::None,
        unique: scimgate::store::mapped_unique::UniqueChange::None,
        has_ruled_names: false,
        origin: None,
    };
    let no_members = Members { replace_all: true, ..Members::default() };
    let update = Update {
        members_guard: &scimgate::store::guard::MembersGuard::Off,
        resource_type: "Group",
        id,
        row: read.row_version(),
        member_changes: None,
        before: &keys,
        content: &content,
        members: Some(&no_members),
        reads_groups: false,
    };
    let stamp = Stamp { at: gateway.clock.now(), actor: "test".into(), request_id: "test".into() };
    let (written, joined, _) = store.update(&update, &stamp).await.unwrap();
    assert_eq!((written, joined), (Written::Lost, 0));
    assert_eq!(members(&tenant, &group).await, [ada]);
}

fn registry_group() -> &'static scimgate_scim::schema::ResourceType {
    static REGISTRY: std::sync::LazyLock<scimgate_scim::schema::registry::Registry> =
        std::sync::LazyLock::new(scimgate_scim::schema::registry::Registry::standard);
    REGISTRY.resource_type("Group").unwrap()
}

async fn a_member_can_be_referenced_before_it_exists(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let group = json!({ "displayName": "Engineering", "members": [{ "value": "Ada@corp.test" }] });
    let created = tenant.post("/Groups", &group).await.expect(201);
    let path = format!("/Groups/{}", created.id());
    assert_eq!(members(&tenant, &created.id()).await, ["Ada@corp.test"], "the client reads what it wrote");
    let ada = tenant.user("ada").await;
    assert_eq!(members(&tenant, &created.id()).await, std::slice::from_ref(&ada), "the reference became a membership");
    // The same PUT again must not remove the member.
    tenant.put(&path, &group).await.expect(200);
    assert_eq!(members(&tenant, &created.id()).await, std::slice::from_ref(&ada));
    let remove = patch(json!([{ "op": "Remove", "path": "members", "value": [{ "value": "ada@corp.test" }] }]));
    tenant.patch(&path, &remove).await.expect(204);
    assert_eq!(members(&tenant, &created.id()).await, Vec::<String>::new());
    let kinds: Vec<Value> = tenant.events().await.into_iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["group.created", "user.created", "membership.added", "membership.removed"]);
}

/// Whether all values are ids that exist, some are not, or none of the change is to be made.
async fn ids_of_members_and_other_values_change_in_one_version(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let exclude = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    gateway.map("acme", "tutorial", &exclude, "refuse").await;
    let (ada, bob, crew) = (tenant.user("ada").await, tenant.user("bob").await, tenant.group("crew").await);
    let mut hidden = user("eve");
    hidden["userType"] = "Contractor".into();
    let eve = tenant.post("/Users", &hidden).await.expect(201).id();
    let (unknown, later) = ("00000000-0000-7000-8000-000000000000", "later");
    let path = format!("/Groups/{crew}");
    let mut version = 1;
    let upper = ada.to_uppercase();
    for (op, values, expected, is_changed) in [
        ("add", vec![&*ada], vec![&*ada], true),
        ("add", vec![&*ada, &upper], vec![&*ada], false),
        ("add", vec![&*eve, &bob, &ada], vec![&*ada, &bob, &eve], true),
        ("remove", vec![&*bob, &eve, &upper], vec![], true),
        ("remove", vec![&*bob, &ada], vec![], false),
        ("add", vec![&*ada, unknown, later, &bob], vec![unknown, &*ada, &bob, later], true),
        ("remove", vec![unknown, &*ada], vec![&*bob, later], true),
        ("remove", vec![later], vec![&*bob], true),
        ("remove", vec![&*bob], vec![], true),
    ] {
        let listed: Vec<Value> = values.iter().map(|value| json!({ "value": value })).collect();
        let body = patch(json!([{ "op": op, "path": "members", "value": listed }]));
        assert!(tenant.patch(&path, &body).await.status < 300, "{op} {values:?}");
        assert_eq!(members(&tenant, &crew).await, expected, "{op} {values:?}");
        version += i64::from(is_changed);
        assert_eq!(tenant.get(&path).await.expect(200).version(), version, "{op} {values:?}");
    }
    let events = tenant.events().await;
    let events = events.iter().filter(|event| event["type"].as_str().unwrap().starts_with("membership"));
    let events: Vec<_> = events
        .map(|event| {
            (event["type"].as_str().unwrap().trim_start_matches("membership."), event["memberId"].as_str().unwrap())
        })
        .collect();
    // None of the user whom the product does not see; those of one change come in any order.
    assert_eq!(events.len(), 8, "{events:?}");
    for user in [&*ada, &bob] {
        let own: Vec<&str> = events.iter().filter(|event| event.1 == user).map(|event| event.0).collect();
        assert_eq!(own, ["added", "removed", "added", "removed"]);
    }
    let add = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": bob }] }]));
    let _ = tenant.patch(&format!("/Groups/{ada}"), &add).await.expect(404);
}

async fn a_put_without_members_keeps_them(gateway: &TestGateway) {
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

async fn a_member_value_over_the_limit_is_refused(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let long: String = (0..3000).map(|n| char::from(b'a' + u8::try_from(n * 7 % 26).unwrap())).collect();
    let answer =
        tenant.post("/Groups", &json!({ "displayName": "E", "members": [{ "value": long }] })).await.expect(400);
    assert_eq!(answer.body["scimType"], "invalidValue");
}

async fn the_size_of_requests_is_bounded(gateway: &TestGateway) {
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

async fn users_are_found_by_their_groups_and_groups_by_their_members(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let (ada, bob) = (tenant.user("ada").await, tenant.user("bob").await);
    let body = json!({ "displayName": "Crew", "members": [{ "value": ada }, { "value": "not-yet" }] });
    let crew = tenant.post("/Groups", &body).await.expect(201).id();
    let other = tenant.group("other").await;
    let none: &[&str] = &[];
    for (path, filter, found) in [
        ("/Groups", format!("id eq \"{crew}\" and members eq \"{ada}\""), &[crew.as_str()] as &[&str]),
        ("/Groups", format!("id eq \"{crew}\" and members eq \"{bob}\""), none),
        ("/Groups", format!("members.value eq \"{ada}\""), &[&crew]),
        ("/Groups", format!("members[value eq \"{ada}\" and type eq \"user\"]"), &[&crew]),
        ("/Groups", format!("members[value eq \"{ada}\" and type eq \"Group\"]"), none),
        ("/Groups", "members eq \"not-yet\"".into(), &[&crew]),
        ("/Groups", "members sw \"not-\"".into(), &[&crew]),
        ("/Groups", "not (members pr) or members[not (type pr)]".into(), &[&crew, &other]),
        ("/Groups", format!("members eq \"{ada}\" or displayName co \"the\""), &[&crew, &other]),
        ("/Groups", format!("members.$ref ew \"/Users/{ada}\""), &[&crew]),
        ("/Users", format!("groups eq \"{crew}\""), &[&ada]),
        ("/Users", format!("groups.value eq \"{other}\""), none),
        ("/Users", format!("not (groups.value eq \"{crew}\")"), &[&bob]),
        ("/Users", "groups.display eq \"CREW\"".into(), &[&ada]),
        ("/Users", "groups[display sw \"cr\" and type eq \"direct\"]".into(), &[&ada]),
        ("/Users", format!("id eq \"{ada}\" and groups eq \"x\""), none),
    ] {
        let answer = tenant.get(&format!("{path}?attributes=id&filter={filter}")).await.expect(200);
        let ids: Vec<&str> =
            answer.body["Resources"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!(ids, found, "{filter}");
        assert_eq!(answer.body["totalResults"], found.len(), "{filter}");
    }
}
