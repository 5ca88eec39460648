//! `scimgate mapping import-entra`: converts a schema exported from Entra into a mapping. Needs no gateway.

use std::io::Write as _;
use std::path::PathBuf;

use expressions::entra;

use crate::failure::Failure;
use crate::output::{Output, read_json};

const AFTER: &str = "The mapping is printed to standard output in the form that `draft` accepts, and what was left out or needs \
    attention to standard error. In Entra, replace the expressions by direct mappings of the attributes that they read.";

/// The exported schema.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Arguments {
    /// The schema as Entra downloads it, or - for standard input.
    file: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let schema = read_json(&arguments.file)?;
    let imported = entra::import(&schema)
        .map_err(|error| Failure::new(format!("{} cannot be imported: {error}", arguments.file.display())))?;
    for note in &imported.notes {
        // If standard error is closed, the mapping is all that can be given.
        let _ = writeln!(std::io::stderr(), "scimgate: {note}");
    }
    Ok(Output::Json.json(&imported.mapping)?)
}
