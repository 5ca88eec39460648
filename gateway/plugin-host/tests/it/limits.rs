//! Each limit from both sides.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use scimgate_plugin_host::{FailureKind, Level, Limits, Outcome};
use scimgate_plugin_sdk::serde_json::json;

use crate::support::{ESCALATED, HOST, HOSTILE, TestDocument, context, fails, hostile, passes, patient, user};

#[test]
fn stops_an_endless_loop_by_its_cpu_time_and_lets_the_embedder_escalate() {
    let started = Instant::now();
    let result = fails(
        &json!({ "do": "spin" }),
        &Limits { wall: Duration::from_secs(30), ..Limits::default() },
        FailureKind::CpuTime,
        "The plugin used more than its 20ms of CPU time.",
    );
    assert!(result.cpu >= Duration::from_millis(20) && result.cpu < Duration::from_millis(100), "{:?}", result.cpu);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(ESCALATED.load(Ordering::Relaxed) > 0);
    passes(&json!({ "do": "nothing" }), &Limits::default());
}

#[test]
fn looks_at_the_clocks_again_after_a_rest() {
    passes(&json!({ "do": "nothing" }), &Limits::default());
    // The ticker rests after a tenth of a second without a call. Were it not woken, the loop would never end.
    std::thread::sleep(Duration::from_millis(300));
    fails(
        &json!({ "do": "spin" }),
        &Limits::default(),
        FailureKind::CpuTime,
        "The plugin used more than its 20ms of CPU time.",
    );
}

#[test]
fn stops_a_call_that_takes_too_long_on_the_clock_without_using_the_cpu() {
    let run = |wall| {
        let document = TestDocument { slow: Duration::from_millis(10), ..TestDocument::new(user()) };
        let limits = Limits { wall, ..patient() };
        HOST.run(&HOSTILE, &context(), r#"{"do":"read","times":20}"#, document, &limits).outcome
    };
    let failure = run(Duration::from_millis(50)).unwrap_err();
    assert_eq!(
        (failure.kind, failure.reason.as_str()),
        (FailureKind::WallTime, "The plugin ran longer than its 50ms.")
    );
    assert!(failure.kind.may_pass());
    assert_eq!(run(Duration::from_secs(20)), Ok(Outcome::Mapped));
}

#[test]
fn waiting_costs_no_cpu_time() {
    let document = TestDocument { slow: Duration::from_millis(5), ..TestDocument::new(user()) };
    let limits = Limits { cpu: Duration::from_millis(60), wall: Duration::from_secs(30), ..Limits::default() };
    let result = HOST.run(&HOSTILE, &context(), r#"{"do":"read","times":30}"#, document, &limits);
    assert_eq!(result.outcome, Ok(Outcome::Mapped));
}

#[test]
fn survives_a_stack_overflow_on_a_thread_of_two_mebibytes() {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let endless = json!({ "do": "recurse", "times": 100_000_000 });
        fails(&endless, &patient(), FailureKind::StackOverflow, "The plugin called itself too deeply.");
        passes(&json!({ "do": "recurse", "times": 1_000 }), &patient());
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn turns_traps_and_panics_into_failures_and_keeps_the_log() {
    let reason = "The plugin gave up: it panicked, and its log may say why.";
    fails(&json!({ "do": "trap" }), &patient(), FailureKind::Trap, reason);
    let result = fails(&json!({ "do": "panic" }), &patient(), FailureKind::Trap, reason);
    let line = result.log.last().unwrap();
    assert_eq!(line.level, Level::Error);
    assert!(line.message.contains("on purpose"), "{}", line.message);
}

#[test]
fn bounds_memory_that_grows() {
    let config = json!({ "do": "grow", "times": 100 });
    passes(&config, &patient());
    // The plugin is told that there is no more, and may live with it.
    let failure = hostile(&config, &Limits { memory: 8 << 20, ..patient() }).outcome.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Reported);
    assert!(failure.reason.starts_with("no page after "), "{failure}");
}

#[test]
fn bounds_memory_in_the_arena() {
    passes(&json!({ "do": "allocate", "size": 3 << 20 }), &patient());
    fails(
        &json!({ "do": "allocate", "size": 5 << 20 }),
        &patient(),
        FailureKind::Memory,
        "The plugin asked for more memory than it may have (16 MiB).",
    );
}

#[test]
fn does_not_start_a_plugin_that_declares_too_much_memory() {
    fails(
        &json!({ "do": "nothing" }),
        &Limits { memory: 1 << 20, ..patient() },
        FailureKind::Memory,
        "The plugin asked for more memory than it may have (1 MiB).",
    );
}

#[test]
fn bounds_what_is_written_over_all_writes() {
    let reason = "The plugin wrote more than 1 MiB.";
    passes(&json!({ "do": "write", "times": 10, "size": 100_000 }), &patient());
    fails(&json!({ "do": "write", "times": 11, "size": 100_000 }), &patient(), FailureKind::OutputSize, reason);
    passes(&json!({ "do": "replace", "size": 1_000_000 }), &patient());
    fails(&json!({ "do": "replace", "size": 1_060_000 }), &patient(), FailureKind::OutputSize, reason);
}

#[test]
fn bounds_a_single_write_before_it_is_copied_out() {
    let limits = Limits { output: 100_000, ..patient() };
    let reason = "The plugin wrote more than 100000 bytes.";
    fails(&json!({ "do": "write", "size": 600_000 }), &limits, FailureKind::OutputSize, reason);
    passes(&json!({ "do": "write", "size": 90_000 }), &limits);
}

#[test]
fn bounds_log_lines() {
    let result = passes(&json!({ "do": "log", "times": 100 }), &patient());
    assert_eq!(result.log.len(), 100);
    let reason = "The plugin logged more than 100 lines.";
    let result = fails(&json!({ "do": "log", "times": 101 }), &patient(), FailureKind::LogLines, reason);
    assert_eq!(result.log.len(), 100);
}

#[test]
fn cuts_long_lines_and_long_outcomes() {
    let result = passes(&json!({ "do": "log", "size": 1024 }), &patient());
    assert_eq!(result.log[0].message, "x".repeat(1024));
    let result = passes(&json!({ "do": "log", "size": 1025 }), &patient());
    assert_eq!(result.log[0].message, format!("{}…", "x".repeat(1021)));
    let Ok(Outcome::Excluded(why)) = passes(&json!({ "do": "excuse", "size": 500_000 }), &patient()).outcome else {
        panic!("not excluded");
    };
    assert_eq!(why.len(), 1024);
}

#[test]
fn bounds_calls_of_the_host() {
    passes(&json!({ "do": "read", "times": 10_000 }), &patient());
    fails(
        &json!({ "do": "read", "times": 10_001 }),
        &patient(),
        FailureKind::HostCalls,
        "The plugin called the host more than 10000 times.",
    );
}

#[test]
fn reports_what_the_plugin_says_of_itself() {
    fails(&json!({ "do": "complain" }), &patient(), FailureKind::Reported, "I would rather not");
    let result = HOST.run(&HOSTILE, &context(), "{", TestDocument::new(user()), &patient());
    let failure = result.outcome.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Reported);
    assert!(failure.reason.starts_with("the configuration does not fit this plugin: "), "{failure}");
}
