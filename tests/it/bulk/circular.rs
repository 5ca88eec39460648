//! Circular references: all resources of a circle are created, or none.

use scimgate::store::event::EventKind;
use scimgate::store::membership::Members;
use scimgate::store::resource::batch::BatchOutcome;
use scimgate::store::resource::content::Content;
use scimgate::store::resource::indexed::IndexedAttributes;
use scimgate::store::resource::insert::Insert;
use scimgate::store::resource::key::Keys;
use scimgate::store::resource::read::{MappingState, ReadOptions};
use scimgate::store::stamp::Stamp;
use scimgate_tests::tenant::{ENTERPRISE, PRODUCT, tutorial_config, user};
use scimgate_tests::{Database, Tenant, TestGateway, on_both, rows};
use serde_json::{Value, json};

use super::{bulk, detail, id, members, post_group, post_user, sorted, statuses, total};

on_both!(
    circular_managers_are_created,
    circular_groups_are_created,
    plugins_see_ids_in_place_of_bulk_ids,
    a_circle_is_created_completely_or_not_at_all,
    a_circle_that_loses_a_race_stores_nothing,
);

async fn check_rows(tenant: &Tenant, gateway: &TestGateway) {
    let _ = tenant.events().await;
    if gateway.database() == Database::Postgres {
        rows::check(&gateway.store().await).await;
    }
}

async fn manager(tenant: &Tenant, user: &str) -> String {
    let read = tenant.get(&format!("/Users/{user}")).await.expect(200);
    read.body[ENTERPRISE]["manager"]["value"].as_str().unwrap_or_else(|| panic!("{}", read.text)).to_owned()
}

async fn circular_managers_are_created(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let results = bulk(
        &tenant,
        &json!([
            post_user("ada", "bulkId:bob"),
            post_user("bob", "bulkId:cleo"),
            post_user("self", "bulkId:self"),
            post_user("below", "bulkId:ada"),
            post_user("cleo", "bulkId:ada"),
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["201"; 5], "{results:#?}");
    let ids: Vec<String> = results.iter().map(id).collect();
    for (user, boss) in [(0, 1), (1, 4), (2, 2), (3, 0), (4, 0)] {
        assert_eq!(manager(&tenant, &ids[user]).await, ids[boss], "{user}");
        // The manager's id can be filtered by.
        let filter = format!("/Users?filter={ENTERPRISE}:manager.value eq \"{}\"&count=1000", ids[boss]);
        let found = tenant.get(&filter).await.expect(200);
        assert!(found.text.contains(&ids[user]), "{}", found.text);
        assert_eq!(results[user]["version"], "W/\"1\"");
    }
    let kinds: Vec<Value> = tenant.events().await.into_iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["user.created"; 5]);
    check_rows(&tenant, gateway).await;
}

/// RFC 7644 §3.7.1's example of a circular reference, and a group that is its own member.
async fn circular_groups_are_created(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let results = bulk(
        &tenant,
        &json!([
            post_group("qwerty", &["bulkId:ytrewq", "bulkId:ada"]),
            post_group("ytrewq", &["bulkId:qwerty"]),
            post_user("ada", ""),
            post_group("self", &["bulkId:self"]),
        ]),
    )
    .await;
    assert_eq!(statuses(&results), ["201"; 4], "{results:#?}");
    let [first, second, ada, own] = [0, 1, 2, 3].map(|place| id(&results[place]));
    assert_eq!(members(&tenant, &first).await, sorted([second.clone(), ada.clone()]));
    assert_eq!(members(&tenant, &second).await, std::slice::from_ref(&first));
    assert_eq!(members(&tenant, &own).await, std::slice::from_ref(&own));
    for (place, group) in [(0, &first), (1, &second), (3, &own)] {
        let read = tenant.get(&format!("/Groups/{group}")).await.expect(200);
        assert_eq!(results[place]["version"], read.header("etag"), "the result has the stored version");
        let kind =
            &read.body["members"].as_array().unwrap().iter().find(|it| it["value"] != ada.as_str()).unwrap()["type"];
        assert_eq!(kind, "Group");
    }
    let events = tenant.events().await;
    let first_added = events.iter().position(|event| event["type"] == "membership.added").unwrap();
    let position =
        |group: &str| events.iter().position(|event| event["resourceId"] == group && event["type"] == "group.created");
    assert!(position(&first).unwrap() < first_added && position(&second).unwrap() < first_added, "{events:#?}");
    assert_eq!(events.iter().filter(|event| event["type"] == "membership.added").count(), 4, "{events:#?}");
    check_rows(&tenant, gateway).await;
}

async fn plugins_see_ids_in_place_of_bulk_ids(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let mut config = tutorial_config();
    config["lift"] = json!({ format!("{ENTERPRISE}:manager.value"): format!("{PRODUCT}:badgeNumber") });
    gateway.map("acme", "tutorial", &config, "refuse").await;
    let operations = [post_user("ada", "bulkId:bob"), post_user("bob", "bulkId:ada"), post_user("cleo", "bulkId:ada")];
    let results = bulk(&tenant, &json!(operations)).await;
    let ids: Vec<String> = results.iter().map(id).collect();
    for (user, boss) in [(0, 1), (1, 0), (2, 0)] {
        let mapped = tenant.directory(&format!("/users/{}", ids[user])).await.expect(200);
        assert_eq!(mapped.body[PRODUCT]["badgeNumber"], ids[boss].as_str(), "what the plugin read: {}", mapped.text);
    }
}

/// Whichever resource is invalid, and for any reason.
async fn a_circle_is_created_completely_or_not_at_all(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let mut config = tutorial_config();
    config["rejectWhere"] = json!({ "path": "userType", "equals": "Contractor" });
    gateway.map("acme", "tutorial", &config, "refuse").await;
    let _ = tenant.user("taken").await;
    let mut rejected = post_user("bob", "bulkId:cleo");
    rejected["data"]["userType"] = "Contractor".into();
    let mut nameless = post_user("bob", "bulkId:cleo");
    nameless["data"].as_object_mut().unwrap().shift_remove("userName");
    let mut duplicate = post_user("bob", "bulkId:cleo");
    duplicate["data"]["userName"] = user("TAKEN")["userName"].clone();
    let mut twin = post_user("bob", "bulkId:cleo");
    twin["data"]["userName"] = user("ada")["userName"].clone();
    // An operation that cannot be parsed breaks the circle: its dependents form a chain.
    for (invalid, status, reason, dependencies) in [
        (rejected, "400", "Contractor", ["bob", "bob", "cleo"]),
        (nameless, "400", "userName is required", ["bob", "bob", "cleo"]),
        (duplicate, "409", "Another User has this userName already.", ["bob", "bob", "cleo"]),
        (twin, "409", "Another User has this userName already.", ["bob", "bob", "cleo"]),
        (post_user("bob", "bulkId:nobody"), "400", "no operation of this request", ["bob", "ada", "cleo"]),
        (
            json!({ "method": "POST", "path": "/Users", "bulkId": "bob" }),
            "400",
            "must have data",
            ["bob", "ada", "cleo"],
        ),
    ] {
        let operations = [
            post_user("ada", "bulkId:bob"),
            invalid,
            post_user("cleo", "bulkId:ada"),
            post_group("crew", &["bulkId:cleo"]),
            post_user("alone", ""),
        ];
        let results = bulk(&tenant, &json!(operations)).await;
        assert_eq!(statuses(&results), ["409", status, "409", "409", "201"], "{results:#?}");
        assert!(detail(&results[1]).contains(reason), "{}", results[1]);
        for (place, needed) in [0, 2, 3].into_iter().zip(dependencies) {
            let text = detail(&results[place]);
            assert!(text.starts_with(&format!("Not done: it depends on bulkId {needed}, which ")), "{text}");
            assert!(text.ends_with(&format!("failed: {}", detail(&results[1]))), "{text}");
        }
        let _ = tenant.delete(&format!("/Users/{}", id(&results[4]))).await.expect(204);
        assert_eq!((total(&tenant, "/Users?count=0").await, total(&tenant, "/Groups?count=0").await), (1, 0));
    }
    let kinds: Vec<Value> = tenant.events().await.into_iter().map(|event| event["type"].clone()).collect();
    assert!(!kinds.contains(&json!("group.created")) && kinds.len() == 1 + 2 * 6, "{kinds:?}");
    check_rows(&tenant, gateway).await;
}

/// The mapping changes between read and write, so one statement changes no row; or a name is taken.
async fn a_circle_that_loses_a_race_stores_nothing(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let _ = tenant.user("taken").await;
    let row = gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap();
    let store = gateway.gateway.store.tenant(row.id);
    let registry = scimgate_scim::schema::registry::Registry::standard();
    let content = |kind: &str, body: Value, revision: i32| {
        let document = body.as_object().unwrap();
        let resource_type = registry.resource_type(kind).unwrap();
        Content {
            source: body.to_string(),
            set_aside: None,
            mapped: None,
            mapping_state: MappingState::Same,
            mapping_revision: revision,
            schema_revision: row.schema_revision,
            key_layout: row.search.layout,
            awaits_references: row.awaits_references,
            keys: Keys::of(document, resource_type, &IndexedAttributes::of(resource_type, &row.search)),
            event: Some(EventKind::Created),
            reason: scimgate::store::mapping_reason::ReasonChange::None,
            hold: scimgate::store::held::HoldChange::None,
            unique: scimgate::store::mapped_unique::UniqueChange::None,
            has_ruled_names: false,
            origin: None,
        }
    };
    let before = (tenant.everything().await, gateway.row_counts().await);
    let now = row.active_mapping;
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "crew" });
    for (revisions, name, refused) in
        [([now, now - 1], "ada", false), ([now - 1, now], "ada", false), ([now, now], "taken", true)]
    {
        let (crew, ada) = (gateway.clock.new_id(), gateway.clock.new_id());
        let contents = [content("Group", group.clone(), revisions[0]), content("User", user(name), revisions[1])];
        let first = Members { add: vec![ada.to_string(), crew.to_string(), "nobody".into()], ..Members::default() };
        let new = [
            Insert { resource_type: "Group", id: crew, content: &contents[0], members: Some(&first) },
            Insert { resource_type: "User", id: ada, content: &contents[1], members: None },
        ];
        let stamp = Stamp { at: gateway.clock.now(), actor: "test".into(), request_id: "test".into() };
        match store.insert_batch(&new, &stamp).await.unwrap() {
            BatchOutcome::Lost => assert!(!refused),
            BatchOutcome::Refused(1, scimgate::store::Error::Duplicate { .. }) => assert!(refused),
            other => panic!("{other:?}"),
        }
        assert!(store.get("Group", crew, ReadOptions::default()).await.unwrap().is_none());
    }
    assert_eq!((tenant.everything().await, gateway.row_counts().await), before);
    check_rows(&tenant, gateway).await;
}
