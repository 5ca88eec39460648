//! Rejected removals where values must be unique: the user that comes back has its values again, and nobody took them meanwhile.

use scimgate_tests::tenant::patch;
use scimgate_tests::{Database, TestGateway, on_both, poll};
use serde_json::{Value, json};

use super::unique::{check_entries, titled, unique_title};
use super::{set, set_rules, with};

on_both!(a_rejected_removal_gives_the_values_back, a_user_whose_value_another_one_has_stays_held_until_it_is_free,);

/// Every removal is held from now on.
async fn guard(gateway: &TestGateway) {
    let none = json!({ "users": 0, "members": 0, "percent": 0 });
    let _ = gateway.operator.put("/tenants/acme/guard", &none).await.expect(200);
}

/// Rejects the open batch; returns its state and the job's once both are at rest.
async fn reject(gateway: &TestGateway) -> (String, Value) {
    let batches = gateway.operator.get("/tenants/acme/held").await.expect(200).body;
    let open = batches["batches"].as_array().unwrap().iter().find(|batch| batch["state"] == "open").unwrap();
    let path = format!("/tenants/acme/held/{}", open["id"].as_str().unwrap());
    let _ = gateway.operator.patch(&path, &json!({ "state": "rejected" })).await.expect(200);
    poll("the verdict is carried out", async || {
        let state = gateway.operator.get(&path).await.expect(200).body["batch"]["state"].as_str().unwrap().to_owned();
        let job = gateway.operator.get("/tenants/acme/jobs/held").await.expect(200).body;
        (!state.ends_with("ing") && job["state"] == "finished").then_some((state, job))
    })
    .await
}

async fn check(gateway: &TestGateway, what: &str) {
    if gateway.database() == Database::Postgres {
        check_entries(&gateway.store().await, what).await;
    }
}

async fn a_rejected_removal_gives_the_values_back(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    unique_title(gateway).await;
    let ada = titled(&tenant, "ada", "Dr").await;
    let eve = titled(&tenant, "eve", "Prof").await;
    guard(gateway).await;
    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    let change = patch(json!([
        { "op": "replace", "path": "active", "value": false }, { "op": "replace", "path": "title", "value": "Eng" },
    ]));
    let _ = tenant.patch(&format!("/Users/{eve}"), &change).await.expect(200);
    check(gateway, "held").await;
    assert_eq!(reject(gateway).await.0, "rejected");
    check(gateway, "rejected").await;
    for (id, title) in [(&ada, "Dr"), (&eve, "Prof")] {
        assert_eq!(tenant.get(&format!("/Users/{id}")).await.expect(200).body["title"], title);
        assert_eq!(tenant.directory(&format!("/users/{id}")).await.expect(200).body["title"], title);
        let _ = tenant.post("/Users", &with("zoe", &[("title", title.to_lowercase().into())])).await.expect(409);
    }
    // What the removal would have shown is free.
    let _ = titled(&tenant, "kim", "Eng").await;
    let _ = set(&tenant, &ada, "title", "Chief".into()).await.expect(200);
    let _ = titled(&tenant, "zoe", "Dr").await;
    check(gateway, "afterwards").await;
}

async fn a_user_whose_value_another_one_has_stays_held_until_it_is_free(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    // Both have the value before it must be unique; the first of them has it then.
    let zoe = titled(&tenant, "zoe", "Dr").await;
    let ada = titled(&tenant, "ada", "Dr").await;
    guard(gateway).await;
    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    let check = set_rules(gateway, &json!([{ "path": "title", "unique": true }])).await;
    assert_eq!(check["conflicts"], 1, "{check}");
    let (state, job) = reject(gateway).await;
    assert_eq!(state, "open", "{job}");
    let example = &job["rejected"]["examples"][0];
    assert_eq!(example["id"], ada.as_str(), "{job}");
    assert!(example["reason"].as_str().unwrap().contains(&format!("User {zoe} has the title \"dr\" already")), "{job}");
    let _ = tenant.get(&format!("/Users/{ada}")).await.expect(404);
    assert_eq!(tenant.directory(&format!("/users/{ada}")).await.expect(200).body["title"], "Dr", "the product sees it");
    let _ = set(&tenant, &zoe, "title", "Prof".into()).await.expect(200);
    let (state, job) = reject(gateway).await;
    assert_eq!(state, "rejected", "{job}");
    assert_eq!(tenant.get(&format!("/Users/{ada}")).await.expect(200).body["title"], "Dr");
    let _ = tenant.post("/Users", &with("kim", &[("title", "DR".into())])).await.expect(409);
    self::check(gateway, "rejected").await;
}
