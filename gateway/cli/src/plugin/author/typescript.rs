//! Projects in TypeScript: npm, with the build of the project's copy of the SDK.

use std::path::Path;
use std::process::Command;

use super::language::SDK_FOLDER;
use super::purpose::Purpose;
use crate::failure::Failure;

/// The component.
pub(super) fn build(folder: &Path, _: Purpose) -> Result<Vec<u8>, Failure> {
    run(folder, "build", "the plugin cannot be built; the compiler's messages are above")?;
    let file = folder.join("dist/plugin.wasm");
    std::fs::read(&file).map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))
}

/// The tests in `test/`.
pub(super) fn test(folder: &Path) -> Result<(), Failure> {
    run(folder, "test", "the project's own tests fail; `npm test` shows them alone")
}

fn run(folder: &Path, what: &str, failed: &str) -> Result<(), Failure> {
    install(folder)?;
    let script = Path::new(SDK_FOLDER).join("plugin-sdk/typescript/bin/scimgate-plugin.mjs");
    let status = Command::new("node").arg(script).arg(what).current_dir(folder).status();
    let status = status.map_err(|error| {
        Failure::new(format!(
            "node cannot be run ({error}); plugins in TypeScript need Node 18 or newer: https://nodejs.org"
        ))
    })?;
    if status.success() { Ok(()) } else { Err(Failure::new(failed)) }
}

/// What the SDK needs is installed once, in the versions of the lock file, without running what a package brings.
fn install(folder: &Path) -> Result<(), Failure> {
    if folder.join("node_modules").is_dir() {
        return Ok(());
    }
    let what = if folder.join("package-lock.json").is_file() { "ci" } else { "install" };
    let arguments = [what, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
    let status = Command::new("npm").args(arguments).current_dir(folder).status();
    let status = status.map_err(|error| {
        Failure::new(format!(
            "npm cannot be run ({error}); plugins in TypeScript need Node 18 or newer: https://nodejs.org"
        ))
    })?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`npm {what}` fails in {}", folder.display()))) }
}
