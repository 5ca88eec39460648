//! The settings: every option that has an environment variable. The commands define them; nothing else does.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, Command};

/// The prefix of the variables, which a key in the file does without.
const PREFIX: &str = "SCIMGATE_";
/// The option that names the file. It has no key in it.
pub(super) const FILE_OPTION: &str = "config";

/// A setting, as the first command that has it defines it.
pub(super) struct Setting {
    /// Its key in the file: the variable's name in lower case, without the prefix.
    pub(super) key: String,
    /// Its environment variable.
    pub(super) variable: String,
    /// Its definition.
    pub(super) arg: Arg,
    /// The commands that have it: the first word of each; none if all have it.
    pub(super) commands: Vec<String>,
    /// The keys of settings that cannot be set beside it.
    pub(super) excludes: Vec<String>,
}

impl Setting {
    /// Whether its value is never shown.
    pub(super) fn is_secret(&self) -> bool {
        self.arg.is_hide_env_values_set()
    }

    /// Whether it is on or off.
    pub(super) fn is_switch(&self) -> bool {
        !self.arg.get_action().takes_values()
    }

    /// Whether it has any number of values.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::Append)
    }

    /// What a value of it is, or its unit, as the help calls it.
    pub(super) fn unit(&self) -> String {
        if self.is_switch() {
            return "true or false".to_owned();
        }
        let choices: Vec<String> =
            self.arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if !choices.is_empty() {
            return choices.join(", ");
        }
        let names = self.arg.get_value_names().unwrap_or_default();
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

/// The key of an option's setting; none for what cannot be set in a file.
pub(super) fn key(arg: &Arg) -> Option<String> {
    let variable = arg.get_env()?.to_str()?;
    (arg.get_id() != FILE_OPTION).then(|| variable.strip_prefix(PREFIX).unwrap_or(variable).to_lowercase())
}

/// Every setting of a command and of those below it, in the order of their definition.
pub(super) fn all(command: &Command) -> Vec<Setting> {
    let mut found = Vec::new();
    add(command, None, &mut found);
    let pairs: Vec<(String, String)> = found
        .iter()
        .flat_map(|setting| setting.excludes.iter().map(|other| (other.clone(), setting.key.clone())))
        .collect();
    let mut excluded: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, other) in pairs {
        excluded.entry(key).or_default().push(other);
    }
    for setting in &mut found {
        setting.excludes.extend(excluded.remove(&setting.key).unwrap_or_default());
    }
    found
}

fn add(command: &Command, top: Option<&str>, found: &mut Vec<Setting>) {
    for arg in command.get_arguments() {
        let Some(key) = key(arg) else { continue };
        match found.iter_mut().find(|setting| setting.key == key) {
            None => found.push(Setting {
                variable: arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
                arg: arg.clone(),
                commands: top.map(str::to_owned).into_iter().collect(),
                excludes: command.get_arg_conflicts_with(arg).into_iter().filter_map(self::key).collect(),
                key,
            }),
            Some(setting) => {
                let is_new = top.is_some_and(|top| !setting.commands.iter().any(|name| name == top));
                // What all commands have is not listed again for those that repeat it.
                if is_new && !setting.commands.is_empty() {
                    setting.commands.extend(top.map(str::to_owned));
                }
            }
        }
    }
    for below in command.get_subcommands() {
        add(below, top.or(Some(below.get_name())), found);
    }
}
