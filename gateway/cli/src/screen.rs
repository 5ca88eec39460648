//! The help of every command on one screen: one line for each option. `scimgate help COMMAND` prints the whole text.

use clap::{Arg, ArgAction, Command};

/// A command with more options shows no variables: with them each option would take two lines.
const MAX_OPTIONS_WITH_VARIABLES: usize = 12;
/// Where the variables of such a command are.
const VARIABLES: &str =
    "Variables, keys of scimgate.toml and rarer options: docs/configuration.md, or `scimgate config reference`.";

/// The commands with short help.
pub(crate) fn fit(command: Command) -> Command {
    let help = Arg::new("help").short('h').long("help").action(ArgAction::HelpShort).global(true).help("Print help");
    each(command.disable_help_flag(true).arg(help.help_heading(GLOBAL)))
}

/// The heading of the options that all commands have.
pub(crate) const GLOBAL: &str = "Global options";

fn each(command: Command) -> Command {
    let has_many = command.get_arguments().count() > MAX_OPTIONS_WITH_VARIABLES;
    let command = if has_many && command.get_after_help().is_none() {
        command.mut_args(|arg| arg.hide_env(true)).after_help(VARIABLES)
    } else {
        command
    };
    command.mut_subcommands(each)
}
