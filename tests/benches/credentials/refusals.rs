//! Whether the time of a refusal shows why a credential is refused.

use std::time::{Duration, Instant};

use scimgate_tests::served::Served;
use scimgate_tests::{Client, Request, Tenant, jwt};
use serde_json::json;

use crate::revocation::access_token;
use crate::{from_new_address, micros, percentile};

/// Of each kind, in turns.
const REFUSALS: usize = 400;

const HEADING: &str = "
## Refusals

The time of a refusal, four hundred of each kind in turns. *Slower than unknown* is the share of pairs in which this refusal took longer
than that of an unknown credential of the same kind: at 50 % the time says nothing.

| credential | p10, µs | p50, µs | p90, µs | slower than unknown |
|---|--:|--:|--:|--:|";

const USERS: &str = "/scim/v2/Users?count=1";

type Attempt = (Client, Request);

fn bearer(public: &Client, secret: &str, path: &str) -> Attempt {
    (public.with(secret), Request::new("GET", path))
}

fn basic(public: &Client, id: &str, secret: &str) -> Attempt {
    let request = Request::new("POST", "/oauth2/token")
        .body("application/x-www-form-urlencoded", "grant_type=client_credentials");
    (public.authorized(format!("Basic {}", jwt::basic(id, secret))), request)
}

/// A secret in the right format that was never issued: of the tenant whose secret it is made from.
fn unknown(secret: &str) -> String {
    use scimgate::auth::token::Token;
    let issued = Token::parse(secret).unwrap();
    Token::generate(issued.kind, issued.tenant).reveal().to_owned()
}

/// Tokens and client secrets that have just been revoked, which no process has in its cache.
async fn revoked(served: &Served) -> (Vec<String>, Vec<(String, String)>) {
    let (mut tokens, mut secrets) = (Vec::new(), Vec::new());
    for _ in 0..REFUSALS {
        let token = served.operator.post("/tenants/acme/tokens", &json!({ "scope": "scim" })).await.expect(201);
        let path = format!("/tenants/acme/tokens/{}", token.id());
        let _ = served.operator.delete(&path).await.expect(204);
        tokens.push(token.body["secret"].as_str().unwrap().to_owned());
        let clients = "/tenants/acme/oauth-clients";
        let created = served.operator.post(clients, &json!({ "label": "refused" })).await.expect(201).body;
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        let (id, secret) = (text("clientId"), text("clientSecret"));
        let _ = served.operator.delete(&format!("{clients}/{id}")).await.expect(204);
        secrets.push((id, secret));
    }
    (tokens, secrets)
}

pub(super) async fn print(served: &Served, tenant: &Tenant) {
    println!("{HEADING}");
    let globex = Tenant::plain(&served.operator, "globex", served.addresses()).await;
    let (tokens, secrets) = revoked(served).await;
    let secret_of = |client: &Client| {
        client.authorization.as_ref().unwrap().to_str().unwrap().trim_start_matches("Bearer ").to_owned()
    };
    let (own, foreign) = (secret_of(&tenant.scim), secret_of(&globex.scim));
    let created = served.operator.post("/tenants/acme/oauth-clients", &json!({ "label": "in use" })).await.expect(201);
    let (id, secret) = (created.body["clientId"].as_str().unwrap(), created.body["clientSecret"].as_str().unwrap());
    let _ = access_token(served, id, secret).await;
    let public = Client::new(served.public.clone());
    let mut times = [const { Vec::new() }; 6];
    for round in 0..REFUSALS {
        let attempts = [
            bearer(&public, &unknown(&own), USERS),
            bearer(&public, &tokens[round], USERS),
            bearer(&public, &unknown(&foreign), "/t/acme/scim/v2/Users?count=1"),
            basic(&public, &uuid::Uuid::now_v7().to_string(), &unknown(secret)),
            basic(&public, id, &unknown(secret)),
            basic(&public, &secrets[round].0, &secrets[round].1),
        ];
        for ((client, request), times) in attempts.into_iter().zip(&mut times) {
            let request = from_new_address(request);
            let begun = Instant::now();
            let answer = client.send(request).await;
            times.push(begun.elapsed());
            assert_eq!(answer.status, 401, "{}", answer.text);
        }
    }
    let names = [
        "unknown token",
        "revoked token",
        "unknown token, at another tenant's address",
        "unknown client",
        "wrong secret of a client in use",
        "secret of a deleted client",
    ];
    for (number, name) in names.iter().enumerate() {
        let slower = slower_share(&times[number], &times[if number < 3 { 0 } else { 3 }]);
        let mut sorted = times[number].clone();
        sorted.sort_unstable();
        let [p10, p50, p90] = [10, 50, 90].map(|percent| micros(percentile(&sorted, percent)));
        println!("| {name} | {p10:.0} | {p50:.0} | {p90:.0} | {slower:.0} % |");
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of few pairs")]
fn slower_share(times: &[Duration], base: &[Duration]) -> f64 {
    let slower = times.iter().map(|time| base.iter().filter(|other| time > *other).count()).sum::<usize>();
    100.0 * slower as f64 / (times.len() * base.len()) as f64
}
