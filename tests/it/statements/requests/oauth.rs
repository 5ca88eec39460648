//! Statements of OAuth clients, of what they present, and of the keys that sign access tokens.

use std::time::Duration;

use scimgate::store::oauth::{AssertionRow, OauthClient, OauthSecret};
use scimgate_tests::{Tenant, TestGateway};
use serde_json::json;

use super::fine;

pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant, round: &str) {
    let (store, now) = (&gateway.gateway.store, gateway.clock.now());
    let (own, control) = (format!("/tenants/{}/oauth-clients", tenant.name), store.control());
    let _ = fine(gateway.operator.post("/signing-keys", &json!({})).await.expect(201));
    let _ = fine(gateway.operator.get("/signing-keys").await.expect(200));
    let created = fine(gateway.operator.post(&own, &json!({})).await.expect(201));
    let id = created.body["clientId"].as_str().unwrap();
    let secret = created.body["secrets"][0]["id"].as_str().unwrap().to_owned();
    let _ = fine(gateway.operator.get(&own).await.expect(200));
    let _ = fine(gateway.operator.post(&format!("{own}/{id}/secrets/{secret}/revoke"), &json!({})).await.expect(204));
    let _ = fine(gateway.operator.delete(&format!("{own}/{id}")).await.expect(204));
    let store = store.tenant(control.find_tenant(&tenant.name).await.unwrap().unwrap().id);
    let assertion = AssertionRow {
        issuer: Some("https://issuer.test".into()),
        subject: Some(round.into()),
        audience: Some("api://x".into()),
        jwks: Some("{}".into()),
        jwks_uri: None,
        bearer: false,
    };
    let client = OauthClient {
        id: gateway.clock.new_id(),
        label: round.into(),
        token_seconds: 3_600,
        assertion: Some(assertion.clone()),
        created_at: now,
        deleted_at: None,
        setup_link: None,
    };
    assert!(store.insert_oauth_client(&client, 1_000).await.unwrap());
    let stored = OauthSecret {
        id: gateway.clock.new_id(),
        last_four: "last".into(),
        created_at: now,
        expires_at: now + Duration::from_mins(1),
        revoked_at: None,
    };
    let digest = round.as_bytes();
    assert!(store.insert_oauth_secret(client.id, &stored, digest, 1_000).await.unwrap());
    let (found, with_secret) = control.find_oauth_client(client.id, Some(digest), now).await.unwrap().unwrap();
    assert_eq!((found.client.assertion, with_secret.unwrap().id), (Some(assertion), stored.id));
    let by_issuer = control.find_oauth_client_of_issuer(&tenant.name, "https://issuer.test", round).await.unwrap();
    assert_eq!(by_issuer.unwrap().client.id, client.id);
    let expires_at = now + Duration::from_mins(1);
    assert!(store.use_assertion(digest, expires_at, now).await.unwrap());
    assert!(!store.use_assertion(digest, expires_at, now).await.unwrap());
}
