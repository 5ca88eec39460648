//! `scimgate completion` and `scimgate man`: from the definitions of the commands.

use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output::print;

/// The shell.
#[derive(Debug, clap::Args)]
pub(super) struct Completion {
    /// The shell; `source <(scimgate completion bash)` completes in this one.
    shell: Shell,
}

/// The directory.
#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// A directory for the pages, such as /usr/local/share/man/man1; it is created if it is missing.
    directory: PathBuf,
}

/// Prints a shell's completion.
pub(super) fn completion(arguments: &Completion, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "scimgate", &mut script);
    match io::stdout().lock().write_all(&script) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a page for each command.
pub(super) fn man(arguments: &Man, command: Command) -> Result<(), Failure> {
    let directory = arguments.directory.display();
    let cannot = |why: io::Error| Failure::new(format!("cannot write man pages to {directory}: {why}"));
    std::fs::create_dir_all(&arguments.directory).map_err(cannot)?;
    clap_mangen::generate_to(command, &arguments.directory).map_err(cannot)?;
    print(&format!("The man pages are in {directory}; the first is scimgate(1)."));
    Ok(())
}
