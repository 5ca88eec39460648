//! Embeds what `scimgate plugin` writes into projects (templates and the SDK's sources), and the plugin that does nothing, which
//! `plugin bench` compares with. The binary then needs neither this repository nor a registry with the SDK.
#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What the projects of a language need, below the repository's root.
const SDKS: [(&str, &[&str]); 3] = [
    (
        "RUST_SDK",
        &[
            "Cargo.toml",
            "Cargo.lock",
            "plugin-sdk/Cargo.toml",
            "plugin-sdk/README.md",
            "plugin-sdk/src",
            "plugin-sdk/wit",
            "gateway/scim/Cargo.toml",
            "gateway/scim/src",
        ],
    ),
    (
        "TYPESCRIPT_SDK",
        &[
            "plugin-sdk/typescript/bin",
            "plugin-sdk/typescript/package-lock.json",
            "plugin-sdk/typescript/package.json",
            "plugin-sdk/typescript/src",
            "plugin-sdk/typescript/tsconfig.json",
            "plugin-sdk/wit",
        ],
    ),
    (
        "PYTHON_SDK",
        &[
            "plugin-sdk/python/pyproject.toml",
            "plugin-sdk/python/requirements.txt",
            "plugin-sdk/python/scimgate_plugin",
            "plugin-sdk/wit",
        ],
    ),
];
/// What is not a source: tests, and what interpreters leave.
const LEFT_OUT: [&str; 3] = ["tests", "__pycache__", "node_modules"];

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = here.join("../..").canonicalize()?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut text = String::new();
    for (name, parts) in SDKS {
        let mut found = Vec::new();
        for part in parts {
            files(&root.join(part), &mut found)?;
        }
        write_table(&mut text, name, &root, &found)?;
    }
    let templates = here.join("templates");
    for language in folders(&templates)? {
        let name = language.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_uppercase();
        let mut found = Vec::new();
        files(&language, &mut found)?;
        write_table(&mut text, &format!("{name}_TEMPLATE"), &language, &found)?;
    }
    fs::write(out.join("embedded.rs"), text)?;
    let wat = here.join("src/plugin/author/empty.wat");
    println!("cargo:rerun-if-changed={}", wat.display());
    fs::write(out.join("empty.wasm"), empty_plugin(&wat, &root.join("plugin-sdk/wit"))?)?;
    Ok(())
}

/// The files below a path.
fn files(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={}", path.display());
    if path.is_file() {
        found.push(path.to_owned());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Box<dyn Error>>>()?;
    entries.sort();
    for entry in entries {
        let is_left_out = entry.file_stem().is_some_and(|stem| LEFT_OUT.iter().any(|name| stem == *name));
        if !is_left_out {
            files(&entry, found)?;
        }
    }
    Ok(())
}

fn folders(path: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    println!("cargo:rerun-if-changed={}", path.display());
    let mut found: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Box<dyn Error>>>()?;
    found.retain(|path| path.is_dir());
    found.sort();
    Ok(found)
}

fn write_table(text: &mut String, name: &str, root: &Path, files: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    writeln!(text, "pub(super) static {name}: &[File] = &[")?;
    for file in files {
        let path = file.strip_prefix(root)?;
        writeln!(text, "({:?}, include_bytes!({:?})),", path.display().to_string(), file.display().to_string())?;
    }
    writeln!(text, "];")?;
    Ok(())
}

fn empty_plugin(wat: &Path, wit: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut module = wat::parse_file(wat)?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = resolve.select_world(&[package], Some("mapping"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    Ok(module)
}
