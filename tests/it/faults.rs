//! Faults in production, on real processes: the gateway is killed, its database crashes, freezes or has no free
//! connection, and clients disconnect or stall.

mod clients;
mod database;
mod drain;
mod http2;
mod killed;
mod pool;
mod timers;
mod tls;

use scimgate_tests::Answer;

/// An outage is a SCIM error with 503 and `Retry-After`, without internal details.
#[track_caller]
fn check_outage(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}: {}", answer.asked, answer.text);
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{}", answer.asked);
    assert!(!answer.text.to_lowercase().contains("postgres"), "{}", answer.text);
    answer.check_scim();
}
