//! Each limit, met and exceeded.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use scimgate_plugin_host::{Decision, FailureKind, Level, Limits};
use scimgate_plugin_sdk::serde_json::json;

use crate::support::{ESCALATIONS, HOST, HOSTILE, TestDocument, context, fails, generous, passes, user};

#[test]
fn an_endless_loop_exceeds_its_cpu_time_and_is_escalated() {
    let started = Instant::now();
    let result = fails(
        &json!({ "do": "spin" }),
        &Limits { wall: Duration::from_secs(30), ..Limits::default() },
        FailureKind::CpuTime,
        "The plugin used more than its 20ms of CPU time.",
    );
    assert!(result.cpu >= Duration::from_millis(20) && result.cpu < Duration::from_millis(100), "{:?}", result.cpu);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(ESCALATIONS.load(Ordering::Relaxed) > 0);
    passes(&json!({ "do": "nothing" }), &Limits::default());
}

#[test]
fn limits_hold_after_the_ticker_paused() {
    passes(&json!({ "do": "nothing" }), &Limits::default());
    // The ticker pauses after a tenth of a second without a call. If it were not woken, the loop would never end.
    std::thread::sleep(Duration::from_millis(300));
    fails(
        &json!({ "do": "spin" }),
        &Limits::default(),
        FailureKind::CpuTime,
        "The plugin used more than its 20ms of CPU time.",
    );
}

#[test]
fn a_call_that_sleeps_exceeds_its_wall_time() {
    let run = |wall| {
        let document = TestDocument { read_time: Duration::from_millis(10), ..TestDocument::new(user()) };
        let limits = Limits { wall, ..generous() };
        HOST.run(&HOSTILE, &context(), r#"{"do":"read","times":20}"#, document, &limits).decision
    };
    let failure = run(Duration::from_millis(50)).unwrap_err();
    assert_eq!(
        (failure.kind, failure.reason.as_str()),
        (FailureKind::WallTime, "The plugin ran longer than its 50ms.")
    );
    assert!(failure.kind.is_transient());
    assert_eq!(run(Duration::from_secs(20)), Ok(Decision::Mapped));
}

#[test]
fn sleeping_uses_no_cpu_time() {
    let document = TestDocument { read_time: Duration::from_millis(5), ..TestDocument::new(user()) };
    let limits = Limits { cpu: Duration::from_millis(60), wall: Duration::from_secs(30), ..Limits::default() };
    let result = HOST.run(&HOSTILE, &context(), r#"{"do":"read","times":30}"#, document, &limits);
    assert_eq!(result.decision, Ok(Decision::Mapped));
}

#[test]
fn a_stack_overflow_fails_on_a_thread_of_two_mebibytes() {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let endless = json!({ "do": "recurse", "times": 100_000_000 });
        fails(&endless, &generous(), FailureKind::StackOverflow, "The plugin called itself too deeply.");
        passes(&json!({ "do": "recurse", "times": 1_000 }), &generous());
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn traps_and_panics_fail_and_keep_the_log() {
    let reason = "The plugin panicked; its log may say why.";
    fails(&json!({ "do": "trap" }), &generous(), FailureKind::Trap, reason);
    let result = fails(&json!({ "do": "panic" }), &generous(), FailureKind::Trap, reason);
    let line = result.log.last().unwrap();
    assert_eq!(line.level, Level::Error);
    assert!(line.message.contains("on purpose"), "{}", line.message);
}

#[test]
fn growing_memory_is_limited() {
    let config = json!({ "do": "grow", "times": 100 });
    passes(&config, &generous());
    // The plugin may handle a refusal. If it then fails, that is the reason, whatever it reports.
    let reason = "The plugin asked for more memory than it may have (8 MiB).";
    fails(&config, &Limits { memory: 8 << 20, ..generous() }, FailureKind::Memory, reason);
}

#[test]
fn memory_beyond_the_arena_is_limited() {
    passes(&json!({ "do": "allocate", "size": 3 << 20 }), &generous());
    fails(
        &json!({ "do": "allocate", "size": 5 << 20 }),
        &generous(),
        FailureKind::Memory,
        "The plugin asked for more memory than it may have (16 MiB).",
    );
}

#[test]
fn a_plugin_that_declares_too_much_memory_does_not_start() {
    fails(
        &json!({ "do": "nothing" }),
        &Limits { memory: 1 << 20, ..generous() },
        FailureKind::Memory,
        "The plugin asked for more memory than it may have (1 MiB).",
    );
}

#[test]
fn the_bytes_of_all_writes_are_limited() {
    let reason = "The plugin wrote more than 1 MiB.";
    passes(&json!({ "do": "write", "times": 10, "size": 100_000 }), &generous());
    fails(&json!({ "do": "write", "times": 11, "size": 100_000 }), &generous(), FailureKind::OutputSize, reason);
    passes(&json!({ "do": "replace", "size": 1_000_000 }), &generous());
    fails(&json!({ "do": "replace", "size": 1_060_000 }), &generous(), FailureKind::OutputSize, reason);
}

#[test]
fn a_single_write_is_limited_before_it_is_copied() {
    let limits = Limits { output: 100_000, ..generous() };
    let reason = "The plugin wrote more than 100000 bytes.";
    fails(&json!({ "do": "write", "size": 600_000 }), &limits, FailureKind::OutputSize, reason);
    passes(&json!({ "do": "write", "size": 90_000 }), &limits);
}

#[test]
fn log_lines_are_limited() {
    let result = passes(&json!({ "do": "log", "times": 100 }), &generous());
    assert_eq!(result.log.len(), 100);
    let reason = "The plugin logged more than 100 lines.";
    let result = fails(&json!({ "do": "log", "times": 101 }), &generous(), FailureKind::LogLines, reason);
    assert_eq!(result.log.len(), 100);
}

#[test]
fn long_log_lines_and_reasons_are_cut() {
    let result = passes(&json!({ "do": "log", "size": 1024 }), &generous());
    assert_eq!(result.log[0].message, "x".repeat(1024));
    let result = passes(&json!({ "do": "log", "size": 1025 }), &generous());
    assert_eq!(result.log[0].message, format!("{}…", "x".repeat(1021)));
    let Ok(Decision::Excluded(why)) = passes(&json!({ "do": "exclude", "size": 500_000 }), &generous()).decision else {
        panic!("not excluded");
    };
    assert_eq!(why.len(), 1024);
}

#[test]
fn host_calls_are_limited() {
    passes(&json!({ "do": "read", "times": 10_000 }), &generous());
    fails(
        &json!({ "do": "read", "times": 10_001 }),
        &generous(),
        FailureKind::HostCalls,
        "The plugin called the host more than 10000 times.",
    );
}

#[test]
fn an_error_from_the_plugin_is_reported() {
    fails(&json!({ "do": "fail" }), &generous(), FailureKind::Reported, "I would rather not");
    let result = HOST.run(&HOSTILE, &context(), "{", TestDocument::new(user()), &generous());
    let failure = result.decision.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Reported);
    assert!(failure.reason.starts_with("the configuration does not fit this plugin: "), "{failure}");
}
