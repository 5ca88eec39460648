//! Tokens: rotation, restrictions, where and when they were used, and reminders of their end.

use std::time::Duration;

use scimgate::work::{expiry, last_used};
use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::{group, user};
use scimgate_tests::{Client, Database, Request, TestGateway, log, on_both, poll};
use serde_json::{Value, json};

on_both!(
    a_rotation_ends_with_either_token,
    a_revoked_token_ends_its_rotation,
    a_rotation_that_would_lock_a_client_out_needs_a_confirmation,
    a_restricted_token_is_refused_with_its_scope,
    a_restriction_that_cannot_be_is_refused,
    the_end_of_a_credential_is_announced_once_for_each_number_of_days,
);

async fn issue(gateway: &TestGateway, body: &Value) -> (String, Client) {
    let issued = gateway.operator.post("/tenants/acme/tokens", body).await.expect(201);
    (issued.id(), gateway.anonymous().with(issued.body["secret"].as_str().unwrap()))
}

/// Starts a rotation.
async fn start(gateway: &TestGateway, old: &str) -> (String, Client) {
    let started = gateway.operator.post(&rotation(old), &json!({})).await.expect(201);
    assert_eq!(
        (&started.body["state"], &started.body["replaces"]),
        (&json!("pending"), &json!(old)),
        "{}",
        started.text
    );
    (started.id(), gateway.anonymous().with(started.body["secret"].as_str().unwrap()))
}

fn rotation(old: &str) -> String {
    format!("/tenants/acme/tokens/{old}/rotation")
}

async fn end(gateway: &TestGateway, old: &str, state: &str, confirm: bool, status: u16) {
    let end = json!({ "state": state, "confirm": confirm });
    let _ = gateway.operator.patch(&rotation(old), &end).await.expect(status);
}

async fn states(gateway: &TestGateway, tokens: [&str; 2]) -> [String; 2] {
    let listed = gateway.operator.get("/tenants/acme/tokens").await.expect(200).body;
    tokens.map(|id| {
        let token = listed["tokens"].as_array().unwrap().iter().find(|token| token["id"] == id).unwrap();
        token["state"].as_str().unwrap().to_owned()
    })
}

async fn accepted(clients: [&Client; 2]) -> [bool; 2] {
    [clients[0].get("/Users").await.status == 200, clients[1].get("/Users").await.status == 200]
}

async fn a_rotation_ends_with_either_token(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    for (ending, expected, works) in
        [("completed", ["revoked", "active"], [false, true]), ("cancelled", ["active", "revoked"], [true, false])]
    {
        let (old, by_old) = issue(gateway, &json!({ "scope": "scim", "label": "Entra" })).await;
        let (new, by_new) = start(gateway, &old).await;
        assert_eq!(states(gateway, [&old, &new]).await, ["retiring", "pending"]);
        assert_eq!(accepted([&by_old, &by_new]).await, [true, true]);
        let _ = gateway.operator.post(&rotation(&old), &json!({})).await.expect(409);
        let _ = gateway.operator.post(&rotation(&new), &json!({})).await.expect(409);
        end(gateway, &old, ending, true, 204).await;
        assert_eq!(states(gateway, [&old, &new]).await, expected);
        assert_eq!(accepted([&by_old, &by_new]).await, works);
        end(gateway, &old, ending, true, 409).await;
    }
    let _ = gateway.operator.post(&rotation("none"), &json!({})).await.expect(404);
}

async fn a_revoked_token_ends_its_rotation(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    for revoked in [0, 1] {
        let (old, _) = issue(gateway, &json!({ "scope": "scim" })).await;
        let (new, _) = start(gateway, &old).await;
        let id = [&old, &new][revoked];
        let _ = gateway.operator.delete(&format!("/tenants/acme/tokens/{id}")).await.expect(204);
        let mut expected = ["active", "active"];
        expected[revoked] = "revoked";
        assert_eq!(states(gateway, [&old, &new]).await, expected);
        end(gateway, &old, "cancelled", false, 409).await;
    }
}

async fn a_rotation_that_would_lock_a_client_out_needs_a_confirmation(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let (old, _) = issue(gateway, &json!({ "scope": "scim" })).await;
    let (_, by_new) = start(gateway, &old).await;
    end(gateway, &old, "completed", false, 409).await;
    let _ = by_new.get("/Users").await.expect(200);
    last_used::write(&gateway.gateway).await.unwrap();
    poll("the use is stored", async || {
        let completed = gateway.operator.patch(&rotation(&old), &json!({ "state": "completed" })).await;
        (completed.status == 204).then_some(())
    })
    .await;
}

async fn a_restricted_token_is_refused_with_its_scope(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let ada = acme.user("ada").await;
    let (_, reader) = issue(gateway, &json!({ "scope": "scim", "readOnly": true })).await;
    let (_, users) = issue(gateway, &json!({ "scope": "scim", "resourceType": "user" })).await;
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [] });
    let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 1 });
    let one = format!("/Users/{ada}");
    let requests = [
        ("GET", "/Users", json!(null), 200, 200),
        ("GET", one.as_str(), json!(null), 200, 200),
        ("POST", "/Users/.search", search.clone(), 200, 200),
        ("POST", "/.search", search, 200, 403),
        ("GET", "/", json!(null), 200, 403),
        ("GET", "/Groups", json!(null), 200, 403),
        ("GET", "/Schemas", json!(null), 200, 200),
        ("POST", "/Users", user("bob"), 403, 201),
        ("POST", "/Groups", group("staff"), 403, 403),
        ("POST", "/Bulk", bulk, 403, 403),
        ("PATCH", "/Groups/none", json!({}), 403, 403),
        ("DELETE", one.as_str(), json!(null), 403, 204),
    ];
    for (method, path, body, read, of_users) in requests {
        for (client, status, scope) in [(&reader, read, "read-only"), (&users, of_users, "resource type User")] {
            let request = Request::new(method, path);
            let request = if body.is_null() { request } else { request.json(&body) };
            let answer = client.send(request).await.expect(status);
            assert!(status != 403 || answer.body["detail"].as_str().unwrap().contains(scope), "{}", answer.text);
        }
    }
}

async fn a_restriction_that_cannot_be_is_refused(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    for (body, word) in [
        (json!({ "scope": "scim", "resourceType": "Device" }), "User, Group"),
        (json!({ "scope": "scim", "networks": ["10.0.0.0/33"] }), "network"),
        (json!({ "scope": "directory", "readOnly": true }), "directory key"),
    ] {
        let refused = gateway.operator.post("/tenants/acme/tokens", &body).await.expect(400);
        assert!(refused.text.contains(word), "{}", refused.text);
    }
}

/// The address is the client's own, behind a proxy that is trusted.
#[test]
fn a_token_is_accepted_from_its_networks_alone() {
    block_on(async {
        let gateway = TestGateway::with_trusted_proxies(&["127.0.0.0/8"]).await;
        let _ = gateway.plain_tenant("acme").await;
        let networks = json!(["192.0.2.0/24", "2001:db8::/32"]);
        let (_, client) = issue(&gateway, &json!({ "scope": "scim", "networks": networks })).await;
        for (from, status) in
            [("192.0.2.9", 200), ("2001:db8::7", 200), ("198.51.100.1", 403), ("192.0.2.9, 198.51.100.1", 403)]
        {
            let request = Request::new("GET", "/Users").header("x-forwarded-for", from);
            let _ = client.send(request).await.expect(status);
        }
        let _ = client.get("/Users").await.expect(403);
        gateway.end().await;
        // Without a trusted proxy the header counts for nothing.
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let (_, client) = issue(&gateway, &json!({ "scope": "scim", "networks": networks })).await;
        let _ = client.send(Request::new("GET", "/Users").header("x-forwarded-for", "192.0.2.9")).await.expect(403);
        let (_, here) = issue(&gateway, &json!({ "scope": "scim", "networks": ["127.0.0.1"] })).await;
        let _ = here.get("/Users").await.expect(200);
        gateway.end().await;
    });
}

/// A credential of each kind that lives a hundred days, and one that was revoked: the ids of both.
async fn that_expire(gateway: &TestGateway) -> [(&'static str, String, String); 3] {
    let mut made = Vec::new();
    for name in ["token", "secret", "key"] {
        let mut ids = Vec::new();
        for _ in 0..2 {
            ids.push(match name {
                "token" => issue(gateway, &json!({ "scope": "scim", "expiresInDays": 100 })).await.0,
                "secret" => client_secret(gateway).await,
                _ => {
                    let wanted = json!({ "scopes": ["read"], "expiresInDays": 100 });
                    gateway.operator.post("/operator-keys", &wanted).await.expect(201).id()
                }
            });
        }
        let revoked = ids.pop().unwrap();
        match name {
            "token" => drop(gateway.operator.delete(&format!("/tenants/acme/tokens/{revoked}")).await.expect(204)),
            "secret" => revoke_secret(gateway, &revoked).await,
            _ => drop(gateway.operator.delete(&format!("/operator-keys/{revoked}")).await.expect(204)),
        }
        made.push((name, ids.pop().unwrap(), revoked));
    }
    made.try_into().unwrap()
}

/// A new client with a secret that lives a hundred days, beside its first one; gives the secret's id.
async fn client_secret(gateway: &TestGateway) -> String {
    let clients = "/tenants/acme/oauth-clients";
    let client = gateway.operator.post(clients, &json!({ "label": "Entra" })).await.expect(201).body;
    let path = format!("{clients}/{}/secrets", client["clientId"].as_str().unwrap());
    gateway.operator.post(&path, &json!({ "expiresInDays": 100 })).await.expect(201).id()
}

async fn revoke_secret(gateway: &TestGateway, id: &str) {
    let listed = gateway.operator.get("/tenants/acme/oauth-clients").await.expect(200).body;
    let has = |client: &&Value| client["secrets"].as_array().unwrap().iter().any(|secret| secret["id"] == id);
    let client = listed["oauthClients"].as_array().unwrap().iter().find(has).unwrap();
    let client = client["clientId"].as_str().unwrap();
    let path = format!("/tenants/acme/oauth-clients/{client}/secrets/{id}/revoke");
    let _ = gateway.operator.post(&path, &json!({})).await.expect(204);
}

async fn the_end_of_a_credential_is_announced_once_for_each_number_of_days(gateway: &TestGateway) {
    log::keep();
    let acme = gateway.plain_tenant("acme").await;
    let made = that_expire(gateway).await;
    let mut given = Vec::new();
    for _ in 0..=101 {
        // Two replicas at the same moment.
        let (one, other) = tokio::join!(expiry::once(&gateway.gateway), expiry::once(&gateway.gateway));
        given.extend(one.unwrap().into_iter().chain(other.unwrap()));
        gateway.clock.advance(Duration::from_hours(24));
    }
    let lines = log::text();
    for (name, id, revoked) in &made {
        assert!(given.iter().all(|reminder| reminder.id().to_string() != *revoked), "{name}");
        let days: Vec<i32> = given.iter().filter(|it| it.id().to_string() == *id).map(|it| it.days).collect();
        assert_eq!(days, [90, 60, 30, 15, 7, 1], "{name}");
        assert_eq!(
            lines.lines().filter(|line| line.contains("expires soon") && line.contains(id)).count(),
            6,
            "{name}"
        );
    }
    let events = acme.events().await;
    for (name, id, _) in &made {
        let of_one = events.iter().filter(|event| event["resourceId"] == id.as_str());
        let told: Vec<Value> = of_one.map(|event| json!([event["type"], event["expiresInDays"]])).collect();
        let days: &[i32] = if *name == "key" { &[] } else { &[90, 60, 30, 15, 7, 1] };
        let expected: Vec<Value> = days.iter().map(|days| json!([format!("{name}.expiring"), days])).collect();
        assert_eq!(told, expected, "{name}");
    }
}
