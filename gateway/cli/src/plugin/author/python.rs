//! Projects in Python: a virtual environment with what builds components.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::language::SDK_FOLDER;
use super::purpose::Purpose;
use crate::failure::Failure;

const ENVIRONMENT: &str = ".scimgate/venv";
/// Written when the environment is complete.
const COMPLETE: &str = ".scimgate/venv/complete";

/// The component.
pub(super) fn build(folder: &Path, _: Purpose) -> Result<Vec<u8>, Failure> {
    run(folder, "build", "the plugin cannot be built; the messages are above")?;
    let file = folder.join("dist/plugin.wasm");
    std::fs::read(&file).map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))
}

/// The examples without a gateway, and the functions of `test_plugin.py`.
pub(super) fn test(folder: &Path) -> Result<(), Failure> {
    run(folder, "test", "the project's own tests fail")
}

fn run(folder: &Path, what: &str, failed: &str) -> Result<(), Failure> {
    let sdk = std::path::absolute(folder.join(SDK_FOLDER).join("plugin-sdk/python"))?;
    install(folder, &sdk)?;
    let status =
        python(folder, &["-m".as_ref(), "scimgate_plugin".as_ref(), what.as_ref()]).env("PYTHONPATH", sdk).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::new(failed)),
        Err(error) => {
            Err(Failure::new(format!("{ENVIRONMENT} cannot be used ({error}); remove it, and it is made again")))
        }
    }
}

/// The environment's interpreter, in the project's folder.
fn python(folder: &Path, arguments: &[&OsStr]) -> Command {
    let relative: PathBuf = [ENVIRONMENT, "bin", "python"].iter().collect();
    let program = std::path::absolute(folder.join(&relative)).unwrap_or(relative);
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Makes the environment once, with what the SDK needs, to the version and the byte.
fn install(folder: &Path, sdk: &Path) -> Result<(), Failure> {
    if folder.join(COMPLETE).is_file() {
        return Ok(());
    }
    let made = Command::new("python3").args(["-m", "venv", "--clear", ENVIRONMENT]).current_dir(folder).status();
    let made = made.map_err(|error| {
        Failure::new(format!("python3 cannot be run ({error}); plugins in Python need Python 3.11 or newer with venv"))
    })?;
    if !made.success() {
        return Err(Failure::new(
            "python3 cannot make a virtual environment; Debian has it in the package python3-venv",
        ));
    }
    let requirements = sdk.join("requirements.txt");
    let arguments =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"];
    let mut arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    arguments.extend([OsStr::new("--require-hashes"), OsStr::new("-r"), requirements.as_os_str()]);
    if !python(folder, &arguments).status()?.success() {
        return Err(Failure::new("pip cannot install what builds plugins in Python; its messages are above"));
    }
    Ok(std::fs::write(folder.join(COMPLETE), "")?)
}
