//! What breaks in production, on real processes: the gateway is killed, its database crashes, freezes or is full, and
//! clients go away or stop in the middle.

mod clients;
mod database;
mod drain;
mod killed;
mod pool;
mod timers;
mod tls;

use scimgate_tests::Answer;

/// An outage is 503 with a time to come again, in SCIM's own words, and tells nothing of our insides.
#[track_caller]
fn check_outage(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}: {}", answer.asked, answer.text);
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{}", answer.asked);
    assert!(!answer.text.to_lowercase().contains("postgres"), "{}", answer.text);
    answer.check_scim();
}
