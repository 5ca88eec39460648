//! A credential is revoked at one process; the time until another process, which has just accepted it, refuses it.

use std::time::{Duration, Instant};

use scimgate_tests::Client;
use scimgate_tests::served::Served;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{percentile, status};

/// Of each kind.
const REVOCATIONS: usize = 100;
/// Between two requests with a credential that was revoked.
const PAUSE: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_mins(1);

const HEADING: &str = "
## Revocation

A credential is revoked at one process. The time is that from the reply until another process, which has just accepted the credential,
refuses it, for a hundred of each kind. The target is a second.

| revoked | p50, ms | worst, ms | within a second |
|---|--:|--:|--:|";

const KINDS: [&str; 6] =
    ["token", "directory key", "OAuth client", "client secret, with its tokens", "signing key", "operator key"];

/// A credential, and how it is revoked at the other process.
struct Issued {
    client: Client,
    path: &'static str,
    revoke: (&'static str, String, Value),
    /// The OAuth client that stays: a tenant has a hundred at most.
    stays: Option<String>,
}

pub(super) async fn print(served: &Served, other: &Served) {
    println!("{HEADING}");
    for kind in KINDS {
        let mut times = Vec::new();
        for _ in 0..REVOCATIONS {
            let issued = issue(kind, served, other).await;
            times.push(until_refused(served, &issued).await);
            if let Some(client) = issued.stays {
                let _ = served.operator.delete(&client).await.expect(204);
            }
        }
        times.sort_unstable();
        let within = times.iter().filter(|time| **time <= Duration::from_secs(1)).count();
        println!(
            "| {kind} | {} | {} | {within} of {REVOCATIONS} |",
            percentile(&times, 50).as_millis(),
            percentile(&times, 100).as_millis()
        );
    }
}

async fn issue(kind: &str, served: &Served, other: &Served) -> Issued {
    let tenant = "/tenants/acme";
    let of_tenant = |scope: &'static str| async move {
        let token = served.operator.post(&format!("{tenant}/tokens"), &json!({ "scope": scope })).await.expect(201);
        let revoke = ("DELETE", format!("{tenant}/tokens/{}", token.id()), Value::Null);
        (token.body["secret"].as_str().unwrap().to_owned(), revoke)
    };
    let scim = Client::new(format!("{}/scim/v2", other.public));
    match kind {
        "token" => {
            let (secret, revoke) = of_tenant("scim").await;
            Issued { client: scim.with(&secret), path: "/Users?count=1", revoke, stays: None }
        }
        "directory key" => {
            let (secret, revoke) = of_tenant("directory").await;
            let client = Client::new(format!("{}/directory/v1", other.internal)).with(&secret);
            Issued { client, path: "/Users?count=1", revoke, stays: None }
        }
        "operator key" => {
            let key = served.operator.post("/operator-keys", &json!({ "scopes": ["read"] })).await.expect(201);
            let client = other.operator.with(key.body["secret"].as_str().unwrap());
            let revoke = ("DELETE", format!("/operator-keys/{}", key.id()), Value::Null);
            Issued { client, path: "/schema-packs", revoke, stays: None }
        }
        _ => {
            let clients = format!("{tenant}/oauth-clients");
            let created = served.operator.post(&clients, &json!({ "label": kind })).await.expect(201).body;
            let text = |name: &str| created[name].as_str().unwrap().to_owned();
            let (id, secret) = (text("clientId"), text("clientSecret"));
            let client = scim.with(&access_token(other, &id, &secret).await);
            let revoke = match kind {
                "OAuth client" => ("DELETE", format!("{clients}/{id}"), Value::Null),
                "signing key" => ("POST", "/signing-keys".to_owned(), json!({ "revokeOthers": true })),
                _ => {
                    let listed = served.operator.get(&clients).await.expect(200).body;
                    let own =
                        listed["oauthClients"].as_array().unwrap().iter().find(|it| it["clientId"] == id.as_str());
                    let secret = own.unwrap()["secrets"][0]["id"].as_str().unwrap().to_owned();
                    ("POST", format!("{clients}/{id}/secrets/{secret}/revoke"), json!({ "withTokens": true }))
                }
            };
            let stays = (kind != "OAuth client").then(|| format!("{clients}/{id}"));
            Issued { client, path: "/Users?count=1", revoke, stays }
        }
    }
}

/// By HTTP Basic, as the standard has it (RFC 6749 §2.3.1).
pub(super) async fn access_token(served: &Served, id: &str, secret: &str) -> String {
    let basic = scimgate_tests::jwt::basic(id, secret);
    let request = scimgate_tests::Request::new("POST", "/oauth2/token")
        .body("application/x-www-form-urlencoded", "grant_type=client_credentials");
    let client = Client::new(served.public.clone()).authorized(format!("Basic {basic}"));
    client.send(request).await.expect(200).body["access_token"].as_str().unwrap().to_owned()
}

async fn until_refused(served: &Served, issued: &Issued) -> Duration {
    assert_eq!(status(&issued.client, issued.path).await, 200);
    let (method, path, body) = &issued.revoke;
    let request = scimgate_tests::Request::new(method, path);
    let answer = served.operator.send(if body.is_null() { request } else { request.json(body) }).await;
    assert!(answer.status < 300, "{}", answer.text);
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match status(&issued.client, issued.path).await {
            200 => sleep(PAUSE).await,
            refused => {
                assert_eq!(refused, 401);
                return begun.elapsed();
            }
        }
    }
    panic!("{} is still accepted", issued.path);
}
