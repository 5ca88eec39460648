//! Harmful uploads: each is refused with a sentence before it maps anything.

use std::error::Error as _;

use scimgate_plugin_host::Error;
use wat_guests::{build, guest};

use crate::support::HOST;

/// The refusal with its causes.
#[track_caller]
fn refusal(wasm: &[u8]) -> String {
    let error = HOST.prepare(wasm).unwrap_err();
    match error.source() {
        Some(cause) => format!("{error}: {cause:?}"),
        None => error.to_string(),
    }
}

#[track_caller]
fn refused(name: &str, substitutions: &[(&str, &str)], reason: &str) {
    let refusal = refusal(&guest(name, substitutions));
    assert!(refusal.contains(reason), "{name} {substitutions:?}: {refusal}");
}

#[test]
fn a_forbidden_import_is_named_at_any_depth() {
    let forbidden = |import: &str| format!("the plugin imports {import}, which plugins may not use");
    refused("imports-wasi", &[], &forbidden("wasi:http/outgoing-handler@0.2.0"));
    refused("nested", &[("import", "wasi:http/types@0.2.0")], &forbidden("wasi:http/types@0.2.0"));
    for other in
        ["wasi:io/streams@0.3.0", "wasi:io/streams", "wasi:io/streams2@0.2.0", "local:init/module-loader@0.2.0"]
    {
        refused("nested", &[("import", other)], &forbidden(other));
    }
    let module = build("module", r#"(import "env" "system" (func (param i32)))"#);
    assert_eq!(refusal(&module), forbidden("env system"));
    // An allowed name for something else.
    refused("nested", &[("import", "scimgate:mapping/types@1.0.0")], "cannot be compiled");
}

#[test]
fn a_plugin_that_fails_to_start_or_to_describe_itself_is_refused() {
    let cannot = |why: &str| format!("the plugin cannot describe itself: The plugin {why}");
    let loops = cannot("used more than its 100ms of CPU time.");
    let traps = cannot("panicked; its log may say why.");
    refused("start-loops", &[], &loops);
    refused("start-traps", &[], &traps);
    refused("describe-loops", &[], &loops);
    refused("describe-traps", &[], &traps);
    refused("describe-logs", &[], &cannot("logged more than 100 lines."));
}

#[test]
fn a_malformed_manifest_is_refused() {
    const NAME: &str = r"\a0\04\00\00\03\00\00\00";
    const VERSION: &str = r"\a4\04\00\00\01\00\00\00";
    const TYPES: &str = r"\b8\04\00\00\01\00\00\00";
    const SCHEMA: &str = r"\ac\04\00\00\02\00\00\00";
    let check = |at: &str, [name, version, types, schema]: [&str; 4], reason: &str| {
        refused("describe-returns", &[("manifest", &[name, version, types, schema].concat()), ("at", at)], reason);
    };
    check("1025", [NAME, VERSION, TYPES, SCHEMA], "return pointer not aligned");
    check("0xfffffff0", [NAME, VERSION, TYPES, SCHEMA], "pointer out of bounds of memory");
    check("1024", [r"\a8\04\00\00\02\00\00\00", VERSION, TYPES, SCHEMA], "invalid utf-8");
    check("1024", [r"\00\10\00\00\65\00\00\00", VERSION, TYPES, SCHEMA], "its name must have 1 to 100 printable");
    check("1024", [NAME, r"\a4\04\00\00\00\00\00\00", TYPES, SCHEMA], "its version must have 1 to 100 printable");
    check("1024", [NAME, VERSION, r"\b8\04\00\00\00\00\00\00", SCHEMA], "it names no resource type");
    check("1024", [NAME, VERSION, r"\00\10\00\00\21\00\00\00", SCHEMA], "it may name 32 resource types of 1 to 100");
    check("1024", [NAME, VERSION, r"\00\00\00\00\ff\ff\ff\1f", SCHEMA], "out of bounds of memory");
    check("1024", [NAME, VERSION, TYPES, r"\a0\04\00\00\03\00\00\00"], "its configuration schema is not JSON");
}

#[test]
fn unneeded_wasm_proposals_are_disabled() {
    for (what, text) in [
        ("shared memory", r#"(memory (export "memory") 1 2 shared)"#),
        ("atomic operations", "(func (atomic.fence))"),
        ("64-bit memory", r#"(memory (export "memory") i64 1)"#),
        ("two memories in a module", r#"(memory 1) (memory (export "memory") 1)"#),
        ("garbage collection", "(type $s (struct (field i32)))"),
        ("typed function references", "(type $f (func)) (func (param (ref $f)))"),
        ("references to the host's values", "(func (param externref))"),
        ("exceptions", "(tag $t)"),
        (
            "wide arithmetic",
            "(func (param i64 i64 i64 i64) (result i64 i64) (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))",
        ),
    ] {
        let error = HOST.prepare(&build(what, text)).unwrap_err();
        assert!(
            matches!(error, Error::NotAPlugin { .. } | Error::Compile(_) | Error::TooComplex { .. }),
            "{what}: {error:?}"
        );
    }
    for (what, text) in
        [("tail calls", "(func $f (return_call $f))"), ("vectors", "(func (drop (v128.const i64x2 0 0)))")]
    {
        assert!(HOST.prepare(&build(what, text)).is_ok(), "{what}");
    }
}

#[test]
fn declared_memories_and_tables_are_limited() {
    refused("two-memories", &[], "the plugin is too complex: it has more than one memory");
    refused("memory", &[("pages", "257")], "The plugin asked for more memory than it may have (16 MiB).");
    refused("memory", &[("pages", "65536")], "cannot be compiled");
    assert!(HOST.prepare(&guest("table", &[("elements", "20000")])).is_ok());
    refused("table", &[("elements", "20001")], "cannot be compiled");
}

/// Some shapes of code take hours to compile, and a compilation cannot be interrupted.
#[test]
fn code_that_would_take_too_long_to_compile_is_refused() {
    const REASON: &str = "the plugin is too complex: its code would take too long to compile";
    let loops =
        |count| build("loops", &format!("(func (param i32) {})", "(loop (br_if 0 (local.get 0)))".repeat(count)));
    let nested = |depth| build("nested", &format!("(func {} {})", "(loop ".repeat(depth), ")".repeat(depth)));
    let blocks = |depth| build("blocks", &format!("(func {} {})", "(block ".repeat(depth), ")".repeat(depth)));
    assert!(HOST.prepare(&loops(1_000)).is_ok());
    assert_eq!(refusal(&loops(20_000)), REASON);
    assert!(HOST.prepare(&nested(100)).is_ok());
    assert_eq!(refusal(&nested(101)), REASON);
    // The function body itself counts as one block.
    assert!(HOST.prepare(&blocks(5_000)).is_ok());
    assert_eq!(refusal(&blocks(5_001)), REASON);
    assert_eq!(refusal(&build("functions", &"(func)".repeat(400_000))), REASON);
    let locals = |count| build("locals", &format!("(func (local {}))", "i32 ".repeat(count)));
    assert!(HOST.prepare(&locals(50_000)).is_ok());
    assert!(refusal(&locals(50_001)).contains("locals exceed maximum"));
}

#[test]
fn components_that_double_with_every_link_are_refused() {
    let chain = |links: usize| {
        let two = "(instance (instantiate $it))".repeat(2);
        let link = |link: usize| format!("(component $c{} (alias outer 1 $c{link} (component $it)) {two})", link + 1);
        let text = format!("(component $c0){}", (0..links).map(link).collect::<String>());
        build("chain", &format!("(component {text})"))
    };
    assert!(refusal(&chain(8)).contains("not a mapping plugin"), "it is refused, but not for its size");
    assert_eq!(refusal(&chain(9)), "the plugin is too complex: it makes too many instances of components");
}
