//! Projects in Python: a virtual environment in the project, with the SDK's own commands.

use std::path::Path;
use std::process::Command;

use super::purpose::Purpose;
use super::tool;
use crate::failure::Failure;

const ENVIRONMENT: &str = ".scimgate/venv";
const SDK: &str = ".scimgate/sdk/plugin-sdk/python";
/// What pip installs last, and the build needs.
const INSTALLED: &str = ".scimgate/venv/bin/componentize-py";

/// The component.
pub(super) fn build(folder: &Path, _: Purpose) -> Result<Vec<u8>, Failure> {
    sdk(folder, "build", "the plugin cannot be built; the messages are above")?;
    tool::built(folder)
}

/// The project's own tests.
pub(super) fn test(folder: &Path) -> Result<(), Failure> {
    sdk(folder, "test", "the project's own tests fail; the messages are above")
}

/// A command of the SDK.
fn sdk(folder: &Path, command: &str, failure: &str) -> Result<(), Failure> {
    let folder = &folder.canonicalize()?;
    install(folder)?;
    let mut python = Command::new(folder.join(ENVIRONMENT).join("bin/python"));
    tool::run(python.args(["-m", "scimgate_plugin", command]).env("PYTHONPATH", folder.join(SDK)), folder, failure)
}

/// Makes the environment where it is missing. The packages are those that the SDK names, by their digests.
fn install(folder: &Path) -> Result<(), Failure> {
    if folder.join(INSTALLED).is_file() {
        return Ok(());
    }
    let failure = "the packages cannot be installed; the messages are above. Python 3.11 with its venv is needed";
    tool::run(Command::new("python3").args(["-m", "venv", ENVIRONMENT]), folder, failure)?;
    let mut pip = Command::new(folder.join(ENVIRONMENT).join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "-r"]);
    tool::run(pip.arg(format!("{SDK}/requirements.txt")), folder, failure)
}
