//! The gateway is killed in the middle of a remap, ten times. The next process continues: each document is mapped and counted once,
//! and the product is told once.

use std::time::{Duration, Instant};

use scimgate_tests::database::Fresh;
use scimgate_tests::harness::{block_on, poll};
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::{Request, Tenant, many_users, plugin, rows};
use serde_json::json;
use tokio_postgres::Client;

const USERS: u32 = 6_000;
const GROUPS: i64 = 200;
const KILLS: u32 = 10;

async fn number(owner: &Client, sql: &str) -> i64 {
    owner.query_one(sql, &[]).await.unwrap().get(0)
}

/// How many documents the product has not got yet.
async fn left(owner: &Client) -> i64 {
    number(owner, "SELECT count(*) FROM resource WHERE mapping_revision = 0").await
}

/// A killed process's lease, and its pause, end by themselves, but that takes seconds.
async fn end_lease(owner: &Client) {
    let sql = "UPDATE job SET leased_until = NULL, resume_at = now() WHERE kind = 'remap'";
    let _ = owner.execute(sql, &[]).await.unwrap();
}

/// Kills the server: every second time when it has stored a batch, else somewhere in a batch. It does not finish: with its small
/// share of a worker it has not come to a third batch by then.
async fn kill(owner: &Client, served: Served, kill: u32) {
    let before = left(owner).await;
    if kill % 2 == 1 {
        poll("a batch is stored", async || (left(owner).await < before).then_some(())).await;
    } else {
        let leased = "SELECT count(*) FROM job WHERE kind = 'remap' AND leased_until > now()";
        poll("a batch begins", async || (number(owner, leased).await > 0 || left(owner).await < before).then_some(()))
            .await;
        tokio::time::sleep(Duration::from_millis(u64::from(kill) * 90)).await;
    }
    served.running.kill().await;
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    poll("its sessions end", async || (number(owner, sessions).await == 0).then_some(())).await;
}

#[test]
fn ten_kills_in_a_remap_repeat_and_lose_nothing() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let prepared = Prepared::new(&fresh.url, &[]).await;
        let owner = fresh.owner().await;
        let slow = ["--job-share", "10"];
        let served = prepared.serve(&slow).await;
        let tenant = Tenant::plain(&served.operator, "acme", served.addresses()).await;
        many_users::fill(&owner, "acme", USERS).await;
        let digest =
            served.operator.send(Request::new("POST", "/plugins").body("application/wasm", plugin("hostile"))).await;
        let step = json!({ "plugin": digest.body["digest"], "config": { "do": "count" }, "resourceTypes": ["User"] });
        let mapping = json!({ "onFailure": "refuse", "steps": [step] });
        let _ = served.operator.put("/tenants/acme/mapping", &mapping).await.expect(200);
        kill(&owner, served, 0).await;
        for number in 1..KILLS {
            end_lease(&owner).await;
            kill(&owner, prepared.serve(&slow).await, number).await;
        }
        assert!(left(&owner).await > 0, "the remap was finished before the last kill");
        end_lease(&owner).await;
        let (begun, before) = (Instant::now(), left(&owner).await);
        let served = prepared.serve(&["--job-share", "100"]).await;
        let progress = poll("the remap is finished", async || {
            let job = served.operator.get("/tenants/acme/jobs/remap").await.expect(200).body;
            (job["state"] == "finished").then_some(job)
        })
        .await;
        eprintln!("{before} documents in {:?}", begun.elapsed());
        let all = i64::from(USERS);
        assert_eq!((&progress["examined"], &progress["changed"]), (&json!(all + GROUPS), &json!(all)), "{progress}");
        assert_eq!(left(&owner).await, 0);
        rows::numbered(&owner).await;
        let told = "SELECT count(*) FROM (SELECT resource_id FROM event WHERE actor = 'remap' AND type = 'user.updated'
          GROUP BY resource_id HAVING count(*) = 1) once";
        assert_eq!(number(&owner, told).await, all);
        assert_eq!(number(&owner, "SELECT count(*) FROM event WHERE actor = 'remap'").await, all);
        assert_eq!(number(&owner, "SELECT count(*) FROM resource WHERE version <> 1").await, 0);
        let tenant = tenant.at(served.addresses());
        let mapped = tenant.directory(&format!("/users/{}", many_users::id(USERS))).await.expect(200).body;
        assert_eq!(mapped["title"], "1");
        let (status, _) = served.running.terminate().await;
        assert!(status.success(), "{status}");
        fresh.drop().await;
    });
}
