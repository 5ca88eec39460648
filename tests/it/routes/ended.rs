//! Credentials that were valid: each has been used, and was then revoked or has expired.

use std::time::Duration;

use scimgate_tests::{Client, TestGateway};
use serde_json::{Value, json};

use super::Surface;
use crate::oauth::{by_secret, token, with_secret};

/// Longer than the credentials live that are to expire.
const LATER: Duration = Duration::from_hours(49);

/// A credential of a surface, and how an operator revokes it.
struct Issued {
    surface: Surface,
    client: Client,
    revoke: String,
}

/// Two of each kind for the tenant `acme`: one that is revoked, and one that expires.
pub(super) async fn ended(gateway: &TestGateway) -> Vec<(Surface, Client)> {
    let mut ended = Vec::new();
    for is_revoked in [true, false] {
        for issued in [
            secret_of_scope(gateway, "scim").await,
            secret_of_scope(gateway, "directory").await,
            key(gateway).await,
            access(gateway).await,
        ] {
            let path = match issued.surface {
                Surface::Admin => "/admin/v1/tenants",
                Surface::Directory => "/directory/v1/Users",
                _ => "/Users",
            };
            let _ = issued.client.get(path).await.expect(200);
            if is_revoked {
                let _ = gateway.operator.delete(&issued.revoke).await.expect(204);
            }
            ended.push((issued.surface, issued.client));
        }
    }
    gateway.clock.advance(LATER);
    ended
}

async fn secret_of_scope(gateway: &TestGateway, scope: &str) -> Issued {
    let wanted = json!({ "scope": scope, "expiresInDays": 1 });
    let issued = gateway.operator.post("/tenants/acme/tokens", &wanted).await.expect(201);
    let revoke = format!("/tenants/acme/tokens/{}", issued.id());
    let (surface, base) = match scope {
        "scim" => (Surface::Scim, gateway.anonymous().base),
        _ => (Surface::Directory, super::internal(gateway).base),
    };
    Issued { surface, client: Client::new(base).with(secret(&issued.body)), revoke }
}

async fn key(gateway: &TestGateway) -> Issued {
    let wanted = json!({ "label": "ended", "scopes": ["everything"], "expiresInDays": 1 });
    let issued = gateway.operator.post("/operator-keys", &wanted).await.expect(201);
    let revoke = format!("/operator-keys/{}", issued.id());
    Issued { surface: Surface::Admin, client: super::internal(gateway).with(secret(&issued.body)), revoke }
}

/// An access token, which ends with its client or after an hour.
async fn access(gateway: &TestGateway) -> Issued {
    let oauth = with_secret(gateway, "acme").await;
    let client = gateway.anonymous().with(&token(by_secret(gateway, &oauth).await));
    Issued { surface: Surface::Scim, client, revoke: format!("/tenants/acme/oauth-clients/{}", oauth.id) }
}

fn secret(issued: &Value) -> &str {
    issued["secret"].as_str().unwrap()
}
