//! The languages that plugins are written in. Another one is a row of the table with its template in `cli/templates/`.

use std::path::Path;

use super::purpose::Purpose;
use super::{python, rust, typescript};
use crate::failure::Failure;

/// A file's path, and its bytes.
pub(super) type File = (&'static str, &'static [u8]);

mod embedded {
    use super::File;

    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// The plugin that does nothing: what a call costs by itself.
pub(super) const EMPTY_PLUGIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/empty.wasm"));

/// A language, and how its projects are built and tested.
pub(super) struct Language {
    /// The value of `--language`.
    pub(super) name: &'static str,
    /// The file by which a project's folder is recognised.
    pub(super) marker: &'static str,
    /// The files of a new project. `.in` is cut from a name, and `{name}` in such a file is the plugin's name; `gitignore` gets its dot.
    pub(super) template: &'static [File],
    /// The sources that a project needs, written to [`SDK_FOLDER`].
    pub(super) sdk: &'static [File],
    /// Files that `watch` looks at beside the examples and the configuration.
    pub(super) sources: &'static [&'static str],
    /// Most memory of a call in `plugin test` in KiB, unless it is given.
    pub(super) memory_budget: usize,
    /// Builds a project and returns a component, or a core module with its component type.
    pub(super) build: fn(&Path, Purpose) -> Result<Vec<u8>, Failure>,
    /// Runs the project's own tests.
    pub(super) test: fn(&Path) -> Result<(), Failure>,
}

/// Where a project has its copy of the SDK.
pub(super) const SDK_FOLDER: &str = ".scimgate/sdk";

/// Every language; the first is the default.
pub(super) static LANGUAGES: &[Language] = &[
    Language {
        name: "rust",
        marker: "Cargo.toml",
        template: embedded::RUST_TEMPLATE,
        sdk: embedded::RUST_SDK,
        sources: &["src", "Cargo.toml"],
        memory_budget: 8 << 10,
        build: rust::build,
        test: rust::test,
    },
    Language {
        name: "typescript",
        marker: "package.json",
        template: embedded::TYPESCRIPT_TEMPLATE,
        sdk: embedded::TYPESCRIPT_SDK,
        sources: &["src", "package.json"],
        memory_budget: 8 << 10,
        build: typescript::build,
        test: typescript::test,
    },
    Language {
        name: "python",
        marker: "plugin.py",
        template: embedded::PYTHON_TEMPLATE,
        sdk: embedded::PYTHON_SDK,
        sources: &["plugin.py"],
        memory_budget: 32 << 10,
        build: python::build,
        test: python::test,
    },
];

/// The values of `--language`.
pub(super) fn names() -> Vec<&'static str> {
    LANGUAGES.iter().map(|language| language.name).collect()
}
