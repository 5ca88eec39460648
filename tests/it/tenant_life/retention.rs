//! How long a tenant keeps deleted resources and events. Times are moved in the rows.

use std::time::Duration;

use scimgate::operation::event_readers;
use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Answer, Database, Tenant, TestGateway, on_both, poll};
use serde_json::{Value, json};

on_both!(old_tombstones_and_events_are_purged, the_retention_is_set_and_shown);

const DAY: Duration = Duration::from_hours(24);

/// Runs the purge of a tenant to its end; returns how many tombstones and events it purged.
async fn purge(gateway: &TestGateway, tenant: &str) -> (i64, i64) {
    let path = format!("/tenants/{tenant}/jobs/retention");
    let finished = async || {
        let job = gateway.operator.get(&path).await.expect(200).body;
        (job["state"] != "running").then_some(job)
    };
    let _ = poll("no purge is running", finished).await;
    let _ = gateway.operator.patch(&path, &json!({ "state": "running" })).await.expect(200);
    let job = poll("the purge has ended", finished).await;
    assert_eq!(job["state"], "finished", "{job}");
    (job["examined"].as_i64().unwrap(), job["changed"].as_i64().unwrap())
}

async fn events_after(tenant: &Tenant, after: i64) -> Answer {
    tenant.directory(&format!("/events?after={after}&limit=1000")).await
}

async fn old_tombstones_and_events_are_purged(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let [ada, bob] = [acme.user("ada").await, acme.user("bob").await];
    let mut crew = group("crew");
    crew["members"] = json!([{ "value": bob }]);
    let crew = acme.post("/Groups", &crew).await.expect(201).id();
    for path in [format!("/Users/{ada}"), format!("/Groups/{crew}")] {
        let _ = acme.delete(&path).await.expect(204);
    }
    let before = acme.events().await.len();
    gateway.clock.advance(29 * DAY);
    let cyd = acme.user("cyd").await;
    let _ = acme.delete(&format!("/Users/{cyd}")).await.expect(204);
    assert_eq!(purge(gateway, "acme").await, (0, 0), "nothing is old enough");
    gateway.clock.advance(2 * DAY);
    let (tombstones, events) = purge(gateway, "acme").await;
    // Ada, the crew, and the mark in the event feed.
    assert_eq!(tombstones, 3);
    assert!(events >= i64::try_from(before).unwrap(), "{events}");
    // The younger ones stay, and the feed says where it begins.
    let gone = events_after(&acme, 0).await.expect(410);
    assert!(gone.text.contains("not kept any more. Read all resources anew"), "{}", gone.text);
    let last = gone.body["lastSeq"].as_i64().unwrap();
    let _ = events_after(&acme, events - 1).await.expect(410);
    let kept = events_after(&acme, events).await.expect(200).body;
    assert_eq!(kept["events"][0]["seq"], events + 1);
    assert_eq!(kept["lastSeq"], last);
    assert_eq!(events_after(&acme, last).await.expect(200).body["events"], json!([]));
    // A purged user does not come back, and its name is free.
    let _ = acme.get(&format!("/Users/{ada}")).await.expect(404);
    let again = acme.post("/Users", &user("ada")).await.expect(201).id();
    assert_ne!(again, ada);
    let _ = acme.get(&format!("/Users/{bob}")).await.expect(200);
    if gateway.database() == Database::Postgres {
        let owner = gateway.store().await;
        for sql in [
            "SELECT id FROM resource WHERE id = $1",
            "SELECT id FROM tombstone_key WHERE id = $1",
            "SELECT group_id FROM group_change WHERE group_id = $1",
        ] {
            for id in [&ada, &crew] {
                let id: uuid::Uuid = id.parse().unwrap();
                assert_eq!(owner.query(sql, &[&id]).await.unwrap().len(), 0, "{sql}");
            }
        }
    }
}

async fn the_retention_is_set_and_shown(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let operator = &gateway.operator;
    let shown = async || operator.get("/tenants/acme").await.expect(200).body["retention"].clone();
    assert_eq!(shown().await, json!({}));
    let set = |retention: Value| json!({ "retention": retention });
    let days = json!({ "tombstoneDays": 3, "eventDays": 60 });
    let answer = operator.patch("/tenants/acme", &set(days.clone())).await.expect(200);
    assert_eq!((&answer.body["retention"], shown().await), (&days, days.clone()));
    for (retention, named) in [
        (json!({ "tombstoneDays": 0 }), "tombstoneDays must be 1 to 3650"),
        (json!({ "eventDays": 3_651 }), "eventDays must be 1 to 3650"),
        (json!({ "audit": 1 }), "unknown field"),
    ] {
        let refused = operator.patch("/tenants/acme", &set(retention)).await.expect(400);
        assert!(refused.text.contains(named), "{}", refused.text);
    }
    let ada = acme.user("ada").await;
    let _ = acme.delete(&format!("/Users/{ada}")).await.expect(204);
    gateway.clock.advance(4 * DAY);
    assert_eq!(purge(gateway, "acme").await, (1, 0), "its own retention, of tombstones alone");
    let _ = operator.patch("/tenants/acme", &set(json!({}))).await.expect(200);
    assert_eq!(shown().await, json!({}));
    let audit = operator.get("/audit?tenant=acme").await.expect(200).body;
    let change = audit["changes"].as_array().unwrap().iter().find(|it| it["action"] == "tenant.retention").unwrap();
    let before = json!({ "tombstoneDays": 3, "eventDays": 60, "logDays": null });
    let after = json!({ "tombstoneDays": null, "eventDays": null, "logDays": null });
    assert_eq!((&change["before"], &change["after"]), (&before, &after));
}

/// As long as a product reads, no event is purged that it has not read.
#[test]
fn events_that_a_reader_which_follows_has_not_read_are_kept() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let acme = gateway.plain_tenant("acme").await;
        for name in ["ada", "bob", "cyd"] {
            let _ = acme.user(name).await;
        }
        poll("the events are numbered", async || {
            let events = events_after(&acme, 0).await.expect(200).body;
            (events["events"].as_array().unwrap().len() == 3).then_some(())
        })
        .await;
        gateway.clock.advance(40 * DAY);
        let _ = events_after(&acme, 1).await.expect(200);
        event_readers::flush::write(&gateway.gateway).await.unwrap();
        assert_eq!(purge(&gateway, "acme").await, (0, 1), "it has read the first one alone");
        let _ = events_after(&acme, 0).await.expect(410);
        assert_eq!(events_after(&acme, 1).await.expect(200).body["events"][0]["seq"], 2);
        // It has not read for a month: it does not follow any more.
        gateway.clock.advance(31 * DAY);
        assert_eq!(purge(&gateway, "acme").await, (0, 2));
        let gone = events_after(&acme, 1).await.expect(410);
        assert_eq!(gone.body["lastSeq"], 3);
        // The next one goes on with the numbers.
        let _ = acme.user("dot").await;
        poll("the event is numbered", async || {
            let events = events_after(&acme, 3).await.expect(200).body;
            (events["events"][0]["seq"] == 4).then_some(())
        })
        .await;
        gateway.end().await;
    });
}

/// Neither what a batch holds, of which the product sees the older document, nor what is restored at the same moment.
#[test]
fn held_and_restored_tombstones_are_not_purged() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let acme = gateway.plain_tenant("acme").await;
        let guard = json!({ "users": 0, "members": 0, "percent": 0 });
        let [ada, bob] = [acme.user("ada").await, acme.user("bob").await];
        let _ = acme.delete(&format!("/Users/{bob}")).await.expect(204);
        let _ = gateway.operator.put("/tenants/acme/guard", &guard).await.expect(200);
        let _ = acme.delete(&format!("/Users/{ada}")).await.expect(204);
        let allow = json!({ "allow": ["restore-deleted"] });
        let _ = gateway.operator.patch("/tenants/acme/client", &allow).await.expect(200);
        let restored = acme.post("/Users", &user("bob")).await;
        assert_eq!(restored.id(), bob, "{}", restored.text);
        gateway.clock.advance(100 * DAY);
        assert_eq!(purge(&gateway, "acme").await.0, 0);
        let _ = acme.get(&format!("/Users/{bob}")).await.expect(200);
        let _ = acme.directory(&format!("/users/{ada}")).await.expect(200);
        // Released, it is a tombstone like any other.
        let held = gateway.operator.get("/tenants/acme/held").await.expect(200).body;
        let batch = format!("/tenants/acme/held/{}", held["batches"][0]["id"].as_str().unwrap());
        let _ = gateway.operator.patch(&batch, &json!({ "state": "released" })).await.expect(200);
        poll("the batch is released", async || {
            (gateway.operator.get(&batch).await.expect(200).body["batch"]["state"] == "released").then_some(())
        })
        .await;
        assert_eq!(purge(&gateway, "acme").await.0, 1);
        let title = patch(json!([{ "op": "replace", "path": "title", "value": "x" }]));
        let _ = acme.patch(&format!("/Users/{bob}"), &title).await.expect(200);
        gateway.end().await;
    });
}

/// The runner begins it by itself, some hours after the last purge, and for tenants that were never purged.
#[test]
fn a_purge_begins_by_itself() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let acme = gateway.plain_tenant("acme").await;
        let owner = gateway.store().await;
        let control = gateway.gateway.store.control();
        let due = async || control.tenants_to_purge(Duration::from_hours(6)).await.unwrap().0.len();
        for never in [true, false] {
            let ada = acme.user("ada").await;
            let _ = acme.delete(&format!("/Users/{ada}")).await.expect(204);
            gateway.clock.advance(31 * DAY);
            let last = if never {
                "DELETE FROM job WHERE kind = 'retention'"
            } else {
                assert_eq!(due().await, 0, "it was purged a moment ago");
                "UPDATE job SET resume_at = now() - interval '7 hours' WHERE kind = 'retention'"
            };
            let _ = owner.execute(last, &[]).await.unwrap();
            assert_eq!(due().await, 1);
            // A process looks when it starts, and from then on every ten minutes.
            let replica = gateway.replica().await;
            poll("the tombstone is purged", async || {
                let sql = "SELECT count(*) FROM resource WHERE deleted_at IS NOT NULL";
                (owner.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(())
            })
            .await;
            poll("the job has ended", async || {
                let job = gateway.operator.get("/tenants/acme/jobs/retention").await.expect(200).body;
                (job["state"] == "finished").then_some(())
            })
            .await;
            replica.end().await;
        }
        gateway.end().await;
    });
}
