//! Assertions as an issuer signs them for its provisioning service, and every way to forge one.

use serde_json::{Value, json};

use crate::jwt::{SigningKey, encoded};

/// The issuer: a tenant of Entra.
pub const ISSUER: &str = "https://login.microsoftonline.com/3f6c0000-0000-4000-8000-00000000a11c/v2.0";
/// The subject: the provisioning service in that tenant.
pub const SUBJECT: &str = "5c1d0000-0000-4000-8000-00000000b0b5";
/// The audience that the client is configured with.
pub const AUDIENCE: &str = "api://0b7a0000-0000-4000-8000-0000000000af";

/// Claims as Entra's provisioning service sends them, valid for an hour.
#[must_use]
pub fn claims(now: u64) -> Value {
    let mut claims: Value = serde_json::from_str(include_str!("../testdata/oauth/entra-assertion.json")).unwrap();
    for (name, at) in [("iat", now - 300), ("nbf", now - 300), ("exp", now + 3_600)] {
        claims[name] = at.into();
    }
    claims["uti"] = uuid::Uuid::new_v4().to_string().into();
    claims
}

/// The claims with one of them changed, or without it.
#[must_use]
pub fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut changed = claims.clone();
    if value.is_null() {
        let _ = changed.as_object_mut().unwrap().remove(name);
    } else {
        changed[name] = value;
    }
    changed
}

/// HMAC-SHA-256 with the public key as the secret, as a confused verifier would accept it.
fn by_public_key(key: &SigningKey, claims: &Value) -> String {
    let message =
        format!("{}.{}", encoded(json!({ "alg": "HS256", "kid": key.id }).to_string()), encoded(claims.to_string()));
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.jwk().to_string().as_bytes());
    let signature = ring::hmac::sign(&secret, message.as_bytes());
    format!("{message}.{}", encoded(signature))
}

/// Every way to be wrong, each with what is wrong.
#[must_use]
pub fn forgeries(now: u64, key: &SigningKey) -> Vec<(&'static str, String)> {
    let good = claims(now);
    let stranger = SigningKey::rsa("entra", 2048);
    let header = |more: Value| {
        let mut header = json!({ "typ": "JWT", "alg": "RS256", "kid": "entra" });
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        header
    };
    let signed = key.sign(&good);
    let parts: Vec<&str> = signed.split('.').collect();
    let none = encoded(json!({ "alg": "none", "kid": "entra" }).to_string());
    let keyed = |more: Value| stranger.sign_with(&header(more), &good);
    let mut cases = vec![
        ("alg none", format!("{none}.{}.", parts[1])),
        ("alg none with a signature", format!("{none}.{}.{}", parts[1], parts[2])),
        ("alg None", key.sign_with(&header(json!({ "alg": "None" })), &good)),
        ("HS256 with the public key", by_public_key(key, &good)),
        ("an algorithm that is not allowed", key.sign_with(&header(json!({ "alg": "RS512" })), &good)),
        ("an algorithm of another family", key.sign_with(&header(json!({ "alg": "ES256" })), &good)),
        ("another key", stranger.sign(&good)),
        ("another key in the header", keyed(json!({ "jwk": stranger.jwk() }))),
        ("another key by jku", keyed(json!({ "jku": "https://127.0.0.1:1/keys" }))),
        ("another key by x5u", keyed(json!({ "x5u": "https://127.0.0.1:1/chain.pem" }))),
        ("an unknown kid", key.sign_with(&header(json!({ "kid": "other" })), &good)),
        ("a path as the kid", key.sign_with(&header(json!({ "kid": "../../../../dev/null" })), &good)),
        ("SQL as the kid", key.sign_with(&header(json!({ "kid": "entra' OR '1'='1" })), &good)),
        ("a kid that is not text", key.sign_with(&header(json!({ "kid": 1 })), &good)),
        ("an unknown critical header", key.sign_with(&header(json!({ "crit": ["x"], "x": 1 })), &good)),
        ("changed claims", format!("{}.{}.{}", parts[0], encoded(with(&good, "x", json!(1)).to_string()), parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{signed}.x")),
        ("no text", String::new()),
        ("too long", key.sign(&with(&good, "x", json!("a".repeat(20_000))))),
    ];
    for (what, name, value) in [
        ("expired", "exp", json!(now - 60)),
        ("just expired, which the skew would allow, but no token could outlive it", "exp", json!(now)),
        ("no exp", "exp", Value::Null),
        ("exp is text", "exp", json!((now + 600).to_string())),
        ("exp is beyond all time", "exp", json!(1e300)),
        ("valid for two days", "exp", json!(now + 48 * 3_600)),
        ("not valid yet", "nbf", json!(now + 61)),
        ("nbf is text", "nbf", json!("yesterday")),
        ("another issuer", "iss", json!("https://login.microsoftonline.com/other/v2.0")),
        ("no issuer", "iss", Value::Null),
        ("two issuers", "iss", json!([ISSUER, "x"])),
        ("another audience", "aud", json!("api://other")),
        ("no audience", "aud", Value::Null),
        ("the audience is a number", "aud", json!(1)),
        ("another subject", "sub", json!("other")),
        ("no subject", "sub", Value::Null),
    ] {
        cases.push((what, key.sign(&with(&good, name, value))));
    }
    cases
}
