//! Projects in TypeScript: npm, with the SDK's own commands.

use std::path::Path;
use std::process::Command;

use super::purpose::Purpose;
use super::tool;
use crate::failure::Failure;

/// npm writes it when all packages are there.
const INSTALLED: &str = "node_modules/.package-lock.json";

/// The component.
pub(super) fn build(folder: &Path, _: Purpose) -> Result<Vec<u8>, Failure> {
    install(folder)?;
    let failure = "the plugin cannot be built; the messages are above";
    tool::run(Command::new("npm").args(["run", "--silent", "build"]), folder, failure)?;
    tool::built(folder)
}

/// The checks of types, and the project's own tests.
pub(super) fn test(folder: &Path) -> Result<(), Failure> {
    install(folder)?;
    let failure = "the project's own tests fail; `npm test` shows them alone";
    tool::run(Command::new("npm").args(["test", "--silent"]), folder, failure)
}

/// Installs the packages where they are missing. None of them needs a script of its own to be run.
fn install(folder: &Path) -> Result<(), Failure> {
    if folder.join(INSTALLED).is_file() {
        return Ok(());
    }
    let failure = "the packages cannot be installed; npm's messages are above";
    let arguments = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
    tool::run(Command::new("npm").args(arguments), folder, failure)
}
