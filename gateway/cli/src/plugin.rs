//! `scimgate plugin`: upload and list mapping plugins.

use std::path::PathBuf;

use crate::client::OperatorOptions;
use crate::failure::Failure;
use crate::output::{Column, read};

const COLUMNS: [Column; 5] = [
    ("name", "/name"),
    ("version", "/version"),
    ("resource types", "/resourceTypes"),
    ("uploaded", "/createdAt"),
    ("digest", "/digest"),
];

/// What to do with plugins.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Upload a plugin. Uploading the same bytes again changes nothing.
    Add(Add),
    /// List the plugins.
    List,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The plugin's .wasm file, or - for standard input.
    file: PathBuf,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    let path = client.path(&["plugins"])?;
    match arguments.command {
        Command::Add(it) => {
            let plugin = client.upload(&path, read(&it.file)?).await?;
            Ok(output.record(&plugin, &COLUMNS)?)
        }
        Command::List => Ok(output.list(&client.get(&path).await?, "plugins", &COLUMNS)?),
    }
}
