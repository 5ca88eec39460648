//! The gateway is killed during a provisioning cycle. No acknowledged write is lost, and no write is stored in part.

use std::time::Instant;

use scimgate_tests::binary::Running;
use scimgate_tests::cycle::{Cycle, whole_cycles};
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::Prepared;
use scimgate_tests::{Client, Tenant, poll, rows};

/// The server may still execute a transaction of the killed gateway.
async fn wait_for_sessions_to_end(owner: &tokio_postgres::Client) {
    let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    poll("the killed gateway's sessions end", async || owner.query(sql, &[]).await.unwrap().is_empty().then_some(()))
        .await;
}

#[test]
fn twenty_kills_on_postgres_lose_no_acknowledged_write() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let prepared = Prepared::new(&fresh.url, &[]).await;
        let owner = fresh.owner().await;
        let mut served = prepared.serve(&[]).await;
        let mut tenant = served.tenant("acme").await;
        let mut cycle = Cycle::begin(&tenant).await;
        for kill in 0..20 {
            cycle.interrupt(&tenant, async || served.running.kill().await).await;
            wait_for_sessions_to_end(&owner).await;
            // The killed gateway's lease on numbering events expires by itself, but that takes seconds.
            if kill % 5 != 0 {
                let _ = owner.execute("DELETE FROM lease", &[]).await.unwrap();
            }
            let begun = Instant::now();
            served = prepared.serve(&[]).await;
            eprintln!("serving {} ms after its start", begun.elapsed().as_millis());
            tenant = tenant.at(served.addresses());
            cycle.check(&tenant).await;
            rows::check(&owner).await;
        }
        whole_cycles(&tenant).await;
        rows::check(&owner).await;
        let (status, _) = served.running.terminate().await;
        assert!(status.success(), "{status}");
        fresh.drop().await;
    });
}

#[test]
fn twenty_kills_on_the_embedded_database_lose_no_acknowledged_write() {
    block_on(async {
        let data = tempfile::tempdir().unwrap();
        let start = async || Running::dev(&["--data-dir", data.path().to_str().unwrap(), "--log", "warn"]).await;
        let (mut running, ready) = start().await;
        let text = |name: &str| ready[name].as_str().unwrap().trim_end_matches('/').to_owned();
        let scim = Client::new(text("tenant_url")).with(&text("token"));
        let directory = Client::new(text("directory_url")).with(&text("directory_key"));
        let mut tenant = Tenant::new("demo", scim, directory);
        let mut cycle = Cycle::begin(&tenant).await;
        for _ in 0..20 {
            cycle.interrupt(&tenant, async || running.kill().await).await;
            let (again, ready) = start().await;
            running = again;
            let address = |name: &str, path: &str| ready[name].as_str().unwrap().split(path).next().unwrap().to_owned();
            tenant = tenant.at((&address("tenant_url", "/scim"), &address("directory_url", "/directory")));
            cycle.check(&tenant).await;
        }
        whole_cycles(&tenant).await;
        assert!(running.terminate().await.0.success());
    });
}
