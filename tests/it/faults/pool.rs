//! Statements that wait for a lock take every connection of the pool. Other requests get 503, none hangs, and afterwards
//! everything works.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use scimgate::config::Limits;
use scimgate_tests::cycle::{Cycle, whole_cycles};
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::raw::{Raw, request};
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{TestGateway, poll, rows};
use serde_json::json;

use super::{becomes_ready, check_outage};

/// Polls until this many statements wait for a lock.
pub(super) async fn statements_wait(owner: &tokio_postgres::Client, number: usize) {
    let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    poll("statements wait", async || (owner.query(sql, &[]).await.unwrap().len() >= number).then_some(())).await;
}

/// Polls until every session is idle.
async fn sessions_are_idle(owner: &tokio_postgres::Client) {
    let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
    poll("every session is idle", async || owner.query(sql, &[]).await.unwrap().is_empty().then_some(())).await;
}

#[test]
fn an_exhausted_pool_is_a_temporary_outage() {
    block_on(async {
        for pool in [1, 2] {
            let gateway = TestGateway::with_limits(Limits::default(), pool).await;
            let acme = gateway.tenant("acme").await;
            let globex = gateway.tenant("globex").await;
            let _ = acme.user("ada").await;
            let mut holder = gateway.store().await;
            let lock = holder.transaction().await.unwrap();
            lock.batch_execute("LOCK TABLE resource IN ACCESS EXCLUSIVE MODE").await.unwrap();
            let begun = Instant::now();
            let answers = join_all((0..8).map(|_| acme.scim.get("/Users"))).await;
            assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
            answers.iter().for_each(check_outage);
            lock.rollback().await.unwrap();
            assert_eq!(acme.get("/Users").await.expect(200).body["totalResults"], 1);
            assert_eq!(globex.get("/Users").await.expect(200).body["totalResults"], 0);
            let _ = globex.user("ada").await;
            assert_eq!((acme.events().await.len(), globex.events().await.len()), (1, 1));
            sessions_are_idle(&holder).await;
            rows::check(&holder).await;
            gateway.end().await;
        }
    });
}

#[test]
fn a_process_whose_pool_was_exhausted_loses_no_acknowledged_write() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let prepared = Prepared::new(&fresh.url, &[]).await;
        let served = prepared.serve(&["--pool-size", "2"]).await;
        let tenant = served.tenant("acme").await;
        let mut cycle = Cycle::begin(&tenant).await;
        let mut holder = fresh.owner().await;
        for _ in 0..2 {
            cycle
                .interrupt(&tenant, async || {
                    let lock = holder.transaction().await.unwrap();
                    lock.batch_execute("LOCK TABLE resource IN ACCESS EXCLUSIVE MODE").await.unwrap();
                    check_outage(&tenant.scim.get("/Users").await);
                    lock.rollback().await.unwrap();
                })
                .await;
            becomes_ready(&served, "the lock that held every connection").await;
            cycle.check(&tenant).await;
            rows::check(&holder).await;
        }
        whole_cycles(&tenant).await;
        assert!(served.running.terminate().await.0.success());
        fresh.drop().await;
    });
}

#[test]
fn a_write_in_progress_finishes_after_its_client_disconnects() {
    block_on(async {
        let gateway = TestGateway::with_limits(Limits::default(), 4).await;
        let acme = gateway.tenant("acme").await;
        let secret = gateway.token("acme", "scim").await.1;
        let mut holder = gateway.store().await;
        let lock = holder.transaction().await.unwrap();
        lock.batch_execute("LOCK TABLE resource IN SHARE MODE").await.unwrap();
        let (header, body) = request("POST", "/scim/v2/Users", &secret, &user("ada"));
        let mut client = Raw::connect(gateway.public).await;
        assert!(client.send(header + &body).await);
        let watcher = gateway.store().await;
        statements_wait(&watcher, 1).await;
        client.reset();
        lock.rollback().await.unwrap();
        poll("the write is there", async || {
            (acme.get("/Users").await.expect(200).body["totalResults"] == 1).then_some(())
        })
        .await;
        assert_eq!(acme.events().await.len(), 1);
        gateway.end().await;
    });
}

#[test]
fn timed_out_writes_do_not_start_later() {
    block_on(async {
        // Shorter than the limit of a statement, and long enough for the setup.
        let limits = Limits { handler: Duration::from_secs(4), ..Limits::default() };
        let gateway = TestGateway::with_limits(limits, 4).await;
        let acme = gateway.tenant("acme").await;
        let ada = acme.user("ada").await;
        let mut holder = gateway.store().await;
        let lock = holder.transaction().await.unwrap();
        lock.batch_execute("LOCK TABLE resource IN SHARE MODE").await.unwrap();
        // Keyed lock: the first one waits at the database, the others for the first.
        let answers = join_all((0..6).map(|nth| {
            let title = patch(json!([{ "op": "replace", "path": "title", "value": format!("title {nth}") }]));
            let (scim, path) = (acme.scim.clone(), format!("/Users/{ada}"));
            async move { scim.patch(&path, &title).await }
        }))
        .await;
        answers.iter().for_each(check_outage);
        lock.rollback().await.unwrap();
        sessions_are_idle(&gateway.store().await).await;
        let version = acme.get(&format!("/Users/{ada}")).await.expect(200).version();
        assert!(version <= 2, "only the write that reached the database may be stored, not {version}");
        let _ = acme.events().await;
        rows::check(&gateway.store().await).await;
        gateway.end().await;
    });
}
