//! Rows that cannot be read. That is an internal error and not an outage: after a 503 a provider would retry for ever.

use futures_util::future::join_all;
use scimgate_tests::{Client, TestGateway, on_postgres};

on_postgres!(a_corrupt_credential_is_500_for_every_request, corrupt_settings_are_500_for_every_request);

/// Sends requests that share one look-up.
async fn check_all_500(client: &Client) {
    for answer in join_all((0..8).map(|_| client.get("/Users"))).await {
        let answer = answer.expect(500);
        assert!(answer.headers.get("retry-after").is_none());
        answer.check_scim();
    }
}

async fn a_corrupt_credential_is_500_for_every_request(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let (_, token) = gateway.token("acme", "scim").await;
    let corrupt = "ALTER TABLE credential DROP CONSTRAINT credential_scope_check; UPDATE credential SET scope = 'none'";
    gateway.store().await.batch_execute(corrupt).await.unwrap();
    check_all_500(&acme.scim.with(&token)).await;
}

async fn corrupt_settings_are_500_for_every_request(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let corrupt = "INSERT INTO schema_definition (tenant_id, id, resource_type, directory_only, definition, created_at)
      SELECT id, 'urn:x', 'User', false, '{', now() FROM tenant";
    gateway.store().await.batch_execute(corrupt).await.unwrap();
    check_all_500(&acme.scim).await;
}
