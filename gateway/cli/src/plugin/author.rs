//! `scimgate plugin new | build | test | run | bench | inspect | watch`: what a plugin's author does. None but `watch` needs a server.

mod bench;
mod call;
mod inspect;
mod language;
mod local;
mod new;
mod project;
mod purpose;
mod python;
mod run;
mod rust;
mod test;
mod tool;
mod typescript;
mod watch;

use crate::client::OperatorOptions;
use crate::failure::Failure;

/// What to do with a plugin's project.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a project that builds and tests green at once.
    New(new::Arguments),
    /// Build the project in this folder to NAME.wasm.
    Build(project::Arguments),
    /// Run the project's tests, then its examples on the built plugin with a server's engine and limits.
    Test(test::Arguments),
    /// Map one document by a plugin and show what changed, without a server.
    Run(run::Arguments),
    /// Measure a plugin on the project's examples.
    Bench(bench::Arguments),
    /// Show what a plugin is, and whether a gateway would accept it.
    Inspect(inspect::Arguments),
    /// Rebuild on save, upload to a tenant for development, and show what it makes of the last users.
    Watch(watch::Arguments),
}

pub(super) async fn run(operator: &OperatorOptions, command: Command) -> Result<(), Failure> {
    match command {
        Command::New(it) => new::run(operator.output(), &it),
        Command::Build(it) => project::run(operator.output(), &it).await,
        Command::Test(it) => test::run(operator.output(), it).await,
        Command::Run(it) => run::run(operator.output(), it).await,
        Command::Bench(it) => bench::run(operator.output(), it).await,
        Command::Inspect(it) => inspect::run(operator.output(), it).await,
        Command::Watch(it) => watch::run(operator, it).await,
    }
}
