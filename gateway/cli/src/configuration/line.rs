//! What a command line means: its options first, then the variables, then the file's settings, then the defaults. The file's settings take
//! the place of the defaults in the commands' own definitions, so that none is defined twice.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::file::File;
use super::setting::{self, FILE_OPTION, Setting};

/// The command that reads the file itself, since it says what is wrong with it.
const OWN: &str = "config";

/// Why a command line means nothing.
pub(crate) enum Refusal {
    /// The command line itself, or a request for help.
    Usage(clap::Error),
    /// The file: everything that is wrong with it.
    File(Vec<String>),
}

/// A command line with everything that it leaves to others.
pub(super) struct Line {
    pub(super) matches: ArgMatches,
    pub(super) file: Option<File>,
}

/// Reads a command line, which begins with the program's name.
pub(crate) fn parse(command: &Command, line: &[OsString]) -> Result<ArgMatches, Refusal> {
    if named(command, line).1.as_deref() == Some(OWN) {
        return command.clone().try_get_matches_from(line).map_err(Refusal::Usage);
    }
    with_file(command, line).map(|line| line.matches)
}

/// The same, with the file.
pub(super) fn with_file(command: &Command, line: &[OsString]) -> Result<Line, Refusal> {
    let Some(path) = named(command, line).0 else {
        let matches = command.clone().try_get_matches_from(line).map_err(Refusal::Usage)?;
        return Ok(Line { matches, file: None });
    };
    let settings = setting::all(command);
    let mut file = File::read(&path, &settings).map_err(Refusal::File)?;
    let matches = entered(command.clone(), &file).try_get_matches_from(line).map_err(Refusal::Usage)?;
    // What an option or a variable sets instead of a setting of the file.
    let replaced = replaced(command, &matches, (&file, &settings));
    if replaced.is_empty() {
        return Ok(Line { matches, file: Some(file) });
    }
    for key in replaced {
        file.remove(&key);
    }
    let matches = entered(command.clone(), &file).try_get_matches_from(line).map_err(Refusal::Usage)?;
    Ok(Line { matches, file: Some(file) })
}

/// The file and the command that a line names. What else is wrong with it is found later.
fn named(command: &Command, line: &[OsString]) -> (Option<PathBuf>, Option<String>) {
    let Ok(matches) = command.clone().ignore_errors(true).try_get_matches_from(line) else { return (None, None) };
    let path = matches.try_get_one::<PathBuf>(FILE_OPTION).ok().flatten().cloned();
    let path = path.filter(|path| !path.as_os_str().is_empty() && !has_its_own(command, &matches));
    (path, matches.subcommand_name().map(str::to_owned))
}

/// Whether the option means another file to the command: `plugin run` takes the configuration of a plugin by it.
fn has_its_own(command: &Command, matches: &ArgMatches) -> bool {
    let Some((name, below)) = matches.subcommand() else { return false };
    command.find_subcommand(name).is_some_and(|command| {
        let is_own = |arg: &Arg| arg.get_id() == FILE_OPTION && !arg.is_global_set();
        command.get_arguments().any(is_own) || has_its_own(command, below)
    })
}

/// Whether a line asks for JSON, also one that cannot be read.
pub(crate) fn wants_json(line: &[OsString]) -> bool {
    let is_option = |word: &OsString| word == "-o" || word == "--output";
    line.iter().any(|word| word == "-ojson" || word == "--output=json")
        || line.windows(2).any(|pair| is_option(&pair[0]) && pair[1] == "json")
}

/// The definitions with the file's settings as defaults.
fn entered(command: Command, file: &File) -> Command {
    let enter = |arg: Arg| {
        let Some(entry) = setting::key(&arg).and_then(|key| file.get(&key)) else { return arg };
        // The help must not show a secret, and says what applies without a file.
        let hides = arg.get_action().takes_values();
        arg.required(false).hide_default_value(hides).default_values(entry.values.clone())
    };
    command.mut_args(enter).mut_subcommands(|below| entered(below, file))
}

/// The keys of the file beside which something is set that excludes them.
fn replaced(command: &Command, matches: &ArgMatches, (file, settings): (&File, &[Setting])) -> Vec<String> {
    let mut given = Vec::new();
    each_given(command, matches, &mut |arg, matches| {
        let source = matches.value_source(arg.get_id().as_str());
        if matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable)) {
            given.extend(setting::key(arg));
        }
    });
    let is_replaced = |key: &&str| {
        let setting = settings.iter().find(|setting| setting.key == **key);
        setting.is_some_and(|setting| setting.excludes.iter().any(|other| given.contains(other)))
    };
    file.keys().filter(is_replaced).map(str::to_owned).collect()
}

/// Every option of the commands that a line names, from the outermost on.
pub(super) fn each_given(command: &Command, matches: &ArgMatches, each: &mut impl FnMut(&Arg, &ArgMatches)) {
    command.get_arguments().for_each(|arg| each(arg, matches));
    if let Some((name, below)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        each_given(command, below, each);
    }
}
