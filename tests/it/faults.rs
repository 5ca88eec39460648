//! Faults in production, on real processes: the gateway is killed or restarted, its clock is set, its database crashes, freezes, fails
//! over, is slow, has no free connection or no disk left or is restored from a backup, and clients and webhooks disconnect or stall.

mod clients;
mod clock;
mod database;
mod disk;
mod drain;
mod failover;
mod http2;
mod killed;
mod log;
mod pool;
mod restore;
mod rolling;
mod timers;
mod tls;
mod webhooks;

use std::time::Instant;

use scimgate_tests::served::Served;
use scimgate_tests::{Answer, poll};

/// An outage is a SCIM error with 503 and `Retry-After`, without internal details.
#[track_caller]
fn check_outage(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}: {}", answer.asked, answer.text);
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{}", answer.asked);
    assert!(!answer.text.to_lowercase().contains("postgres"), "{}", answer.text);
    answer.check_scim();
}

/// Waits until the gateway is ready again, and prints how long that took: docs/runbook.md has the times.
async fn becomes_ready(served: &Served, after: &str) {
    let begun = Instant::now();
    poll("the gateway is ready again", async || (served.probe("/readyz").await == 200).then_some(())).await;
    eprintln!("ready {} ms after {after}", begun.elapsed().as_millis());
}
