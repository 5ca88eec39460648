//! The database crashes, is restarted under load, freezes, or fails over. The gateway returns 503 meanwhile and recovers
//! without a restart.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use scimgate_tests::cluster::Cluster;
use scimgate_tests::cycle::{Cycle, whole_cycles};
use scimgate_tests::database::owner;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::tenant::{token, user};
use scimgate_tests::{Client, Tenant, TestGateway, event_feed, poll, rows};

use super::{becomes_ready, check_outage};

/// A batch times out after 8 s; more is a hang.
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// Checks that requests of every kind get 503 in time, with a cached token and with a new one.
async fn check_outages(tenant: &Tenant, fresh: &Client, id: &str) {
    let begun = Instant::now();
    let path = format!("/Users/{id}");
    let body = user("ben");
    let requests = [tenant.scim.clone(), fresh.clone()].map(|client| {
        let (path, body) = (path.clone(), body.clone());
        async move { [client.get("/Users").await, client.post("/Users", &body).await, client.delete(&path).await] }
    });
    for answer in join_all(requests).await.iter().flatten() {
        check_outage(answer);
    }
    assert!(begun.elapsed() < 3 * REPLY_TIMEOUT, "{:?}", begun.elapsed());
}

async fn start(settings: &[&str], pool: &str) -> (Cluster, Prepared, Served) {
    let cluster = Cluster::start(settings);
    let prepared = Prepared::new(&cluster.url("postgres"), &[]).await;
    let served = prepared.serve(&["--pool-size", pool]).await;
    (cluster, prepared, served)
}

#[test]
fn a_crashed_database_is_an_outage_until_it_is_back() {
    block_on(async {
        let (cluster, _prepared, served) = start(&[], "8").await;
        let tenant = served.tenant("acme").await;
        let ada = tenant.user("ada").await;
        let fresh = tenant.scim.with(&token(&served.operator, "acme", "scim").await.1);
        cluster.crash();
        check_outages(&tenant, &fresh, &ada).await;
        assert_eq!((served.probe("/livez").await, served.probe("/readyz").await), (200, 503));
        cluster.resume();
        becomes_ready(&served, "the crashed database was started").await;
        assert_eq!(fresh.get("/Users").await.expect(200).body["totalResults"], 1, "no write was stored in part");
        let _ = tenant.user("ben").await;
        assert_eq!(event_feed::check(&tenant).await.users.len(), 2, "events are numbered again");
        rows::check(&owner(&cluster.url("postgres")).await).await;
        assert!(served.running.terminate().await.0.success());
    });
}

#[test]
fn a_restart_under_load_loses_nothing() {
    block_on(async {
        let (cluster, _prepared, served) = start(&[], "8").await;
        let tenant = served.tenant("acme").await;
        let mut cycle = Cycle::begin(&tenant).await;
        for nth in 0..4 {
            cycle
                .interrupt(&tenant, async || {
                    if nth % 2 == 0 {
                        cluster.restart();
                    } else {
                        cluster.crash();
                        cluster.resume();
                    }
                })
                .await;
            becomes_ready(&served, "the database was restarted").await;
            cycle.check(&tenant).await;
            rows::check(&owner(&cluster.url("postgres")).await).await;
        }
        whole_cycles(&tenant).await;
        assert!(served.running.terminate().await.0.success());
    });
}

#[test]
fn a_frozen_database_times_out_and_does_not_delay_shutdown() {
    block_on(async {
        let (cluster, _prepared, served) = start(&[], "8").await;
        let tenant = served.tenant("acme").await;
        let ada = tenant.user("ada").await;
        let fresh = tenant.scim.with(&token(&served.operator, "acme", "scim").await.1);
        cluster.freeze();
        check_outages(&tenant, &fresh, &ada).await;
        assert_eq!((served.probe("/livez").await, served.probe("/readyz").await), (200, 503));
        cluster.thaw();
        becomes_ready(&served, "the database went on").await;
        // A write that timed out may have been committed: completely, and with its event.
        let _ = event_feed::check(&tenant).await;
        rows::check(&owner(&cluster.url("postgres")).await).await;
        cluster.freeze();
        let begun = Instant::now();
        assert!(served.running.terminate().await.0.success());
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    });
}

#[test]
fn dead_connections_are_replaced() {
    block_on(async {
        let (gateway, proxy) = TestGateway::behind_proxy().await;
        let acme = gateway.plain_tenant("acme").await;
        let _ = join_all((0..16).map(|_| acme.get("/Users"))).await;
        proxy.stall_existing();
        let begun = Instant::now();
        loop {
            let answers = join_all((0..16).map(|_| acme.scim.get("/Users"))).await;
            if answers.iter().all(|answer| answer.status == 200) {
                break;
            }
            assert!(begun.elapsed() < 3 * REPLY_TIMEOUT, "the gateway keeps dead connections");
        }
        let _ = acme.user("ada").await;
        assert_eq!(acme.events().await.len(), 1);
        gateway.end().await;
    });
}

#[test]
fn a_database_without_a_free_connection_is_an_outage() {
    block_on(async {
        let settings = ["max_connections = 6", "superuser_reserved_connections = 0", "max_wal_senders = 0"];
        let (cluster, _prepared, served) = start(&settings, "2").await;
        let tenant = served.tenant("acme").await;
        let fresh = tenant.scim.with(&token(&served.operator, "acme", "scim").await.1);
        let first = owner(&cluster.url("postgres")).await;
        let mut held = Vec::new();
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'scimgate'";
        poll("every connection is taken", async || {
            let left: i64 = first.query_one(sql, &[]).await.unwrap().get(0);
            while let Ok((client, connection)) =
                tokio_postgres::connect(&cluster.url("postgres"), tokio_postgres::NoTls).await
            {
                tokio::spawn(async move { drop(connection.await) });
                held.push(client);
            }
            (left == 0).then_some(())
        })
        .await;
        check_outage(&tenant.scim.get("/Users").await);
        check_outage(&fresh.get("/Users").await);
        drop(held);
        becomes_ready(&served, "connections were free").await;
        let _ = fresh.get("/Users").await.expect(200);
        let _ = tenant.user("ada").await;
        assert!(served.running.terminate().await.0.success());
    });
}
