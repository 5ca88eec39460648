//! The file with settings, `scimgate.toml`: one key for each setting, read and checked as a whole before anything is done with it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::setting::Setting;
use crate::nearest::nearest;

/// The size of the file, and of a file with a secret.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// The end of a key that names a file with the value of a secret.
const SECRET_FILE: &str = "_file";

/// A file whose every key is a setting, with a value that the setting accepts.
pub(super) struct File {
    pub(super) path: PathBuf,
    entries: BTreeMap<String, Entry>,
}

/// A setting in the file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its value; of a list any number, of a switch `true` or `false`.
    pub(super) values: Vec<String>,
    pub(super) line: usize,
}

impl File {
    /// What the file says of a setting.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The keys of its settings.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Leaves a setting out.
    pub(super) fn remove(&mut self, key: &str) {
        self.entries.remove(key);
    }

    /// Reads a file, or returns everything that is wrong with it.
    pub(super) fn read(path: &Path, settings: &[Setting]) -> Result<Self, Vec<String>> {
        let text = read(path).map_err(|why| vec![format!("the configuration file {} {why}", path.display())])?;
        let at = |line: usize, why: String| format!("{}:{line}: {why}", path.display());
        let table = DeTable::parse(&text).map_err(|error| {
            vec![at(line(&text, error.span().unwrap_or_default()), format!("not TOML: {}", error.message()))]
        })?;
        let (mut entries, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, value) in table.get_ref() {
            let line = line(&text, name.span());
            match entry(name.get_ref(), value, (path, settings)) {
                Ok((key, _)) if entries.contains_key(&key) => {
                    problems.push(at(
                        line,
                        format!(
                            "`{name}` sets `{key}`, which the file sets already; keep one of them",
                            name = name.get_ref()
                        ),
                    ));
                }
                Ok((key, values)) => {
                    entries.insert(key, Entry { values, line });
                }
                Err(why) => problems.push(at(line, why)),
            }
        }
        for setting in settings {
            let Some(Entry { line, .. }) = entries.get(&setting.key) else { continue };
            for other in setting.excludes.iter().filter(|other| setting.key < **other && entries.contains_key(*other)) {
                problems
                    .push(at(*line, format!("`{}` and `{other}` exclude each other; keep one of them", setting.key)));
            }
        }
        if problems.is_empty() { Ok(Self { path: path.to_owned(), entries }) } else { Err(problems) }
    }

    /// Whether it holds a secret itself, and not only the name of a file with one.
    pub(super) fn holds_secret(&self, settings: &[Setting]) -> bool {
        let text = read(&self.path).unwrap_or_default();
        let Ok(table) = DeTable::parse(&text) else { return false };
        settings.iter().any(|setting| setting.is_secret() && table.get_ref().contains_key(setting.key.as_str()))
    }
}

/// The text of a file, or what is wrong with it.
fn read(path: &Path) -> Result<String, String> {
    let cannot = |why: std::io::Error| format!("cannot be read ({why})");
    // A pipe or a device has no size and no end.
    let about = std::fs::metadata(path).map_err(cannot)?;
    if about.is_file() && about.len() > MAX_FILE_BYTES {
        return Err(format!("has {} bytes; at most {MAX_FILE_BYTES} are read", about.len()));
    }
    std::fs::read_to_string(path).map_err(cannot)
}

/// The number of the line in which a part of the text begins.
fn line(text: &str, span: Range<usize>) -> usize {
    text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count() + 1
}

/// The setting that a key of the file sets, and its values.
fn entry(
    name: &str,
    value: &Spanned<DeValue<'_>>,
    (path, settings): (&Path, &[Setting]),
) -> Result<(String, Vec<String>), String> {
    let named = |key: &str| settings.iter().find(|setting| setting.key == key);
    if let Some(setting) = named(name) {
        let values = values(setting, value.get_ref())?;
        check(setting, &values)?;
        return Ok((setting.key.clone(), values));
    }
    let Some(setting) = name.strip_suffix(SECRET_FILE).and_then(named).filter(|setting| setting.is_secret()) else {
        return Err(unknown(name, value.get_ref(), settings));
    };
    let DeValue::String(file) = value.get_ref() else {
        return Err(format!("`{name}` must be the path of a file in quotes"));
    };
    // Beside the file that names it, wherever the process was started.
    let file = path.parent().unwrap_or(Path::new("")).join(file.as_ref());
    let secret = read(&file).map_err(|why| format!("`{name}`: {} {why}", file.display()))?;
    let values = vec![secret.trim().to_owned()];
    check(setting, &values)?;
    Ok((setting.key.clone(), values))
}

fn unknown(name: &str, value: &DeValue<'_>, settings: &[Setting]) -> String {
    if matches!(value, DeValue::Table(_)) {
        return format!("`{name}` is a table; settings have no tables: write each as `key = value`");
    }
    let keys = settings.iter().map(|setting| setting.key.as_str());
    // People know the options and the variables, too.
    let plain = name.replace('-', "_").to_lowercase();
    let of_option =
        settings.iter().find(|setting| setting.arg.get_long().is_some_and(|long| long.replace('-', "_") == plain));
    match of_option.map(|setting| setting.key.as_str()).or_else(|| nearest(&plain, keys)) {
        Some(near) => format!("`{name}` is not a setting; did you mean `{near}`?"),
        None => format!("`{name}` is not a setting; `scimgate config show` lists them"),
    }
}

fn values(setting: &Setting, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let wanted = |what: &str| format!("`{}` must be {what}, not a TOML {}", setting.key, value.type_str());
    match value {
        DeValue::Boolean(on) if setting.is_switch() => Ok(vec![on.to_string()]),
        _ if setting.is_switch() => Err(wanted("true or false")),
        DeValue::Array(items) if setting.is_list() => {
            items.iter().map(|item| scalar(item.get_ref()).ok_or_else(|| wanted("a list of texts in quotes"))).collect()
        }
        DeValue::Array(_) => Err(wanted("one value")),
        single => Ok(vec![scalar(single).ok_or_else(|| wanted("a text in quotes or a number"))?]),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().replace('_', "")),
        DeValue::Float(number) => Some(number.as_str().replace('_', "")),
        _ => None,
    }
}

/// What a setting's own definition says of values.
fn check(setting: &Setting, values: &[String]) -> Result<(), String> {
    if setting.is_switch() {
        return Ok(());
    }
    let mut arg = Arg::new("value").long("value").action(setting.arg.get_action().clone());
    arg = arg.value_parser(setting.arg.get_value_parser().clone());
    if let Some(delimiter) = setting.arg.get_value_delimiter() {
        arg = arg.value_delimiter(delimiter);
    }
    let line = values.iter().map(|value| format!("--value={value}"));
    match Command::new("setting").no_binary_name(true).arg(arg).try_get_matches_from(line) {
        Ok(_) => Ok(()),
        Err(error) => Err(refusal(setting, &error)),
    }
}

fn refusal(setting: &Setting, error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let (key, value) = (&setting.key, text(ContextKind::InvalidValue));
    let shown = if setting.is_secret() { format!("`{key}`") } else { format!("`{key}` = {value:?}") };
    match (error.kind(), std::error::Error::source(error)) {
        (ErrorKind::InvalidValue, _) if value.is_empty() => format!("`{key}` has no value; write {}", setting.unit()),
        (ErrorKind::InvalidValue, _) => {
            format!("{shown} is not possible; it is one of {}", text(ContextKind::ValidValue))
        }
        (_, Some(why)) => format!("{shown} is not possible: {why}"),
        (kind, None) => format!("{shown} is not possible: {kind}"),
    }
}
