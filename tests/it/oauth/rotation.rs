//! Entra's cycles while secrets and signing keys are rotated: no request fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::header::{AUTHORIZATION, HeaderMap};
use scimgate_simulate::{BaseUrl, Dialect, NoProgress, Options, Pace, Secret, Size};
use scimgate_tests::faulty_server::{self, Fault, Request, Response};
use scimgate_tests::harness::block_on;
use scimgate_tests::{Database, TestGateway};
use serde_json::json;

use super::{OauthClient, by_secret, token, with_secret};

/// Sends each request with the access token of this moment, as a client of OAuth does.
struct CurrentToken {
    token: Arc<Mutex<String>>,
    requests: Arc<AtomicUsize>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Fault for CurrentToken {
    fn on_headers(&self, headers: &mut HeaderMap) {
        let bearer = format!("Bearer {}", self.token.lock().unwrap());
        let _ = headers.insert(AUTHORIZATION, bearer.parse().unwrap());
    }

    fn on_response(&self, request: &Request, response: &mut Response) {
        let _ = self.requests.fetch_add(1, Ordering::SeqCst);
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

#[test]
fn rotation_fails_no_request_of_entra() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let tenant = gateway.plain_tenant("acme").await;
        let other = gateway.replica().await;
        let mut client = with_secret(&gateway, "acme").await;
        let current = Arc::new(Mutex::new(token(by_secret(&gateway, &client).await)));
        let (requests, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let fault = CurrentToken {
            token: Arc::clone(&current),
            requests: Arc::clone(&requests),
            refused: Arc::clone(&refused),
        };
        let address = faulty_server::start(&format!("http://{}", gateway.public), fault).await;
        let options = Options {
            base_url: BaseUrl::parse(&format!("{address}/scim/v2")).unwrap(),
            token: Secret::from("replaced".to_owned()),
            directory: None,
            dialect: Dialect::Mixed,
            size: Size { users: 40, groups: 6, members_per_group: 20, cycles: 3 },
            pace: Pace { rate: None, concurrency: 4 },
            seed: 1,
            match_external_id: false,
            lost_percent: 0,
            keep: false,
        };
        let running = tokio::spawn(async move { scimgate_simulate::entra(&options, &NoProgress).await.unwrap() });
        let mut rounds = 0_usize;
        while !running.is_finished() {
            // The tokens of one replica are used at the other, those of a new key at once.
            let issuer = if rounds.is_multiple_of(2) { &other } else { &gateway };
            client = rotate(&gateway, issuer, &client, rounds).await;
            *current.lock().unwrap() = token(by_secret(issuer, &client).await);
            rounds += 1;
        }
        let report = running.await.unwrap();
        let requests = requests.load(Ordering::SeqCst);
        eprintln!("{requests} requests during {rounds} rotations");
        assert!(rounds > 2 && requests > 100, "{requests} requests during {rounds} rotations");
        assert_eq!(*refused.lock().unwrap(), Vec::<String>::new());
        assert!(report.green, "{:#?}", report.findings);
        assert_eq!(tenant.get("/Users?count=0").await.expect(200).body["totalResults"], 0);
        other.end().await;
        gateway.end().await;
    });
}
