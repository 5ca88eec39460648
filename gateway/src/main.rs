//! The `scimgate` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    scimgate::cli::main()
}
