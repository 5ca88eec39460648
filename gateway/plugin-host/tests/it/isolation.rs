//! Calls know nothing of each other, and a bad one hurts nobody beside it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use scimgate_plugin_host::{FailureKind, Host, HostConfig, Outcome};
use scimgate_plugin_sdk::serde_json::json;

use crate::support::{HOST, HOSTILE, TUTORIAL, TestDocument, context, passes, patient, user, wasm};

#[test]
fn two_runs_share_no_state() {
    for _ in 0..3 {
        let result = passes(&json!({ "do": "count" }), &patient());
        assert_eq!(result.document.into_value()["title"], "1");
    }
}

#[test]
fn memory_that_one_run_filled_is_clean_in_the_next() {
    for _ in 0..20 {
        passes(&json!({ "do": "allocate", "size": 3 << 20 }), &patient());
        let result = passes(&json!({ "do": "count" }), &patient());
        assert_eq!(result.document.into_value()["title"], "1");
    }
}

#[test]
fn many_threads_run_good_and_bad_plugins_at_once() {
    thread::scope(|scope| {
        for number in 0..16 {
            scope.spawn(move || {
                for round in 0..30 {
                    if number % 4 == 0 && round % 10 == 0 {
                        let result =
                            HOST.run(&HOSTILE, &context(), r#"{"do":"trap"}"#, TestDocument::new(user()), &patient());
                        assert_eq!(result.outcome.unwrap_err().kind, FailureKind::Trap);
                        continue;
                    }
                    let result = HOST.run(
                        &TUTORIAL,
                        &context(),
                        r#"{"lowerCaseMail":true}"#,
                        TestDocument::new(json!({ "emails": [{ "value": format!("A{number}.{round}@X.ORG") }] })),
                        &patient(),
                    );
                    assert_eq!(result.outcome, Ok(Outcome::Mapped));
                    let mail = format!("a{number}.{round}@x.org");
                    assert_eq!(result.document.into_value()["emails"][0]["value"], mail);
                }
            });
        }
    });
}

#[test]
fn one_call_too_many_is_overloaded_and_not_an_accident() {
    let host = Host::new(HostConfig { instances: 1, ..HostConfig::default() }).unwrap();
    let component = host.prepare(&wasm("hostile")).unwrap();
    let run = |times: u32| {
        let document = TestDocument { slow: std::time::Duration::from_millis(5), ..TestDocument::new(user()) };
        let config = json!({ "do": "read", "times": times }).to_string();
        host.run(&component, &context(), &config, document, &patient()).outcome
    };
    let seen = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !seen.load(Ordering::Relaxed) {
                    if let Err(failure) = run(5) {
                        assert_eq!(failure.kind, FailureKind::Overloaded);
                        assert!(failure.kind.may_pass());
                        seen.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(run(1), Ok(Outcome::Mapped));
}
