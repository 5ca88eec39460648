//! The house: who may import whom, what the protocol crate may depend on, and how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

use scimgate_tests::root;

/// The floors of the gateway from the top; a module may import what stands on a lower one. Two on one floor don't know
/// each other. Under them is the ground, which imports nothing of ours.
const FLOORS: [&[&str]; 8] = [
    &["main"],
    &["cli"],
    &["app", SIMULATE],
    &["http", "work"],
    &["operation"],
    &["auth"],
    &["mapping", "store"],
    GROUND,
];
const GROUND: &[&str] = &["tenant", "clock", "config", "telemetry", "root_key"];
/// A client like any other: what it knows of the server comes over HTTP.
const SIMULATE: &str = "simulate";
/// Any module may write an error with its causes, wherever it stands.
const ANYWHERE: &str = "telemetry";
/// The crates below, and who may reach down to them: the protocol is values and functions and is for every floor, the plugins'
/// host is for the mapping, and for the place that puts a server together.
const HOST: (&str, &[&str]) = ("scimgate_plugin_host", &["mapping", "app"]);
/// Past this a file tells two stories.
const LONGEST: usize = 400;

/// Every file below a folder of the workspace that ends in one of these.
fn sources(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !matches!(name, "target" | "testdata" | ".git" | "data") {
                found.extend(sources(&path, endings));
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// What a file imports of the gateway: the names behind `crate::`, in a list too, and the crates of ours.
fn imports(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, marker) in code.match_indices("crate::") {
        // `$crate::`, and words that only end in it.
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || "_$".contains(before)) {
            continue;
        }
        let rest = &code[at + marker.len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(listed(list)),
            None => found.push(word(rest)),
        }
    }
    found.extend(
        ["scimgate_plugin_host", "scimgate_scim"].into_iter().filter(|it| code.contains(it)).map(str::to_owned),
    );
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// The first names of `a, b::{c, d}, e::f};`.
fn listed(list: &str) -> Vec<String> {
    let mut names = vec![word(list.trim_start())];
    let mut depth = 0;
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(list[at + 1..].trim_start())),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// What is wrong with the imports of a file of `gateway/src`, given its path there.
fn complaints(path: &str, text: &str) -> Vec<String> {
    let own = word(path);
    if own == "lib" {
        return Vec::new();
    }
    let Some(own_floor) = floor(&own) else {
        return vec![format!("{path}: the module {own} has no floor; give it one in this test and in ARCHITECTURE.md")];
    };
    let forbidden = imports(text).into_iter().filter(|import| *import != own && !may(&own, own_floor, import));
    forbidden.map(|import| format!("{path}: {own} may not import {import}")).collect()
}

fn may(own: &str, own_floor: usize, import: &str) -> bool {
    match import {
        ANYWHERE => true,
        _ if own == SIMULATE => false,
        "scimgate_scim" => !GROUND.contains(&own),
        import if import == HOST.0 => HOST.1.contains(&own),
        import => floor(import).is_none_or(|floor| floor > own_floor),
    }
}

#[test]
fn nobody_imports_upward_or_sideways() {
    let src = root().join("gateway/src");
    let files = sources(&src, &[".rs"]);
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
fn the_check_of_the_floors_finds_what_it_is_for() {
    let wrong = [
        ("store/list.rs", "use crate::http::router;"),
        ("store.rs", "    let it = crate::operation::get::run;"),
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
        ("cli/dev.rs", "use crate::main;"),
        ("simulate/entra.rs", "use crate::store::Store;"),
        ("simulate/list.rs", "use scimgate_scim::list;"),
        ("app.rs", "use crate::simulate::Kind;"),
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
        ("clock.rs", "crate::telemetry::chain(&error)"),
        ("http.rs", "macro_rules! m { () => { $crate::app::run() } }"),
        ("simulate/entra.rs", "use crate::simulate::list;\nuse crate::telemetry;"),
        ("main.rs", "scimgate::cli::main()"),
    ];
    for (path, text) in right {
        assert_eq!(complaints(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

/// Values in, values out: a crate that reads a clock, a socket or a log is not the protocol any more.
#[test]
fn the_protocol_depends_on_values_alone() {
    assert_eq!(dependencies("gateway/scim/Cargo.toml"), ["serde_json", "thiserror", "jiff", "unicode-normalization"]);
    let ours = dependencies("gateway/plugin-host/Cargo.toml").into_iter().filter(|name| name.starts_with("scimgate"));
    assert_eq!(ours.collect::<Vec<_>>(), Vec::<String>::new(), "the plugins' host knows nothing of ours");
}

/// The names under `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let of_targets = text.lines().any(|line| line.starts_with("[target.") || line.starts_with("[dependencies."));
    assert!(!of_targets, "{manifest}: dependencies stand in one table");
    let table = text.split("\n[").find(|table| table.starts_with("dependencies]\n")).unwrap();
    let lines = table.lines().skip(1).filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split(['.', ' ', '=']).next().unwrap().to_owned()).collect()
}

#[test]
fn no_file_is_longer_than_one_story() {
    let root = root();
    let files = sources(&root, &[".rs", ".sql", ".wit", ".toml"]);
    assert!(files.len() > 150, "the workspace's files are found");
    let long: Vec<String> = files
        .iter()
        .map(|file| (file, fs::read_to_string(file).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(file, lines)| format!("{} has {lines} lines", file.strip_prefix(&root).unwrap().display()))
        .collect();
    assert!(long.is_empty(), "more than {LONGEST} lines tell two stories: split\n{}", long.join("\n"));
}
