//! Hostile guests as WebAssembly text, such as no language's compiler would produce. A file contains what is special about
//! its guest; the imports and the other parts of a plugin are added here.

use std::path::{Path, PathBuf};

use wit_component::{StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

/// The host functions, under the names that the files use.
const IMPORTS: &str = r#"
(import "scimgate:mapping/documents@1.0.0" "[method]document.get" (func $get (param i32 i32 i32 i32)))
(import "scimgate:mapping/documents@1.0.0" "[method]document.set" (func $set (param i32 i32 i32 i32 i32 i32)))
(import "scimgate:mapping/documents@1.0.0" "[method]document.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(import "scimgate:mapping/documents@1.0.0" "[method]document.remove" (func $remove (param i32 i32 i32 i32)))
(import "scimgate:mapping/documents@1.0.0" "[method]document.to-json" (func $to-json (param i32 i32)))
(import "scimgate:mapping/documents@1.0.0" "[method]document.replace" (func $replace (param i32 i32 i32 i32)))
(import "scimgate:mapping/documents@1.0.0" "[resource-drop]document" (func $drop (param i32)))
(import "$root" "log" (func $log (param i32 i32 i32)))
"#;

/// The parts of a plugin that a guest may leave out, each with the text that marks the guest's own.
const DEFAULTS: [(&str, &str); 4] = [
    ("(memory ", r#"(memory (export "memory") 2)"#),
    // A bump allocator above the first page.
    (
        "\"cabi_realloc\"",
        r#"(global $free (mut i32) (i32.const 65536))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
          (local $at i32)
          (local.set $at (i32.and (i32.add (global.get $free) (i32.const 15)) (i32.const -16)))
          (global.set $free (i32.add (local.get $at) (local.get 3)))
          (local.get $at))"#,
    ),
    // The manifest's four pairs of pointer and length, at 1024.
    (
        "\"describe\"",
        r#"(data (i32.const 1024) "\a0\04\00\00\03\00\00\00\a4\04\00\00\05\00\00\00\b8\04\00\00\01\00\00\00\ac\04\00\00\02\00\00\00")
        (data (i32.const 1184) "wat")
        (data (i32.const 1188) "1.0.0")
        (data (i32.const 1196) "{}")
        (data (i32.const 1200) "User")
        (data (i32.const 1208) "\b0\04\00\00\04\00\00\00")
        (func (export "describe") (result i32) (i32.const 1024))"#,
    ),
    // The result at 2048 is zero: mapped. The borrowed document, parameter 10, must be dropped.
    (
        "\"transform\"",
        r#"(func (export "transform") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
          (call $drop (local.get 10))
          (i32.const 2048))"#,
    ),
];

/// The bytes of a guest, with substitutions in its text: `{pages}` becomes a number, for instance.
///
/// # Panics
/// There is no such guest, or its text is not WebAssembly.
#[must_use]
pub fn guest(name: &str, substitutions: &[(&str, &str)]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).with_extension("wat");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let text = substitutions.iter().fold(text, |text, (key, value)| text.replace(&format!("{{{key}}}"), value));
    build(name, &text)
}

/// The bytes of a guest given as text: a whole component, or what is special about a module.
///
/// # Panics
/// The text is not WebAssembly.
#[must_use]
pub fn build(name: &str, text: &str) -> Vec<u8> {
    let parse = |text: &str| wat::parse_str(text).unwrap_or_else(|why| panic!("{name}: {why}"));
    let code = text.lines().filter(|line| !line.trim_start().starts_with(";;")).collect::<Vec<_>>().join("\n");
    if code.trim_start().starts_with("(component") {
        return parse(&code);
    }
    let missing = DEFAULTS.iter().filter(|(marker, _)| !code.contains(marker));
    let defaults: String = missing.map(|(_, default)| *default).collect();
    let mut module = parse(&format!("(module {IMPORTS} {code} {defaults})"));
    embed_world(&mut module);
    module
}

/// A plugin of the world of a WIT: it imports all that there is, and every function that it exports traps.
///
/// # Panics
/// The text is not a WIT package with a world `mapping`.
#[must_use]
pub fn whole_world(wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("mapping.wit", wit).unwrap_or_else(|why| panic!("{why:?}"));
    let world = resolve.select_world(&[package], Some("mapping")).unwrap_or_else(|why| panic!("{why:?}"));
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    let embedded = embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8);
    embedded.unwrap_or_else(|why| panic!("{why:?}"));
    module
}

/// Records the world that the module is built for, as a language's tools do.
fn embed_world(module: &mut Vec<u8>) {
    let wit = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../plugin-sdk/wit");
    let mut resolve = Resolve::default();
    let embedded = resolve.push_dir(&wit).and_then(|(package, _)| {
        let world = resolve.select_world(&[package], Some("mapping"))?;
        embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)
    });
    embedded.unwrap_or_else(|why| panic!("{}: {why:?}", wit.display()));
}
