//! What the verification of a credential costs that is in the cache.

use std::hint::black_box;
use std::time::Instant;

use scimgate::store::tenant::credential::Scope;
use scimgate_tests::{Client, Database, Request, TestGateway, jwt};
use serde_json::json;

use crate::{micros, percentile};

const ROUNDS: usize = 51;
const CALLS: u32 = 2_000;

const HEADING: &str = "
## Verified credentials

The time of the verification of a credential that is cached, without HTTP: the median of 51 rounds. The target is 5 µs.

| credential | µs |
|---|--:|";

pub(super) async fn print() {
    println!("{HEADING}");
    let gateway = TestGateway::start(Database::Postgres).await;
    let _ = gateway.plain_tenant("acme").await;
    let (_, secret) = gateway.token("acme", "scim").await;
    let created = gateway.operator.post("/tenants/acme/oauth-clients", &json!({ "label": "Entra" })).await.expect(201);
    let text = |name: &str| created.body[name].as_str().unwrap().to_owned();
    let client = Client::new(format!("http://{}", gateway.public));
    let client = client.authorized(format!("Basic {}", jwt::basic(&text("clientId"), &text("clientSecret"))));
    let request = Request::new("POST", "/oauth2/token")
        .body("application/x-www-form-urlencoded", "grant_type=client_credentials");
    let access = client.send(request).await.expect(200).body["access_token"].as_str().unwrap().to_owned();
    let auth = &gateway.gateway.auth;
    let token = median(async || drop(black_box(auth.verify(&secret, Scope::Scim, || None).await.unwrap()))).await;
    let access = median(async || drop(black_box(auth.verify_jwt(&access, None, || None).await.unwrap()))).await;
    println!("| token | {token:.2} |\n| access token | {access:.2} |");
    gateway.end().await;
}

async fn median(call: impl AsyncFn()) -> f64 {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            call().await;
        }
        rounds.push(micros(begun.elapsed()) / f64::from(CALLS));
    }
    rounds.sort_by(f64::total_cmp);
    percentile(&rounds, 50)
}
