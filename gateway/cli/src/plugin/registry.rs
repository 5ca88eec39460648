//! `scimgate plugin push | list`: the registry, over the admin API.

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

/// What to do with the gateway's plugins.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Upload a plugin. Uploading the same bytes again changes nothing.
    Push(Push),
    /// List the plugins.
    List,
}

/// What to upload.
#[derive(Debug, clap::Args)]
pub(super) struct Push {
    /// The plugin's .wasm file, or - for standard input.
    file: PathBuf,
}

pub(super) async fn run(operator: &OperatorOptions, command: Command) -> Result<(), Failure> {
    let (client, output) = operator.open()?;
    let path = client.path(&["plugins"])?;
    match command {
        Command::Push(it) => {
            let plugin = client.upload(&path, read(&it.file)?).await?;
            Ok(output.record(&plugin, &COLUMNS)?)
        }
        Command::List => Ok(output.list(&client.get(&path).await?, "plugins", &COLUMNS)?),
    }
}
