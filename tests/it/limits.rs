//! The documented limits of plugins, and the gateway's limits at and over each.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use scimgate::mapping::contain::breaker;
use scimgate::mapping::{Chain, DocumentInfo, MAX_DOCUMENT_BYTES, MapError, Mapper, MapperConfig, OnFailure, Step};
use scimgate::operation::admin::mappings::check::MAX_STEPS;
use scimgate::operation::plugin_loader::StoredPlugins;
use scimgate_plugin_host::{Host, HostConfig, LARGE_UPLOAD, Limits};
use scimgate_scim::filter::MAX_BYTES;
use scimgate_scim::schema::registry::Registry;
use scimgate_scim::schema::validate::MAX_ELEMENTS;
use scimgate_tests::{TestGateway, on_postgres, plugin, plugin_cache, root};
use serde_json::json;
use wat_guests::guest;

on_postgres!(
    a_call_needs_a_slot_of_its_tenant_and_a_global_one,
    the_cache_of_compiled_plugins_is_bounded,
    uploads_and_configurations_are_limited,
);

/// The rows of the table under the heading `## Limits`.
fn documented() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("plugin-sdk/README.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("Limits\n")).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what"));
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    rows.map(cells).map(|cells| (cells[1].clone(), cells[2].clone())).collect()
}

fn grouped(number: usize) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

fn bytes(number: usize) -> String {
    match number {
        _ if number.is_multiple_of(1 << 20) => format!("{} MiB", number >> 20),
        _ if number.is_multiple_of(1 << 10) => format!("{} KiB", number >> 10),
        _ => format!("{} bytes", grouped(number)),
    }
}

fn compiled(config: &MapperConfig) -> String {
    let number = grouped(usize::try_from(config.max_compiled).unwrap());
    let (size, minutes) = (config.max_compiled_bytes >> 30, config.compiled_idle.as_secs() / 60);
    format!("{number}, and {size} GiB of machine code; {minutes} min after the last call")
}

#[test]
fn the_documented_limits_match_the_code() {
    let (limits, config, host) = (Limits::default(), MapperConfig::default(), HostConfig::default());
    let expected = [
        ("CPU time of a call", format!("{} ms", limits.cpu.as_millis())),
        ("wall-clock time of a call", format!("{} s", limits.wall.as_secs())),
        ("memory", bytes(limits.memory)),
        ("elements of a table", grouped(limits.table)),
        ("bytes written by a call, paths included", bytes(limits.output)),
        ("log lines of a call", grouped(limits.log_lines)),
        ("a log line, and the text of an outcome", bytes(limits.log_line)),
        ("host calls of a call", grouped(limits.host_calls as usize)),
        ("the document after a step", bytes(MAX_DOCUMENT_BYTES)),
        ("values of an attribute", grouped(MAX_ELEMENTS)),
        ("a path", bytes(MAX_BYTES)),
        ("an upload", bytes(host.max_upload)),
        ("steps of a mapping", MAX_STEPS.to_string()),
        ("concurrent calls, of all tenants", config.max_calls.to_string()),
        ("concurrent calls, of one tenant", config.max_tenant_calls.to_string()),
        ("time in the queue", format!("{} s", config.admission_timeout.as_secs())),
        ("compiled plugins kept", compiled(&config)),
        ("failures by CPU time or memory until a step is not called", breaker::FAILURES_TO_OPEN.to_string()),
        ("… at first for", format!("{} s", breaker::FIRST_COOL_DOWN.as_secs())),
        ("… at most for", format!("{} min", breaker::MAX_COOL_DOWN.as_secs() / 60)),
    ];
    let expected = expected.map(|(what, number)| (what.to_owned(), number));
    assert_eq!(documented(), expected);
}

fn mapper(gateway: &TestGateway, config: MapperConfig) -> Mapper {
    let host = Host::new(HostConfig { cache: Some(plugin_cache()), ..HostConfig::default() }).unwrap();
    let plugins = StoredPlugins {
        store: gateway.gateway.store.control(),
        clock: gateway.clock.clone(),
        plugins: Arc::clone(&gateway.gateway.plugins),
    };
    Mapper::new(host, plugins, gateway.clock.clone(), config)
}

/// Maps a small user for a tenant.
async fn run(mapper: &Mapper, tenant: &str, plugin: &str) -> Result<(), MapError> {
    let registry = Registry::standard();
    let step =
        Step { plugin: plugin.to_owned(), config: json!({ "do": "nothing" }).into(), resource_types: Vec::new() };
    let chain = Chain { revision: 1, on_failure: OnFailure::Refuse, steps: vec![step] };
    let urn = "urn:ietf:params:scim:schemas:core:2.0:User";
    let document = json!({ "schemas": [urn], "userName": "ada" });
    let info = DocumentInfo {
        tenant,
        resource_type: &Arc::clone(registry.resource_type("User").unwrap()),
        rules: None,
        id: uuid::Uuid::nil(),
        last_modified: "2026-01-02T03:04:05Z".to_owned(),
        size: document.to_string().len(),
    };
    mapper.run(&chain, info, Arc::new(document.as_object().unwrap().clone())).await.result.map(drop)
}

async fn a_call_needs_a_slot_of_its_tenant_and_a_global_one(gateway: &TestGateway) {
    let digest = gateway.upload(plugin("hostile")).await.body["digest"].as_str().unwrap().to_owned();
    for (max_calls, max_tenant_calls) in [(1, 1), (0, 1), (1, 0)] {
        let admission_timeout = Duration::from_millis(20);
        let config = MapperConfig { max_calls, max_tenant_calls, admission_timeout, ..MapperConfig::default() };
        let outcome = run(&mapper(gateway, config), "acme", &digest).await;
        match outcome {
            Ok(()) => assert_eq!((max_calls, max_tenant_calls), (1, 1)),
            Err(error) => assert!(matches!(error, MapError::Busy) && max_calls + max_tenant_calls == 1, "{error}"),
        }
    }
    // As many calls as one after the other fit in: slots are given back, also by who fails.
    let mapper = mapper(gateway, MapperConfig { max_calls: 1, max_tenant_calls: 1, ..MapperConfig::default() });
    let answers = futures_util::future::join_all((0..8).map(|_| run(&mapper, "acme", &digest))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

async fn the_cache_of_compiled_plugins_is_bounded(gateway: &TestGateway) {
    let mut digests = Vec::new();
    for pages in ["2", "3", "4"] {
        let uploaded = gateway.upload_dev(guest("memory", &[("pages", pages)])).await;
        digests.push(uploaded.body["digest"].as_str().unwrap().to_owned());
    }
    let unbounded = mapper(gateway, MapperConfig::default());
    let bytes = u64::try_from(unbounded.component(&digests[0]).await.unwrap().code_size()).unwrap();
    for config in [
        MapperConfig { max_compiled: 2, ..MapperConfig::default() },
        MapperConfig { max_compiled_bytes: bytes * 5 / 2, ..MapperConfig::default() },
    ] {
        let mapper = mapper(gateway, config);
        for digest in &digests[..2] {
            mapper.component(digest).await.unwrap();
        }
        assert_eq!(mapper.compiled().await, 2);
        for _ in 0..2 {
            for digest in &digests {
                run(&mapper, "acme", digest).await.unwrap();
                assert_eq!(mapper.compiled().await, 2);
            }
        }
    }
    let idle = mapper(gateway, MapperConfig { compiled_idle: Duration::ZERO, ..MapperConfig::default() });
    run(&idle, "acme", &digests[0]).await.unwrap();
    assert_eq!(idle.compiled().await, 0, "it is not kept after its last call");
}

async fn uploads_and_configurations_are_limited(gateway: &TestGateway) {
    let max_bytes = HostConfig::default().max_upload;
    let mut wasm = b"\0asm".to_vec();
    wasm.resize(max_bytes + 1, 1);
    let refusal = gateway.upload(wasm).await.expect(400);
    assert!(refusal.text.contains("8388609 bytes; at most 8388608 are accepted"), "{}", refusal.text);
    gateway.gateway.mapper.accept_large_plugins();
    let max_bytes = LARGE_UPLOAD;
    let mut wasm = b"\0asm".to_vec();
    wasm.resize(max_bytes, 1);
    let refusal = gateway.upload(wasm.clone()).await.expect(400);
    assert!(refusal.text.contains("This is not a plugin"), "it was parsed: {}", refusal.text);
    wasm.push(1);
    let refusal = gateway.upload(wasm).await.expect(413);
    assert!(refusal.text.contains("longer than 33554432 bytes"), "{}", refusal.text);

    let _ = gateway.plain_tenant("acme").await;
    let digest = gateway.upload(plugin("hostile")).await.body["digest"].clone();
    let mapping = |filler: usize| {
        let config = json!({ "do": "nothing", "filler": "x".repeat(filler) });
        json!({ "onFailure": "refuse", "steps": [{ "plugin": digest, "config": config }] })
    };
    let other_bytes = mapping(0).to_string().len();
    let put = async |filler: usize| gateway.operator.put("/tenants/acme/mapping", &mapping(filler)).await;
    let _ = put((1 << 20) - other_bytes).await.expect(200);
    let refusal = put((1 << 20) - other_bytes + 1).await.expect(413);
    assert!(refusal.text.contains("longer than 1048576 bytes"), "{}", refusal.text);

    let step = json!({ "plugin": digest, "config": { "do": "nothing" } });
    let chain = |steps: usize| json!({ "onFailure": "refuse", "steps": vec![step.clone(); steps] });
    let _ = gateway.operator.put("/tenants/acme/mapping", &chain(MAX_STEPS)).await.expect(200);
    let refusal = gateway.operator.put("/tenants/acme/mapping", &chain(MAX_STEPS + 1)).await.expect(400);
    assert!(refusal.text.contains("at most 32 steps"), "{}", refusal.text);
}
