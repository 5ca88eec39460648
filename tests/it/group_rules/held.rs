//! Removals that the guard holds: the product sees the role until they are released, and is sent nothing where they are rejected.

use scimgate_tests::{TestGateway, on_both, on_postgres, poll};
use serde_json::json;

use super::{Watched, role, set_rules, sorted};

on_both!(a_held_removal_is_announced_when_it_is_released);
on_postgres!(a_held_deletion_of_a_group_is_announced_when_it_is_released, a_rejected_removal_is_announced_to_nobody,);

const NOBODY: [String; 0] = [];

/// Two members of a group whose removals are held.
async fn guarded(gateway: &TestGateway) -> (Watched<'_>, [String; 2], String) {
    let mut watched = Watched::new(gateway).await;
    let users = [watched.tenant.user("ada").await, watched.tenant.user("bob").await];
    let crew = watched.tenant.group("Crew").await;
    for user in &users {
        watched.add(&crew, user).await;
    }
    set_rules(gateway, &[role("Crew", "admin")]).await;
    let _ = watched.look().await;
    let guard = json!({ "users": 0, "members": 0, "percent": 0 });
    let _ = gateway.operator.put("/tenants/acme/guard", &guard).await.expect(200);
    (watched, users, crew)
}

async fn decide(gateway: &TestGateway, verdict: &str) {
    let batches = gateway.operator.get("/tenants/acme/held").await.expect(200).body;
    let open = batches["batches"].as_array().unwrap().iter().find(|batch| batch["state"] == "open").unwrap();
    let path = format!("/tenants/acme/held/{}", open["id"].as_str().unwrap());
    let _ = gateway.operator.patch(&path, &json!({ "state": verdict })).await.expect(200);
    poll("the verdict is carried out", async || {
        let batch = gateway.operator.get(&path).await.expect(200).body["batch"]["state"].clone();
        (batch == verdict).then_some(())
    })
    .await;
}

async fn a_held_removal_is_announced_when_it_is_released(gateway: &TestGateway) {
    let (mut watched, [ada, bob], crew) = guarded(gateway).await;
    watched.remove(&crew, &ada).await;
    assert_eq!(watched.changed().await, NOBODY);
    assert_eq!(watched.has(&ada), ["roles admin"]);
    let explained = gateway.operator.get("/tenants/acme/explanation?resource=ada").await.expect(200).body;
    assert_eq!(
        (&explained["granted"][0]["value"], &explained["granted"][0]["groupName"]),
        (&json!("admin"), &json!(null))
    );
    decide(gateway, "released").await;
    assert_eq!(watched.changed().await, [ada.clone()]);
    assert_eq!((watched.has(&ada), watched.has(&bob)), (vec![], vec!["roles admin".to_owned()]));
    // A held user keeps it as well.
    let _ = watched.tenant.delete(&format!("/Users/{bob}")).await.expect(204);
    assert_eq!(watched.changed().await, NOBODY);
    assert_eq!(watched.has(&bob), ["roles admin"]);
    decide(gateway, "released").await;
    let change = watched.look().await;
    assert_eq!((change.announced, change.events), (vec![], vec![("user.deleted".to_owned(), bob)]));
}

async fn a_held_deletion_of_a_group_is_announced_when_it_is_released(gateway: &TestGateway) {
    let (mut watched, [ada, bob], crew) = guarded(gateway).await;
    let _ = watched.tenant.delete(&format!("/Groups/{crew}")).await.expect(204);
    assert_eq!(watched.changed().await, NOBODY);
    assert_eq!(watched.has(&ada), ["roles admin"]);
    decide(gateway, "released").await;
    assert_eq!(watched.changed().await, sorted(&[&ada, &bob]));
    assert_eq!(watched.has(&ada), NOBODY);
}

async fn a_rejected_removal_is_announced_to_nobody(gateway: &TestGateway) {
    let (mut watched, [ada, bob], crew) = guarded(gateway).await;
    watched.edit(&format!("/Groups/{crew}"), json!([{ "op": "remove", "path": "members" }])).await;
    assert_eq!(watched.changed().await, NOBODY);
    decide(gateway, "rejected").await;
    assert_eq!(watched.changed().await, NOBODY);
    let _ = watched.tenant.delete(&format!("/Groups/{crew}")).await.expect(204);
    assert_eq!(watched.changed().await, NOBODY);
    decide(gateway, "rejected").await;
    assert_eq!(watched.changed().await, NOBODY);
    for user in [&ada, &bob] {
        assert_eq!(watched.has(user), ["roles admin"]);
    }
}
