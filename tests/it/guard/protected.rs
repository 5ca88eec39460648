//! Protected users never leave the product without an operator, whichever way they would.

use scimgate_tests::matching::assert_holds;
use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Tenant, TestGateway, on_both};
use serde_json::{Value, json};

use crate::remap::helpers::{finished, map};

use super::{batches, events, feed, listed, members, seen, set_guard};

on_both!(
    no_request_takes_a_protected_user_from_the_product,
    no_mapping_takes_a_protected_user_from_the_product,
    a_protected_user_may_leave_a_group,
);

/// Who has the title.
async fn protect(gateway: &TestGateway, limits: &Value) -> Tenant {
    let tenant = gateway.plain_tenant("acme").await;
    let mut guard = limits.clone();
    guard["protected"] = "title eq \"Director\"".into();
    set_guard(gateway, &guard).await;
    tenant
}

async fn director(tenant: &Tenant, name: &str) -> String {
    let mut body = user(name);
    body["title"] = "Director".into();
    tenant.post("/Users", &body).await.expect(201).id()
}

fn bulk(operations: &Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations })
}

/// Sends the removal of a user in one of the ways; returns the status.
async fn remove(tenant: &Tenant, way: &str, (id, name): (&str, &str)) -> u16 {
    let path = format!("/Users/{id}");
    let mut inactive = user(name);
    inactive["active"] = false.into();
    let patched = async |operations: Value| tenant.patch(&path, &patch(operations)).await;
    match way {
        "DELETE" => tenant.delete(&path).await.status,
        "PATCH" => patched(json!([{ "op": "replace", "path": "active", "value": false }])).await.status,
        "PATCH of the whole" => {
            patched(json!([{ "op": "replace", "value": { "active": "False", "title": "Clerk" } }])).await.status
        }
        // It takes the title away, too: it is the user as before who is protected.
        "PUT" => tenant.put(&path, &inactive).await.status,
        "bulk DELETE" => tenant.post("/Bulk", &bulk(&json!([{ "method": "DELETE", "path": path }]))).await.status,
        "bulk PATCH" => {
            let data = patch(json!([{ "op": "replace", "path": "active", "value": false }]));
            tenant.post("/Bulk", &bulk(&json!([{ "method": "PATCH", "path": path, "data": data }]))).await.status
        }
        "bulk PUT" => {
            tenant.post("/Bulk", &bulk(&json!([{ "method": "PUT", "path": path, "data": inactive }]))).await.status
        }
        "exclusion" => patched(json!([{ "op": "replace", "path": "userType", "value": "Contractor" }])).await.status,
        other => panic!("{other}"),
    }
}

const WAYS: [&str; 8] =
    ["DELETE", "PATCH", "PATCH of the whole", "PUT", "bulk DELETE", "bulk PATCH", "bulk PUT", "exclusion"];

async fn no_request_takes_a_protected_user_from_the_product(gateway: &TestGateway) {
    // With limits that nothing reaches, and without limits.
    for limits in [json!({ "users": 1000, "members": 1000 }), json!({})] {
        let tenant = if limits.get("users").is_some() {
            protect(gateway, &limits).await
        } else {
            let tenant = gateway.plain_tenant("globex").await;
            let guard = json!({ "protected": "title eq \"Director\"" });
            let _ = gateway.operator.put("/tenants/globex/guard", &guard).await.expect(200);
            tenant
        };
        let config = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
        gateway.map(&tenant.name, "tutorial", &config, "refuse").await;
        for (number, way) in WAYS.into_iter().enumerate() {
            let (name, other) = (format!("d{number}"), format!("o{number}"));
            let (id, unprotected) = (director(&tenant, &name).await, tenant.user(&other).await);
            let before = feed(&tenant).await.len();
            assert!(remove(&tenant, way, (&id, &name)).await < 300, "{way}");
            let expected = json!({ "title": "Director", "active": true });
            assert_holds(way, &expected, &seen(&tenant, &id).await);
            assert!(listed(&tenant).await.contains(&id), "{way}");
            assert_eq!(events(&tenant, before).await, [], "{way}");
            // Again, in another way.
            let _ = remove(&tenant, WAYS[(number + 1) % WAYS.len()], (&id, &name)).await;
            assert_holds(way, &expected, &seen(&tenant, &id).await);
            // Who is not protected leaves at once, though a batch of protected users is open.
            assert!(remove(&tenant, way, (&unprotected, &other)).await < 300, "{way}");
            let kinds = events(&tenant, before).await;
            assert!(kinds.len() == 1 && kinds[0].1 == unprotected, "{way}: {kinds:?}");
        }
        let held = gateway.operator.get(&format!("/tenants/{}/held", tenant.name)).await.expect(200).body;
        let held = held["batches"].as_array().unwrap();
        assert_eq!(held.len(), 1, "{held:?}");
        assert_holds("the batch", &json!({ "cause": "protected", "resources": WAYS.len() }), &held[0]);
    }
}

async fn no_mapping_takes_a_protected_user_from_the_product(gateway: &TestGateway) {
    let tenant = protect(gateway, &json!({ "users": 1000, "members": 1000 })).await;
    let (director, clerk) = (director(&tenant, "director").await, tenant.user("clerk").await);
    let before = feed(&tenant).await.len();
    map(gateway, "hostile", &json!({ "do": "exclude" }), "refuse").await;
    let _ = finished(gateway, &tenant).await;
    assert_eq!(listed(&tenant).await, std::slice::from_ref(&director));
    assert_holds("held", &json!({ "title": "Director", "mappingState": "held" }), &seen(&tenant, &director).await);
    let told = events(&tenant, before).await;
    assert!(told.contains(&("user.deleted".to_owned(), clerk)), "{told:?}");
    assert!(!told.iter().any(|(_, id)| *id == director), "{told:?}");
    let held = batches(gateway).await;
    assert_holds("the batch", &json!({ "cause": "protected", "resources": 1 }), &held[0]);
}

/// The user stays: that a group loses a member is not a removal of the user, and is counted as a membership.
async fn a_protected_user_may_leave_a_group(gateway: &TestGateway) {
    let tenant = protect(gateway, &json!({ "users": 0, "members": 1 })).await;
    let ids = [director(&tenant, "d0").await, director(&tenant, "d1").await, director(&tenant, "d2").await];
    let mut crew = group("Crew");
    crew["members"] = ids.iter().map(|id| json!({ "value": id })).collect();
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let path = format!("/Groups/{crew}");
    let one = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[0]) }]);
    let _ = tenant.patch(&path, &patch(one)).await.expect(200);
    assert_eq!(members(&tenant, &crew).await, [ids[1..].to_vec(), ids[1..].to_vec()]);
    // The emptied group is held as any other.
    let _ = tenant.patch(&path, &patch(json!([{ "op": "remove", "path": "members" }]))).await.expect(200);
    let _ = tenant.delete(&path).await.expect(204);
    let shown = tenant.directory(&format!("/groups/{crew}")).await.expect(200).body;
    assert_eq!(shown["members"].as_array().unwrap().len(), 2);
    for id in &ids {
        assert_holds("the user", &json!({ "title": "Director", "mappingState": "same" }), &seen(&tenant, id).await);
    }
}
