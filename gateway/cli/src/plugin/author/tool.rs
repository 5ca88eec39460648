//! The tools of a language, and what they leave.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// Where the SDKs for TypeScript and Python put a built plugin, below the project's folder.
const BUILT: &str = "dist/plugin.wasm";

/// Runs a tool in a folder. What it prints goes to standard error: standard output is for what was asked for.
pub(super) fn run(tool: &mut Command, folder: &Path, failure: &str) -> Result<(), Failure> {
    let name = tool.get_program().to_string_lossy().into_owned();
    let status = tool.current_dir(folder).stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let status = status.map_err(|error| Failure::new(format!("{name} cannot be run ({error}); is it installed?")))?;
    if status.success() { Ok(()) } else { Err(Failure::new(failure)) }
}

/// The plugin that a build left.
pub(super) fn built(folder: &Path) -> Result<Vec<u8>, Failure> {
    let file = folder.join(BUILT);
    std::fs::read(&file).map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))
}
