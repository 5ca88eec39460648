//! Embeds what `scimgate plugin` writes into projects (templates and the SDK's sources), and the plugin that does nothing, which
//! `plugin bench` compares with. The binary then needs neither this repository nor a registry with the SDK.
#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What the crate of a Rust plugin needs, below the repository's root.
const RUST_SDK: [&str; 7] = [
    "Cargo.toml",
    "Cargo.lock",
    "plugin-sdk/Cargo.toml",
    "plugin-sdk/src",
    "plugin-sdk/wit",
    "gateway/scim/Cargo.toml",
    "gateway/scim/src",
];

/// … and what a plugin in TypeScript needs …
const TYPESCRIPT_SDK: [&str; 5] = [
    "plugin-sdk/typescript/bin",
    "plugin-sdk/typescript/package.json",
    "plugin-sdk/typescript/src",
    "plugin-sdk/typescript/tsconfig.json",
    "plugin-sdk/wit",
];

/// … and one in Python.
const PYTHON_SDK: [&str; 4] = [
    "plugin-sdk/python/pyproject.toml",
    "plugin-sdk/python/requirements.txt",
    "plugin-sdk/python/scimgate_plugin",
    "plugin-sdk/wit",
];

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = here.join("../..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut text = String::new();
    let parts: [(&str, &[&str]); 3] =
        [("RUST_SDK", &RUST_SDK), ("TYPESCRIPT_SDK", &TYPESCRIPT_SDK), ("PYTHON_SDK", &PYTHON_SDK)];
    for (name, parts) in parts {
        let mut sdk = Vec::new();
        for part in parts {
            files(&root.join(part), &mut sdk)?;
        }
        if name == "RUST_SDK" {
            sdk.push(root.join("plugin-sdk/README.md"));
        }
        write_table(&mut text, name, &root, &sdk)?;
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

/// The files below a path, without tests and what Python has compiled.
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
        let left_out = entry.file_stem().is_some_and(|stem| stem == "tests" || stem == "__pycache__");
        if !left_out {
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
