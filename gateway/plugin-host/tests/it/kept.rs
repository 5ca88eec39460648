//! Plugins that were built for every released version of the interface, and the WIT of each: this host must run them, whatever it
//! is changed to. See `tests/testdata/plugins-1.0.0/README.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use scimgate_plugin_host::{Decision, Error, FailureKind, Host};
use scimgate_plugin_sdk::serde_json::{Value, json};
use scimgate_plugin_sdk::test::FixtureFile;
use sha2::{Digest, Sha256};
use wat_guests::whole_world;

use crate::bundled::run_file;
use crate::support::{HOST, TestDocument, caching, context, generous, user};

/// A released file never changes: not the plugins, and not what is expected of them.
const RELEASED: &[(&str, &str)] = &[
    ("plugins-1.0.0/calls.json", "7a8c3ee13cca5a0c61b11f4532d4f9ddf54b67b24782bd38ade1a1b5a0e70ff0"),
    ("plugins-1.0.0/mapping.wit", "b2c48ef8977f12686456d1f138a64441c0890fbe7d30970dd00a073291c32b4e"),
    ("plugins-1.0.0/python.wasm.zst", "cf8a018633870c82897e32c667124895ed0acbb610371f91caa2c33e424add0b"),
    ("plugins-1.0.0/rust-module.wasm.zst", "32ac23ce05fcacc1b5d4b1807ba5a507e4a0409d352c9a0cb2920827a3fd287d"),
    ("plugins-1.0.0/rust.wasm.zst", "93f032cbdd5a8a6be3145ebe54aa58ff52c27b9cd184795f30bd4613d07334dd"),
    ("plugins-1.0.0/typescript.wasm.zst", "f06804b128360f98b234872eca76747c008ee4ddb0ecf5d0d98fb4719d1126bc"),
    ("plugins-0.1.0/calls.json", "27a7cf397f05d0bf7fddf2b532e75983aef93530337e787c34fbb7d8bb526911"),
    ("plugins-0.1.0/mapping.wit", "9a2b7da292b3de148a1d171d1e0e55ee8d65c59ed3b4ac9cbd2b8bd2cb564dd6"),
    ("plugins-0.1.0/rust-module.wasm.zst", "e2b301d7c32beac020d11f11da9c2ea72305ec9b3a1a782e41583e5514000446"),
    ("plugins-0.1.0/rust.wasm.zst", "b7ddb98716950f801788e5d76394e8bf385d0eddf88de7d9d8900b2068e2f921"),
    ("plugins-0.1.0/typescript.wasm.zst", "3ee2c7da576f7ab68fe633bbf42604604d77c7a57a443733b60e8a7a1fea520a"),
];

fn kept(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/testdata").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(kept(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// A plugin, unpacked.
fn plugin(path: &str) -> Vec<u8> {
    let packed = fs::read(kept(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
    zstd::decode_all(packed.as_slice()).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Runs the calls of a version's folder on one of its plugins.
fn check(host: &Host, folder: &str, file: &str, name: &str) {
    let component = host.prepare(&plugin(&format!("{folder}/{file}"))).unwrap_or_else(|why| panic!("{file}: {why:?}"));
    let manifest = component.manifest();
    assert_eq!((manifest.name.as_str(), manifest.resource_types.join(",").as_str()), (name, "User,Group"));
    assert_eq!(component.check_config(&json!({ "calls": [["get", "userName"]] })), Ok(()));
    assert!(component.check_config(&json!({ "calls": 1 })).is_err());
    run_file(host, &component, &FixtureFile::read(&text(&format!("{folder}/calls.json"))).unwrap());

    // The reason that is none of the others, in the words of this version.
    let elements: Vec<Value> = (0..1_001).map(|number| json!({ "value": number.to_string() })).collect();
    let config = json!({ "calls": [["append", "emails", elements]] }).to_string();
    let result = host.run(&component, &context(), &config, TestDocument::new(user()), &generous());
    let expected = if folder == "plugins-0.1.0" { "wrong-value" } else { "other" };
    assert_eq!((result.decision, result.log[0].message.as_str()), (Ok(Decision::Mapped), expected), "{file}");
}

#[test]
fn what_was_released_is_unchanged() {
    for (path, released) in RELEASED {
        let bytes = fs::read(kept(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
        let digest = Sha256::digest(&bytes).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        assert_eq!(digest, *released, "{path} is released and never changes; a new version has a folder of its own");
    }
}

#[test]
fn a_plugin_of_1_0_runs_in_rust() {
    check(&HOST, "plugins-1.0.0", "rust.wasm.zst", "interface-calls");
}

/// As the compiler writes it: the host makes the component.
#[test]
fn a_plugin_of_1_0_runs_as_a_core_module() {
    check(&HOST, "plugins-1.0.0", "rust-module.wasm.zst", "interface-calls");
}

#[test]
fn a_plugin_of_1_0_runs_in_typescript() {
    check(&HOST, "plugins-1.0.0", "typescript.wasm.zst", "interface-calls-ts");
}

#[test]
fn a_plugin_of_1_0_runs_in_python() {
    let host = Host::new(caching()).unwrap();
    host.accept_large_plugins();
    check(&host, "plugins-1.0.0", "python.wasm.zst", "interface-calls-py");
}

#[test]
fn a_plugin_of_0_1_runs_in_rust() {
    check(&HOST, "plugins-0.1.0", "rust.wasm.zst", "interface-calls");
}

#[test]
fn a_plugin_of_0_1_runs_as_a_core_module() {
    check(&HOST, "plugins-0.1.0", "rust-module.wasm.zst", "interface-calls");
}

#[test]
fn a_plugin_of_0_1_runs_in_typescript() {
    check(&HOST, "plugins-0.1.0", "typescript.wasm.zst", "interface-calls-ts");
}

/// How far a plugin comes that imports a whole world and traps when it is called.
#[track_caller]
fn is_linked(wit: &str) {
    match HOST.prepare(&whole_world(wit)) {
        Err(Error::Describe(failure)) => assert_eq!(failure.kind, FailureKind::Trap),
        other => panic!("it is not linked: {other:?}"),
    }
}

#[test]
fn every_function_of_a_released_version_is_there() {
    is_linked(&text("plugins-1.0.0/mapping.wit"));
    is_linked(&text("plugins-0.1.0/mapping.wit"));
    // What the SDKs are built with has it, too.
    let current =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin-sdk/wit/mapping.wit")).unwrap();
    is_linked(&current);
}

#[test]
fn a_plugin_of_a_later_version_runs_if_this_host_has_what_it_uses() {
    let wit = text("plugins-1.0.0/mapping.wit");
    let version = |version: &str| wit.replace("@1.0.0", version);
    is_linked(&version("@1.7.2"));
    let refused = |wit: &str, version: &str| {
        let error = HOST.prepare(&whole_world(wit)).unwrap_err().to_string();
        let expected = format!(
            "the plugin is built for version {version} of the plugin interface, and this gateway runs plugins of the versions 1.0 and 0.1: see docs/plugin-interface.md"
        );
        assert_eq!(error, expected);
    };
    refused(&version("@2.0.0"), "2.0.0");
    refused(&version("@0.2.0"), "0.2.0");
    let more =
        version("@1.7.0").replace("to-json: func() -> string;", "to-json: func() -> string; count: func() -> u32;");
    refused(&more, "1.7.0");
    let another = version("@1.7.0")
        .replace("world mapping {", "interface clocks { now: func() -> u64; } world mapping { import clocks;");
    refused(&another, "1.7.0");
}
