//! Entra's cycles while tokens, secrets and signing keys are rotated: no request fails.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use scimgate_simulate::{Dialect, NoProgress, Options, Secret, Size};
use scimgate_tests::faulty_server::{self, Fault, Request, Response};
use scimgate_tests::harness::block_on;
use scimgate_tests::{Database, Tenant, TestGateway, poll, simulation};
use serde_json::json;

use super::{OauthClient, by_secret, token, with_secret};

/// Sends each request with the credential of this moment, as a provider does whose administrator replaces it.
#[derive(Clone, Default)]
struct Current {
    secret: Arc<Mutex<String>>,
    /// The requests with each credential that are not answered.
    open: Arc<Mutex<BTreeMap<String, usize>>>,
    requests: Arc<AtomicUsize>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Current {
    /// The next requests have this one. Waits until those with the one before are answered.
    async fn replace(&self, secret: String) {
        let before = std::mem::replace(&mut *self.secret.lock().unwrap(), secret);
        poll("requests with the credential before are answered", async || {
            (self.open.lock().unwrap().get(&bearer(&before)).is_none_or(|open| *open == 0)).then_some(())
        })
        .await;
    }
}

fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

impl Fault for Current {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        let secret = self.secret.lock().unwrap();
        *self.open.lock().unwrap().entry(bearer(&secret)).or_default() += 1;
        request.authorization = Some(bearer(&secret));
        None
    }

    fn on_response(&self, request: &Request, response: &mut Response) {
        let _ = self.requests.fetch_add(1, Ordering::SeqCst);
        *self.open.lock().unwrap().get_mut(request.authorization.as_deref().unwrap()).unwrap() -= 1;
        if matches!(response.status, 401 | 403 | 429) || response.status >= 500 {
            let line = format!("{} {}: {}", request.method, request.path, response.status);
            self.refused.lock().unwrap().push(line);
        }
    }
}

/// Issues a secret, gets a token by it, and revokes the secret before; every other time the signing key is rotated, too.
async fn rotate(gateway: &TestGateway, at: &TestGateway, client: &OauthClient, round: usize) -> OauthClient {
    let base = format!("/tenants/acme/oauth-clients/{}/secrets", client.id);
    if round % 4 < 2 {
        let _ = at.operator.post("/signing-keys", &json!({})).await.expect(201);
    }
    let added = gateway.operator.post(&base, &json!({})).await.expect(201).body;
    let listed = gateway.operator.get("/tenants/acme/oauth-clients").await.expect(200).body;
    for secret in listed["oauthClients"][0]["secrets"].as_array().unwrap() {
        if secret["id"] != added["id"] && secret["state"] == "active" {
            let path = format!("{base}/{}/revoke", secret["id"].as_str().unwrap());
            let _ = gateway.operator.post(&path, &json!({})).await.expect(204);
        }
    }
    OauthClient { id: client.id.clone(), secret: added["clientSecret"].as_str().unwrap().to_owned() }
}

/// Starts the rotation of a token: the id and the secret of the new one.
async fn rotate_token(gateway: &TestGateway, old: &str) -> (String, String) {
    let path = format!("/tenants/acme/tokens/{old}/rotation");
    let started = gateway.operator.post(&path, &json!({})).await.expect(201);
    (started.id(), started.body["secret"].as_str().unwrap().to_owned())
}

/// Runs Entra's cycles at one of two replicas, while the credential that it sends is replaced by the next one again and again.
async fn while_entra_runs(
    (gateway, tenant): (&TestGateway, &Tenant),
    first: String,
    mut next: impl AsyncFnMut(usize, &Current),
) {
    let current = Current::default();
    current.replace(first).await;
    let address = faulty_server::start(&format!("http://{}", gateway.public), current.clone()).await;
    let size = Size { users: 40, groups: 6, members_per_group: 20, cycles: 3 };
    let options = simulation::options(&format!("{address}/scim/v2"), Secret::from("replaced".to_owned()), size);
    let options = Options { dialect: Dialect::Mixed, ..options };
    let running = tokio::spawn(async move { scimgate_simulate::entra(&options, &NoProgress).await.unwrap() });
    let mut rounds = 0;
    while !running.is_finished() {
        next(rounds, &current).await;
        rounds += 1;
    }
    let report = running.await.unwrap();
    let requests = current.requests.load(Ordering::SeqCst);
    eprintln!("{requests} requests during {rounds} rotations");
    assert!(rounds > 2 && requests > 100, "{requests} requests during {rounds} rotations");
    assert_eq!(*current.refused.lock().unwrap(), Vec::<String>::new());
    assert!(report.green, "{:#?}", report.findings);
    assert_eq!(tenant.get("/Users?count=0").await.expect(200).body["totalResults"], 0);
}

#[test]
fn rotation_of_secrets_and_signing_keys_fails_no_request_of_entra() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let tenant = gateway.plain_tenant("acme").await;
        let other = gateway.replica().await;
        let mut client = with_secret(&gateway, "acme").await;
        let first = token(by_secret(&gateway, &client).await);
        while_entra_runs((&gateway, &tenant), first, async |round, current| {
            // The tokens of one replica are used at the other, those of a new key at once.
            let issuer = if round.is_multiple_of(2) { &other } else { &gateway };
            client = rotate(&gateway, issuer, &client, round).await;
            *current.secret.lock().unwrap() = token(by_secret(issuer, &client).await);
        })
        .await;
        other.end().await;
        gateway.end().await;
    });
}

/// Both are accepted until the rotation is completed, at the other replica.
#[test]
fn rotation_of_tokens_fails_no_request_of_entra() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let tenant = gateway.plain_tenant("acme").await;
        let other = gateway.replica().await;
        let (mut id, first) = gateway.token("acme", "scim").await;
        while_entra_runs((&gateway, &tenant), first, async |_, current| {
            let (new, secret) = rotate_token(&other, &id).await;
            current.replace(secret).await;
            let path = format!("/tenants/acme/tokens/{id}/rotation");
            let _ = other.operator.patch(&path, &json!({ "state": "completed", "confirm": true })).await.expect(204);
            id = new;
        })
        .await;
        other.end().await;
        gateway.end().await;
    });
}
