//! What a tenant's guard lets pass.

use std::time::Duration;

use scimgate_tests::{Request, TestGateway, on_both};
use serde_json::{Value, json};

use super::{batch, batches, check_rows, deactivate, decide, events, guarded, listed, seen, set_guard, users};

on_both!(a_new_tenant_has_a_guard_and_a_normal_leaver_passes_at_once, removals_are_counted_for_an_hour);

async fn a_new_tenant_has_a_guard_and_a_normal_leaver_passes_at_once(gateway: &TestGateway) {
    let _ = gateway.operator.post("/tenants", &json!({ "name": "newcomer" })).await.expect(201);
    let guard = gateway.operator.get("/tenants/newcomer/guard").await.expect(200).body;
    assert_eq!(guard, json!({ "users": 20, "members": 200, "percent": 2, "protected": null, "confirmFrom": 1 }));
    let tenant = gateway.plain_tenant("acme").await;
    set_guard(gateway, &guard).await;
    let ids = users(&tenant, 3).await;
    deactivate(&tenant, &ids[0]).await;
    let _ = tenant.delete(&format!("/Users/{}", ids[1])).await.expect(204);
    assert_eq!(seen(&tenant, &ids[0]).await["active"], false);
    let _ = tenant.directory(&format!("/users/{}", ids[1])).await.expect(404);
    let expected = [("user.deactivated", &ids[0]), ("user.deleted", &ids[1])];
    assert_eq!(events(&tenant, 3).await, expected.map(|(kind, id)| (kind.to_owned(), id.clone())));
    assert_eq!(batches(gateway).await, Vec::<Value>::new());

    for (guard, detail) in [
        (json!({ "users": -1 }), "users must be a whole number from 0 to 1000000."),
        (json!({ "users": 1, "percent": 101 }), "percent must be a whole number from 0 to 100."),
        (json!({ "confirmFrom": 0 }), "confirmFrom must be a whole number from 1 to 1000000."),
        (json!({ "protected": "shoeSize gt 40" }), "protected is not a filter on users: "),
    ] {
        let refusal = gateway.operator.put("/tenants/acme/guard", &guard).await.expect(400);
        assert!(refusal.body["detail"].as_str().unwrap().starts_with(detail), "{}", refusal.text);
    }
    check_rows(gateway).await;
}

async fn removals_are_counted_for_an_hour(gateway: &TestGateway) {
    let tenant = guarded(gateway, 2, 0).await;
    let ids = users(&tenant, 5).await;
    for (minutes, pair) in [(0, &ids[..2]), (61, &ids[2..4])] {
        gateway.clock.advance(Duration::from_mins(minutes));
        for id in pair {
            deactivate(&tenant, id).await;
        }
    }
    assert_eq!(batches(gateway).await, Vec::<Value>::new());
    gateway.clock.advance(Duration::from_mins(58));
    deactivate(&tenant, &ids[4]).await;
    assert_eq!(batch(gateway).await["batch"]["resources"], 1);
    assert_eq!(events(&tenant, 5).await.len(), 4);
    // A refused removal is not counted.
    assert_eq!(decide(gateway, "rejected").await, "rejected");
    gateway.clock.advance(Duration::from_mins(61));
    for _ in 0..5 {
        let stale = Request::new("DELETE", &format!("/Users/{}", ids[4])).header("if-match", "W/\"99\"");
        let _ = tenant.send(stale).await.expect(412);
    }
    for id in &ids[3..] {
        let _ = tenant.delete(&format!("/Users/{id}")).await.expect(204);
    }
    assert_eq!(listed(&tenant).await.len(), 3);
    // The share of the users counts where it is more.
    set_guard(gateway, &json!({ "users": 0, "members": 0, "percent": 100 })).await;
    gateway.clock.advance(Duration::from_mins(61));
    let _ = tenant.delete(&format!("/Users/{}", ids[0])).await.expect(204);
    assert_eq!(listed(&tenant).await.len(), 2);
}
