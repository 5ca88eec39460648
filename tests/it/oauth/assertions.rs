//! Assertions at the token endpoint: those that a client signs itself, and those of another issuer. Keys are configured here;
//! `issuers.rs` has those that are read from an address.

use std::time::Duration;

use scimgate_tests::assertion::{AUDIENCE, ISSUER, SUBJECT, forgeries, with};
use scimgate_tests::harness::block_on;
use scimgate_tests::jwt::{SigningKey, key_set, part};
use scimgate_tests::{Database, TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

use super::{ask, by_assertion, check_refusal, claims, create, now, token};

on_both!(a_client_signs_its_assertion_itself);
on_postgres!(
    an_assertion_of_another_issuer_gets_a_token_that_does_not_outlive_it,
    forged_assertions_are_refused,
    an_assertion_is_a_bearer_token_only_where_it_is_allowed,
    what_cannot_be_an_assertion_is_refused_when_it_is_configured,
);

/// Creates a client for the issuer's assertions; returns its id.
pub(super) async fn federated(gateway: &TestGateway, tenant: &str, more: &Value) -> String {
    let mut assertion = json!({ "issuer": ISSUER, "subject": SUBJECT, "audience": AUDIENCE });
    assertion.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let created = create(gateway, tenant, &json!({ "assertion": assertion })).await;
    assert!(created.get("clientSecret").is_none(), "there is no secret");
    created["clientId"].as_str().unwrap().to_owned()
}

async fn a_client_signs_its_assertion_itself(gateway: &TestGateway) {
    let (_, _) = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
    let keys = [SigningKey::ed("1"), SigningKey::ec("2"), SigningKey::rsa("3", 2048)];
    let configured = json!({ "assertion": { "keys": key_set(&[&keys[0], &keys[1], &keys[2]]) } });
    let created = create(gateway, "acme", &configured).await;
    let id = created["clientId"].as_str().unwrap();
    let origin = format!("http://{}", gateway.public);
    let claims = |audience: &str, jti: &str| json!({ "iss": id, "sub": id, "aud": audience, "exp": now(gateway) + 60, "iat": now(gateway), "jti": jti });
    for (key, jti) in keys.iter().zip(["a", "b", "c"]) {
        let assertion = key.sign(&claims(&format!("{origin}/oauth2/token"), jti));
        let token = token(by_assertion(gateway, "/oauth2/token", None, &assertion).await);
        let _ = gateway.anonymous().with(&token).get("/Users").await.expect(200);
        check_refusal(&by_assertion(gateway, "/oauth2/token", None, &assertion).await, 401, "invalid_client");
    }
    // PS256 by the same RSA key; the tenant's own address; the issuer's identifier as the audience.
    let header = json!({ "alg": "PS256", "kid": "3" });
    let assertion = keys[2].sign_with(&header, &claims(&format!("{origin}/t/acme"), "d"));
    let _ = token(by_assertion(gateway, "/t/acme/oauth2/token", Some(id), &assertion).await);
    for (what, path, claims) in [
        ("another tenant's address", "/t/globex/oauth2/token", claims(&format!("{origin}/oauth2/token"), "e")),
        ("another audience", "/oauth2/token", claims("https://scim.example.com/oauth2/token", "f")),
        (
            "another issuer",
            "/oauth2/token",
            with(&claims(&format!("{origin}/oauth2/token"), "g"), "iss", json!(ISSUER)),
        ),
    ] {
        let answer = by_assertion(gateway, path, Some(id), &keys[0].sign(&claims)).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    }
    // Refused for the address alone, it was not used.
    let again = keys[0].sign(&claims(&format!("{origin}/oauth2/token"), "e"));
    let _ = token(by_assertion(gateway, "/oauth2/token", Some(id), &again).await);
}

async fn an_assertion_of_another_issuer_gets_a_token_that_does_not_outlive_it(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let key = SigningKey::rsa("entra", 2048);
    let id = federated(gateway, "acme", &json!({ "keys": key_set(&[&key]) })).await;
    let base = claims(gateway);
    for (life, expected) in [(3_600, 3_600), (7_200, 3_600), (120, 120)] {
        let claims = with(&with(&base, "exp", (now(gateway) + life).into()), "uti", json!(format!("life {life}")));
        let answer = by_assertion(gateway, "/oauth2/token", Some(&id), &key.sign(&claims)).await.expect(200);
        assert_eq!(answer.body["expires_in"], expected);
        let token = token(answer);
        assert_eq!(part(&token, 1)["exp"], now(gateway) + expected);
        let _ = gateway.anonymous().with(&token).get("/Users").await.expect(200);
    }
    // At the tenant's address the client need not be named.
    let unnamed = with(&base, "uti", json!("unnamed"));
    let _ = token(by_assertion(gateway, "/t/acme/oauth2/token", None, &key.sign(&unnamed)).await);
    let unnamed = key.sign(&with(&base, "uti", json!("unnamed again")));
    check_refusal(&by_assertion(gateway, "/oauth2/token", None, &unnamed).await, 401, "invalid_client");
    // As a grant (RFC 7523 §2.1).
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let assertion = key.sign(&with(&base, "uti", json!("grant")));
    let parameters = [grant, ("client_id", id.as_str()), ("assertion", assertion.as_str())];
    let _ = token(ask(gateway, &parameters).await);
    check_refusal(&ask(gateway, &parameters).await, 400, "invalid_grant");
    // A deleted client's tokens and assertions end at once.
    let last =
        token(by_assertion(gateway, "/oauth2/token", Some(&id), &key.sign(&with(&base, "uti", json!("z")))).await);
    let _ = gateway.operator.delete(&format!("/tenants/acme/oauth-clients/{id}")).await.expect(204);
    let _ = gateway.anonymous().with(&last).get("/Users").await.expect(401);
    let refused = by_assertion(gateway, "/oauth2/token", Some(&id), &key.sign(&claims(gateway))).await;
    check_refusal(&refused, 401, "invalid_client");
}

async fn forged_assertions_are_refused(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let key = SigningKey::rsa("entra", 2048);
    let id = federated(gateway, "acme", &json!({ "keys": key_set(&[&key]), "bearer": true })).await;
    let first = key.sign(&claims(gateway));
    let _ = token(by_assertion(gateway, "/oauth2/token", Some(&id), &first).await);
    let tenant = format!("http://{}/t/acme/scim/v2", gateway.public);
    let mut texts = Vec::new();
    let mut cases = forgeries(now(gateway), &key);
    cases.push(("replayed", first));
    let mut slowest = (Duration::ZERO, "");
    for (what, assertion) in &cases {
        let begun = std::time::Instant::now();
        let answer = by_assertion(gateway, "/oauth2/token", Some(&id), assertion).await;
        slowest = slowest.max((begun.elapsed(), what));
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        check_refusal(&answer, 401, "invalid_client");
        texts.push(answer.text);
        // As a bearer token it is no better, except that it may be used again, and a little after it has expired.
        if !matches!(*what, "replayed" | "no text") && !what.starts_with("just expired") {
            let answer = gateway.anonymous().with(assertion).at(tenant.clone()).get("/Users").await;
            assert_eq!(answer.status, 401, "{what}, as a bearer token: {}", answer.text);
        }
    }
    eprintln!("{} forged assertions; the slowest reply took {slowest:?}, with the connection", cases.len());
    assert!(texts.iter().all(|text| *text == texts[0]), "the reply does not say what is wrong");
    // Nothing of this has spoiled what is right.
    let _ = token(by_assertion(gateway, "/oauth2/token", Some(&id), &key.sign(&claims(gateway))).await);
    let late = with(&claims(gateway), "nbf", (now(gateway) + 59).into());
    let _ = token(by_assertion(gateway, "/oauth2/token", Some(&id), &key.sign(&late)).await);
    let several = with(&claims(gateway), "aud", json!(["x", AUDIENCE]));
    let _ = token(by_assertion(gateway, "/oauth2/token", Some(&id), &key.sign(&several)).await);
}

/// Entra signs such tokens itself where an administrator leaves the secret empty: an issuer of its own, a fixed audience.
async fn an_assertion_is_a_bearer_token_only_where_it_is_allowed(gateway: &TestGateway) {
    let (_, _) = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
    let key = SigningKey::rsa("entra", 2048);
    let mut entra: Value = serde_json::from_str(include_str!("../../testdata/oauth/entra-bearer.json")).unwrap();
    for (name, at) in [("iat", now(gateway)), ("nbf", now(gateway)), ("exp", now(gateway) + 3_600)] {
        entra[name] = at.into();
    }
    let row =
        json!({ "issuer": entra["iss"], "subject": entra["sub"], "audience": entra["aud"], "keys": key_set(&[&key]) });
    let without = federated(gateway, "acme", &row).await;
    let bearer = gateway.anonymous().with(&key.sign(&entra));
    let at = |name: &str| bearer.at(format!("http://{}/t/{name}/scim/v2", gateway.public));
    let _ = at("acme").get("/Users").await.expect(401);
    let _ = gateway.operator.delete(&format!("/tenants/acme/oauth-clients/{without}")).await.expect(204);
    let mut allowed = row.clone();
    allowed["bearer"] = true.into();
    let id = federated(gateway, "acme", &allowed).await;
    // It was refused a moment ago, which is remembered for five seconds by the machine's clock: another token.
    let bearer = gateway.anonymous().with(&key.sign(&with(&entra, "uti", json!("second"))));
    let at = |name: &str| bearer.at(format!("http://{}/t/{name}/scim/v2", gateway.public));
    for _ in 0..2 {
        let _ = at("acme").get("/Users").await.expect(200);
    }
    let _ = at("globex").get("/Users").await.expect(401);
    let _ = bearer.get("/Users").await.expect(401);
    gateway.clock.advance(Duration::from_secs(3_659));
    let _ = at("acme").get("/Users").await.expect(200);
    gateway.clock.advance(Duration::from_secs(1));
    let _ = at("acme").get("/Users").await.expect(401);
    let third = with(&with(&entra, "uti", json!("third")), "exp", (now(gateway) + 3_600).into());
    let bearer = gateway.anonymous().with(&key.sign(&third));
    let own = bearer.at(format!("http://{}/t/acme/scim/v2", gateway.public));
    let _ = own.get("/Users").await.expect(200);
    let _ = gateway.operator.delete(&format!("/tenants/acme/oauth-clients/{id}")).await.expect(204);
    let _ = own.get("/Users").await.expect(401);
}

async fn what_cannot_be_an_assertion_is_refused_when_it_is_configured(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let keys = key_set(&[&SigningKey::ed("1")]);
    let whole = json!({ "issuer": ISSUER, "subject": SUBJECT, "audience": AUDIENCE, "keys": keys });
    let symmetric = json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] });
    for (what, name, value) in [
        ("no keys", "keys", Value::Null),
        ("keys twice", "jwksUri", json!("https://issuer.test/keys")),
        ("a symmetric key", "keys", symmetric),
        ("no key at all", "keys", json!({ "keys": [] })),
        ("no key set", "keys", json!("keys")),
        ("no subject", "subject", Value::Null),
        ("no audience", "audience", Value::Null),
        ("no issuer", "issuer", Value::Null),
        ("an empty issuer", "issuer", json!("")),
        ("a long issuer", "issuer", json!("a".repeat(501))),
        ("an unknown member", "algorithms", json!(["HS256"])),
    ] {
        let wanted = json!({ "assertion": with(&whole, name, value) });
        let answer = gateway.operator.post("/tenants/acme/oauth-clients", &wanted).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text);
    }
    for uri in ["http://issuer.test/keys", "https://user@issuer.test/keys", "ftp://issuer.test", "/keys", ""] {
        let wanted = json!({ "assertion": with(&with(&whole, "keys", Value::Null), "jwksUri", json!(uri)) });
        let _ = gateway.operator.post("/tenants/acme/oauth-clients", &wanted).await.expect(400);
    }
    let _ = gateway.operator.post("/tenants/acme/oauth-clients", &json!({ "assertion": whole })).await.expect(201);
    let _ = gateway.operator.post("/tenants/acme/oauth-clients", &json!({ "assertion": whole })).await.expect(409);
    let own = json!({ "assertion": { "keys": key_set(&[&SigningKey::ed("1")]), "bearer": true } });
    let _ = gateway.operator.post("/tenants/acme/oauth-clients", &own).await.expect(400);
}

/// The replicas share what was used, through the database.
#[test]
fn an_assertion_is_accepted_once_by_all_replicas() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let other = gateway.replica().await;
        let key = SigningKey::ec("entra");
        let id = federated(&gateway, "acme", &json!({ "keys": key_set(&[&key]) })).await;
        for round in 0..10 {
            let assertion = key.sign(&with(&claims(&gateway), "uti", json!(round.to_string())));
            let send = |to| by_assertion(to, "/oauth2/token", Some(&id), &assertion);
            let (one, two, three) = tokio::join!(send(&gateway), send(&other), send(&other));
            let mut statuses = [one.status, two.status, three.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 401, 401], "{}\n{}\n{}", one.text, two.text, three.text);
        }
        // The same claims signed again have the same id.
        let claims = claims(&gateway);
        let _ = token(by_assertion(&gateway, "/oauth2/token", Some(&id), &key.sign(&claims)).await);
        let refused = by_assertion(&other, "/oauth2/token", Some(&id), &key.sign(&claims)).await;
        check_refusal(&refused, 401, "invalid_client");
        // What has expired is forgotten as others are used.
        gateway.clock.advance(Duration::from_secs(4_000));
        let _ = token(by_assertion(&gateway, "/oauth2/token", Some(&id), &key.sign(&super::claims(&gateway))).await);
        let sql = "SELECT count(*) FROM used_assertion";
        assert_eq!(gateway.store().await.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 1);
        other.end().await;
        gateway.end().await;
    });
}
