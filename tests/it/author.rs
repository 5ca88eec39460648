//! What a plugin's author does with the binary: a project from nothing, built, tested and run, with the words of its mistakes.

mod project;
mod tutorial;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scimgate_tests::{binary, root};

/// A folder with an author's projects.
pub(crate) struct Author {
    home: tempfile::TempDir,
    /// More environment, of a running gateway.
    environment: Vec<(String, String)>,
}

impl Author {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.home.path().join(below)
    }

    /// A line of a shell in a folder, with `scimgate` on its path. Projects share what cargo builds; the names of their packages
    /// differ.
    pub(crate) fn command(&self, folder: &Path, line: &str) -> Command {
        let bin = binary::path();
        let line = format!("PATH='{}':\"$PATH\"\n{line}", bin.parent().unwrap().display());
        let mut command = Command::new("bash");
        command.args(["-c", &line]).current_dir(folder).env("SCIMGATE_LOG", "off");
        command.env("CARGO_TARGET_DIR", root().join("target/plugin-projects")).env("CARGO_TERM_COLOR", "never");
        command.env("XDG_CACHE_HOME", binary::cache_home());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn shell(&self, folder: &Path, line: &str) -> Output {
        self.command(folder, line).output().unwrap()
    }

    /// What a line prints, which must succeed.
    #[track_caller]
    pub(crate) fn says(&self, folder: &Path, line: &str) -> String {
        let output = self.shell(folder, line);
        assert!(output.status.success(), "{line}\n{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// What a line prints on both outputs, which must fail.
    #[track_caller]
    pub(crate) fn fails(&self, folder: &Path, line: &str) -> String {
        let output = self.shell(folder, line);
        assert!(!output.status.success(), "{line}\n{}", text(&output.stdout));
        text(&output.stdout) + &text(&output.stderr)
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
