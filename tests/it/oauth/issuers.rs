//! Keys that are read from an issuer's address: when, how often, and from where not.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use scimgate::auth::oauth::fetch::FetchRules;
use scimgate_tests::harness::block_on;
use scimgate_tests::issuer::{Issuer, Reply};
use scimgate_tests::jwt::{SigningKey, key_set};
use scimgate_tests::{Answer, Database, TestGateway, on_postgres};
use serde_json::json;

use super::assertions::federated;
use super::{by_assertion, check_refusal, claims, token};

on_postgres!(
    keys_are_fresh_for_ten_minutes_and_known_ones_used_for_a_day,
    an_unknown_key_is_looked_for_once_in_half_a_minute,
    hostile_addresses_of_keys_are_not_followed,
    private_addresses_are_refused_unless_an_operator_names_them,
);

/// Asks with a new assertion by a key.
async fn by(gateway: &TestGateway, client: &str, key: &SigningKey) -> Answer {
    by_assertion(gateway, "/oauth2/token", Some(client), &key.sign(&claims(gateway))).await
}

async fn keys_are_fresh_for_ten_minutes_and_known_ones_used_for_a_day(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let key = SigningKey::rsa("1", 2048);
    let issuer = Issuer::start(Reply::Keys(key_set(&[&key]))).await;
    issuer.trust(gateway);
    let id = federated(gateway, "acme", &json!({ "jwksUri": issuer.uri() })).await;
    for answer in join_all((0..8).map(|_| by(gateway, &id, &key))).await {
        let _ = token(answer);
    }
    assert_eq!(issuer.requests(), 1, "concurrent assertions read the keys once");
    gateway.clock.advance(Duration::from_secs(599));
    let _ = token(by(gateway, &id, &key).await);
    assert_eq!(issuer.requests(), 1);
    gateway.clock.advance(Duration::from_secs(2));
    let _ = token(by(gateway, &id, &key).await);
    assert_eq!(issuer.requests(), 2);
    // The issuer fails: known keys are used, and unknown ones are neither accepted nor called wrong.
    issuer.set(Reply::Status(500));
    gateway.clock.advance(Duration::from_hours(23));
    let _ = token(by(gateway, &id, &key).await);
    assert_eq!(issuer.requests(), 3, "it was asked");
    let unknown = SigningKey::rsa("2", 2048);
    check_refusal(&by(gateway, &id, &unknown).await, 503, "temporarily_unavailable");
    assert_eq!(issuer.requests(), 3, "and not again within half a minute");
    gateway.clock.advance(Duration::from_secs(3_601));
    check_refusal(&by(gateway, &id, &key).await, 503, "temporarily_unavailable");
    issuer.set(Reply::Keys(key_set(&[&unknown])));
    gateway.clock.advance(Duration::from_secs(31));
    let _ = token(by(gateway, &id, &unknown).await);
    check_refusal(&by(gateway, &id, &key).await, 401, "invalid_client");
}

async fn an_unknown_key_is_looked_for_once_in_half_a_minute(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let (old, new) = (SigningKey::ec("old"), SigningKey::ec("new"));
    let issuer = Issuer::start(Reply::Keys(key_set(&[&old]))).await;
    issuer.trust(gateway);
    let id = federated(gateway, "acme", &json!({ "jwksUri": issuer.uri(), "bearer": true })).await;
    let _ = token(by(gateway, &id, &old).await);
    issuer.set(Reply::Keys(key_set(&[&old, &new])));
    let forged: Vec<SigningKey> = (0..20).map(|number| SigningKey::ed(&format!("forged {number}"))).collect();
    for key in &forged {
        check_refusal(&by(gateway, &id, key).await, 401, "invalid_client");
    }
    assert_eq!(issuer.requests(), 1, "the keys were read a moment ago");
    gateway.clock.advance(Duration::from_secs(31));
    let _ = token(by(gateway, &id, &new).await);
    for key in &forged {
        check_refusal(&by(gateway, &id, key).await, 401, "invalid_client");
    }
    assert_eq!(issuer.requests(), 2);
    // A bearer assertion uses the same keys.
    let own = format!("http://{}/t/acme/scim/v2", gateway.public);
    let bearer = gateway.anonymous().with(&new.sign(&claims(gateway))).at(own);
    let _ = bearer.get("/Users").await.expect(200);
    assert_eq!(issuer.requests(), 2);
}

async fn hostile_addresses_of_keys_are_not_followed(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let key = SigningKey::ec("1");
    let issuer = Issuer::start(Reply::Status(200)).await;
    issuer.trust(gateway);
    // Where a redirect would lead: the right keys.
    let right = key_set(&[&key]).to_string();
    let many = json!({ "keys": vec![key.jwk(); 101] }).to_string();
    for (number, (what, reply)) in [
        ("a redirect to the right keys", Reply::Redirect(format!("https://127.0.0.1:{}/right", issuer.port))),
        ("a redirect into the cloud", Reply::Redirect("https://169.254.169.254/latest".into())),
        ("an endless reply", Reply::Endless),
        ("a long reply", Reply::Text(format!("{}{right}", " ".repeat(128 * 1024)))),
        ("many keys", Reply::Text(many)),
        ("a slow reply", Reply::Slow),
        ("no JSON", Reply::Text("<html>".into())),
        ("no keys", Reply::Text("{\"keys\":[]}".into())),
        ("a symmetric key", Reply::Text("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"1\",\"k\":\"c2VjcmV0\"}]}".into())),
        ("a failure", Reply::Status(500)),
        ("a status that is not 200", Reply::Status(203)),
    ]
    .into_iter()
    .enumerate()
    {
        // An address of its own, so that it is read.
        let uri = format!("{}/{number}", issuer.uri());
        let id = federated(gateway, "acme", &json!({ "jwksUri": uri })).await;
        issuer.set(reply);
        let before = issuer.requests();
        let begun = Instant::now();
        check_refusal(&by(gateway, &id, &key).await, 503, "temporarily_unavailable");
        assert_eq!(issuer.requests() - before, 1, "{what}");
        eprintln!("{what}: {:?}", begun.elapsed());
        let _ = gateway.operator.delete(&format!("/tenants/acme/oauth-clients/{id}")).await.expect(204);
    }
    issuer.set(Reply::Text(right));
    let id = federated(gateway, "acme", &json!({ "jwksUri": issuer.uri() })).await;
    let _ = token(by(gateway, &id, &key).await);
}

async fn private_addresses_are_refused_unless_an_operator_names_them(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let key = SigningKey::ec("1");
    let issuer = Issuer::start(Reply::Keys(key_set(&[&key]))).await;
    // The authority is trusted, but no network is named.
    let authorities = reqwest::Certificate::from_pem_bundle(&issuer.authority).unwrap();
    gateway.gateway.auth.oauth.set_fetch_rules(FetchRules { networks: Vec::new(), authorities });
    let port = issuer.port;
    for uri in [
        issuer.uri(),
        // By its name, which the machine itself knows.
        format!("https://localhost:{port}/keys"),
        format!("https://[::ffff:127.0.0.1]:{port}/keys"),
        format!("https://2130706433:{port}/keys"),
        format!("https://0x7f000001:{port}/keys"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[fd00:ec2::254]/latest/meta-data".to_owned(),
    ] {
        let id = federated(gateway, "acme", &json!({ "jwksUri": uri })).await;
        check_refusal(&by(gateway, &id, &key).await, 503, "temporarily_unavailable");
        let _ = gateway.operator.delete(&format!("/tenants/acme/oauth-clients/{id}")).await.expect(204);
    }
    assert_eq!(issuer.requests(), 0);
}

/// A certificate that nobody trusts is as good as none.
#[test]
fn an_unknown_authority_is_not_trusted() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let key = SigningKey::ec("1");
        let issuer = Issuer::start(Reply::Keys(key_set(&[&key]))).await;
        let networks = vec!["127.0.0.0/8".parse().unwrap()];
        gateway.gateway.auth.oauth.set_fetch_rules(FetchRules { networks, authorities: Vec::new() });
        let id = federated(&gateway, "acme", &json!({ "jwksUri": issuer.uri() })).await;
        check_refusal(&by(&gateway, &id, &key).await, 503, "temporarily_unavailable");
        assert_eq!(issuer.requests(), 0);
        gateway.end().await;
    });
}
