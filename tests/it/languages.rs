//! Plugins in TypeScript and Python as a tenant's mapping.

use std::collections::BTreeSet;

use scimgate::mapping::contain::breaker::FAILURES_TO_OPEN;
use scimgate_plugin_host::WASI_INTERFACES;
use scimgate_tests::matching::assert_holds;
use scimgate_tests::tenant::user;
use scimgate_tests::{TestGateway, language_plugin, log, on_both, on_postgres, root};
use serde_json::{Value, json};

on_both!(
    a_typescript_plugin_maps_a_tenants_users,
    a_python_plugin_needs_the_operators_consent,
    what_hostile_plugins_say_is_shown_and_not_logged,
);

// Compiling a plugin in Python takes seconds.
on_postgres!(hostile_python_is_stopped, a_script_that_keeps_running_out_of_memory_is_not_called_for_a_while);

/// The page's list is the list, and its two examples are those that are built.
#[test]
fn the_page_says_what_is_there() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let page = read("docs/languages.md");
    let named = page.split('`').filter(|text| text.starts_with("wasi:") || text.starts_with("local:"));
    assert_eq!(named.collect::<BTreeSet<_>>(), WASI_INTERFACES.into_iter().collect());
    for (example, first) in [("typescript/src/plugin.ts", "import "), ("python/plugin.py", "from dataclasses ")] {
        let source = read(&format!("plugins/examples/{example}"));
        let code = &source[source.find(first).unwrap()..];
        assert!(page.contains(code), "{example} is not on the page");
    }
}

/// Uploads a plugin and makes it a tenant's only step.
async fn map(gateway: &TestGateway, tenant: &str, plugin: &str, config: Value) {
    let uploaded = gateway.upload(language_plugin(plugin)).await;
    assert!(uploaded.body["digest"].is_string(), "{}", uploaded.text);
    let step = json!({ "plugin": uploaded.body["digest"], "config": config });
    let mapping = json!({ "onFailure": "refuse", "steps": [step] });
    let _ = gateway.operator.put(&format!("/tenants/{tenant}/mapping"), &mapping).await.expect(200);
}

fn ada() -> Value {
    let mut ada = user("ada");
    ada["name"] = json!({ "givenName": "Ada", "familyName": "Lovelace" });
    ada
}

async fn a_typescript_plugin_maps_a_tenants_users(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    map(gateway, "acme", "display-name-ts", json!({ "suffix": " (Acme)" })).await;
    let id = tenant.post("/Users", &ada()).await.expect(201).id();
    let read = tenant.directory(&format!("/users/{id}")).await.expect(200).body;
    assert_holds("mapped", &json!({ "displayName": "Ada Lovelace (Acme)", "mappingState": "mapped" }), &read);
    // Its configuration is checked against the schema that follows from its types.
    let digest = gateway.upload(language_plugin("display-name-ts")).await.body["digest"].clone();
    for (config, reason) in [(json!({ "sufix": "x" }), "sufix"), (json!({ "machines": "emials" }), "emials")] {
        let mapping = json!({ "onFailure": "refuse", "steps": [{ "plugin": digest, "config": config }] });
        let refusal = gateway.operator.put("/tenants/acme/mapping", &mapping).await.expect(400);
        assert!(refusal.text.contains(reason), "{}", refusal.text);
    }
}

async fn a_python_plugin_needs_the_operators_consent(gateway: &TestGateway) {
    let wasm = language_plugin("display-name-py");
    let refusal = gateway.upload(wasm).await.expect(400);
    assert!(
        refusal.text.contains("8388608 are accepted, unless the gateway is started with --large-plugins"),
        "{}",
        refusal.text
    );
    gateway.gateway.mapper.accept_large_plugins();
    let tenant = gateway.plain_tenant("snake").await;
    map(gateway, "snake", "display-name-py", json!({ "suffix": "!" })).await;
    let id = tenant.post("/Users", &ada()).await.expect(201).id();
    assert_eq!(tenant.directory(&format!("/users/{id}")).await.expect(200).body["displayName"], "Ada Lovelace!");
}

/// A configuration, and its result: status and reason for the client, kind in the log.
type Case = (Value, u16, &'static str, &'static str);

/// A flood of output takes this interpreter longer than a call may take: the plugin host's tests have it, with more time.
async fn what_hostile_plugins_say_is_shown_and_not_logged(gateway: &TestGateway) {
    let memory = "more memory than it may have (16 MiB)";
    check_hostile(
        gateway,
        "hostile-ts",
        &[
            (json!({ "do": "throw" }), 400, "reported", "I would rather not map Hildegard"),
            (json!({ "do": "spin" }), 503, "cpu_time", "more than its 20ms of CPU time"),
            (json!({ "do": "allocate", "size": 64 << 20 }), 400, "memory", memory),
            (json!({ "do": "recurse", "size": 100_000_000 }), 400, "stack_overflow", "called itself too deeply"),
            (json!({ "do": "log", "size": 101 }), 400, "log_lines", "logged more than 100 lines"),
        ],
    )
    .await;
}

async fn hostile_python_is_stopped(gateway: &TestGateway) {
    gateway.gateway.mapper.accept_large_plugins();
    let memory = "more memory than it may have (64 MiB)";
    check_hostile(
        gateway,
        "hostile-py",
        &[
            (json!({ "do": "throw" }), 400, "reported", "I would rather not map Hildegard"),
            (json!({ "do": "spin" }), 503, "cpu_time", "more than its 20ms of CPU time"),
            (json!({ "do": "allocate", "size": 128 << 20 }), 400, "memory", memory),
            (json!({ "do": "write", "size": 1_100_000 }), 400, "output_size", "wrote more than 1 MiB"),
            (json!({ "do": "log", "size": 101 }), 400, "log_lines", "logged more than 100 lines"),
            (json!({ "do": "exit" }), 400, "trap", "ended its process"),
        ],
    )
    .await;
}

/// The client gets the reason, the log the kind, nothing is stored, and another tenant is served as before.
async fn check_hostile(gateway: &TestGateway, plugin: &str, cases: &[Case]) {
    const SECRET: &str = "Hildegard";
    log::keep();
    let (bad, good) = (gateway.plain_tenant("scripted").await, gateway.tenant("calm").await);
    map(gateway, "scripted", plugin, json!({ "do": "nothing" })).await;
    let digest = gateway.upload(language_plugin(plugin)).await.body["digest"].clone();
    for (number, (config, status, kind, reason)) in cases.iter().enumerate() {
        let mapping = json!({ "onFailure": "refuse", "steps": [{ "plugin": digest, "config": config }] });
        let _ = gateway.operator.put("/tenants/scripted/mapping?dryRun=false", &mapping).await.expect(200);
        let before = (gateway.row_counts().await, bad.everything().await);
        let refusal = bad.post("/Users", &user(SECRET)).await.expect(*status);
        assert!(refusal.text.contains(reason), "{config}: {}", refusal.text);
        assert_eq!((gateway.row_counts().await, bad.everything().await), before, "{config}: nothing is stored");
        let logged = log::about("scripted");
        // The request's own line has a route, and a kind of error.
        let mut of_plugins = logged.iter().rev().filter(|line| line["route"].is_null());
        let last = of_plugins.find_map(|line| line["kind"].as_str());
        assert_eq!(last, Some(*kind), "{config}");
        let preview = json!({ "document": user(SECRET) });
        let shown = gateway.operator.post("/tenants/scripted/mapping/preview", &preview).await.expect(200);
        assert!(shown.text.contains(reason), "{config}: {}", shown.text);
        let _ = good.user(&format!("calm{number}")).await;
    }
    assert!(!log::text().contains(SECRET), "the log names a user");
}

/// An interpreter reports the memory that it was refused as an error of its own; the circuit breaker counts it all the same.
async fn a_script_that_keeps_running_out_of_memory_is_not_called_for_a_while(gateway: &TestGateway) {
    let bad = gateway.plain_tenant("greedy").await;
    map(gateway, "greedy", "hostile-ts", json!({ "do": "nothing" })).await;
    let digest = gateway.upload(language_plugin("hostile-ts")).await.body["digest"].clone();
    let step = json!({ "plugin": digest, "config": { "do": "allocate", "size": 64 << 20 } });
    let mapping = json!({ "onFailure": "refuse", "steps": [step] });
    let _ = gateway.operator.put("/tenants/greedy/mapping?dryRun=false", &mapping).await.expect(200);
    for _ in 0..FAILURES_TO_OPEN {
        let refusal = bad.post("/Users", &ada()).await.expect(400);
        assert!(refusal.text.contains("more memory than it may have"), "{}", refusal.text);
    }
    let refusal = bad.post("/Users", &ada()).await.expect(503);
    assert!(refusal.text.contains("plugin hostile-ts 0.1.0 (step 1) kept using up"), "{}", refusal.text);
}
