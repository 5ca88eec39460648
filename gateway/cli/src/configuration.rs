//! `scimgate config`: says what is wrong with the settings, shows them with where each is from, and prints their page.

mod file;
mod line;
mod reference;
mod setting;

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, Subcommand};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::nearest::nearest;
use crate::output::{Output, print};
use crate::screen::GLOBAL;
use file::File;
use line::Line;
pub(crate) use line::{Refusal, parse, wants_json};
use setting::Setting;

/// The file of settings, an option of all commands.
#[derive(Debug, clap::Args)]
pub(super) struct ConfigFile {
    /// A file with settings, scimgate.toml.
    #[arg(long, env = "SCIMGATE_CONFIG", value_name = "FILE", global = true, help_heading = GLOBAL)]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say everything that is wrong with the settings, without starting anything.
    Check(Checked),
    /// Show each setting with its value and where it is from; secrets are not shown.
    Show(Shown),
    /// Print the page of all settings, in Markdown.
    Reference,
}

#[derive(Debug, clap::Args)]
struct Checked {
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// The command whose settings are checked, with its options.
    #[arg(default_value = "serve", trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    line: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
struct Shown {
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// The command whose settings are shown, with its options.
    #[arg(default_value = "serve", trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    line: Vec<OsString>,
}

/// Carries the command out. `check` says what else is wrong with a command's settings.
pub(super) fn run(
    config: &ConfigFile,
    arguments: Arguments,
    command: &Command,
    check: impl Fn(&ArgMatches) -> Vec<String>,
) -> Result<(), Failure> {
    match arguments.action {
        Action::Check(it) => check_line(command, &whole(config, it.line), it.output, check),
        Action::Show(it) => show(command, &whole(config, it.line), it.output),
        Action::Reference => {
            print(reference::page(&setting::all(command)).trim_end());
            Ok(())
        }
    }
}

/// A command line as the program is given it.
fn whole(config: &ConfigFile, line: Vec<OsString>) -> Vec<OsString> {
    let file = config.config.iter().flat_map(|path| ["--config".into(), path.clone().into_os_string()]);
    [OsString::from("scimgate")].into_iter().chain(file).chain(line).collect()
}

fn check_line(
    command: &Command,
    line: &[OsString],
    output: Output,
    check: impl Fn(&ArgMatches) -> Vec<String>,
) -> Result<(), Failure> {
    let (problems, file) = match line::with_file(command, line) {
        Err(Refusal::File(problems)) => (problems, None),
        Err(Refusal::Usage(error)) => (vec![sentence(&error)], None),
        Ok(Line { matches, file }) => (check(&matches), file),
    };
    let notes = if problems.is_empty() { notes(file.as_ref(), &setting::all(command)) } else { Vec::new() };
    let mut sentences: Vec<&str> = problems.iter().chain(&notes).map(String::as_str).collect();
    if problems.is_empty() {
        sentences.push("The settings are valid.");
    }
    output.told(&sentences.join("\n"), &json!({ "problems": problems, "notes": notes }))?;
    match problems.len() {
        0 => Ok(()),
        1 => Err(Failure::new("the settings have this problem")),
        number => Err(Failure::new(format!("the settings have these {number} problems"))),
    }
}

/// What is not wrong, and probably not meant.
fn notes(file: Option<&File>, settings: &[Setting]) -> Vec<String> {
    let mut notes = Vec::new();
    let known = || settings.iter().map(|setting| setting.variable.as_str()).chain(["SCIMGATE_CONFIG"]);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let is_unknown = name.starts_with("SCIMGATE_") && !known().any(|variable| variable == name);
        if let Some(near) = nearest(&name, known()).filter(|_| is_unknown) {
            notes.push(format!("Note: the variable {name} is not a setting; did you mean {near}?"));
        }
    }
    let mode = file.and_then(|file| std::fs::metadata(&file.path).ok()).map_or(0, |about| about.permissions().mode());
    if let Some(file) = file.filter(|file| mode & 0o007 != 0 && file.holds_secret(settings)) {
        let path = file.path.display();
        notes.push(format!(
            "Note: {path} has secrets and every user of this machine can read it; chmod 640 it, or name files with the secrets \
             (`database_url_file`)."
        ));
    }
    notes
}

/// What clap says of a command line, without its usage.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    first.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

fn show(command: &Command, line: &[OsString], output: Output) -> Result<(), Failure> {
    let line = line::with_file(command, line).map_err(|refusal| match refusal {
        Refusal::File(problems) => several(&problems),
        Refusal::Usage(error) => Failure::usage(sentence(&error)),
    })?;
    let settings = setting::all(command);
    let mut shown: Vec<Value> = Vec::new();
    line::each_given(command, &line.matches, &mut |arg, matches| {
        let setting = setting::key(arg).and_then(|key| settings.iter().find(|setting| setting.key == key));
        if let Some(setting) = setting.filter(|setting| !shown.iter().any(|row| row["setting"] == setting.key)) {
            shown.push(row(setting, matches, line.file.as_ref()));
        }
    });
    let columns = [("setting", "/setting"), ("value", "/value"), ("from", "/from")];
    output.list(&json!({ "settings": shown }), "settings", &columns)?;
    Ok(())
}

fn row(setting: &Setting, matches: &ArgMatches, file: Option<&File>) -> Value {
    let id = setting.arg.get_id().as_str();
    let in_file = file.and_then(|file| file.get(&setting.key).map(|entry| (file.path.display(), entry.line)));
    let from = match (matches.value_source(id), in_file) {
        (Some(ValueSource::CommandLine), _) => format!("option --{}", setting.arg.get_long().unwrap_or(id)),
        (Some(ValueSource::EnvVariable), _) => format!("variable {}", setting.variable),
        (_, Some((path, line))) => format!("file {path}:{line}"),
        _ => "default".to_owned(),
    };
    let raw: Vec<String> = matches
        .get_raw(id)
        .map(|values| values.map(|value| value.to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    let value = match raw.as_slice() {
        [] => Value::Null,
        _ if setting.is_secret() => Value::from("(secret)"),
        [one] if !setting.is_list() => Value::from(one.as_str()),
        many => Value::from(many.to_vec()),
    };
    json!({ "setting": setting.key, "value": value, "from": from })
}

/// A command line that means nothing, in a sentence.
pub(super) fn misused(error: &clap::Error) -> Failure {
    Failure::usage(sentence(error))
}

/// The first of several problems, and how to see the others.
pub(super) fn several(problems: &[String]) -> Failure {
    match problems {
        [] => Failure::new("the settings are not valid"),
        [one] => Failure::new(one.clone()),
        [first, others @ ..] => {
            Failure::new(format!("{first} (and {} more; `scimgate config check` lists what is wrong)", others.len()))
        }
    }
}

#[cfg(test)]
mod tests;
