//! Handwritten hostile guests at run time: each fails with a reason, and the next call succeeds.

use scimgate_plugin_host::{Decision, Failure, FailureKind, Limits};
use wat_guests::guest;

use crate::support::{HOST, TestDocument, context, generous, passes, user};

/// Runs a guest under the given limits.
fn run(wasm: &[u8], limits: &Limits) -> Result<Decision, Failure> {
    let component = HOST.prepare_with(wasm, &generous()).unwrap();
    let decision = HOST.run(&component, &context(), "{}", TestDocument::new(user()), limits).decision;
    passes(&serde_json::json!({ "do": "nothing" }), &generous());
    decision
}

#[track_caller]
fn violates(name: &str, substitutions: &[(&str, &str)], rule: &str) {
    let failure = run(&guest(name, substitutions), &generous()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Trap, "{name} {substitutions:?}: {failure}");
    assert_eq!(
        failure.reason,
        format!("The plugin broke the rules of its interface: {rule}."),
        "{name} {substitutions:?}"
    );
}

#[test]
fn a_malformed_return_value_fails() {
    let return_values = [
        ("2048", r"\07", "invalid expected discriminant"),
        ("2048", r"\00\00\00\00\09", "unexpected discriminant: 9"),
        ("2048", r"\00\00\00\00\01\00\00\00\f0\ff\ff\ff\ff\00\00\00", "string pointer/length out of bounds of memory"),
        ("2048", r"\00\00\00\00\01\00\00\00\10\00\00\00\ff\ff\ff\7f", "string pointer/length out of bounds of memory"),
        ("2048", r"\00\00\00\00\01\00\00\00\80\08\00\00\05\00\00\00", "invalid utf-8 sequence of 1 bytes from index 0"),
        // The first half of a surrogate pair, as UTF-8 does not have it.
        ("2048", r"\00\00\00\00\01\00\00\00\82\08\00\00\03\00\00\00", "invalid utf-8 sequence of 1 bytes from index 0"),
        ("2049", "", "return pointer not aligned"),
        ("0xfffffff0", "", "pointer out of bounds of memory"),
    ];
    for (at, bytes, rule) in return_values {
        violates("returns", &[("at", at), ("bytes", bytes)], rule);
    }
    assert_eq!(run(&guest("returns", &[("at", "2048"), ("bytes", "")]), &generous()), Ok(Decision::Mapped));
}

#[test]
fn a_foreign_or_dropped_handle_fails() {
    let read = |handle: &str| format!("(call $get ({handle}) (i32.const 16) (i32.const 8) (i32.const 32))");
    let cases = [
        (format!("(call $drop (local.get 10)) {}", read("local.get 10")), "unknown handle index 1"),
        ("(call $drop (local.get 10)) (call $drop (local.get 10))".to_owned(), "unknown handle index 1"),
        (read("i32.const 12345"), "unknown handle index 12345"),
        (read("i32.const -1"), "unknown handle index 4294967295"),
        ("(call $drop (i32.const 2))".to_owned(), "unknown handle index 2"),
    ];
    for (body, rule) in &cases {
        violates("handles", &[("body", body)], rule);
    }
    violates("leaks-handle", &[], "borrow handles still remain at the end of the call");
    let good = format!("{} (call $drop (local.get 10))", read("local.get 10"));
    assert_eq!(run(&guest("handles", &[("body", &good)]), &generous()), Ok(Decision::Mapped));
}

#[test]
fn a_pointer_outside_of_the_memory_fails() {
    let calls = [
        (
            "$get (local.get 10) (i32.const -16) (i32.const 100) (i32.const 32)",
            "string pointer/length out of bounds of memory",
        ),
        (
            "$get (local.get 10) (i32.const 0) (i32.const 0x7fffffff) (i32.const 32)",
            "string pointer/length out of bounds of memory",
        ),
        (
            "$get (local.get 10) (i32.const 16) (i32.const 5) (i32.const 32)",
            "invalid utf-8 sequence of 1 bytes from index 0",
        ),
        ("$get (local.get 10) (i32.const 32) (i32.const 0) (i32.const -8)", "pointer out of bounds"),
        ("$get (local.get 10) (i32.const 32) (i32.const 0) (i32.const 33)", "pointer not aligned"),
        ("$log (i32.const 9) (i32.const 32) (i32.const 0)", "unexpected discriminant: 9"),
        ("$log (i32.const 1) (i32.const 16) (i32.const 5)", "invalid utf-8 sequence of 1 bytes from index 0"),
    ];
    for (call, rule) in calls {
        violates("calls", &[("call", &format!("(call {call})"))], rule);
    }
}

#[test]
fn a_broken_allocator_fails_the_call_only() {
    let out = guest("realloc", &[("body", "(i32.const -16)")]);
    assert_eq!(run(&out, &generous()).unwrap_err().kind, FailureKind::Trap);
    let loops = guest("realloc", &[("body", "(loop $again (br $again)) (unreachable)")]);
    assert_eq!(run(&loops, &Limits::default()).unwrap_err().kind, FailureKind::CpuTime);
    // A plugin must not call the host from its allocator.
    let calls = "(call $get (i32.const 1) (i32.const 16) (i32.const 8) (i32.const 32)) (i32.const 64)";
    let failure = run(&guest("realloc", &[("body", calls)]), &generous()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Trap, "{failure}");
}

#[test]
fn memory_and_tables_are_limited() {
    let run_with = |name, key, number| run(&guest(name, &[(key, number)]), &generous());
    assert_eq!(run_with("memory", "pages", "256"), Ok(Decision::Mapped));
    assert_eq!(run_with("grows-table", "elements", "20000"), Ok(Decision::Mapped));
    let failure = run_with("grows-table", "elements", "20001").unwrap_err();
    assert_eq!(failure.kind, FailureKind::Memory);
    assert_eq!(failure.reason, "The plugin asked for a larger table than it may have (20000 elements).");
    let failure = run(&guest("grows-memory", &[]), &generous()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Memory);
    let small = Limits { table: 100, ..generous() };
    assert_eq!(run(&guest("grows-table", &[("elements", "100")]), &small), Ok(Decision::Mapped));
    let failure = run(&guest("grows-table", &[("elements", "101")]), &small).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Memory);
}

/// The guest has neither loops nor calls of its own: all the time is the host's work.
#[test]
fn the_hosts_work_counts_towards_the_cpu_limit() {
    let call = "(call $remove (local.get 10) (i32.const 16) (i32.const 8) (i32.const 32))\n";
    let wasm = guest("straight-line", &[("calls", &call.repeat(200))]);
    let component = HOST.prepare(&wasm).unwrap();
    let run = |removal: u64, cpu: u64| {
        let document =
            TestDocument { removal_cpu: std::time::Duration::from_millis(removal), ..TestDocument::new(user()) };
        let limits = Limits { cpu: std::time::Duration::from_millis(cpu), ..generous() };
        HOST.run(&component, &context(), "{}", document, &limits)
    };
    let result = run(2, 20);
    let failure = result.decision.unwrap_err();
    assert_eq!(
        (failure.kind, failure.reason.as_str()),
        (FailureKind::CpuTime, "The plugin used more than its 20ms of CPU time.")
    );
    assert!(result.document.removals < 30, "the call ends early");
    assert_eq!(run(1, 10_000).decision, Ok(Decision::Mapped));
}
