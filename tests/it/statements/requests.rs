//! Requests and calls that send every statement of the store.

mod credentials;
mod directory_schema;
mod erasures;
mod group_rules;
mod guard;
mod health;
mod moving;
mod oauth;
mod plugins;
mod provisioning_log;
mod schemas;
mod setup_links;

use std::time::Duration;

use scimgate::store::mapping::{ActivationBase, NewRevision};
use scimgate::store::mapping_reason::{MappingReason, ReasonChange};
use scimgate::store::membership::page::{Position, Viewer};
use scimgate::store::resource::content::{Content, Written};
use scimgate::store::resource::insert::Insert;
use scimgate::store::resource::key::Key;
use scimgate::store::resource::read::{MappingState, ReadOptions};
use scimgate_tests::tap::Tap;
use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Answer, Request, Tenant, TestGateway, many_users};
use serde_json::{Value, json};
use uuid::Uuid;

use super::jobs;

pub(super) fn fine(answer: Answer) -> Answer {
    assert!(answer.status < 500, "{}: {}", answer.asked, answer.text);
    answer
}

fn values(values: &[&str]) -> Value {
    values.iter().map(|value| json!({ "value": value })).collect()
}

/// Sends them all. The name of what is created begins with `round`.
pub(super) async fn send_all((tap, gateway): (&Tap, &TestGateway), tenant: &Tenant, round: &str) {
    let allow = json!({ "allow": ["restore-deleted", "restore-deactivated", "idempotent-create"] });
    let client = format!("/tenants/{}/client", tenant.name);
    let _ = fine(gateway.operator.patch(&client, &allow).await.expect(200));
    let ada = users(tap, tenant, round).await;
    groups(gateway, tenant, round, &ada).await;
    moving::send(gateway, tenant, round).await;
    lists(tenant, &ada).await;
    filters(tenant).await;
    bulk(tenant, round).await;
    directory(tenant, &ada).await;
    operators(gateway, tenant, round).await;
    schemas::send(gateway, tenant, round).await;
    jobs::send(gateway, tenant).await;
    guard::explanations(gateway, tenant, &ada).await;
    guard::send(gateway, tenant, round).await;
    oauth::send(gateway, tenant, round).await;
    setup_links::send(gateway, tenant, round).await;
    directory_schema::send(gateway, tenant, round).await;
    group_rules::send(gateway, tenant, (&ada, round)).await;
    provisioning_log::send(gateway, tenant, &ada).await;
    health::send(gateway, tenant).await;
    search_keys(gateway, tenant).await;
    upgraded((tap, gateway), tenant, round).await;
}

/// Completing the keys of attributes to search by.
async fn search_keys(gateway: &TestGateway, tenant: &Tenant) {
    let path = format!("/tenants/{}/search-attributes", tenant.name);
    let number = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber";
    let attributes = vec!["emails.value".to_owned(), number.to_owned()];
    for attributes in [&attributes[..1], &attributes] {
        let _ = fine(gateway.operator.put(&path, &json!({ "attributes": attributes })).await.expect(200));
    }
    let control = gateway.gateway.store.control();
    let store = gateway.gateway.store.tenant(control.find_tenant(&tenant.name).await.unwrap().unwrap().id);
    let sources = store.key_sources_after(Uuid::nil(), 5).await.unwrap();
    let living = sources.iter().filter(|source| source.source.is_some());
    let ids: Vec<Uuid> = living.clone().map(|source| source.id).collect();
    assert_eq!(store.key_sources(&ids).await.unwrap().len(), ids.len());
    let key = Key { attribute: number.into(), key: "7".into() };
    let keys: Vec<_> = living.map(|source| (source.id, source.version, vec![key.clone()])).collect();
    let done = store.fill_search_keys(&keys).await.unwrap();
    assert!(done.missed.is_empty());
    assert!(store.search_keys_are_complete(&attributes).await.unwrap());
    store.resume_search_keys().await.unwrap();
    store.fill_displays(&["0198c0de-0001-7000-8000-000000000009".parse().unwrap()]).await.unwrap();
    let _ = store.owner("Badge", &key, ReadOptions::default()).await.unwrap();
    // One that the product does not see is counted with the write.
    gateway.gateway.forget_tenant(store.id()).await;
    let ctx = gateway.context(&tenant.name).await;
    let id = ctx.gateway.clock.new_id();
    let document = json!({ "userName": id.to_string() });
    let resource_type = ctx.settings.registry.resource_type("User").unwrap();
    let content = Content {
        source: document.to_string(),
        set_aside: None,
        mapped: None,
        mapping_state: MappingState::Excluded,
        mapping_revision: ctx.settings.chain.revision,
        schema_revision: ctx.settings.schema_revision,
        key_layout: ctx.settings.search.layout,
        awaits_references: ctx.settings.awaits_references,
        keys: ctx.settings.keys(document.as_object().unwrap(), resource_type),
        event: None,
        reason: ReasonChange::Keep(
            MappingState::Excluded,
            MappingReason::new(1, "scoping@1", "userType is Contractor"),
        ),
        hold: scimgate::store::held::HoldChange::None,
        unique: scimgate::store::mapped_unique::UniqueChange::None,
        has_ruled_names: false,
        origin: None,
    };
    let new = Insert { resource_type: "User", id, content: &content, members: None };
    assert_eq!(ctx.store.insert(&new, &ctx.stamp()).await.unwrap(), (Written::Done(1), 0));
}

/// The keys as the version before has them, until an upgrade is finished.
async fn upgraded((tap, gateway): (&Tap, &TestGateway), tenant: &Tenant, round: &str) {
    let control = gateway.gateway.store.control();
    let id = control.find_tenant(&tenant.name).await.unwrap().unwrap().id;
    for layout in [0, 1] {
        let _ = tap.run(&format!("UPDATE tenant SET key_layout = {layout} WHERE name = '{}'", tenant.name)).await;
        gateway.gateway.forget_tenant(id).await;
        let _ = users(tap, tenant, &format!("{round}-layout{layout}")).await;
        filters(tenant).await;
        let gone = fine(tenant.post("/Users", &user(&format!("{round}-gone{layout}"))).await.expect(201)).id();
        let _ = fine(tenant.delete(&format!("/Users/{gone}")).await);
    }
    let _ = gateway.gateway.store.finish_upgrade(Duration::from_secs(2)).await.unwrap();
    gateway.gateway.forget_tenant(id).await;
}

/// Creates, changes, deletes and restores users; returns the id of one that stays.
async fn users(tap: &Tap, tenant: &Tenant, round: &str) -> String {
    let name = |name: &str| format!("{round}-{name}");
    let set = |attribute: &str, value: Value| patch(json!([{ "op": "replace", "path": attribute, "value": value }]));
    let ada = tenant.user(&name("ada")).await;
    let path = format!("/Users/{ada}");
    for query in ["", "?attributes=userName", "?excludedAttributes=groups"] {
        let _ = fine(tenant.get(&format!("{path}{query}")).await);
    }
    for (attribute, value) in [
        ("title", "Countess".into()),
        ("externalId", Value::from(name("other"))),
        ("userName", Value::from(name("Renamed"))),
        ("active", Value::from(false)),
        ("emails[type eq \"work\"].value", Value::from(format!("{round}@work.test"))),
        ("emails", values(&[&format!("{round}@one.test"), &format!("{round}@two.test")])),
        ("emails", values(&[&format!("{round}@three.test")])),
    ] {
        let _ = fine(tenant.patch(&path, &set(attribute, value)).await);
    }
    // The same name again: the deactivated owner, and then the deleted one, is restored.
    let mut again = user(&name("ada"));
    (again["userName"], again["externalId"]) = (name("Renamed").into(), name("other").into());
    let _ = fine(tenant.post("/Users", &again).await);
    let _ = fine(tenant.delete(&path).await);
    let _ = fine(tenant.post("/Users", &again).await.expect(201));
    again["title"] = "Duchess".into();
    let _ = fine(tenant.put(&path, &again).await.expect(200));
    // Unknown attributes.
    again["shoeSize"] = 37.into();
    let _ = fine(tenant.put(&path, &again).await.expect(200));
    // Excluded by a mapping that is not active any more: the next write shows it to the product.
    let _ = tap
        .run(&format!("UPDATE resource SET mapping_state = 'excluded', version = version + 1 WHERE id = '{ada}'"))
        .await;
    let _ = fine(tenant.patch(&path, &set("title", "Empress".into())).await.expect(200));
    let hidden = tenant.user(&name("hidden")).await;
    let hide = format!("UPDATE resource SET mapping_state = 'excluded', version = version + 1 WHERE id = '{hidden}'");
    let _ = tap.run(&hide).await;
    let _ = fine(tenant.delete(&format!("/Users/{hidden}")).await.expect(204));
    let unnamed = tenant.user(&name("bob")).await;
    let _ = fine(tenant.delete(&format!("/Users/{unnamed}")).await);
    ada
}

/// A page of a group's members, and one of its pending references.
async fn member_pages(gateway: &TestGateway, tenant: &Tenant, group: &str) {
    let control = gateway.gateway.store.control();
    let store = gateway.gateway.store.tenant(control.find_tenant(&tenant.name).await.unwrap().unwrap().id);
    for position in [Position::Member(Uuid::nil()), Position::Reference(String::new())] {
        let page = store.member_page(group.parse().unwrap(), Viewer::Product, &position, 2).await.unwrap();
        assert!(page.members.len() <= 2);
    }
}

async fn groups(gateway: &TestGateway, tenant: &Tenant, round: &str, ada: &str) {
    let known: Vec<String> = (10..20).map(many_users::id).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let mut body = group(&format!("{round}-crew"));
    let later = format!("{round}-later");
    body["members"] = values(&[ada, known[0], "x12", &later]);
    let crew = tenant.post("/Groups", &body).await.expect(201).id();
    let path = format!("/Groups/{crew}");
    // The reference becomes a membership, by a new user and by another's new name.
    let _ = tenant.user(&later).await;
    let again = format!("{round}-again");
    for (op, value) in [
        ("add", values(&[known[1]])),
        ("add", values(&known)),
        ("add", values(&["U40@corp.test", "x41", &again])),
        ("remove", values(&[known[1]])),
        ("remove", values(&[known[2], known[3]])),
        ("remove", values(&["x41", &again])),
        ("add", values(&[&again])),
        ("replace", values(&[ada, known[4]])),
    ] {
        let _ = fine(tenant.patch(&path, &patch(json!([{ "op": op, "path": "members", "value": value }]))).await);
    }
    member_pages(gateway, tenant, &crew).await;
    let both = json!([{ "op": "add", "path": "members", "value": values(&[known[5], &again]) },
        { "op": "remove", "path": "members", "value": values(&[known[4]]) }]);
    let _ = fine(tenant.patch(&path, &patch(both)).await);
    let rename = json!([{ "op": "replace", "path": "externalId", "value": again }]);
    let _ = fine(tenant.patch(&format!("/Users/{ada}"), &patch(rename)).await);
    let both = json!([{ "op": "replace", "path": "displayName", "value": again },
        { "op": "add", "path": "members", "value": values(&[known[6]]) }]);
    let etag = tenant.get(&path).await.body["meta"]["version"].as_str().unwrap().to_owned();
    let conditional = Request::new("PATCH", &path).json(&patch(both)).header("if-match", &etag);
    let _ = fine(tenant.send(conditional).await.expect(204));
    let _ = fine(tenant.get(&format!("/Users/{ada}")).await);
    // One that many groups have.
    let gone = tenant.user(&format!("{round}-gone")).await;
    let _ =
        fine(tenant.patch(&path, &patch(json!([{ "op": "add", "path": "members", "value": values(&[&gone]) }]))).await);
    let _ = fine(tenant.delete(&format!("/Users/{gone}")).await);
    let etag = tenant.get(&path).await.body["meta"]["version"].as_str().unwrap().to_owned();
    let _ = fine(tenant.send(Request::new("DELETE", &path).header("if-match", &etag)).await);
}

async fn lists(tenant: &Tenant, ada: &str) {
    let group = "0198c0de-0001-7000-8000-000000000009";
    for query in [
        "/Users?count=5".to_owned(),
        "/Users?startIndex=6&count=5".to_owned(),
        "/Users?startIndex=11&count=5".to_owned(),
        "/Users?count=0".to_owned(),
        "/Users?sortBy=userName&count=5".to_owned(),
        "/Users?sortBy=userName&sortOrder=descending&count=5".to_owned(),
        "/Users?sortBy=id&sortOrder=descending&count=5".to_owned(),
        "/Groups?excludedAttributes=members&count=5".to_owned(),
        "/Groups?count=2&excludedAttributes=members&filter=displayName eq \"g9\"".to_owned(),
        "/?count=5&excludedAttributes=members".to_owned(),
        "/Groups?sortBy=meta.lastModified&count=2&excludedAttributes=members".to_owned(),
        "/Users?count=0&filter=userName sw \"u77@\"".to_owned(),
        "/Users?sortBy=name.familyName&filter=userName eq \"u7@corp.test\" or userName eq \"u8@corp.test\"".to_owned(),
        format!("/Groups?excludedAttributes=members&filter=id eq \"{group}\" and members.type eq \"User\""),
        format!(
            "/Groups?excludedAttributes=members&filter=id eq \"{group}\" and meta.lastModified gt \"2020-01-01T00:00:00Z\""
        ),
        format!("/Groups?excludedAttributes=members&count=5&filter=members eq \"{ada}\""),
        format!("/Users?count=5&filter=id eq \"{}\"", many_users::id(7)),
        format!("/Groups?excludedAttributes=members&filter=id eq \"{group}\" and members eq \"{ada}\""),
    ] {
        let _ = fine(tenant.get(&query).await.expect(200));
    }
    // The end of a list of which each page is requested.
    for start in [1, 151] {
        let page = format!("/Groups?excludedAttributes=members&count=150&startIndex={start}");
        let _ = fine(tenant.get(&page).await.expect(200));
    }
    for start in [1, 2] {
        let two = format!("/Users?count=1&startIndex={start}&filter=externalId eq \"x7\" or externalId eq \"x8\"");
        let _ = fine(tenant.get(&two).await.expect(200));
    }
    for order in ["", "&sortBy=userName", "&sortBy=userName&sortOrder=descending"] {
        let first = tenant.get(&format!("/Users?count=1{order}&cursor=")).await.expect(200);
        let next = first.body["nextCursor"].as_str().unwrap();
        let second = tenant.get(&format!("/Users?count=1{order}&cursor={next}")).await.expect(200);
        let previous = second.body["previousCursor"].as_str().unwrap();
        let _ = fine(tenant.get(&format!("/Users?count=1{order}&cursor={previous}")).await.expect(200));
    }
}

async fn filters(tenant: &Tenant) {
    for filter in [
        "userName eq \"U7@corp.test\"",
        "userName eq \"nobody\"",
        "userName sw \"u77@\"",
        "externalId eq \"x7\"",
        "externalId eq \"none\"",
        "emails.value eq \"m7@corp.test\"",
        "emails eq \"none\"",
        "emails[type eq \"work\" and value eq \"m7@corp.test\"]",
        "userName eq \"u7@corp.test\" and active eq true",
        "userName eq \"u7@corp.test\" or emails.value eq \"m8@corp.test\"",
        "userName eq \"u7@corp.test\" or externalId eq \"x8\" or id eq \"none\"",
        "active eq true and (userName eq \"u7@corp.test\" or userName eq \"u8@corp.test\")",
        "groups.value eq \"0198c0de-0001-7000-8000-0000000000ff\"",
    ] {
        let _ = fine(tenant.get(&format!("/Users?count=5&filter={filter}")).await.expect(200));
    }
}

async fn bulk(tenant: &Tenant, round: &str) {
    let body = |name: &str, member: &str| {
        let mut body = group(&format!("{round}-{name}"));
        body["members"] = values(&[member]);
        body
    };
    let circle = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Groups", "bulkId": "g", "data": body("g", "bulkId:h") },
            { "method": "POST", "path": "/Groups", "bulkId": "h", "data": body("h", "bulkId:g") },
        ],
    });
    let _ = fine(tenant.post("/Bulk", &circle).await.expect(200));
}

async fn directory(tenant: &Tenant, ada: &str) {
    for path in [
        "/users?limit=5".to_owned(),
        "/groups?limit=2".to_owned(),
        format!("/users/{ada}"),
        "/events?after=5&limit=5".to_owned(),
    ] {
        let _ = fine(tenant.directory(&path).await.expect(200));
    }
}

async fn operators(gateway: &TestGateway, tenant: &Tenant, round: &str) {
    let operator = &gateway.operator;
    let own = format!("/tenants/{}", tenant.name);
    let other = format!("t{round}");
    let _ = fine(operator.post("/tenants", &json!({ "name": other })).await.expect(201));
    let _ = fine(operator.get("/tenants").await.expect(200));
    let issued = gateway.token(&tenant.name, "directory").await.0;
    let _ = fine(operator.get(&format!("{own}/tokens")).await.expect(200));
    let _ = fine(operator.delete(&format!("{own}/tokens/{issued}")).await.expect(204));
    let _ = fine(operator.get(&format!("{own}/client")).await.expect(200));
    let (control, now) = (gateway.gateway.store.control(), gateway.clock.now());
    plugins::send(gateway, tenant, round).await;
    let limits = json!({ "limits": { "requests": 9, "rate": "50/200" } });
    let _ = fine(operator.patch(&format!("/tenants/{other}"), &limits).await.expect(200));
    let store = gateway.gateway.store.tenant(control.find_tenant(&other).await.unwrap().unwrap().id);
    let new = NewRevision { on_failure: "keep", steps: "[]", author: "test", note: None };
    let active = store.insert_active(&new, now).await.unwrap();
    let draft = store.insert_draft(&new, now).await.unwrap();
    let schema_revision = control.find_tenant(&other).await.unwrap().unwrap().schema_revision;
    let base = ActivationBase { active_mapping: active, schema_revision };
    assert!(store.activate_mapping(draft, base, ("test", now)).await.unwrap());
    let _ = store.mapping(draft).await.unwrap();
    let _ = store.named("User", "ada", 2).await.unwrap();
    assert_eq!(store.mapping_before(draft).await.unwrap(), Some(active));
    assert_eq!(store.mappings(i32::MAX, 5).await.unwrap().len(), 2);
    store.deactivate_mapping(now).await.unwrap();
    let _ = fine(operator.patch(&format!("/tenants/{other}"), &json!({ "state": "suspended" })).await.expect(200));
    let _ = fine(operator.delete(&format!("/tenants/{other}")).await);
    erasures::send(gateway, round).await;
    erasures::names_and_purges(gateway, tenant, round).await;
    credentials::send(gateway, tenant).await;
    // A client that is recognised, and its leniencies.
    let lax = Request::new("POST", "/Users").header("user-agent", "Okta SCIM Client 1.0.0");
    let mut body = user(&format!("{round}-lax"));
    body["active"] = "True".into();
    let _ = fine(tenant.send(lax.json(&body)).await);
}
