use clap::{Command, ValueEnum as _};

use super::definition;

/// Lines of a screen.
const SCREEN: usize = 50;

/// Calls back with every command and the words that lead to it.
fn each(command: &mut Command, words: &str, found: &mut impl FnMut(&str, &mut Command)) {
    found(words, command);
    for below in command.get_subcommands_mut() {
        let words = format!("{words} {}", below.get_name());
        each(below, &words, found);
    }
}

fn built() -> Command {
    let mut command = definition();
    command.build();
    command
}

#[test]
fn the_help_of_every_command_fits_on_a_screen() {
    let (mut long, mut commands) = (Vec::new(), 0);
    each(&mut built(), "scimgate", &mut |words, command| {
        commands += 1;
        let help = command.render_help().to_string();
        if help.lines().count() > SCREEN {
            long.push(format!("{words}: {} lines\n{help}", help.lines().count()));
        }
    });
    assert!(commands > 120, "{commands}");
    assert!(long.is_empty(), "at most {SCREEN} lines\n{}", long.join("\n"));
}

/// What the values of settings are, and their units.
const UNITS: [&str; 19] = [
    "ADDRESS",
    "CONNECTIONS",
    "DIRECTORY",
    "DOCUMENTS",
    "FILE",
    "FILTER",
    "HOST",
    "KEY",
    "MIB",
    "NETWORK",
    "PERCENT",
    "PORT",
    "RATE/BURST",
    "REPLICAS",
    "REQUESTS",
    "SHARE",
    "TENANTS",
    "TOKEN",
    "URL",
];

/// Otherwise the page of settings has no unit, and no place for them.
#[test]
fn every_setting_has_a_unit_and_stands_under_a_heading() {
    let mut nameless = Vec::new();
    each(&mut built(), "scimgate", &mut |words, command| {
        for arg in command.get_arguments().filter(|arg| arg.get_env().is_some()) {
            let has_unit = |names: &[clap::builder::Str]| names.iter().all(|name| UNITS.contains(&name.as_str()));
            let is_choice = !arg.get_action().takes_values() || !arg.get_possible_values().is_empty();
            let is_named = is_choice || arg.get_value_names().is_some_and(has_unit);
            if !is_named || arg.get_help_heading().is_none() {
                nameless.push(format!("{words} --{}", arg.get_long().unwrap_or_default()));
            }
        }
    });
    assert!(
        nameless.is_empty(),
        "without a value_name that is a unit, or without a help_heading: {}",
        nameless.join(", ")
    );
}

#[test]
fn every_shell_completes_every_command() {
    for shell in clap_complete::Shell::value_variants() {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut definition(), "scimgate", &mut script);
        let script = String::from_utf8(script).unwrap();
        for word in ["oauth-client", "directory-schema", "tenant-rate"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn every_command_has_a_man_page() {
    let directory = tempfile::tempdir().unwrap();
    clap_mangen::generate_to(definition(), directory.path()).unwrap();
    let mut commands = 0;
    each(&mut built(), "scimgate", &mut |words, command| {
        if words.contains(" help") || command.is_hide_set() {
            return;
        }
        commands += 1;
        let page = directory.path().join(format!("{}.1", words.replace(' ', "-")));
        let text = std::fs::read_to_string(&page).unwrap_or_else(|why| panic!("{}: {why}", page.display()));
        assert!(text.contains(".SH NAME"), "{words}");
    });
    assert!(commands > 100, "{commands}");
}

/// What serves, writes files, or is read by another program has one form: `docs`, `man`, the script of `completion`, the page of settings, what
/// `watch` shows while a plugin is edited, and simulations, which have `--report`.
const WITHOUT_OUTPUT: [&str; 8] =
    ["serve", "dev", "docs", "man", "completion", "config reference", "plugin watch", "simulate"];

#[test]
fn every_command_can_print_json() {
    let mut without = Vec::new();
    each(&mut built(), "scimgate", &mut |words, command| {
        let words = words.trim_start_matches("scimgate").trim_start();
        let is_left_out = WITHOUT_OUTPUT.iter().any(|it| words == *it || words.starts_with(&format!("{it} ")));
        let has_output = command.get_arguments().any(|arg| arg.get_long() == Some("output"));
        let is_help = words.split(' ').any(|word| word == "help");
        if !has_output && !is_left_out && !is_help && !command.has_subcommands() {
            without.push(words.to_owned());
        }
    });
    assert!(without.is_empty(), "without --output: {}", without.join(", "));
}
