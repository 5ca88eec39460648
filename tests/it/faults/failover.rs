//! The primary is lost and its standby promoted; every answer of the database comes late.

use std::time::{Duration, Instant};

use scimgate_tests::cluster::Cluster;
use scimgate_tests::cycle::{Cycle, whole_cycles};
use scimgate_tests::database::{Fresh, owner};
use scimgate_tests::harness::block_on;
use scimgate_tests::proxy::Proxy;
use scimgate_tests::rows;
use scimgate_tests::served::Prepared;

use super::becomes_ready;

#[test]
fn a_promoted_standby_has_every_acknowledged_write() {
    block_on(async {
        let primary = Cluster::start(&[]);
        let standby = primary.standby();
        let both = format!(
            "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?sslmode=disable",
            primary.port(),
            standby.port()
        );
        let prepared = Prepared::new(&both, &[]).await;
        let served = prepared.serve(&["--pool-size", "8"]).await;
        let tenant = served.tenant("acme").await;
        let mut cycle = Cycle::begin(&tenant).await;
        let mut lost = Instant::now();
        cycle
            .interrupt(&tenant, async || {
                lost = Instant::now();
                primary.crash();
                // Nobody waits for the primary; until now the standby cannot be written to.
                let alone = "ALTER SYSTEM SET synchronous_standby_names = ''";
                standby.promote();
                let promoted = owner(&standby.url("postgres")).await;
                promoted.batch_execute(alone).await.unwrap();
                promoted.batch_execute("SELECT pg_reload_conf()").await.unwrap();
            })
            .await;
        becomes_ready(&served, "the promotion").await;
        eprintln!("ready {} ms after the primary was lost", lost.elapsed().as_millis());
        cycle.check(&tenant).await;
        rows::check(&owner(&standby.url("postgres")).await).await;
        whole_cycles(&tenant).await;
        assert!(served.running.terminate().await.0.success());
    });
}

#[test]
fn a_slow_database_delays_writes_and_loses_none() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let proxy = Proxy::start(&fresh.url).await;
        let prepared = Prepared::new(&fresh.url, &[]).await.at(&proxy.url);
        let served = prepared.serve(&[]).await;
        let tenant = served.tenant("acme").await;
        let mut cycle = Cycle::begin(&tenant).await;
        cycle
            .interrupt(&tenant, async || {
                proxy.slow(Duration::from_millis(200));
                // Slow is not an outage: what is asked meanwhile is answered.
                let ada = tenant.user("ada").await;
                let _ = tenant.get(&format!("/Users/{ada}")).await.expect(200);
                assert_eq!(served.probe("/readyz").await, 200);
                let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
            })
            .await;
        proxy.restore();
        cycle.check(&tenant).await;
        rows::check(&fresh.owner().await).await;
        assert!(served.running.terminate().await.0.success());
        fresh.drop().await;
    });
}
