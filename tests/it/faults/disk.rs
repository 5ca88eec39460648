//! The database's disk is full, and then is not.

use scimgate_tests::cluster::Cluster;
use scimgate_tests::cycle::{Cycle, whole_cycles};
use scimgate_tests::database::owner;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::user;
use scimgate_tests::{poll, rows};

use super::{becomes_ready, check_outage};

#[test]
fn a_full_disk_is_an_outage_of_writes_until_there_is_room() {
    block_on(async {
        let settings = ["max_wal_size = 48MB", "min_wal_size = 32MB", "wal_recycle = off"];
        let Some(cluster) = Cluster::on_small_disk(300, &settings) else {
            return eprintln!("not run: a small disk cannot be mounted here");
        };
        let prepared = Prepared::new(&cluster.url("postgres"), &[]).await;
        let served = prepared.serve(&["--pool-size", "8"]).await;
        let tenant = served.tenant("acme").await;
        let mut cycle = Cycle::begin(&tenant).await;
        let mut filler = None;
        cycle
            .interrupt(&tenant, async || {
                filler = Some(cluster.fill_disk());
                let mut name = 0;
                let refused = poll("a write needs room", async || {
                    name += 1;
                    let mut long = user(&format!("filler{name}"));
                    long["title"] = "x".repeat(300_000).into();
                    Some(tenant.post("/Users", &long).await).filter(|answer| answer.status != 201)
                })
                .await;
                check_outage(&refused);
            })
            .await;
        std::fs::remove_file(filler.unwrap()).unwrap();
        // The server may have ended itself, since it could not log what it had done.
        if owner_if_running(&cluster).await.is_none() {
            cluster.resume();
        }
        becomes_ready(&served, "there was room").await;
        for filler in tenant
            .get("/Users?filter=userName%20sw%20%22filler%22&count=200&attributes=id")
            .await
            .expect(200)
            .body["Resources"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let _ = tenant.delete(&format!("/Users/{}", filler["id"].as_str().unwrap())).await.expect(204);
        }
        cycle.check(&tenant).await;
        rows::check(&owner(&cluster.url("postgres")).await).await;
        whole_cycles(&tenant).await;
        assert!(served.running.terminate().await.0.success());
    });
}

async fn owner_if_running(cluster: &Cluster) -> Option<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(&cluster.url("postgres"), tokio_postgres::NoTls).await.ok()?;
    tokio::spawn(async move { drop(connection.await) });
    Some(client)
}
