//! The keys that sign access tokens, and the metadata.

use std::time::Duration;

use futures_util::future::join_all;
use scimgate::root_key::{Keys, RootKey};
use scimgate_tests::harness::block_on;
use scimgate_tests::{Database, Request, TestGateway, jwt, on_both, on_postgres, poll};
use serde_json::{Value, json};

use super::{by_secret, check_refusal, public, token, with_secret};

on_both!(metadata_leads_to_the_token_endpoint_and_its_keys);
on_postgres!(a_rotated_key_is_accepted_until_its_tokens_have_expired, a_key_signs_for_thirty_days);

async fn states(gateway: &TestGateway) -> Vec<Value> {
    let listed = gateway.operator.get("/signing-keys").await.expect(200);
    listed.body["signingKeys"].as_array().unwrap().iter().map(|key| key["state"].clone()).collect()
}

async fn metadata_leads_to_the_token_endpoint_and_its_keys(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let client = with_secret(gateway, "acme").await;
    let origin = format!("http://{}", gateway.public);
    for (path, issuer) in
        [("", origin.clone()), ("/t/acme", format!("{origin}/t/acme")), ("/t/no-one", format!("{origin}/t/no-one"))]
    {
        let metadata = public(gateway).get(&format!("/.well-known/oauth-authorization-server{path}")).await.expect(200);
        assert_eq!(metadata.body["issuer"], issuer);
        assert_eq!(metadata.body["token_endpoint"], format!("{issuer}/oauth2/token"));
        assert_eq!(metadata.body["jwks_uri"], format!("{origin}/oauth2/jwks"));
        assert_eq!(metadata.body["scopes_supported"], json!(["scim"]));
    }
    check_refusal(&public(gateway).get("/.well-known/oauth-authorization-server/t/%ff").await, 404, "invalid_request");
    let token = token(by_secret(gateway, &client).await);
    assert_eq!(jwt::part(&token, 1)["iss"], origin);
    let keys = public(gateway).get("/oauth2/jwks").await.expect(200);
    let key = &keys.body["keys"][0];
    assert_eq!((&key["kid"], &key["crv"]), (&jwt::part(&token, 0)["kid"], &json!("Ed25519")));
    assert!(key.get("d").is_none(), "no private part");
    let x = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, key["x"].as_str().unwrap());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature).unwrap();
    let public = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, x.unwrap());
    public.verify(message.as_bytes(), &signature).unwrap();
}

async fn a_rotated_key_is_accepted_until_its_tokens_have_expired(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let client = with_secret(gateway, "acme").await;
    let get = async |token: &str| gateway.anonymous().with(token).get("/Users").await.status;
    let first = token(by_secret(gateway, &client).await);
    let made = gateway.operator.post("/signing-keys", &json!({})).await.expect(201);
    let second = token(by_secret(gateway, &client).await);
    assert_eq!(jwt::part(&second, 0)["kid"], made.body["id"]);
    assert_ne!(jwt::part(&first, 0)["kid"], made.body["id"]);
    assert_eq!((get(&first).await, get(&second).await), (200, 200));
    assert_eq!(states(gateway).await, ["active", "retired"]);
    let offered = async || public(gateway).get("/oauth2/jwks").await.body["keys"].as_array().unwrap().len();
    assert_eq!(offered().await, 2, "both are offered");
    let _ = gateway.operator.post("/signing-keys", &json!({ "revokeOthers": true })).await.expect(201);
    let third = token(by_secret(gateway, &client).await);
    assert_eq!((get(&first).await, get(&second).await, get(&third).await), (401, 401, 200));
    assert_eq!(states(gateway).await, ["active", "revoked", "revoked"]);
    assert_eq!(offered().await, 1);
    // Whatever it is called: its signature is another key's.
    let forged = jwt::SigningKey::ed(jwt::part(&third, 0)["kid"].as_str().unwrap());
    let header = jwt::part(&third, 0);
    assert_eq!(get(&forged.sign_with(&header, &jwt::part(&third, 1))).await, 401);
    let mut claims = jwt::part(&third, 1);
    claims["exp"] = (super::now(gateway) + 1_000_000).into();
    let parts: Vec<&str> = third.split('.').collect();
    let changed = format!("{}.{}.{}", parts[0], jwt::encoded(claims.to_string()), parts[2]);
    assert_eq!(get(&changed).await, 401);
}

async fn a_key_signs_for_thirty_days(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let client = with_secret(gateway, "acme").await;
    let kid = |token: &str| jwt::part(token, 0)["kid"].clone();
    let first = token(by_secret(gateway, &client).await);
    gateway.clock.advance(Duration::from_mins(30 * 24 * 60 - 1));
    let last = token(by_secret(gateway, &client).await);
    assert_eq!(kid(&first), kid(&last));
    gateway.clock.advance(Duration::from_mins(1));
    let next = token(by_secret(gateway, &client).await);
    assert_ne!(kid(&last), kid(&next));
    let get = async |token: &str| gateway.anonymous().with(token).get("/Users").await.status;
    assert_eq!((get(&last).await, get(&next).await), (200, 200));
    assert_eq!(states(gateway).await, ["active", "retired"]);
}

/// What one root key has encrypted another cannot use; but who signed stays known.
#[test]
fn another_root_key_needs_a_signing_key_of_its_own() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let client = with_secret(&gateway, "acme").await;
        let first = token(by_secret(&gateway, &client).await);
        let next = RootKey::generate();
        let keys = |previous: Option<RootKey>| Keys { current: next.clone(), previous, in_database: false };
        let kid = |token: &str| jwt::part(token, 0)["kid"].clone();
        let with_both = gateway.replica_with(keys(Some(gateway.gateway.keys.current.clone()))).await;
        assert_eq!(kid(&token(by_secret(&with_both, &client).await)), kid(&first), "the previous root key opens it");
        with_both.end().await;
        let other = gateway.replica_with(keys(None)).await;
        let second = token(by_secret(&other, &client).await);
        assert_ne!(kid(&first), kid(&second));
        for replica in [&gateway, &other] {
            for token in [&first, &second] {
                let _ = replica.anonymous().with(token).get("/Users").await.expect(200);
            }
        }
        other.end().await;
        gateway.end().await;
    });
}

#[test]
fn a_revoked_key_is_refused_by_the_other_replica() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let other = gateway.replica().await;
        let client = with_secret(&gateway, "acme").await;
        let first = token(by_secret(&other, &client).await);
        let there = other.anonymous().with(&first);
        let _ = there.get("/Users").await.expect(200);
        let _ = gateway.operator.post("/signing-keys", &json!({ "revokeOthers": true })).await.expect(201);
        let begun = std::time::Instant::now();
        poll("the other replica refuses it", async || (there.get("/Users").await.status == 401).then_some(())).await;
        eprintln!("the other replica refused a revoked key's token after {:?}", begun.elapsed());
        let second = token(by_secret(&gateway, &client).await);
        let _ = other.anonymous().with(&second).get("/Users").await.expect(200);
        other.end().await;
        gateway.end().await;
    });
}

/// Claims under the signature of a key that nobody has stored.
fn signed_by_unknown_key(id: u128, claims: &Value) -> String {
    let key = jwt::SigningKey::ed(&uuid::Uuid::from_u128(id).to_string());
    key.sign_with(&json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key.id }), claims)
}

/// The key may become known to a replica by one token, or by a rotation of its own, while it looks at another token.
#[test]
fn a_new_key_of_the_other_replica_is_accepted_at_once() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let other = gateway.replica().await;
        let client = with_secret(&gateway, "acme").await;
        for round in 0..40 {
            let _ = other.operator.post("/signing-keys", &json!({})).await.expect(201);
            let tokens = join_all((0..8).map(async |_| token(by_secret(&other, &client).await))).await;
            let requests =
                tokens.iter().map(async |token| gateway.anonymous().with(token).get("/Schemas").await.status);
            let empty = json!({});
            let (_, statuses) = tokio::join!(gateway.operator.post("/signing-keys", &empty), join_all(requests));
            assert_eq!(statuses, [200; 8], "round {round}");
        }
        other.end().await;
        gateway.end().await;
    });
}

/// One access token costs the database a look-up of its client, and the next one none.
#[test]
fn a_second_token_is_verified_without_the_database() {
    block_on(async {
        let (gateway, proxy) = TestGateway::behind_proxy().await;
        // Its rows have the client's id.
        gateway.gateway.provisioning_log.switch(false);
        let _ = gateway.plain_tenant("acme").await;
        let client = with_secret(&gateway, "acme").await;
        let tokens = [token(by_secret(&gateway, &client).await), token(by_secret(&gateway, &client).await)];
        let id = uuid::Uuid::parse_str(&client.id).unwrap();
        let read = async |token: &str| {
            let before = proxy.times_sent(id.as_bytes());
            let _ = gateway.anonymous().with(token).get("/ServiceProviderConfig").await.expect(200);
            proxy.times_sent(id.as_bytes()) - before
        };
        assert_eq!((read(&tokens[0]).await, read(&tokens[0]).await, read(&tokens[1]).await), (1, 0, 0));
        // Without the database: 503, and never 401 for what may be valid.
        let new = token(by_secret(&gateway, &client).await);
        proxy.cut();
        for token in [&tokens[0], &new] {
            let answer = gateway.anonymous().with(token).get("/Users").await;
            assert_eq!(answer.status, 503, "{}", answer.text);
            let _ = gateway.anonymous().with(token).get("/ServiceProviderConfig").await.expect(200);
        }
        let refused = by_secret(&gateway, &client).await;
        check_refusal(&refused, 503, "temporarily_unavailable");
        assert!(!refused.header("retry-after").is_empty());
        // While several look for their keys at once, each waits for another's read, which fails.
        let forged: Vec<String> = (1..=6).map(|id| signed_by_unknown_key(id, &jwt::part(&new, 1))).collect();
        gateway.clock.advance(Duration::from_secs(2));
        let statuses =
            join_all(forged.iter().map(async |token| gateway.anonymous().with(token).get("/Users").await.status));
        assert_eq!(statuses.await, [503; 6]);
        let garbage = Request::new("GET", "/Users");
        let _ = gateway.anonymous().with("eyJ.x.y").send(garbage).await.expect(401);
        proxy.restore();
        poll("the gateway is connected again", async || {
            (gateway.anonymous().with(&new).get("/Users").await.status == 200).then_some(())
        })
        .await;
        let _ = gateway.anonymous().with(&forged[0]).get("/Users").await.expect(401);
        gateway.end().await;
    });
}
