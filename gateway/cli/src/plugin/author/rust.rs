//! Projects in Rust: cargo, with the settings that a plugin needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::purpose::Purpose;
use crate::failure::Failure;

const TARGET: &str = "wasm32-unknown-unknown";

/// A plugin is compiled once and runs for every change of every user.
const RELEASE: [&str; 6] =
    ["inherits=\"release\"", "opt-level=3", "lto=true", "codegen-units=1", "panic=\"abort\"", "strip=true"];
/// Seconds count, and nothing else.
const WATCH: [&str; 6] =
    ["inherits=\"release\"", "opt-level=1", "lto=\"off\"", "incremental=true", "panic=\"abort\"", "strip=true"];

/// The core module.
pub(super) fn build(folder: &Path, purpose: Purpose) -> Result<Vec<u8>, Failure> {
    need_target()?;
    let (profile, settings) = match purpose {
        Purpose::Release => ("plugin", RELEASE),
        Purpose::Watch => ("plugin-watch", WATCH),
    };
    let mut cargo = cargo("build", folder);
    // The project may define the profile, too; what is given here goes before it.
    for setting in settings {
        cargo.arg("--config").arg(format!("profile.{profile}.{setting}"));
    }
    cargo.args(["--lib", "--target", TARGET, "--profile", profile, "--message-format", "json-render-diagnostics"]);
    let output = cargo.stdout(Stdio::piped()).output().map_err(|error| no_cargo(&error))?;
    if !output.status.success() {
        return Err(Failure::new("the plugin does not compile; the compiler's messages are above"));
    }
    let file = String::from_utf8_lossy(&output.stdout).lines().filter_map(artifact).next_back();
    let file = file.ok_or_else(|| {
        let manifest = folder.join("Cargo.toml");
        Failure::new(format!(
            "{}: cargo built no .wasm file; [lib] needs crate-type = [\"cdylib\", \"rlib\"]",
            manifest.display()
        ))
    })?;
    std::fs::read(&file).map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))
}

/// The native tests.
pub(super) fn test(folder: &Path) -> Result<(), Failure> {
    let mut cargo = cargo("test", folder);
    let status = cargo.arg("--quiet").stdout(std::io::stderr()).status().map_err(|error| no_cargo(&error))?;
    if status.success() { Ok(()) } else { Err(Failure::new("the native tests fail; `cargo test` shows them alone")) }
}

fn cargo(what: &str, folder: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.arg(what).arg("--manifest-path").arg(folder.join("Cargo.toml"));
    command
}

/// The .wasm file that a message of cargo's names. The project's own comes last.
fn artifact(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let files = message.get("filenames")?.as_array()?.iter().filter_map(Value::as_str);
    files.map(PathBuf::from).find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

fn no_cargo(error: &std::io::Error) -> Failure {
    Failure::new(format!("cargo cannot be run ({error}); plugins in Rust need it: https://rustup.rs"))
}

/// The compiler's library for plugins, which rustup installs where it is missing.
fn need_target() -> Result<(), Failure> {
    let said = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let folder = said.map_err(|error| no_cargo(&error))?;
    if Path::new(String::from_utf8_lossy(&folder.stdout).trim()).is_dir() {
        return Ok(());
    }
    let command = ["target", "add", TARGET];
    match Command::new("rustup").args(command).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Failure::new(format!(
            "the Rust compiler cannot build plugins yet; run `rustup {}`, or install the standard library for {TARGET} from where the \
             compiler is from",
            command.join(" ")
        ))),
    }
}
