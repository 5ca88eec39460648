//! Replies about single resources: explanations and held changes.

use scimgate_tests::tenant::user;
use scimgate_tests::{Answer, Client, Request};

use serde_json::{Value, json};

use super::{Admin, TENANT};

/// With the tenant and the mapping of the checks before.
pub(super) async fn check(admin: &Admin<'_>) {
    let explanation = format!("{TENANT}/explanation");
    let unmapped = format!("{TENANT}/unmapped");
    let scim = admin.gateway.token("acme", "scim").await.1;
    let scim = admin.gateway.anonymous().with(&scim);
    for name in ["explained", "other"] {
        let _ = scim.post("/Users", &user(name)).await.expect(201);
    }
    for (query, status) in [("resource=explained", 200), ("resource=nobody", 404), ("", 400)] {
        let answer = get_with(admin, &explanation, "acme", query).await.expect(status);
        assert_eq!(answer.body["sentences"].is_array(), status == 200);
    }
    for (query, status) in [("state=excluded&limit=1", 200), ("state=new", 400)] {
        let _ = get_with(admin, &unmapped, "acme", query).await.expect(status);
    }
    check_held(admin, &scim).await;
    check_sso_subject(admin).await;
    check_operators(admin).await;
    check_health(admin).await;
}

async fn check_sso_subject(admin: &Admin<'_>) {
    let path = format!("{TENANT}/sso-subject");
    let _ = admin.get(&path, &["acme"]).await.expect(200);
    for (wanted, status) in [(json!("userName"), 200), (json!(null), 200), (json!("active"), 400)] {
        let _ = admin.send("PUT", &path, &["acme"], &json!({ "path": wanted })).await.expect(status);
    }
    let _ = admin.get(&path, &["none"]).await.expect(404);
}

async fn check_operators(admin: &Admin<'_>) {
    let keys = "/admin/v1/operator-keys";
    let issued = admin.send("POST", keys, &[], &json!({ "scopes": ["read"], "label": "auditors" })).await.expect(201);
    let _ = admin.send("POST", keys, &[], &json!({ "scopes": [] })).await.expect(400);
    let _ = admin.get(keys, &[]).await.expect(200);
    let one = format!("{keys}/{{key}}");
    let _ = admin.delete(&one, &[&issued.id()]).await.expect(204);
    let _ = admin.delete(&one, &["none"]).await.expect(404);
    let page = get_with(admin, "/admin/v1/audit", "", "limit=2").await.expect(200).body;
    assert!(page["next"].is_string(), "{page}");
    let _ = get_with(admin, "/admin/v1/audit", "", "limit=0").await.expect(400);
}

async fn check_health(admin: &Admin<'_>) {
    let path = format!("{TENANT}/health");
    let shown = admin.get(&path, &["acme"]).await.expect(200).body;
    assert!(shown["traffic"].is_object(), "{shown}");
    let _ = admin.get(&path, &["none"]).await.expect(404);
    let all = get_with(admin, "/admin/v1/health", "", "order=name&limit=1").await.expect(200).body;
    assert_eq!(all["tenants"].as_array().unwrap().len(), 1);
    let _ = get_with(admin, "/admin/v1/health", "", "order=size").await.expect(400);
}

/// With query parameters, which are not a part of the template.
async fn get_with(admin: &Admin<'_>, path: &str, tenant: &str, query: &str) -> Answer {
    let filled = path.replace("{tenant}", tenant);
    let request = Request::new("GET", &format!("{}?{query}", filled.strip_prefix("/admin/v1").unwrap()));
    let answer = admin.gateway.operator.send(request).await;
    admin.document.check(path, &answer);
    answer
}

async fn check_held(admin: &Admin<'_>, scim: &Client) {
    let (guard, held) = (format!("{TENANT}/guard"), format!("{TENANT}/held"));
    let _ = admin.get(&guard, &["acme"]).await.expect(200);
    let _ = admin.send("PUT", &guard, &["acme"], &json!({ "users": -1 })).await.expect(400);
    let zero = json!({ "users": 0, "members": 0, "percent": 0, "protected": "title eq \"Countess\"" });
    let _ = admin.send("PUT", &guard, &["acme"], &zero).await.expect(200);
    let user = scim.get("/Users?filter=userName eq \"explained@corp.test\"").await.body["Resources"][0]["id"].clone();
    let _ = scim.delete(&format!("/Users/{}", user.as_str().unwrap())).await.expect(204);
    let explanation = format!("{TENANT}/explanation");
    let explained = get_with(admin, &explanation, "acme", "resource=explained").await.expect(200);
    assert!(explained.body["held"].is_string(), "{}", explained.text);
    let listed = admin.get(&held, &["acme"]).await.expect(200).body;
    let batch = listed["batches"][0]["id"].as_str().unwrap();
    let one = format!("{held}/{{batch}}");
    let shown = admin.get(&one, &["acme", batch]).await.expect(200).body;
    assert_eq!(shown["resources"][0]["name"], "explained@corp.test");
    let _ = admin.get(&one, &["acme", "none"]).await.expect(404);
    let release = json!({ "state": "released" });
    let decided = admin.send("PATCH", &one, &["acme", batch], &release).await.expect(200).body;
    assert!(decided["decidedBy"] != Value::Null);
    let _ = admin.send("PATCH", &one, &["acme", batch], &json!({ "state": "rejected" })).await.expect(409);
    let _ = admin.send("PATCH", &one, &["acme", batch], &json!({ "state": "open" })).await.expect(400);
    let _ = admin.send("PUT", &guard, &["acme"], &json!({})).await.expect(200);
}
