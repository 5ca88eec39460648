//! Plugins in TypeScript and Python, in the production engine: their examples, and hostile ones.

use std::sync::LazyLock;

use scimgate_plugin_host::{CallResult, Component, Context, Decision, FailureKind, Host, Key, Limits};
use scimgate_plugin_sdk::serde_json::{Value, from_str, json};

use crate::bundled::run_examples;
use crate::support::{HOST, TestDocument, built, caching, context, generous, user};

static LARGE_HOST: LazyLock<Host> = LazyLock::new(|| {
    let host = Host::new(caching()).unwrap();
    host.accept_large_plugins();
    host
});
static TYPESCRIPT: LazyLock<Component> = LazyLock::new(|| HOST.prepare(&built("hostile-ts")).unwrap());
static PYTHON: LazyLock<Component> = LazyLock::new(|| LARGE_HOST.prepare(&built("hostile-py")).unwrap());

/// A host that takes a component, and the component.
type Guest<'a> = (&'a Host, &'a Component);

fn typescript() -> Guest<'static> {
    (&HOST, &TYPESCRIPT)
}

fn python() -> Guest<'static> {
    (&LARGE_HOST, &PYTHON)
}

fn call((host, component): Guest<'_>, config: &Value) -> CallResult<TestDocument> {
    call_in((host, component), config, &context())
}

fn call_in((host, component): Guest<'_>, config: &Value, context: &Context) -> CallResult<TestDocument> {
    // Only an endless loop is to meet this limit, however slow the machine is.
    let cpu = if config["do"] == "spin" { host.limits().cpu } else { generous().cpu };
    let limits = Limits { cpu, wall: generous().wall, ..host.limits() };
    host.run(component, context, &config.to_string(), TestDocument::new(user()), &limits)
}

/// The title that a call sets.
#[track_caller]
fn title(result: CallResult<TestDocument>) -> String {
    assert_eq!(result.decision, Ok(Decision::Mapped), "{:?}", result.log);
    result.document.into_value()["title"].as_str().unwrap().to_owned()
}

/// Calls that must fail with this kind and a reason that contains this text; the next call is served as before.
fn check_hostile(guest: Guest<'_>, cases: &[(Value, FailureKind, &str)]) {
    for (config, kind, reason) in cases {
        let failure = call(guest, config).decision.unwrap_err();
        assert!(failure.kind == *kind && failure.reason.contains(reason), "{config}: {failure:?}");
        assert_eq!(call(guest, &json!({ "do": "nothing" })).decision, Ok(Decision::Mapped), "after {config}");
    }
}

#[test]
fn a_typescript_plugin_maps_its_examples() {
    run_examples(&HOST, &HOST.prepare(&built("display-name-ts")).unwrap(), "examples/typescript");
}

#[test]
fn a_python_plugin_maps_its_examples() {
    let component = LARGE_HOST.prepare(&built("display-name-py")).unwrap();
    run_examples(&LARGE_HOST, &component, "examples/python");
}

#[test]
fn a_python_plugin_needs_the_operators_consent() {
    let error = HOST.prepare(&built("display-name-py")).unwrap_err().to_string();
    assert!(error.contains("8388608") && error.contains("--large-plugins"), "{error}");
}

#[test]
fn hostile_typescript_is_stopped() {
    use FailureKind::{CpuTime, LogLines, Memory, OutputSize, Reported, StackOverflow};
    check_hostile(
        typescript(),
        &[
            (json!({ "do": "spin" }), CpuTime, "more than its 20ms"),
            (json!({ "do": "recurse", "size": 100_000_000 }), StackOverflow, "called itself too deeply"),
            (json!({ "do": "allocate", "size": 64 << 20 }), Memory, "more memory than it may have (16 MiB)"),
            (json!({ "do": "write", "size": 1_100_000 }), OutputSize, "wrote more than 1 MiB"),
            (json!({ "do": "log", "size": 101 }), LogLines, "logged more than 100 lines"),
            (json!({ "do": "throw" }), Reported, "I would rather not map ada"),
        ],
    );
}

#[test]
fn a_script_cannot_load_a_module_of_its_surroundings() {
    let result = call(typescript(), &json!({ "do": "import" }));
    assert_eq!((result.decision, result.written), (Ok(Decision::Mapped), 0));
}

#[test]
fn hostile_python_is_stopped() {
    use FailureKind::{CpuTime, LogLines, Memory, OutputSize, Reported, Trap};
    check_hostile(
        python(),
        &[
            (json!({ "do": "spin" }), CpuTime, "more than its 20ms"),
            (json!({ "do": "recurse", "size": 100_000_000 }), Reported, "RecursionError"),
            (json!({ "do": "allocate", "size": 128 << 20 }), Memory, "more memory than it may have (64 MiB)"),
            (json!({ "do": "write", "size": 1_100_000 }), OutputSize, "wrote more than 1 MiB"),
            (json!({ "do": "log", "size": 101 }), LogLines, "logged more than 100 lines"),
            (json!({ "do": "print", "size": 101 }), LogLines, "logged more than 100 lines"),
            (json!({ "do": "throw" }), Reported, "RuntimeError: I would rather not map ada"),
            (json!({ "do": "open" }), Reported, "FileNotFoundError"),
            (json!({ "do": "list", "path": "/" }), Reported, "FileNotFoundError"),
            (json!({ "do": "socket" }), Trap, "wasi:sockets/"),
            (json!({ "do": "resolve" }), Trap, "wasi:sockets/"),
            (json!({ "do": "sleep" }), Trap, "wasi:clocks/monotonic-clock"),
            (json!({ "do": "exit" }), Trap, "ended its process"),
            (json!({ "do": "system" }), Reported, "AttributeError"),
            (json!({ "do": "urandom", "size": 16_385 }), Trap, "more than 16384 random bytes"),
        ],
    );
}

#[test]
fn what_is_printed_goes_to_the_log() {
    let result = call(python(), &json!({ "do": "print", "size": 2 }));
    let lines: Vec<&str> = result.log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["line 0", "line 1", "no end"]);
}

#[test]
fn where_an_error_was_thrown_is_in_the_log() {
    for (guest, place) in [(typescript(), "at "), (python(), "plugin.py\", line ")] {
        let log = call(guest, &json!({ "do": "throw" })).log;
        assert!(log.iter().any(|line| line.message.contains(place)), "{log:?}");
    }
}

#[test]
fn compiled_code_of_an_interpreter_can_be_kept() {
    let key = Key::new([7; 32]);
    for (host, component) in [typescript(), python()] {
        let loaded = host.load_precompiled(&component.precompile(&key).unwrap(), std::slice::from_ref(&key)).unwrap();
        assert_eq!(title(call((host, &loaded), &json!({ "do": "count" }))), "1");
    }
}

#[test]
fn calls_share_no_state() {
    for guest in [typescript(), python()] {
        for _ in 0..3 {
            assert_eq!(title(call(guest, &json!({ "do": "count" }))), "1");
        }
    }
}

#[test]
fn the_clock_and_random_numbers_follow_from_the_call() {
    let observe = json!({ "do": "observe" });
    let other = Context { resource_id: "0198c0de-0000-7000-8000-000000000002".to_owned(), ..context() };
    let seen: Value = from_str(&title(call(typescript(), &observe))).unwrap();
    assert_eq!(seen["now"], "2026-01-02T03:04:05.000Z");
    assert_eq!((&seen["zone"], &seen["elapsed"], &seen["present"]), (&json!(0), &json!(0), &json!([])));
    assert_eq!(title(call(typescript(), &observe)), seen.to_string());

    let text = title(call(python(), &observe));
    assert_eq!(title(call(python(), &observe)), text);
    let seen: Value = from_str(&text).unwrap();
    let nothing = json!([1_767_323_045.0, 0.0, 0, ""]);
    assert_eq!(json!([seen["now"], seen["monotonic"], seen["zone"], seen["input"]]), nothing);
    let elsewhere: Value = from_str(&title(call_in(python(), &observe, &other))).unwrap();
    assert_ne!(seen["random"], elsewhere["random"]);
    let environment = seen["environment"].as_object().unwrap();
    assert!(environment.keys().all(|name| name.starts_with("PYTHON")), "{environment:?}");
}
