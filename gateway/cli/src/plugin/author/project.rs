//! A plugin's project: its language, its examples, and `scimgate plugin build`.

use std::path::{Path, PathBuf};

use scimgate_plugin_host::wrap;
use scimgate_plugin_sdk::test::{FixtureFile, read_fixtures};
use serde_json::{Value, json};

use super::language::{LANGUAGES, Language};
use super::local::Local;
use super::purpose::Purpose;
use crate::failure::Failure;
use crate::output::Output;

/// The folder of the examples.
pub(super) const FIXTURES: &str = "fixtures";

#[derive(Debug, clap::Args)]
pub(in crate::plugin) struct Arguments {
    /// The project's folder.
    #[arg(long, default_value = ".")]
    project: PathBuf,
}

/// A folder with a plugin's sources.
pub(super) struct Project {
    pub(super) folder: PathBuf,
    pub(super) language: &'static Language,
}

/// A built plugin, checked as an upload is.
pub(super) struct Built {
    pub(super) file: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) plugin: Local,
}

pub(super) async fn run(output: Output, it: &Arguments) -> Result<(), Failure> {
    let built = Project::find(&it.project)?.build().await?;
    Ok(output.told(&built.line(), &built.json())?)
}

impl Project {
    pub(super) fn find(folder: &Path) -> Result<Self, Failure> {
        let language = LANGUAGES.iter().find(|language| folder.join(language.marker).is_file());
        let Some(language) = language else {
            let markers: Vec<&str> = LANGUAGES.iter().map(|language| language.marker).collect();
            let message = format!(
                "there is no plugin's project in {} (no {}); `scimgate plugin new NAME` makes one",
                folder.display(),
                markers.join(", no ")
            );
            return Err(Failure::new(message));
        };
        Ok(Self { folder: folder.to_owned(), language })
    }

    /// The component's bytes.
    pub(super) fn component(&self, purpose: Purpose) -> Result<Vec<u8>, Failure> {
        let bytes = (self.language.build)(&self.folder, purpose)?;
        if is_core_module(&bytes) { Ok(wrap(&bytes)?) } else { Ok(bytes) }
    }

    /// The component, checked as an upload is, and as NAME.wasm in the project's folder.
    pub(super) async fn build(&self) -> Result<Built, Failure> {
        let bytes = self.component(Purpose::Release)?;
        let plugin = Local::load(bytes.clone()).await?;
        let file = self.folder.join(format!("{}.wasm", plugin.component.manifest().name));
        std::fs::write(&file, &bytes)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", file.display())))?;
        Ok(Built { file, bytes, plugin })
    }

    pub(super) fn fixtures(&self) -> Result<Vec<(PathBuf, FixtureFile)>, Failure> {
        read_fixtures(&self.folder.join(FIXTURES)).map_err(Failure::new)
    }
}

impl Built {
    pub(super) fn json(&self) -> Value {
        let manifest = self.plugin.component.manifest();
        json!({
            "file": self.file.strip_prefix(".").unwrap_or(&self.file),
            "name": manifest.name,
            "version": manifest.version,
            "bytes": self.bytes.len(),
            "digest": self.plugin.component.digest(),
        })
    }

    pub(super) fn line(&self) -> String {
        let manifest = self.plugin.component.manifest();
        let file = self.file.strip_prefix(".").unwrap_or(&self.file);
        format!(
            "{}  {}@{}  {} bytes  sha256 {}",
            file.display(),
            manifest.name,
            manifest.version,
            self.bytes.len(),
            self.plugin.component.digest()
        )
    }
}

/// Both begin with the same four bytes; the next two are the version, then the kind.
pub(super) fn is_core_module(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(&[1, 0, 0, 0])
}
