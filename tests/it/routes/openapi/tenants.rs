//! Replies about tenants, their names and their erasure.

use serde_json::json;

use super::{Admin, TENANT};

pub(super) async fn check(admin: &Admin<'_>) {
    const LIST: &str = "/admin/v1/tenants";
    let _ = admin.send("POST", LIST, &[], &json!({ "name": "Acme" })).await.expect(400);
    let _ = admin.send("POST", LIST, &[], &json!({ "name": "acme" })).await.expect(201);
    let _ = admin.send("POST", LIST, &[], &json!({ "name": "acme" })).await.expect(409);
    let _ = admin.send("POST", LIST, &[], &json!({ "name": "a".repeat(1 << 20) })).await.expect(413);
    let _ = admin.get(LIST, &[]).await.expect(200);
    let _ = admin.get(TENANT, &["acme"]).await.expect(200);
    let _ = admin.get(TENANT, &["globex"]).await.expect(404);
    for state in ["suspended", "active"] {
        let changed = admin.send("PATCH", TENANT, &["acme"], &json!({ "state": state })).await.expect(200);
        assert_eq!(changed.body["state"], state);
    }
    let _ = admin.send("POST", LIST, &[], &json!({ "name": "initech" })).await.expect(201);
    let _ = admin.delete(TENANT, &["initech"]).await.expect(204);
    let retention = json!({ "retention": { "tombstoneDays": 7, "eventDays": 60 } });
    let _ = admin.send("PATCH", TENANT, &["acme"], &retention).await.expect(200);
    let _ = admin.send("PATCH", TENANT, &["acme"], &json!({ "retention": { "eventDays": 0 } })).await.expect(400);
    names(admin).await;
    erasures(admin).await;
}

async fn names(admin: &Admin<'_>) {
    let former = format!("{TENANT}/former-names/{{former}}");
    let renamed = admin.send("PATCH", TENANT, &["acme"], &json!({ "name": "acme-eu" })).await.expect(200);
    assert_eq!(renamed.body["formerNames"], json!(["acme"]));
    let _ = admin.send("PATCH", TENANT, &["acme-eu"], &json!({ "name": "Acme" })).await.expect(400);
    let _ = admin.send("PATCH", TENANT, &["acme-eu"], &json!({ "name": "acme" })).await.expect(200);
    let _ = admin.delete(&former, &["acme", "acme-eu"]).await.expect(200);
    let _ = admin.delete(&former, &["acme", "acme-eu"]).await.expect(404);
}

async fn erasures(admin: &Admin<'_>) {
    const LIST: &str = "/admin/v1/erasures";
    let (begin, one) = (format!("{TENANT}/erasure"), format!("{LIST}/{{erased}}"));
    let deleted = admin.get("/admin/v1/deleted-tenants", &[]).await.expect(200);
    assert_eq!(deleted.body["tenants"][0]["name"], "initech");
    let _ = admin.send("POST", &begin, &["initech"], &json!({ "confirm": "acme" })).await.expect(400);
    let _ = admin.send("POST", &begin, &["none"], &json!({ "confirm": "none" })).await.expect(404);
    let begun = admin.send("POST", &begin, &["initech"], &json!({ "confirm": "initech" })).await.expect(202);
    let id = begun.body["tenant"].as_str().unwrap();
    let _ = crate::tenant_life::finished(admin.gateway, id).await;
    let shown = admin.get(&one, &[id]).await.expect(200);
    assert_eq!(shown.body["proof"]["rows"], 0);
    let _ = admin.get(&one, &["none"]).await.expect(404);
    let _ = admin.get(LIST, &[]).await.expect(200);
}
