//! The clock of the gateway's machine is set an hour forward and back while it serves.

use scimgate_tests::cycle::{Cycle, whole_cycles};
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::rows;
use scimgate_tests::served::Prepared;

/// Debian's package `faketime`.
fn library() -> String {
    let machine = std::env::consts::ARCH;
    let path = format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketimeMT.so.1");
    assert!(std::path::Path::new(&path).exists(), "{path} is missing; `make setup-faults` installs it");
    path
}

#[test]
fn a_clock_that_is_set_loses_no_write_and_refuses_no_token() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let folder = tempfile::tempdir().unwrap();
        let offset = folder.path().join("offset");
        std::fs::write(&offset, "+0").unwrap();
        let settings = [
            ("LD_PRELOAD", library()),
            ("FAKETIME_TIMESTAMP_FILE", offset.to_str().unwrap().to_owned()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // A machine whose clock is set counts on.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        let prepared = Prepared::new(&fresh.url, &settings).await;
        let served = prepared.serve(&[]).await;
        let tenant = served.tenant("acme").await;
        let mut cycle = Cycle::begin(&tenant).await;
        let mut times = Vec::new();
        for step in ["+3600", "-3600", "+0"] {
            cycle
                .interrupt(&tenant, async || {
                    std::fs::write(&offset, step).unwrap();
                    // Older than every cache of credentials.
                    let ada = tenant.user("ada").await;
                    let read = tenant.get(&format!("/Users/{ada}")).await.expect(200).body;
                    times.push(read["meta"]["created"].as_str().unwrap().to_owned());
                    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
                })
                .await;
            cycle.check(&tenant).await;
            rows::check(&fresh.owner().await).await;
        }
        assert!(times[1] < times[2] && times[2] < times[0], "the clock was set: {times:?}");
        whole_cycles(&tenant).await;
        assert!(served.running.terminate().await.0.success());
        fresh.drop().await;
    });
}
