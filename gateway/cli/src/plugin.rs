//! `scimgate plugin`: an author's commands, and the gateway's registry of mapping plugins.

mod author;
mod registry;

use crate::client::OperatorOptions;
use crate::failure::Failure;

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
    #[command(flatten)]
    Author(author::Command),
    #[command(flatten)]
    Registry(registry::Command),
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Author(command) => author::run(&arguments.operator, command).await,
        Command::Registry(command) => registry::run(&arguments.operator, command).await,
    }
}
