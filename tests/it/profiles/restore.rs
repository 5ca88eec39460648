//! POST of an existing or deleted user: restored, repeated, or refused, by the client's profile.

use futures_util::future::join_all;
use insta::assert_snapshot;
use scimgate_tests::tenant::{ENTERPRISE, patch, user};
use scimgate_tests::{Answer, Tenant, TestGateway, on_both, on_postgres};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

use super::{client, set};

on_both!(okta_activates_a_deactivated_user_by_post);
on_postgres!(
    without_the_leniency_a_post_of_a_deactivated_user_conflicts,
    concurrent_posts_activate_a_deactivated_user_once,
    a_repeated_post_returns_the_same_user,
    a_different_post_of_the_same_name_conflicts,
    a_deleted_user_is_restored_with_its_id,
    a_different_user_of_the_same_name_is_created_anew,
    concurrent_posts_restore_a_deleted_user_once,
);

async fn deactivated(tenant: &Tenant, name: &str) -> String {
    let id = tenant.user(name).await;
    let off = patch(json!([{ "op": "replace", "value": { "active": false } }]));
    assert_eq!(tenant.patch(&format!("/Users/{id}"), &off).await.expect(200).body["active"], false);
    id
}

#[track_caller]
fn check_conflict(answer: &Answer) {
    assert_eq!((answer.status, &answer.body["scimType"]), (409, &json!("uniqueness")), "{}", answer.text);
}

async fn okta_activates_a_deactivated_user_by_post(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let _ = set(gateway, "acme", &json!({ "profile": "okta" })).await.expect(200);
    let id = deactivated(&tenant, "ada").await;
    let crew = tenant.group("crew").await;
    let add = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]));
    let _ = tenant.patch(&format!("/Groups/{crew}"), &add).await.expect(204);
    let mut body = user("ADA");
    body["externalId"] = "00u2".into();
    body["title"] = "Countess".into();
    body.as_object_mut().unwrap().remove("active");
    // Another externalId: another person with the same name.
    let conflict = tenant.post("/Users", &body).await.expect(409);
    assert_snapshot!(conflict.redacted(), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:api:messages:2.0:Error"
      ],
      "status": "409",
      "scimType": "uniqueness",
      "detail": "Another User has this userName already."
    }
    "#);
    body["externalId"] = "ada".into();
    let restored = tenant.post("/Users", &body).await.expect(201);
    assert_eq!(restored.id(), id, "the same user, in any case of the name");
    assert_eq!(restored.header("location"), format!("{}/Users/{id}", tenant.scim.base));
    let read = tenant.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read.version(), restored.version());
    for (name, value) in [("active", json!(true)), ("title", json!("Countess")), ("externalId", json!("ada"))] {
        assert_eq!((&read.body[name], &restored.body[name]), (&value, &value), "{name}");
    }
    assert_eq!(read.body["userName"], "ADA@corp.test", "as it was sent last");
    assert_eq!(read.body["groups"][0]["value"], crew.as_str(), "a deactivated user stays a member");
    let found = tenant.get("/Users?filter=externalId eq \"ada\"").await.expect(200);
    assert_eq!((&found.body["totalResults"], &found.body["Resources"][0]["id"]), (&json!(1), &json!(id)));
    let kinds: Vec<Value> = tenant
        .events()
        .await
        .iter()
        .filter(|it| it["resourceId"] == id.as_str())
        .map(|it| it["type"].clone())
        .collect();
    assert_eq!(kinds, ["user.created", "user.deactivated", "user.updated"]);
    assert_eq!(tenant.directory(&format!("/users/{id}")).await.expect(200).body["active"], true);
    // It is active now, so the next POST is a conflict.
    check_conflict(&tenant.post("/Users", &body).await);
}

async fn without_the_leniency_a_post_of_a_deactivated_user_conflicts(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let id = deactivated(&tenant, "ada").await;
    for profile in ["auto", "entra", "strict"] {
        let _ = set(gateway, "acme", &json!({ "profile": profile })).await.expect(200);
        check_conflict(&tenant.post("/Users", &user("ada")).await);
    }
    let _ = set(gateway, "acme", &json!({ "profile": "okta", "refuse": ["restore-deactivated"] })).await.expect(200);
    check_conflict(&tenant.post("/Users", &user("ada")).await);
    let _ = set(gateway, "acme", &json!({ "reset": ["restore-deactivated"] })).await.expect(200);
    let mut off = user("ada");
    off["active"] = false.into();
    check_conflict(&tenant.post("/Users", &off).await);
    // The userName is in use by an active user, who is not restored.
    let _ = tenant.user("bob").await;
    assert_eq!(tenant.get(&format!("/Users/{id}")).await.expect(200).body["active"], false);
    check_conflict(&tenant.post("/Users", &user("bob")).await);
    assert_eq!(tenant.post("/Users", &user("ada")).await.expect(201).id(), id);
}

async fn concurrent_posts_activate_a_deactivated_user_once(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = set(gateway, "acme", &json!({ "profile": "okta" })).await.expect(200);
    for round in 0..4 {
        let id = deactivated(&tenant, &format!("ada{round}")).await;
        let before = tenant.get(&format!("/Users/{id}")).await.expect(200).version();
        let name = format!("ada{round}");
        let answers = join_all((0..8).map(|number| {
            let mut body = user(&name);
            body["title"] = number.to_string().into();
            let tenant = tenant.clone();
            async move { tenant.post("/Users", &body).await }
        }))
        .await;
        let (restored, refused): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|it| it.status == 201);
        assert_eq!((restored.len(), restored[0].id()), (1, id.clone()), "one of them restored the user");
        refused.iter().for_each(check_conflict);
        let read = tenant.get(&format!("/Users/{id}")).await.expect(200);
        assert_eq!((read.version(), &read.body["title"]), (before + 1, &restored[0].body["title"]));
    }
    assert_eq!(tenant.get("/Users").await.expect(200).body["totalResults"], 4);
}

/// A user with an unknown attribute.
fn with_unknown_attribute(name: &str) -> Value {
    let mut body = user(name);
    body["shoeSize"] = 37.into();
    body[ENTERPRISE] = json!({ "department": "Engines" });
    body
}

async fn a_repeated_post_returns_the_same_user(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = set(gateway, "acme", &json!({ "profile": "rippling" })).await.expect(200);
    let answers = join_all((0..8).map(|_| {
        let tenant = tenant.clone();
        async move { tenant.post("/Users", &with_unknown_attribute("ada")).await.expect(201) }
    }))
    .await;
    let ids: BTreeSet<String> = answers.iter().map(Answer::id).collect();
    assert_eq!(ids.len(), 1, "one user for all requests");
    let first = &answers[0];
    gateway.clock.advance(Duration::from_secs(9 * 60 + 59));
    let again = tenant.post("/Users", &with_unknown_attribute("ada")).await.expect(201);
    assert_eq!((again.version(), &again.body), (1, &first.body), "nothing was written");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(tenant.get("/Users").await.expect(200).body["totalResults"], 1);
    gateway.clock.advance(Duration::from_secs(1));
    check_conflict(&tenant.post("/Users", &with_unknown_attribute("ada")).await);
}

async fn a_different_post_of_the_same_name_conflicts(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = set(gateway, "acme", &json!({ "profile": "rippling" })).await.expect(200);
    let id = tenant.post("/Users", &with_unknown_attribute("ada")).await.expect(201).id();
    for (name, value) in [("externalId", json!("other")), ("shoeSize", json!(38)), ("title", json!("Countess"))] {
        let mut other = with_unknown_attribute("ada");
        other[name] = value;
        check_conflict(&tenant.post("/Users", &other).await);
    }
    let _ = set(gateway, "acme", &json!({ "profile": "auto" })).await.expect(200);
    assert_eq!(client(gateway, "acme").await["recognised"], Value::Null);
    check_conflict(&tenant.post("/Users", &with_unknown_attribute("ada")).await);
    let _ = set(gateway, "acme", &json!({ "profile": "rippling" })).await.expect(200);
    assert_eq!(tenant.post("/Users", &with_unknown_attribute("ada")).await.expect(201).id(), id);
    let _ = tenant.delete(&format!("/Users/{id}")).await.expect(204);
    assert_ne!(
        tenant.post("/Users", &with_unknown_attribute("ada")).await.expect(201).id(),
        id,
        "a POST after a deletion is a new user"
    );
}

/// A tenant whose profile restores deleted users.
async fn restoring(gateway: &TestGateway) -> Tenant {
    let tenant = gateway.tenant("acme").await;
    let _ = set(gateway, "acme", &json!({ "profile": "onelogin" })).await.expect(200);
    tenant
}

async fn delete(tenant: &Tenant, id: &str) {
    let _ = tenant.delete(&format!("/Users/{id}")).await.expect(204);
}

async fn check_rows(gateway: &TestGateway, tenant: &Tenant) {
    let _ = tenant.events().await;
    if gateway.database() == scimgate_tests::Database::Postgres {
        scimgate_tests::rows::check(&gateway.store().await).await;
    }
}

async fn a_deleted_user_is_restored_with_its_id(gateway: &TestGateway) {
    let tenant = restoring(gateway).await;
    let made = tenant.post("/Users", &user("ada")).await.expect(201);
    let id = made.id();
    let crew = tenant.group("crew").await;
    delete(&tenant, &id).await;
    // A group has the id as a pending member.
    let add = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]));
    let _ = tenant.patch(&format!("/Groups/{crew}"), &add).await.expect(200);
    let mut body = user("ada");
    body["userName"] = "countess@corp.test".into();
    let restored = tenant.post("/Users", &body).await.expect(201);
    assert_eq!(restored.id(), id, "by externalId, with another name");
    assert_eq!(restored.body["groups"][0]["value"], crew.as_str());
    let read = tenant.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!((&read.body, read.version()), (&restored.body, restored.version()));
    assert!(read.version() > made.version(), "no earlier ETag is valid again");
    assert_eq!(read.body["meta"]["created"], made.body["meta"]["created"]);
    for (filter, found) in [
        ("userName eq \"countess@corp.test\"", 1),
        ("userName eq \"ada@corp.test\"", 0),
        ("emails.value eq \"ada@corp.test\"", 1),
    ] {
        assert_eq!(
            tenant.get(&format!("/Users?filter={filter}")).await.expect(200).body["totalResults"],
            found,
            "{filter}"
        );
    }
    assert_eq!(tenant.get("/Users").await.expect(200).body["totalResults"], 1);
    let events = tenant.events().await;
    let own = |it: &&Value| it["resourceId"] == id.as_str() || it["memberId"] == id.as_str();
    let kinds: Vec<&str> = events.iter().filter(own).map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["user.created", "user.deleted", "user.created", "membership.added"]);
    assert_eq!(tenant.directory(&format!("/users/{id}")).await.expect(200).body["active"], true);
    // Without an externalId the name identifies the user.
    let mut plain = user("bob");
    plain.as_object_mut().unwrap().remove("externalId");
    let bob = tenant.post("/Users", &plain).await.expect(201).id();
    for _ in 0..2 {
        delete(&tenant, &bob).await;
        plain["userName"] = "BOB@corp.test".into();
        assert_eq!(tenant.post("/Users", &plain).await.expect(201).id(), bob);
    }
    check_rows(gateway, &tenant).await;
}

async fn a_different_user_of_the_same_name_is_created_anew(gateway: &TestGateway) {
    let tenant = restoring(gateway).await;
    let first = tenant.user("ada").await;
    delete(&tenant, &first).await;
    let mut other = user("ada");
    other["externalId"] = "another".into();
    let second = tenant.post("/Users", &other).await.expect(201).id();
    assert_ne!(second, first, "the same name, but another person");
    // The first one's name is in use now.
    check_conflict(&tenant.post("/Users", &user("ada")).await);
    assert_eq!(tenant.get(&format!("/Users/{first}")).await.status, 404);
    delete(&tenant, &second).await;
    let mut nameless = user("ada");
    nameless.as_object_mut().unwrap().remove("externalId");
    let third = tenant.post("/Users", &nameless).await.expect(201).id();
    assert!(third != first && third != second, "a user with an externalId is not restored by the name alone");
    delete(&tenant, &third).await;
    gateway.clock.advance(Duration::from_hours(30 * 24));
    let fourth = tenant.post("/Users", &user("ada")).await.expect(201).id();
    assert_ne!(fourth, first, "after thirty days no user is restored");
    let _ = set(gateway, "acme", &json!({ "profile": "auto" })).await.expect(200);
    delete(&tenant, &fourth).await;
    assert_ne!(tenant.post("/Users", &user("ada")).await.expect(201).id(), fourth, "only by some profiles");
    check_rows(gateway, &tenant).await;
}

async fn concurrent_posts_restore_a_deleted_user_once(gateway: &TestGateway) {
    let tenant = restoring(gateway).await;
    let id = tenant.user("ada").await;
    for round in 0..4 {
        delete(&tenant, &id).await;
        let answers = join_all((0..8).map(|number| {
            let mut body = user("ada");
            body["title"] = format!("{round}-{number}").into();
            let tenant = tenant.clone();
            async move { tenant.post("/Users", &body).await }
        }))
        .await;
        let (restored, refused): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|it| it.status == 201);
        assert_eq!((restored.len(), restored[0].id()), (1, id.clone()));
        refused.iter().for_each(check_conflict);
        assert_eq!(tenant.get(&format!("/Users/{id}")).await.expect(200).body["title"], restored[0].body["title"]);
    }
    assert_eq!(tenant.get("/Users").await.expect(200).body["totalResults"], 1);
    check_rows(gateway, &tenant).await;
}
