//! The drill of docs/runbook.md: a backup is taken while a provider writes, the database is lost, and the backup restored.

use scimgate_tests::binary::finish;
use scimgate_tests::cluster::client;
use scimgate_tests::cycle::Cycle;
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::{event_feed, rows};

/// The tenant as its export has it, without the header, which says when, and without addresses.
async fn exported(prepared: &Prepared, served: &Served) -> Vec<String> {
    let mut command = prepared.command(&["tenant", "export", "acme"]);
    command.env("SCIMGATE_ADMIN_URL", &served.internal).env("SCIMGATE_OPERATOR_KEY", prepared.key());
    let output = finish(command).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().replace(&served.public, "").lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn a_restored_backup_serves_what_it_had_with_the_same_credentials() {
    block_on(async {
        let keys = [("SCIMGATE_ROOT_KEY", "11".repeat(32))];
        let (lost, restored) = (Fresh::empty().await, Fresh::empty().await);
        let prepared = Prepared::new(&lost.url, &keys).await;
        let served = prepared.serve(&[]).await;
        let tenant = served.tenant("acme").await;
        let folder = tempfile::tempdir().unwrap();
        let dump = folder.path().join("backup");
        let dump = dump.to_str().unwrap();
        let mut cycle = Cycle::begin(&tenant).await;
        let taken = async || client("pg_dump", &["--format=custom", "--file", dump, &lost.url]);
        cycle.interrupt(&tenant, taken).await;
        // A moment of the cycle: every transaction is in it whole, or not at all.
        client("pg_restore", &["--dbname", &restored.url, "--exit-on-error", dump]);
        let other = prepared.at(&restored.url).serve(&[]).await;
        rows::check(&restored.owner().await).await;
        assert!(other.running.terminate().await.0.success());

        // And one of a gateway that stands still, compared with what it had.
        let before = exported(&prepared, &served).await;
        let events = event_feed::check(&tenant).await;
        client("pg_dump", &["--format=custom", "--file", dump, &lost.url]);
        served.running.kill().await;
        lost.drop().await;
        restored.drop().await;
        let restored = Fresh::empty().await;
        client("pg_restore", &["--dbname", &restored.url, "--exit-on-error", dump]);
        let prepared = prepared.at(&restored.url);
        let served = prepared.serve(&[]).await;
        let tenant = tenant.at(served.addresses());
        assert_eq!(exported(&prepared, &served).await, before);
        assert_eq!(event_feed::check(&tenant).await, events, "the product goes on where it was");
        cycle.check(&tenant).await;
        let _ = tenant.user("ada").await;
        rows::check(&restored.owner().await).await;
        assert!(served.running.terminate().await.0.success());
        restored.drop().await;
    });
}
