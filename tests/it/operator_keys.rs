//! Operator keys: what each scope may do, which keys may be revoked, and how soon a revoked one is refused.

use std::collections::BTreeSet;
use std::time::Duration;

use scimgate::work::last_used;
use scimgate_tests::harness::block_on;
use scimgate_tests::{Client, Database, Request, TestGateway, on_both, poll};
use serde_json::{Value, json};

on_both!(
    every_route_names_its_scope_and_refuses_other_keys,
    keys_are_issued_listed_and_revoked,
    a_key_that_would_be_missed_is_revoked_only_with_a_confirmation,
    a_use_is_stored_to_the_minute,
);

const SCOPES: [&str; 4] = ["read", "tenants", "plugins", "everything"];

async fn key(gateway: &TestGateway, scope: &str) -> (String, Client) {
    let wanted = json!({ "label": scope, "scopes": [scope], "expiresInDays": 1 });
    let issued = gateway.operator.post("/operator-keys", &wanted).await.expect(201);
    assert_eq!(issued.header("cache-control"), "no-store");
    (issued.id(), gateway.operator.with(issued.body["secret"].as_str().unwrap()))
}

/// The path of a route with names in it that do not exist.
fn address(path: &str) -> String {
    let path = path.trim_start_matches("/admin/v1");
    path.split('/').map(|part| if part.starts_with('{') { "none" } else { part }).collect::<Vec<_>>().join("/")
}

async fn every_route_names_its_scope_and_refuses_other_keys(gateway: &TestGateway) {
    let document = gateway.operator.get("/openapi.json").await.expect(200).body;
    let mut keys = Vec::new();
    for scope in SCOPES {
        keys.push((scope, key(gateway, scope).await.1));
    }
    let mut seen = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            let what = format!("{method} {path}");
            let listed = operation["security"].as_array().unwrap_or_else(|| panic!("{what} declares no scope"));
            let needed: Vec<&str> = listed.iter().map(|it| it["operatorKey"][0].as_str().unwrap()).collect();
            assert!(
                needed.contains(&"everything") && needed.iter().all(|it| SCOPES.contains(it)),
                "{what}: {needed:?}"
            );
            seen.insert(needed.join(" "));
            for (scope, client) in &keys {
                // A body that no route takes, so that nothing changes.
                let request = Request::new(&method.to_uppercase(), &address(path)).json(&json!("none"));
                let answer = client.send(request).await;
                let allowed = needed.contains(scope);
                assert_eq!(answer.status != 403, allowed, "{what} with {scope}: {}", answer.text);
                if !allowed {
                    let detail = answer.body["detail"].as_str().unwrap();
                    let missing = if needed.len() == 1 { "everything" } else { needed[0] };
                    assert!(detail.contains(missing) && detail.contains(&format!("this one has {scope}")), "{detail}");
                }
            }
        }
    }
    assert_eq!(seen.len(), 5, "kinds of routes: {seen:?}");
}

async fn keys_are_issued_listed_and_revoked(gateway: &TestGateway) {
    let (id, client) = key(gateway, "tenants").await;
    let _ = client.post("/tenants", &json!({ "name": "acme" })).await.expect(201);
    let _ = client.post("/operator-keys", &json!({ "scopes": ["read"] })).await.expect(403);
    let listed = client.get("/operator-keys").await.expect(200);
    let own = |listed: &Value| {
        let keys = listed["operatorKeys"].as_array().unwrap().clone();
        keys.into_iter().find(|key| key["id"] == id.as_str()).unwrap()
    };
    let shown = own(&listed.body);
    assert_eq!((&shown["state"], &shown["scopes"]), (&json!("active"), &json!(["tenants"])), "{shown}");
    assert!(shown["createdBy"].as_str().unwrap().parse::<uuid::Uuid>().is_ok(), "{shown}");
    for body in
        [json!({ "scopes": [] }), json!({ "scopes": ["all"] }), json!({ "scopes": ["read"], "expiresInDays": 0 })]
    {
        let _ = gateway.operator.post("/operator-keys", &body).await.expect(400);
    }
    for _ in 0..2 {
        let _ = gateway.operator.delete(&format!("/operator-keys/{id}")).await.expect(204);
        let _ = client.get("/tenants").await.expect(401);
    }
    assert_eq!(own(&gateway.operator.get("/operator-keys").await.body)["state"], "revoked");
    for unknown in ["none", "0198c0de-0000-7000-8000-000000000001"] {
        let _ = gateway.operator.delete(&format!("/operator-keys/{unknown}")).await.expect(404);
    }
    let (_, short) = key(gateway, "read").await;
    let _ = short.get("/tenants").await.expect(200);
    gateway.clock.advance(Duration::from_hours(24));
    let _ = short.get("/tenants").await.expect(401);
}

async fn a_key_that_would_be_missed_is_revoked_only_with_a_confirmation(gateway: &TestGateway) {
    let (id, other) = key(gateway, "everything").await;
    let own = other.delete(&format!("/operator-keys/{id}")).await.expect(409);
    assert!(own.body["detail"].as_str().unwrap().contains("made with that key"), "{}", own.text);
    let _ = other.delete(&format!("/operator-keys/{id}?confirm=true")).await.expect(204);
    let _ = other.get("/tenants").await.expect(401);

    // The first key is the last now that may do everything, and another one expires.
    let keys = gateway.operator.get("/operator-keys").await.expect(200).body;
    let first = keys["operatorKeys"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let (_, short) = key(gateway, "everything").await;
    let _ = key(gateway, "tenants").await;
    gateway.clock.advance(Duration::from_hours(24));
    let _ = short.get("/tenants").await.expect(401);
    let refused = gateway.operator.delete(&format!("/operator-keys/{first}")).await.expect(409);
    assert!(refused.text.contains("confirm=true"), "{}", refused.text);
    let _ = gateway.operator.get("/tenants").await.expect(200);
}

async fn a_use_is_stored_to_the_minute(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let (id, client) = key(gateway, "read").await;
    gateway.clock.advance(Duration::from_secs(90));
    let _ = client.get("/tenants").await.expect(200);
    let _ = acme.get("/Users").await.expect(200);
    last_used::write(&gateway.gateway).await.unwrap();
    let minute = |text: &Value| text.as_str().unwrap_or_default().ends_with(":01:00.000Z");
    poll("the use is stored", async || {
        let keys = gateway.operator.get("/operator-keys").await.expect(200).body;
        let key = keys["operatorKeys"].as_array().unwrap().iter().find(|key| key["id"] == id.as_str()).unwrap().clone();
        minute(&key["lastUsedAt"]).then_some(())
    })
    .await;
}

/// Keys that the other replica has accepted just before. Prints how long the slowest took.
#[test]
fn another_replica_refuses_a_revoked_key() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let other = gateway.replica().await;
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let (id, client) = key(&gateway, "read").await;
            let there = client.at(other.operator.base.clone());
            let _ = there.get("/schema-packs").await.expect(200);
            let _ = gateway.operator.delete(&format!("/operator-keys/{id}")).await.expect(204);
            let revoked = std::time::Instant::now();
            poll("the other replica refuses it", async || {
                (there.get("/schema-packs").await.status == 401).then_some(())
            })
            .await;
            slowest = slowest.max(revoked.elapsed());
        }
        eprintln!("slowest of 20 revocations: {slowest:?}");
        other.end().await;
        gateway.end().await;
    });
}
