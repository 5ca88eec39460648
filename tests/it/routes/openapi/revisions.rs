//! Revisions of a mapping, plans and shadows.

use scimgate_tests::tenant::user;
use serde_json::{Value, json};

use super::Admin;

pub(super) async fn check(admin: &Admin<'_>, mapping: &str, active: &Value) {
    let path = |rest: &str| format!("{mapping}/{rest}");
    let mut draft = active.clone();
    draft["note"] = "lower case only".into();
    draft["steps"][0]["config"]["excludeWhere"] = json!({ "path": "userName", "equals": "ada@example.com" });
    let drafted = admin.send("POST", &path("revisions"), &["acme"], &draft).await.expect(201);
    assert_eq!(drafted.body["warnings"].as_array().unwrap().len(), 1);
    let _ = admin.send("POST", &path("revisions"), &["acme"], &json!({ "steps": [] })).await.expect(400);
    let _ = admin.get(&path("revisions"), &["acme"]).await.expect(200);
    let _ = admin.get(&path("revisions/{revision}"), &["acme", "3"]).await.expect(200);
    let _ = admin.get(&path("revisions/{revision}"), &["acme", "9"]).await.expect(404);
    let _ = admin.get(&path("diff"), &["acme"]).await.expect(200);
    for (body, status) in [
        (json!({ "document": user("ada"), "draft": true }), 200),
        (json!({ "document": { "userName": "ada@example.com" }, "draft": true }), 200),
        (json!({ "document": {} }), 400),
        (json!({ "resource": "nobody" }), 404),
    ] {
        let _ = admin.send("POST", &path("preview"), &["acme"], &body).await.expect(status);
    }
    let (plan, shadow) = (path("revisions/{revision}/plan"), path("shadow"));
    let _ = admin.get(&plan, &["acme", "3"]).await.expect(404);
    let _ = admin.send("POST", &plan, &["acme", "3"], &json!({ "sample": 5 })).await.expect(202);
    let _ = admin.send("POST", &plan, &["acme", "9"], &json!({})).await.expect(404);
    let complete = scimgate_tests::poll("the plan is complete", async || {
        let answer = admin.get(&plan, &["acme", "3"]).await.expect(200);
        (answer.body["state"] == "finished").then_some(answer)
    });
    assert!(complete.await.body["examined"].is_number());
    let _ = admin.get(&shadow, &["acme"]).await.expect(404);
    let _ = admin.send("PUT", &shadow, &["acme"], &json!({ "revision": 3 })).await.expect(200);
    let _ = admin.send("PUT", &shadow, &["acme"], &json!({ "revision": 9 })).await.expect(404);
    let _ = admin.get(&shadow, &["acme"]).await.expect(200);
    let _ = admin.delete(&shadow, &["acme"]).await.expect(204);
    let activate = path("revisions/{revision}/activate");
    let _ = admin.send("POST", &activate, &["acme", "3"], &json!({ "acceptVanishing": true })).await.expect(200);
    let _ = admin.send("POST", &activate, &["acme", "3"], &json!({})).await.expect(409);
    let _ = admin.send("POST", &path("rollback"), &["acme"], &json!({})).await.expect(200);
    let _ = admin.send("POST", &path("rollback"), &["acme"], &json!({ "revision": 2 })).await.expect(409);
}
