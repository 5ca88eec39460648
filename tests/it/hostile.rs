//! Hostile plugins as a tenant's mapping: the client gets the reason, the log the kind, nothing is stored, and the other
//! tenants are served as before.

use std::time::Duration;

use scimgate::mapping::contain::breaker::{FAILURES_TO_OPEN, FIRST_COOL_DOWN};
use scimgate_tests::matching::assert_holds;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Answer, Tenant, TestGateway, log, on_both, plugin};
use serde_json::{Value, json};
use wat_guests::guest;

use crate::remap::helpers::stop_jobs;

on_both!(
    a_hostile_plugin_is_reported_and_logged_and_harms_no_other_tenant,
    with_keep_the_source_is_stored,
    a_step_that_keeps_exceeding_its_time_is_not_called_for_a_while,
    a_plugin_that_times_out_on_one_user_maps_the_others,
    a_chain_cannot_exceed_the_document_limit,
    harmful_uploads_are_refused_with_a_reason,
);

/// The written user's name, which must not be logged.
const SECRET: &str = "Ermintrude";

/// A plugin, its configuration, and the result: status and reason for the client, kind in the log.
struct Case {
    wasm: Vec<u8>,
    config: Value,
    status: u16,
    reason: &'static str,
    kind: &'static str,
}

/// Each case stays far below the other limits, since this build is slow.
fn cases() -> Vec<Case> {
    let hostile = |config: Value, status, reason, kind| Case { wasm: plugin("hostile"), config, status, reason, kind };
    let wat = |name, substitutions: &[(&str, &str)], reason, kind| Case {
        wasm: guest(name, substitutions),
        config: json!({}),
        status: 400,
        reason,
        kind,
    };
    let json = |json: &str, reason, kind| {
        let quoted = json.replace('"', "\\\"");
        wat("replaces", &[("json", &quoted), ("length", &json.len().to_string())], reason, kind)
    };
    let mismatch = "the result does not match the directory's schemas: ";
    let rules = "The plugin broke the rules of its interface: ";
    vec![
        hostile(json!({ "do": "spin" }), 503, "more than its 20ms of CPU time", "cpu_time"),
        hostile(json!({ "do": "recurse", "times": 100_000_000 }), 400, "called itself too deeply", "stack_overflow"),
        hostile(json!({ "do": "trap" }), 400, "panicked", "trap"),
        hostile(json!({ "do": "panic" }), 400, "panicked", "trap"),
        hostile(json!({ "do": "allocate", "size": 64 << 20 }), 400, "more memory than it may have (16 MiB)", "memory"),
        hostile(json!({ "do": "write", "size": 1_100_000 }), 400, "wrote more than 1 MiB", "output_size"),
        hostile(json!({ "do": "log", "times": 101, "size": 10 }), 400, "logged more than 100 lines", "log_lines"),
        hostile(json!({ "do": "fail" }), 400, "I would rather not", "reported"),
        wat("grows-memory", &[], "more memory than it may have (16 MiB)", "memory"),
        wat("grows-table", &[("elements", "20001")], "a larger table than it may have (20000 elements)", "memory"),
        wat("returns", &[("at", "2048"), ("bytes", r"\07")], rules, "trap"),
        wat("returns", &[("at", "0xfffffff0"), ("bytes", "")], rules, "trap"),
        wat("leaks-handle", &[], rules, "trap"),
        wat("handles", &[("body", "(call $drop (local.get 10)) (call $drop (local.get 10))")], rules, "trap"),
        json(r#"{"userName":5}"#, mismatch, "bad_output"),
        json("{}", mismatch, "bad_output"),
        json(r#"{"userName":"x","Ermintrude":1}"#, mismatch, "bad_output"),
        json(r#"{"userName":"x","emails":{"a":"b"}}"#, mismatch, "bad_output"),
    ]
}

async fn map(gateway: &TestGateway, tenant: &str, case: &Case, on_failure: &str) {
    let digest = gateway.upload_dev(case.wasm.clone()).await.body["digest"].clone();
    let mapping = json!({ "onFailure": on_failure, "steps": [{ "plugin": digest, "config": case.config }] });
    let _ = gateway.operator.put(&format!("/tenants/{tenant}/mapping?dryRun=false"), &mapping).await.expect(200);
}

fn ermintrude() -> Value {
    let mut body = user(SECRET);
    body["name"]["givenName"] = SECRET.into();
    body
}

/// The kind of the last failure that was logged for a tenant; checks that no line names the user.
fn last_kind(tenant: &str) -> String {
    assert!(!log::text().contains(SECRET), "the log names a user");
    let lines = log::about(tenant);
    // The request's own line has a route, and a kind of error.
    let mut of_plugins = lines.iter().rev().filter(|line| line["route"].is_null());
    of_plugins.find_map(|line| line["kind"].as_str()).unwrap_or_default().to_owned()
}

async fn a_hostile_plugin_is_reported_and_logged_and_harms_no_other_tenant(gateway: &TestGateway) {
    log::keep();
    let _stopped = stop_jobs(gateway).await;
    let (bad, good) = (gateway.plain_tenant("harmed").await, gateway.tenant("unharmed").await);
    for (index, case) in cases().iter().enumerate() {
        let label = format!("{} {}", case.kind, case.config);
        map(gateway, "harmed", case, "refuse").await;
        let before = (gateway.row_counts().await, bad.everything().await);
        let refusal = bad.post("/Users", &ermintrude()).await.expect(case.status);
        let detail = refusal.body["detail"].as_str().unwrap();
        assert!(detail.contains("plugin ") && detail.contains(case.reason), "{label}: {detail}");
        assert_eq!(refusal.header("retry-after").parse::<u32>().is_ok(), case.status == 503, "{label}");
        assert_eq!((gateway.row_counts().await, bad.everything().await), before, "{label}: nothing is stored");
        assert_eq!(last_kind("harmed"), case.kind, "{label}");
        let _ = good.user(&format!("good{index}")).await;
    }
    // Invalid JSON is an error that the plugin may ignore.
    for nonsense in ["[]", "{", r#"{"userName":NaN}"#, r#"{"userName":"\\ud800"}"#] {
        let substitutions = [("json", nonsense.replace('"', "\\\"")), ("length", nonsense.len().to_string())];
        let wasm = guest("replaces", &substitutions.each_ref().map(|(key, value)| (*key, value.as_str())));
        map(gateway, "harmed", &Case { wasm, config: json!({}), status: 0, reason: "", kind: "" }, "refuse").await;
        let id = bad.post("/Users", &user("steady")).await.expect(201).id();
        let same = json!({ "userName": "steady@corp.test", "mappingState": "same" });
        assert_holds(nonsense, &same, &bad.directory(&format!("/users/{id}")).await.expect(200).body);
        let _ = bad.delete(&format!("/Users/{id}")).await.expect(204);
    }
    gateway.map("harmed", "tutorial", &json!({ "buildDisplayName": true }), "refuse").await;
    let _ = bad.post("/Users", &ermintrude()).await.expect(201);
}

async fn with_keep_the_source_is_stored(gateway: &TestGateway) {
    log::keep();
    // A remap would log its own failures.
    let _stopped = stop_jobs(gateway).await;
    let tenant = gateway.plain_tenant("keeper").await;
    let ada = tenant.user("ada").await;
    for case in cases() {
        map(gateway, "keeper", &case, "keep").await;
        let title = json!([{ "op": "replace", "path": "title", "value": case.kind }]);
        let _ = tenant.patch(&format!("/Users/{ada}"), &patch(title)).await.expect(200);
        assert_eq!(tenant.get(&format!("/Users/{ada}")).await.expect(200).body["title"], case.kind);
        let stale = json!({ "userName": "ada@corp.test", "title": null, "mappingState": "stale" });
        assert_holds(case.kind, &stale, &tenant.directory(&format!("/users/{ada}")).await.expect(200).body);
        assert_eq!(last_kind("keeper"), case.kind);
        let never = tenant.post("/Users", &ermintrude()).await.expect(201).id();
        let _ = tenant.directory(&format!("/users/{never}")).await.expect(404);
        let _ = tenant.delete(&format!("/Users/{never}")).await.expect(204);
    }
}

/// The seconds after which the client should retry.
fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().unwrap()
}

async fn a_step_that_keeps_exceeding_its_time_is_not_called_for_a_while(gateway: &TestGateway) {
    log::keep();
    let (bad, good) = (gateway.plain_tenant("spinner").await, gateway.plain_tenant("bystander").await);
    gateway.map("spinner", "hostile", &json!({ "do": "spin" }), "refuse").await;
    gateway.map("bystander", "hostile", &json!({ "do": "nothing" }), "refuse").await;
    let is_called = |answer: &Answer| answer.body["detail"].as_str().unwrap().contains("used more than its");
    for _ in 0..FAILURES_TO_OPEN {
        assert!(is_called(&bad.post("/Users", &user("bob")).await.expect(503)));
    }
    let opened = |line: &Value| line["message"] == "a plugin keeps failing and is not called for a while";
    assert_eq!(log::about("spinner").iter().filter(|line| opened(line)).count(), 1);
    for _ in 0..3 {
        let refusal = bad.post("/Users", &user("bob")).await.expect(503);
        assert!(!is_called(&refusal), "{}", refusal.text);
        assert!(refusal.body["detail"].as_str().unwrap().contains("plugin hostile 0.1.0 (step 1) kept using up"));
        assert_eq!(retry_after(&refusal), FIRST_COOL_DOWN.as_secs());
    }
    let _ = good.user("ada").await;

    gateway.clock.advance(FIRST_COOL_DOWN);
    assert!(is_called(&bad.post("/Users", &user("bob")).await.expect(503)), "one call is made as a probe");
    let refusal = bad.post("/Users", &user("bob")).await.expect(503);
    assert!(!is_called(&refusal));
    assert_eq!(retry_after(&refusal), 2 * FIRST_COOL_DOWN.as_secs());

    gateway.map("spinner", "hostile", &json!({ "do": "spin" }), "keep").await;
    for number in 0..=FAILURES_TO_OPEN {
        let id = bad.user(&format!("kept{number}")).await;
        let _ = bad.directory(&format!("/users/{id}")).await.expect(404);
    }
    gateway.map("spinner", "hostile", &json!({ "do": "nothing" }), "refuse").await;
    let _ = bad.user("bob").await;
}

async fn a_plugin_that_times_out_on_one_user_maps_the_others(gateway: &TestGateway) {
    log::keep();
    let tenant = gateway.plain_tenant("selective").await;
    gateway.map("selective", "hostile", &json!({ "do": "spin", "for": "bob" }), "refuse").await;
    for round in 0..FAILURES_TO_OPEN - 1 {
        let _ = tenant.post("/Users", &user("bob")).await.expect(503);
        let _ = tenant.user(&format!("ada{round}")).await;
    }
    let _ = tenant.post("/Users", &user("bob")).await.expect(503);
    // A few successes do not offset five failures.
    gateway.clock.advance(Duration::from_secs(1));
    let refusal = tenant.post("/Users", &user("ada")).await.expect(503);
    assert_eq!(retry_after(&refusal), FIRST_COOL_DOWN.as_secs() - 1);
    gateway.clock.advance(FIRST_COOL_DOWN);
    let _ = tenant.user("ada").await;
    let _ = tenant.user("eve").await;
    assert!(log::about("selective").iter().any(|line| line["message"] == "a plugin that kept failing is called again"));
}

async fn a_chain_cannot_exceed_the_document_limit(gateway: &TestGateway) {
    log::keep();
    let tenant = gateway.plain_tenant("verbose").await;
    let digest = gateway.upload(plugin("hostile")).await.body["digest"].clone();
    let put = async |last: usize| {
        let config = |path, size| json!({ "do": "write", "path": path, "size": size });
        let write = |path, size| json!({ "plugin": digest, "config": config(path, size), "resourceTypes": ["User"] });
        let steps = json!([write("title", 100_000), write("nickName", 100_000), write("userType", last)]);
        let mapping = json!({ "onFailure": "refuse", "steps": steps });
        let _ = gateway.operator.put("/tenants/verbose/mapping", &mapping).await.expect(200);
    };
    let mut long = user("ada");
    long["displayName"] = "x".repeat(800_000).into();
    put(47_500).await;
    let id = tenant.post("/Users", &long).await.expect(201).id();
    let read = tenant.directory(&format!("/users/{id}")).await.expect(200);
    assert_eq!(read.body["userType"].as_str().unwrap().len(), 47_500);
    let _ = tenant.delete(&format!("/Users/{id}")).await.expect(204);
    put(48_600).await;
    let refusal = tenant.post("/Users", &long).await.expect(400);
    let detail = refusal.body["detail"].as_str().unwrap();
    assert!(detail.contains("(step 3)") && detail.contains("longer than 1048576 bytes"), "{detail}");
    assert_eq!(last_kind("verbose"), "document_size");
}

async fn harmful_uploads_are_refused_with_a_reason(gateway: &TestGateway) {
    let tenant: Tenant = gateway.tenant("steady").await;
    let before = gateway.operator.get("/plugins").await.expect(200).text;
    let loops = "(loop (br_if 0 (local.get 0)))".repeat(20_000);
    for (wasm, reason) in [
        (guest("imports-wasi", &[]), "imports wasi:http/outgoing-handler@0.2.0, which plugins may not use"),
        (guest("nested", &[("import", "wasi:http/types@0.2.0")]), "imports wasi:http/types@0.2.0"),
        (guest("start-loops", &[]), "cannot describe itself: The plugin used more than its 100ms of CPU time"),
        (guest("start-traps", &[]), "cannot describe itself: The plugin panicked"),
        (guest("describe-loops", &[]), "cannot describe itself: The plugin used more than its 100ms of CPU time"),
        (guest("describe-logs", &[]), "cannot describe itself: The plugin logged more than 100 lines"),
        (guest("two-memories", &[]), "it has more than one memory"),
        (guest("memory", &[("pages", "257")]), "more memory than it may have (16 MiB)"),
        (wat_guests::build("loops", &format!("(func (param i32) {loops})")), "would take too long to compile"),
        (b"\0asm".to_vec(), "This is not a plugin that can be run here"),
    ] {
        let refusal = gateway.upload(wasm).await.expect(400);
        assert!(refusal.body["detail"].as_str().unwrap().contains(reason), "{reason}: {}", refusal.text);
    }
    assert_eq!(gateway.operator.get("/plugins").await.expect(200).text, before, "nothing is stored");
    let _ = tenant.user("ada").await;
}
