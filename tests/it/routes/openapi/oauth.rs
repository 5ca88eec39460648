//! Replies about OAuth clients and signing keys.

use scimgate_tests::jwt::{SigningKey, key_set};
use serde_json::json;

use super::{Admin, TENANT};

pub(super) async fn check(admin: &Admin<'_>) {
    const KEYS: &str = "/admin/v1/signing-keys";
    let list = format!("{TENANT}/oauth-clients");
    let (one, secrets) = (format!("{list}/{{client}}"), format!("{list}/{{client}}/secrets"));
    let revoke = format!("{secrets}/{{secret}}/revoke");
    let created = admin.send("POST", &list, &["acme"], &json!({ "label": "Entra" })).await.expect(201);
    let id = created.body["clientId"].as_str().unwrap();
    let keys = json!({ "assertion": { "keys": key_set(&[&SigningKey::ed("1")]) } });
    let _ = admin.send("POST", &list, &["acme"], &keys).await.expect(201);
    let issuer = json!({ "assertion": {
        "issuer": "https://issuer.test", "subject": "me", "audience": "x", "jwksUri": "https://issuer.test/keys", "bearer": true,
    } });
    let _ = admin.send("POST", &list, &["acme"], &issuer).await.expect(201);
    let _ = admin.send("POST", &list, &["acme"], &issuer).await.expect(409);
    let _ = admin.send("POST", &list, &["acme"], &json!({ "tokenSeconds": 1 })).await.expect(400);
    let _ = admin.send("POST", &list, &["acme"], &json!({ "assertion": {} })).await.expect(400);
    let added = admin.send("POST", &secrets, &["acme", id], &json!({})).await.expect(201);
    let _ = admin.send("POST", &secrets, &["acme", "7"], &json!({})).await.expect(404);
    let _ = admin.send("POST", &secrets, &["acme", id], &json!({ "expiresInDays": 0 })).await.expect(400);
    let _ = admin.send("POST", &revoke, &["acme", id, &added.id()], &json!({})).await.expect(204);
    let _ = admin.send("POST", &revoke, &["acme", id, id], &json!({})).await.expect(404);
    let _ = admin.get(&list, &["acme"]).await.expect(200);
    let _ = admin.delete(&one, &["acme", id]).await.expect(204);
    let _ = admin.delete(&one, &["acme", id]).await.expect(404);
    assert!(admin.get(&list, &["acme"]).await.body["oauthClients"][0]["deletedAt"].is_string());
    for revoke_others in [false, true] {
        let _ = admin.send("POST", KEYS, &[], &json!({ "revokeOthers": revoke_others })).await.expect(201);
    }
    let _ = admin.send("POST", KEYS, &[], &json!({ "revoke": 1 })).await.expect(400);
    let _ = admin.get(KEYS, &[]).await.expect(200);
}
