//! Replies about setup links.

use serde_json::json;

use super::{Admin, TENANT};

pub(super) async fn check(admin: &Admin<'_>) {
    let list = format!("{TENANT}/setup-links");
    let one = format!("{list}/{{link}}");
    let wanted = json!({ "provider": "entra", "method": "workload-identity", "label": "Entra", "expiresInHours": 8 });
    let created = admin.send("POST", &list, &["acme"], &wanted).await.expect(201);
    let _ = admin.send("POST", &list, &["acme"], &json!({ "credentialDays": 30 })).await.expect(201);
    let _ = admin.send("POST", &list, &["acme"], &json!({ "expiresInHours": 0 })).await.expect(400);
    let _ = admin.delete(&one, &["acme", &created.id()]).await.expect(204);
    let _ = admin.delete(&one, &["acme", "7"]).await.expect(404);
    let listed = admin.get(&list, &["acme"]).await.expect(200);
    assert!(listed.body["setupLinks"][0]["revokedAt"].is_string());
}
