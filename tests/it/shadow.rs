//! A draft that also maps live writes: what it would change is counted and exemplified, and nothing else changes.

use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{TestGateway, on_both, poll};
use serde_json::{Value, json};

use crate::plan::draft;

on_both!(a_draft_maps_live_writes_and_stores_nothing, a_full_queue_drops_writes_and_counts_them);

const SHADOW: &str = "/tenants/acme/mapping/shadow";

/// The report once it has this many writes, mapped or dropped.
async fn report(gateway: &TestGateway, writes: i64) -> Value {
    poll("the report has all writes", async || {
        let report = gateway.operator.get(SHADOW).await.expect(200).body;
        let seen = report["examined"].as_i64().unwrap() + report["dropped"].as_i64().unwrap();
        (seen >= writes).then_some(report)
    })
    .await
}

async fn a_draft_maps_live_writes_and_stores_nothing(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = gateway.operator.get(SHADOW).await.expect(404);
    let ada = tenant.user("ada").await;
    let config = json!({ "buildDisplayName": true, "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    let revision = draft(gateway, &[("tutorial", config)]).await;
    let _ = gateway.operator.put(SHADOW, &json!({ "revision": revision, "percent": 0 })).await.expect(400);
    let _ = gateway.operator.put(SHADOW, &json!({ "revision": revision })).await.expect(200);
    let change = |path: &str, value: &str| patch(json!([{ "op": "replace", "path": path, "value": value }]));
    let _ = tenant.patch(&format!("/Users/{ada}"), &change("title", "Countess")).await.expect(200);
    let _ = tenant.patch(&format!("/Users/{ada}"), &change("userType", "Contractor")).await.expect(200);
    let mut named = user("bob");
    named["displayName"] = "Bob".into();
    let _ = tenant.post("/Users", &named).await.expect(201);
    let report = report(gateway, 3).await;
    let counts = ["examined", "unchanged", "changed", "newlyExcluded", "dropped"];
    assert_eq!(counts.map(|name| report[name].as_i64().unwrap()), [3, 1, 1, 1, 0], "{report}");
    assert_eq!(report["attributes"], json!({ "User": { "displayName": 1 } }));
    assert_eq!(report["examples"].as_array().unwrap().len(), 2);
    // The product sees what the active mapping makes of the writes.
    let seen = tenant.directory(&format!("/users/{ada}")).await.expect(200).body;
    assert_eq!(
        (&seen["displayName"], &seen["mappingState"], &seen["title"]),
        (&Value::Null, &json!("same"), &json!("Countess"))
    );
    let events = tenant.events().await;
    assert!(events.iter().all(|event| event["type"] != "user.deleted"), "{events:?}");

    let _ = gateway.operator.delete(SHADOW).await.expect(204);
    let _ = tenant.user("eve").await;
    let off = gateway.operator.get(SHADOW).await.expect(200).body;
    assert_eq!((&off["percent"], &off["examined"]), (&json!(0), &json!(3)));
    let _ = gateway.operator.put(SHADOW, &json!({ "revision": 9 })).await.expect(404);
}

/// No task takes writes out of this queue.
async fn a_full_queue_drops_writes_and_counts_them(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let revision = draft(gateway, &[("hostile", json!({ "do": "nothing" }))]).await;
    let _ = gateway.operator.put(SHADOW, &json!({ "revision": revision })).await.expect(200);
    let mut own = gateway.context("acme").await;
    own.gateway.shadow = std::sync::Arc::default();
    let users = own.resource_type("Users").unwrap();
    let mut big = user("ada");
    big["displayName"] = "x".repeat(900_000).into();
    let made = scimgate::operation::resource::create::run(own.clone(), users.clone(), big.clone(), None).await.unwrap();
    let id = made.id().unwrap().to_owned();
    for number in 0..20 {
        big["title"] = number.to_string().into();
        let ctx = own.clone();
        let _ = scimgate::operation::resource::replace::run(ctx, users.clone(), &id, big.clone(), None, None)
            .await
            .unwrap();
    }
    let mut collector = scimgate::operation::shadow::Collector::default();
    collector.run_queued(&own.gateway, tokio::time::Instant::now() + std::time::Duration::from_mins(1)).await;
    collector.flush(&own.gateway).await.unwrap();
    let report = report(gateway, 21).await;
    let [examined, dropped] = ["examined", "dropped"].map(|name| report[name].as_i64().unwrap());
    assert!(examined > 0 && dropped > 0 && examined + dropped == 21, "{report}");
    assert_eq!(tenant.get(&format!("/Users/{id}")).await.expect(200).body["title"], "19");
}
