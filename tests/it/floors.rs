//! The structure of the code: which module may import which, what the protocol crate may depend on, and how long files and
//! functions may be.

mod circles;
mod functions;
mod imports;
mod workspace;

use std::collections::BTreeSet;
use std::fs;

use scimgate_tests::root;

use imports::Imports;
pub(crate) use workspace::files;

/// The floors of the gateway from the top. A module may import modules of lower floors, but none of its own floor. The
/// ground imports nothing of ours.
const FLOORS: [&[&str]; 6] =
    [&["app"], &["http", "work"], &["operation"], &["auth"], &["mapping", "store", "oci", "outgoing"], GROUND];
const GROUND: &[&str] =
    &["tenant", "clock", "config", "counts", "docs", "telemetry", "root_key", "public_address", "trace"];
/// Any module may import it, to write an error with its causes.
const ANYWHERE: &str = "telemetry";
/// The protocol's crate: every module but the ground may import it.
const PROTOCOL: &str = "scimgate_scim";
/// The crate that runs plugins, and the modules that may import it.
const HOST: (&str, &[&str]) = ("scimgate_plugin_host", &["mapping", "app"]);
const MAX_FILE_LINES: usize = 400;

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// What a file imports: the top-level modules of its crate, and the crates of ours.
fn imports(path: &str, text: &str) -> BTreeSet<String> {
    let module: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let Imports { own, own_in_tests, foreign, .. } = Imports::read(&file, &module);
    let modules = own.into_iter().chain(own_in_tests).filter_map(|path| path.into_iter().next());
    modules.chain(foreign.into_iter().filter(|name| name == HOST.0 || name == PROTOCOL)).collect()
}

/// What is wrong with the imports of a file of `gateway/src`, given its path there.
fn complaints(path: &str, text: &str) -> Vec<String> {
    let own = path.split(['/', '.']).next().unwrap().to_owned();
    if own == "lib" {
        return Vec::new();
    }
    let Some(own_floor) = floor(&own) else {
        return vec![format!("{path}: the module {own} has no floor; give it one in this test and in ARCHITECTURE.md")];
    };
    let forbidden = imports(path, text).into_iter().filter(|import| *import != own && !may(&own, own_floor, import));
    forbidden.map(|import| format!("{path}: {own} may not import {import}")).collect()
}

fn may(own: &str, own_floor: usize, import: &str) -> bool {
    match import {
        ANYWHERE => true,
        PROTOCOL => !GROUND.contains(&own),
        import if import == HOST.0 => HOST.1.contains(&own),
        import => floor(import).is_none_or(|floor| floor > own_floor),
    }
}

#[test]
fn no_module_imports_upward_or_sideways() {
    let src = root().join("gateway/src");
    let files = files(&src, &[".rs"]);
    assert!(files.len() > 50, "the gateway's files are found");
    let complaints: Vec<String> = files
        .iter()
        .flat_map(|file| {
            complaints(file.strip_prefix(&src).unwrap().to_str().unwrap(), &fs::read_to_string(file).unwrap())
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn forbidden_imports_are_reported() {
    let wrong = [
        ("store/list.rs", "use crate::http::router;"),
        ("store.rs", "fn f() {\n    let it = crate::operation::get::run;\n}"),
        ("operation/get.rs", "use crate::store::Store;\nuse crate::{tenant::TenantId, http::{self, error}};"),
        ("operation/get.rs", "use crate::{\n    app,\n    clock::Clock,\n};"),
        ("http/router.rs", "use crate::work::sequencer;"),
        ("work/sequencer.rs", "use crate::http;"),
        ("mapping/run.rs", "use crate::auth::Auth;"),
        ("mapping/run.rs", "use crate::store;"),
        ("auth.rs", "use crate::operation::Context;"),
        ("tenant.rs", "use crate::clock::Clock;"),
        ("clock.rs", "use scimgate_scim::instant;"),
        ("store/list.rs", "use scimgate_plugin_host::Host;"),
        ("http.rs", "use crate::app;"),
        ("store/list.rs", "use super::super::http::router;"),
        ("store/list.rs", "fn f() { assert!(crate::http::router::is_up()) }"),
        ("store/list.rs", "#[cfg(test)] mod tests { use crate::http; }"),
        ("helpers.rs", "use std::fmt;"),
    ];
    for (path, text) in wrong {
        assert_eq!(complaints(path, text).len(), 1, "{path}: {text}");
    }
    let right = [
        ("store/list.rs", "use crate::store::Store;\nuse crate::tenant::TenantId;\nuse scimgate_scim::filter;"),
        ("operation/get.rs", "use crate::{auth, clock::Clock, mapping::{self, Chain}, store::Store};"),
        ("mapping/run.rs", "use scimgate_plugin_host::Host;\nuse scimgate_scim::schema;"),
        ("tenant.rs", "/// As `crate::http` has it.\nuse std::fmt;"),
        ("clock.rs", "fn f() { crate::telemetry::chain(&error) }"),
        ("http.rs", "macro_rules! m { () => { $crate::app::run() } }"),
    ];
    for (path, text) in right {
        assert_eq!(complaints(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

/// The protocol is values in, values out: no clock, no socket, no log.
#[test]
fn the_protocol_depends_on_four_crates() {
    assert_eq!(dependencies("gateway/scim/Cargo.toml"), ["jiff", "serde_json", "thiserror", "unicode-normalization"]);
}

/// The plugin host has no SCIM, and a simulation is a client like any other: it reaches the server over HTTP only.
#[test]
fn the_plugin_host_and_the_simulations_depend_on_no_crate_of_ours() {
    for manifest in ["gateway/plugin-host/Cargo.toml", "gateway/simulate/Cargo.toml"] {
        let ours = dependencies(manifest).into_iter().filter(|name| name.starts_with("scimgate"));
        assert_eq!(ours.collect::<Vec<_>>(), Vec::<String>::new(), "{manifest}");
    }
}

/// The names under `[dependencies]`, sorted.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let table: toml::Table = toml::from_str(&text).unwrap();
    assert!(!table.contains_key("target"), "{manifest}: dependencies stand in one table");
    let mut names: Vec<String> = table["dependencies"].as_table().unwrap().keys().cloned().collect();
    names.sort();
    names
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let root = root();
    let files = files(&root, &[".rs", ".sql", ".wit", ".toml"]);
    assert!(files.len() > 150, "the workspace's files are found");
    let long: Vec<String> = files
        .iter()
        .map(|file| (file, fs::read_to_string(file).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > MAX_FILE_LINES)
        .map(|(file, lines)| format!("{} has {lines} lines", file.strip_prefix(&root).unwrap().display()))
        .collect();
    assert!(long.is_empty(), "at most {MAX_FILE_LINES} lines\n{}", long.join("\n"));
}
