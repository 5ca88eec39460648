//! Held resources whose mapping fails meanwhile: the product keeps its view, and never reads a source that was not mapped.

use scimgate_tests::matching::assert_holds;
use scimgate_tests::tenant::user;
use scimgate_tests::{TestGateway, on_both};
use serde_json::{Value, json};

use crate::remap::helpers::{finished, map};

use super::{batch, check_rows, deactivate, decide, events, guarded, seen, set};

on_both!(
    a_held_user_whose_mapping_fails_is_released_as_it_was_mapped_last,
    a_held_user_whose_mapping_fails_in_a_remap_is_released_as_it_was_mapped_last,
    a_held_exclusion_whose_mapping_fails_is_released,
    a_held_deleted_user_that_is_created_again_while_the_mapping_fails_is_not_held_any_more,
);

fn contractors() -> Value {
    json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } })
}

/// Whatever the document, the plugin fails.
async fn fail(gateway: &TestGateway) {
    map(gateway, "hostile", &json!({ "do": "fail" }), "keep").await;
}

async fn a_held_user_whose_mapping_fails_is_released_as_it_was_mapped_last(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    map(gateway, "tutorial", &contractors(), "keep").await;
    let ada = tenant.user("ada").await;
    deactivate(&tenant, &ada).await;
    fail(gateway).await;
    set(&tenant, &ada, "title", "Countess".into()).await;
    let _ = finished(gateway, &tenant).await;
    let held = json!({ "active": true, "title": null, "mappingState": "held" });
    assert_holds("held", &held, &seen(&tenant, &ada).await);

    assert_eq!(decide(gateway, "released").await, "released");
    let released = json!({ "active": false, "title": null, "mappingState": "stale" });
    assert_holds("released", &released, &seen(&tenant, &ada).await);
    let deactivated = ("user.deactivated".to_owned(), ada.clone());
    assert_eq!(events(&tenant, 1).await, std::slice::from_ref(&deactivated));
    // Once it succeeds, the product gets what the source says.
    map(gateway, "tutorial", &contractors(), "keep").await;
    let _ = finished(gateway, &tenant).await;
    let mapped = json!({ "active": false, "title": "Countess", "mappingState": "same" });
    assert_holds("mapped", &mapped, &seen(&tenant, &ada).await);
    assert_eq!(events(&tenant, 1).await, [deactivated, ("user.updated".to_owned(), ada)]);
    check_rows(gateway).await;
}

async fn a_held_user_whose_mapping_fails_in_a_remap_is_released_as_it_was_mapped_last(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    let ada = tenant.user("ada").await;
    deactivate(&tenant, &ada).await;
    fail(gateway).await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!(progress["rejected"]["count"], 1);
    assert_holds("held", &json!({ "active": true, "mappingState": "held" }), &seen(&tenant, &ada).await);
    assert_eq!(decide(gateway, "released").await, "released");
    assert_holds("released", &json!({ "active": false }), &seen(&tenant, &ada).await);
    assert_eq!(events(&tenant, 1).await, [("user.deactivated".to_owned(), ada)]);
    check_rows(gateway).await;
}

async fn a_held_exclusion_whose_mapping_fails_is_released(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    map(gateway, "tutorial", &contractors(), "keep").await;
    let ada = tenant.user("ada").await;
    set(&tenant, &ada, "userType", "Contractor".into()).await;
    fail(gateway).await;
    set(&tenant, &ada, "title", "Countess".into()).await;
    let _ = finished(gateway, &tenant).await;
    assert_holds("held", &json!({ "title": null, "mappingState": "held" }), &seen(&tenant, &ada).await);
    assert_eq!(decide(gateway, "released").await, "released");
    let _ = tenant.directory(&format!("/users/{ada}")).await.expect(404);
    assert_eq!(events(&tenant, 1).await, [("user.deleted".to_owned(), ada.clone())]);
    // It is tried again: not a contractor any more, it appears.
    map(gateway, "tutorial", &json!({}), "keep").await;
    let _ = finished(gateway, &tenant).await;
    assert_holds("mapped", &json!({ "title": "Countess", "mappingState": "same" }), &seen(&tenant, &ada).await);
    assert_eq!(events(&tenant, 2).await, [("user.created".to_owned(), ada)]);
    check_rows(gateway).await;
}

async fn a_held_deleted_user_that_is_created_again_while_the_mapping_fails_is_not_held_any_more(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    let allow = json!({ "allow": ["restore-deleted"] });
    let _ = gateway.operator.patch("/tenants/acme/client", &allow).await.expect(200);
    let ada = tenant.user("ada").await;
    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    fail(gateway).await;
    let _ = finished(gateway, &tenant).await;
    let mut again = user("ada");
    again["title"] = "Countess".into();
    assert_eq!(tenant.post("/Users", &again).await.expect(201).id(), ada);
    assert_eq!(batch(gateway).await["batch"]["resources"], 0);
    assert_holds("as it was", &json!({ "title": null, "mappingState": "stale" }), &seen(&tenant, &ada).await);
    assert_eq!(decide(gateway, "released").await, "released");
    let _ = seen(&tenant, &ada).await;
    assert_eq!(events(&tenant, 1).await, [], "it never was away");
}
