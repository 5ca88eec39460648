//! Calls share nothing, and a failing call does not affect the others.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use scimgate_plugin_host::{Decision, FailureKind, Host, HostConfig};
use scimgate_plugin_sdk::serde_json::json;

use crate::support::{HOST, HOSTILE, TUTORIAL, TestDocument, context, generous, passes, user, wasm};

#[test]
fn calls_share_no_state() {
    for _ in 0..3 {
        let result = passes(&json!({ "do": "count" }), &generous());
        assert_eq!(result.document.into_value()["title"], "1");
    }
}

#[test]
fn memory_is_zeroed_between_calls() {
    for _ in 0..20 {
        passes(&json!({ "do": "allocate", "size": 3 << 20 }), &generous());
        let result = passes(&json!({ "do": "count" }), &generous());
        assert_eq!(result.document.into_value()["title"], "1");
    }
}

#[test]
fn good_and_failing_plugins_run_concurrently() {
    thread::scope(|scope| {
        for number in 0..16 {
            scope.spawn(move || {
                for round in 0..30 {
                    if number % 4 == 0 && round % 10 == 0 {
                        let result =
                            HOST.run(&HOSTILE, &context(), r#"{"do":"trap"}"#, TestDocument::new(user()), &generous());
                        assert_eq!(result.decision.unwrap_err().kind, FailureKind::Trap);
                        continue;
                    }
                    let result = HOST.run(
                        &TUTORIAL,
                        &context(),
                        r#"{"lowerCaseMail":true}"#,
                        TestDocument::new(json!({ "emails": [{ "value": format!("A{number}.{round}@X.ORG") }] })),
                        &generous(),
                    );
                    assert_eq!(result.decision, Ok(Decision::Mapped));
                    let mail = format!("a{number}.{round}@x.org");
                    assert_eq!(result.document.into_value()["emails"][0]["value"], mail);
                }
            });
        }
    });
}

#[test]
fn a_call_without_a_free_instance_is_overloaded() {
    let host = Host::new(HostConfig { instances: 1, ..HostConfig::default() }).unwrap();
    let component = host.prepare(&wasm("hostile")).unwrap();
    let run = |times: u32| {
        let document = TestDocument { read_time: std::time::Duration::from_millis(5), ..TestDocument::new(user()) };
        let config = json!({ "do": "read", "times": times }).to_string();
        host.run(&component, &context(), &config, document, &generous()).decision
    };
    let seen = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !seen.load(Ordering::Relaxed) {
                    if let Err(failure) = run(5) {
                        assert_eq!(failure.kind, FailureKind::Overloaded);
                        assert!(failure.kind.is_transient());
                        seen.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(run(1), Ok(Decision::Mapped));
}
