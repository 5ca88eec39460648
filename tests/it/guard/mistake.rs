//! A provider that loses most of its scope by mistake, as Entra ID does when a scoping filter is wrong: it deactivates who is out of scope,
//! and its next cycle compares what it reads with what it has.

use scimgate_tests::tenant::patch;
use scimgate_tests::{Tenant, TestGateway, on_both};
use serde_json::json;

use super::{batch, batches, decide, events, guarded, listed, seen, users};

on_both!(a_lost_scope_is_held_and_heals_after_the_rejection, a_lost_scope_is_seen_after_the_release);

const USERS: usize = 20;
/// 60 % of them.
const LOST: usize = 12;

/// A cycle of the provider: each user is read by its name and changed where it differs. Returns how many were changed.
async fn cycle(tenant: &Tenant, in_scope: impl Fn(usize) -> bool) -> usize {
    let mut changed = 0;
    for number in 0..USERS {
        let filter = format!("/Users?filter=userName eq \"u{number}@corp.test\"");
        let found = tenant.get(&filter).await.expect(200).body["Resources"][0].clone();
        let wanted = in_scope(number);
        if found["active"] != wanted {
            // The default dialect: a capital, and a boolean as text.
            let value = if wanted { "True" } else { "False" };
            let body = patch(json!([{ "op": "Replace", "path": "active", "value": value }]));
            let _ = tenant.patch(&format!("/Users/{}", found["id"].as_str().unwrap()), &body).await.expect(200);
            changed += 1;
        }
    }
    changed
}

async fn active(tenant: &Tenant, ids: &[String]) -> usize {
    let mut active = 0;
    for id in ids {
        active += usize::from(seen(tenant, id).await["active"] == true);
    }
    active
}

async fn a_lost_scope_is_held_and_heals_after_the_rejection(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    let ids = users(&tenant, USERS).await;
    let before = tenant.everything().await;
    assert_eq!(cycle(&tenant, |number| number >= LOST).await, LOST);
    // A refused provider would retry for ever; this one has nothing left to do.
    assert_eq!(cycle(&tenant, |number| number >= LOST).await, 0);
    assert_eq!(active(&tenant, &ids).await, USERS, "the product sees nothing of it");
    assert_eq!(events(&tenant, USERS).await, []);
    assert_eq!(batch(gateway).await["batch"]["resources"], LOST);

    assert_eq!(decide(gateway, "rejected").await, "rejected");
    // The mistake is corrected: the next cycle reads what it wants.
    assert_eq!(cycle(&tenant, |_| true).await, 0);
    assert_eq!(active(&tenant, &ids).await, USERS);
    assert_eq!(events(&tenant, USERS).await, []);
    assert_eq!(listed(&tenant).await, ids);
    let without_versions = |text: &str| {
        let mut users: serde_json::Value = serde_json::from_str(text).unwrap();
        for user in users["Resources"].as_array_mut().unwrap() {
            user.as_object_mut().unwrap().remove("meta");
        }
        users
    };
    assert_eq!(without_versions(&tenant.everything().await[0]), without_versions(&before[0]));
}

async fn a_lost_scope_is_seen_after_the_release(gateway: &TestGateway) {
    let tenant = guarded(gateway, 2, 0).await;
    let ids = users(&tenant, USERS).await;
    // An ordinary leaver.
    assert_eq!(cycle(&tenant, |number| number > 0).await, 1);
    assert_eq!(events(&tenant, USERS).await, [("user.deactivated".to_owned(), ids[0].clone())]);
    assert_eq!(batches(gateway).await, Vec::<serde_json::Value>::new());
    // It was meant: all but one more that still passes are held until the operator says so.
    assert_eq!(cycle(&tenant, |number| number >= LOST).await, LOST - 1);
    assert_eq!(active(&tenant, &ids).await, USERS - 2);
    assert_eq!(batch(gateway).await["batch"]["resources"], LOST - 2);
    assert_eq!(decide(gateway, "released").await, "released");
    assert_eq!(active(&tenant, &ids).await, USERS - LOST);
    assert_eq!(events(&tenant, USERS).await.len(), LOST);
    // The mistake is found out too late: the provider repairs it itself.
    assert_eq!(cycle(&tenant, |_| true).await, LOST);
    assert_eq!(active(&tenant, &ids).await, USERS);
}
