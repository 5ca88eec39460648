//! The gateway is killed while it announces what a rule gives to thousands of users, and while it announces that their group is deleted. The
//! next process continues: nobody is announced twice, and nobody is left out.

use std::time::Duration;

use scimgate_tests::database::Fresh;
use scimgate_tests::harness::{block_on, poll};
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::{Tenant, many_users, rows};
use serde_json::json;
use tokio_postgres::Client;

use super::{PATH, role};

const USERS: u32 = 3_000;
const CREW: &str = "0198c0de-0001-7000-8000-0000000000c8";
const ALL_IN_ONE: &str = "
INSERT INTO membership SELECT tenant_id, $1::text::uuid, id, 'User', now() FROM resource WHERE resource_type = 'User' ON CONFLICT DO NOTHING";
const KILLS: u64 = 4;
const SLOW: [&str; 2] = ["--job-share", "10"];

async fn number(owner: &Client, sql: &str) -> i64 {
    owner.query_one(sql, &[]).await.unwrap().get(0)
}

async fn announced(owner: &Client) -> i64 {
    number(owner, "SELECT count(*) FROM event WHERE actor = 'group-rules'").await
}

/// Kills the server: every second time when it has announced more, else somewhere in a step.
async fn kill(owner: &Client, served: Served, kill: u64) {
    let before = announced(owner).await;
    if kill % 2 == 1 {
        poll("more is announced", async || (announced(owner).await > before).then_some(())).await;
    } else {
        let leased = "SELECT count(*) FROM job WHERE kind = 'group-rules' AND leased_until > now()";
        poll("a step begins", async || {
            (number(owner, leased).await > 0 || announced(owner).await > before).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(kill * 17)).await;
    }
    served.running.kill().await;
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    poll("its sessions end", async || (number(owner, sessions).await == 0).then_some(())).await;
    // A killed process's lease, and its pause, end by themselves, but that takes seconds.
    let sql = "UPDATE job SET leased_until = NULL, resume_at = now() WHERE kind = 'group-rules'";
    let _ = owner.execute(sql, &[]).await.unwrap();
}

async fn complete(served: &Served) {
    poll("everything is announced", async || {
        let rules = served.operator.get(PATH).await.expect(200).body;
        (rules["announced"] == true).then_some(())
    })
    .await;
}

async fn check(owner: &Client, each: i64) {
    rows::numbered(owner).await;
    let sql = format!(
        "SELECT count(*) FROM (SELECT resource_id FROM event WHERE actor = 'group-rules' AND type = 'user.updated'
          GROUP BY resource_id HAVING count(*) = {each}) e"
    );
    let all = i64::from(USERS);
    assert_eq!((number(owner, &sql).await, announced(owner).await), (all, all * each));
}

#[test]
fn kills_while_rules_are_announced_repeat_and_lose_nothing() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let prepared = Prepared::new(&fresh.url, &[]).await;
        let owner = fresh.owner().await;
        let served = prepared.serve(&SLOW).await;
        let tenant = Tenant::plain(&served.operator, "acme", served.addresses()).await;
        many_users::fill(&owner, "acme", USERS).await;
        let _ = owner.execute(ALL_IN_ONE, &[&CREW]).await.unwrap();
        let _ = served.operator.put(PATH, &json!({ "rules": [role("G200", "admin")] })).await.expect(200);
        kill(&owner, served, 0).await;
        for number in 1..KILLS {
            kill(&owner, prepared.serve(&SLOW).await, number).await;
        }
        assert!(announced(&owner).await < i64::from(USERS), "everything was announced before the last kill");
        let served = prepared.serve(&["--job-share", "100"]).await;
        complete(&served).await;
        check(&owner, 1).await;
        served.running.kill().await;

        let served = prepared.serve(&SLOW).await;
        let _ = tenant.at(served.addresses()).delete(&format!("/Groups/{CREW}")).await.expect(204);
        kill(&owner, served, 1).await;
        for number in 2..KILLS {
            kill(&owner, prepared.serve(&SLOW).await, number).await;
        }
        let served = prepared.serve(&["--job-share", "100"]).await;
        complete(&served).await;
        check(&owner, 2).await;
        let user = tenant.at(served.addresses()).directory(&format!("/users/{}", many_users::id(7))).await.expect(200);
        assert!(user.body["roles"].is_null(), "{}", user.text);
        let (status, _) = served.running.terminate().await;
        assert!(status.success(), "{status}");
        fresh.drop().await;
    });
}
