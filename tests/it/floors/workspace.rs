//! The crates of the workspace with their source files, read from the root manifest.

use std::fs;
use std::path::{Path, PathBuf};

use scimgate_tests::root;

use super::imports::{Imports, Paths};

/// A crate of the workspace.
pub(super) struct Crate {
    /// Its folder from the workspace's root.
    pub folder: String,
    /// The files below `src`.
    pub files: Vec<SourceFile>,
}

/// A file of a crate.
pub(super) struct SourceFile {
    /// The path from the crate's `src`.
    pub path: String,
    /// The module that the file is; none of a binary's root beside a library, which no other file can import.
    pub module: Option<Vec<String>>,
    /// What the file imports.
    pub imports: Imports,
    /// The parsed file.
    pub syntax: syn::File,
    /// Whether only tests compile it.
    pub of_tests: bool,
}

/// Every crate of the workspace, by the members that the root manifest lists.
pub(super) fn crates() -> Vec<Crate> {
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(root().join("Cargo.toml")).unwrap()).unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    members.iter().flat_map(|member| folders(member.as_str().unwrap())).map(|folder| Crate::read(&folder)).collect()
}

/// The folders of a member, which may be a pattern such as `plugins/*`.
fn folders(member: &str) -> Vec<String> {
    let Some(parent) = member.strip_suffix("/*") else { return vec![member.to_owned()] };
    let entries = fs::read_dir(root().join(parent)).unwrap().map(|entry| entry.unwrap());
    let with_manifest = entries.filter(|entry| entry.path().join("Cargo.toml").is_file());
    let mut found: Vec<String> =
        with_manifest.map(|entry| format!("{parent}/{}", entry.file_name().to_str().unwrap())).collect();
    found.sort();
    found
}

impl Crate {
    fn read(folder: &str) -> Self {
        let source = root().join(folder).join("src");
        let texts = files(&source, &[".rs"]).into_iter().map(|file| {
            (file.strip_prefix(&source).unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&file).unwrap())
        });
        Self::new(folder, texts.collect())
    }

    /// A crate of these files, each with its path and its text.
    pub(super) fn new(folder: &str, texts: Vec<(String, String)>) -> Self {
        let has_library = texts.iter().any(|(path, _)| path == "lib.rs");
        let mut files: Vec<SourceFile> = texts
            .into_iter()
            .map(|(path, text)| {
                let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{folder}/src/{path}: {error}"));
                let module = (path != "main.rs" || !has_library).then(|| module(&path));
                let imports = Imports::read(&syntax, module.as_deref().unwrap_or_default());
                SourceFile { path, module, imports, syntax, of_tests: false }
            })
            .collect();
        let test_modules: Paths = files.iter().flat_map(|file| file.imports.test_modules.clone()).collect();
        for file in &mut files {
            let module = file.module.as_deref().unwrap_or_default();
            file.of_tests = test_modules.iter().any(|tests| module.starts_with(tests));
        }
        Self { folder: folder.to_owned(), files }
    }
}

/// The module of a file: `a/b.rs` is `a::b`.
fn module(path: &str) -> Vec<String> {
    match path.trim_end_matches(".rs") {
        "lib" | "main" => Vec::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

/// Every file below a folder of the workspace that ends in one of these.
pub(crate) fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !matches!(name, "target" | "testdata" | ".git" | "data") {
                found.extend(files(&path, endings));
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}
