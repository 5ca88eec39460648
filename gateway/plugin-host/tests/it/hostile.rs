//! Guests that no compiler would make, as they run: each comes to nothing with a reason, and the next call is answered.

use scimgate_plugin_host::{Failure, FailureKind, Limits, Outcome};
use wat_guests::guest;

use crate::support::{HOST, TestDocument, context, passes, patient, user};

/// What becomes of a guest under the given limits.
fn outcome_of(wasm: &[u8], limits: &Limits) -> Result<Outcome, Failure> {
    let component = HOST.prepare_with(wasm, &patient()).unwrap();
    let outcome = HOST.run(&component, &context(), "{}", TestDocument::new(user()), limits).outcome;
    passes(&serde_json::json!({ "do": "nothing" }), &patient());
    outcome
}

#[track_caller]
fn breaks_the_rules(name: &str, words: &[(&str, &str)], rule: &str) {
    let failure = outcome_of(&guest(name, words), &patient()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Trap, "{name} {words:?}: {failure}");
    assert_eq!(failure.reason, format!("The plugin broke the rules of its interface: {rule}."), "{name} {words:?}");
}

#[test]
fn an_answer_that_is_none_is_a_failure() {
    let answers = [
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
    for (at, bytes, rule) in answers {
        breaks_the_rules("answers", &[("at", at), ("bytes", bytes)], rule);
    }
    assert_eq!(outcome_of(&guest("answers", &[("at", "2048"), ("bytes", "")]), &patient()), Ok(Outcome::Mapped));
}

#[test]
fn handles_that_are_not_the_plugins_own_are_no_way_to_a_document() {
    let read = |handle: &str| format!("(call $get ({handle}) (i32.const 16) (i32.const 8) (i32.const 32))");
    let cases = [
        (format!("(call $drop (local.get 10)) {}", read("local.get 10")), "unknown handle index 1"),
        ("(call $drop (local.get 10)) (call $drop (local.get 10))".to_owned(), "unknown handle index 1"),
        (read("i32.const 12345"), "unknown handle index 12345"),
        (read("i32.const -1"), "unknown handle index 4294967295"),
        ("(call $drop (i32.const 2))".to_owned(), "unknown handle index 2"),
    ];
    for (deeds, rule) in &cases {
        breaks_the_rules("handles", &[("deeds", deeds)], rule);
    }
    breaks_the_rules("keeps-the-document", &[], "borrow handles still remain at the end of the call");
    let good = format!("{} (call $drop (local.get 10))", read("local.get 10"));
    assert_eq!(outcome_of(&guest("handles", &[("deeds", &good)]), &patient()), Ok(Outcome::Mapped));
}

#[test]
fn places_outside_of_the_memory_are_not_read_and_not_written() {
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
        breaks_the_rules("calls", &[("call", &format!("(call {call})"))], rule);
    }
}

#[test]
fn an_allocator_that_lies_hurts_the_plugin_alone() {
    let out = guest("realloc", &[("deed", "(i32.const -16)")]);
    assert_eq!(outcome_of(&out, &patient()).unwrap_err().kind, FailureKind::Trap);
    let loops = guest("realloc", &[("deed", "(loop $again (br $again)) (unreachable)")]);
    assert_eq!(outcome_of(&loops, &Limits::default()).unwrap_err().kind, FailureKind::CpuTime);
    // A plugin may not call the host while the host waits for it.
    let calls = "(call $get (i32.const 1) (i32.const 16) (i32.const 8) (i32.const 32)) (i32.const 64)";
    let failure = outcome_of(&guest("realloc", &[("deed", calls)]), &patient()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Trap, "{failure}");
}

#[test]
fn memory_and_tables_are_bounded_from_both_sides() {
    let run = |name, word, number| outcome_of(&guest(name, &[(word, number)]), &patient());
    assert_eq!(run("memory", "pages", "256"), Ok(Outcome::Mapped));
    assert_eq!(run("grows-table", "elements", "20000"), Ok(Outcome::Mapped));
    let failure = run("grows-table", "elements", "20001").unwrap_err();
    assert_eq!(failure.kind, FailureKind::Memory);
    assert_eq!(failure.reason, "The plugin asked for a larger table than it may have (20000 elements).");
    let failure = outcome_of(&guest("grows-memory", &[]), &patient()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Memory);
    let small = Limits { table: 100, ..patient() };
    assert_eq!(outcome_of(&guest("grows-table", &[("elements", "100")]), &small), Ok(Outcome::Mapped));
    let failure = outcome_of(&guest("grows-table", &[("elements", "101")]), &small).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Memory);
}

/// Neither loops nor calls of its own: what takes the time is the host's work.
#[test]
fn the_hosts_own_work_is_charged_to_the_plugin_that_asks_for_it() {
    let call = "(call $remove (local.get 10) (i32.const 16) (i32.const 8) (i32.const 32))\n";
    let wasm = guest("in-a-row", &[("calls", &call.repeat(200))]);
    let component = HOST.prepare(&wasm).unwrap();
    let run = |busy: u64, cpu: u64| {
        let document = TestDocument { busy: std::time::Duration::from_millis(busy), ..TestDocument::new(user()) };
        let limits = Limits { cpu: std::time::Duration::from_millis(cpu), ..patient() };
        HOST.run(&component, &context(), "{}", document, &limits)
    };
    let result = run(2, 20);
    let failure = result.outcome.unwrap_err();
    assert_eq!(
        (failure.kind, failure.reason.as_str()),
        (FailureKind::CpuTime, "The plugin used more than its 20ms of CPU time.")
    );
    assert!(result.document.removals < 30, "it is stopped long before its end");
    assert_eq!(run(1, 10_000).outcome, Ok(Outcome::Mapped));
}
