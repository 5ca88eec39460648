//! Examples as data: a document, a configuration, and what the plugin makes of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Context, Found, Level, Mapping, Outcome, Resource, Schemas};

/// One example. `after` may be left out where the document stays as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fixture {
    /// What the example shows.
    pub name: String,
    /// `User` if left out.
    #[serde(default = "user")]
    pub resource_type: String,
    /// The plugin's configuration.
    #[serde(default)]
    pub config: Value,
    /// The document before the call.
    pub before: Value,
    /// The document after the call.
    pub after: Option<Value>,
    /// The outcome, if it is not `mapped`.
    pub outcome: Option<Expected>,
    /// What the plugin logs; not compared if left out.
    pub log: Option<Vec<Line>>,
    /// The context's `lastModified`, a plugin's only clock.
    pub last_modified: Option<String>,
}

/// An outcome other than `mapped`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expected {
    /// Hidden from the product, with this reason.
    Excluded(String),
    /// Rejected, with this detail.
    Rejected(String),
    /// The plugin could not do its work; the error contains this text.
    Error(String),
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The text.
    pub message: String,
}

/// The examples of one file: a list, or an object with the schemas that they need and the list as `examples`.
#[derive(Clone, Debug)]
pub struct FixtureFile {
    /// The schemas of all examples.
    pub schemas: Schemas,
    /// The examples.
    pub fixtures: Vec<Fixture>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    List(Vec<Value>),
    One(Map<String, Value>),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SchemaList {
    packs: Vec<String>,
    extensions: Map<String, Value>,
}

fn user() -> String {
    "User".to_owned()
}

/// Runs the examples of all `*.json` files of a folder, which is relative to the crate.
///
/// ```no_run
/// # use scimgate_plugin_sdk::prelude::*;
/// # struct Shout;
/// # impl Mapping for Shout {
/// #     type Config = ();
/// #     fn transform(_: &Context, (): (), _: &Document) -> Result<Outcome> { Ok(Outcome::Mapped) }
/// # }
/// #[test]
/// fn fixtures() {
///     scimgate_plugin_sdk::test::fixtures::<Shout>("fixtures");
/// }
/// ```
///
/// # Panics
/// If the folder has no example, or a result is another than expected: with each example's differences.
pub fn fixtures<M: Mapping>(folder: impl AsRef<Path>) {
    let files = match read_fixtures(folder.as_ref()) {
        Ok(files) => files,
        Err(why) => panic!("{why}"),
    };
    let mut failed = String::new();
    for (path, file) in &files {
        for fixture in &file.fixtures {
            if let Err(report) = fixture.check::<M>(&file.schemas) {
                // Writing to a String cannot fail.
                let _ = write!(failed, "\n{}: {}\n{report}", path.display(), fixture.name);
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

/// The files of a folder, by name.
///
/// # Errors
/// A file cannot be read or is not one of examples, or there is none: a sentence with the file, the field and the place.
pub fn read_fixtures(folder: &Path) -> Result<Vec<(PathBuf, FixtureFile)>, String> {
    let cannot = |error: std::io::Error| format!("cannot read the folder {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let text =
            std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let file = FixtureFile::read(&text).map_err(|why| format!("{}: {why}", path.display()))?;
        files.push((path, file));
    }
    if files.iter().all(|(_, file)| file.fixtures.is_empty()) {
        return Err(format!("the folder {} has no examples (*.json)", folder.display()));
    }
    Ok(files)
}

impl FixtureFile {
    /// The examples of a JSON text.
    ///
    /// # Errors
    /// It is not one: a sentence with the example, the field and the place.
    pub fn read(text: &str) -> Result<Self, String> {
        let content = serde_json::from_str(text).map_err(|error| format!("not a list of examples: {error}"))?;
        let (schemas, list) = match content {
            Content::List(list) => (Schemas::standard(), list),
            Content::One(mut members) => match members.remove("examples") {
                Some(Value::Array(list)) => (read_schemas(members)?, list),
                // The file is one example.
                _ => (Schemas::standard(), vec![Value::Object(members)]),
            },
        };
        let fixtures = list.into_iter().enumerate().map(|(index, value)| read_one(index, value));
        Ok(Self { schemas, fixtures: fixtures.collect::<Result<_, _>>()? })
    }
}

fn read_schemas(mut members: Map<String, Value>) -> Result<Schemas, String> {
    let listed = members.remove("schemas").unwrap_or_else(|| json!({}));
    if let Some(other) = members.keys().next() {
        return Err(format!("{other} is not a field beside examples; there is schemas"));
    }
    let listed: SchemaList = serde_json::from_value(listed).map_err(|error| format!("schemas: {error}"))?;
    Schemas::read(&listed.packs, &listed.extensions).map_err(|why| format!("schemas: {why}"))
}

fn read_one(index: usize, value: Value) -> Result<Fixture, String> {
    let name = value.get("name").and_then(Value::as_str).map_or_else(String::new, |name| format!(" ({name})"));
    serde_json::from_value(value).map_err(|error| format!("example {}{name}: {error}", index + 1))
}

impl Fixture {
    /// The configuration as the plugin gets it.
    #[must_use]
    pub fn config(&self) -> Value {
        if self.config.is_null() { json!({}) } else { self.config.clone() }
    }

    /// The context of the call.
    #[must_use]
    pub fn context(&self) -> Context {
        let context = super::context(&self.resource_type);
        let last_modified = self.last_modified.clone().unwrap_or_else(|| context.last_modified.clone());
        Context { last_modified, ..context }
    }

    /// The document before the call.
    ///
    /// # Errors
    /// The gateway would not accept it.
    pub fn resource(&self, schemas: &Schemas) -> Result<Resource, String> {
        let resource = Resource::of(schemas, &self.resource_type, self.before.clone());
        resource.map_err(|why| format!("  before: {why}\n"))
    }

    /// Runs the example natively.
    ///
    /// # Errors
    /// What differs from the expected result, line by line.
    pub fn check<M: Mapping>(&self, schemas: &Schemas) -> Result<(), String> {
        let ran = super::run_on::<M>(&self.context(), &self.config(), self.resource(schemas)?);
        let outcome = ran.outcome.map_err(|error| error.to_string());
        self.compare(schemas, &Found { outcome, document: ran.document, log: ran.log })
    }

    /// Compares a result with the expected one.
    ///
    /// # Errors
    /// What differs, line by line.
    pub fn compare(&self, schemas: &Schemas, found: &Found) -> Result<(), String> {
        let resource = self.resource(schemas)?;
        let (_, resource_type) = resource.source();
        let unchanged = resource.show(resource.source().0.as_ref().clone());
        found.compare(self, resource_type, self.after.as_ref().unwrap_or(&unchanged))
    }
}

impl Expected {
    pub(super) fn of(outcome: &Result<Outcome, String>) -> Option<Self> {
        match outcome {
            Ok(Outcome::Mapped) => None,
            Ok(Outcome::Excluded(why)) => Some(Self::Excluded(why.clone())),
            Ok(Outcome::Rejected { detail, .. }) => Some(Self::Rejected(detail.clone())),
            Err(why) => Some(Self::Error(why.clone())),
        }
    }

    pub(super) fn matches(wanted: Option<&Self>, found: Option<&Self>) -> bool {
        match (wanted, found) {
            (Some(Self::Error(wanted)), Some(Self::Error(found))) => found.contains(wanted),
            _ => wanted == found,
        }
    }

    pub(super) fn shown(outcome: Option<&Self>) -> String {
        match outcome {
            None => "mapped".to_owned(),
            Some(Self::Excluded(why)) => format!("excluded: {why}"),
            Some(Self::Rejected(detail)) => format!("rejected: {detail}"),
            Some(Self::Error(why)) => format!("error: {why}"),
        }
    }
}

impl Line {
    pub(super) fn new(level: Level, message: &str) -> Self {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        Self { level: level.to_owned(), message: message.to_owned() }
    }

    pub(super) fn list(lines: &[Self]) -> String {
        let lines: Vec<String> = lines.iter().map(|line| format!("{}: {}", line.level, line.message)).collect();
        if lines.is_empty() { "nothing".to_owned() } else { lines.join("; ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_by_path() {
        let text = r#"{ "name": "capitals", "before": { "name": { "familyName": "Byron" }, "title": "x" },
            "after": { "name": { "familyName": "BYRON" } }, "log": [{ "level": "info", "message": "done" }] }"#;
        let file = FixtureFile::read(text).unwrap();
        let fixture = &file.fixtures[0];
        let document = fixture.before.clone();
        let found = Found { outcome: Ok(Outcome::Mapped), document: document.clone(), log: Vec::new() };
        let expected = "  title\n    - expected  nothing\n    + found     \"x\"\n  log\n    - expected  info: done\n    + found     nothing\n";
        let report = fixture.compare(&file.schemas, &found).unwrap_err();
        assert!(
            report.starts_with("  name.familyName\n    - expected  \"BYRON\"\n    + found     \"Byron\"\n"),
            "{report}"
        );
        assert!(report.ends_with(expected), "{report}");
        let found = Found { outcome: Ok(Outcome::excluded("no")), document, log: Vec::new() };
        let report = fixture.compare(&file.schemas, &found).unwrap_err();
        assert!(report.starts_with("  outcome\n    - expected  mapped\n    + found     excluded: no\n"), "{report}");
    }

    #[test]
    fn a_mistake_in_a_file_is_named_with_its_place() {
        let error = |text: &str| FixtureFile::read(text).unwrap_err();
        assert!(error("[").starts_with("not a list of examples: EOF"));
        assert!(error(r#"[{ "name": "a", "befor": {} }]"#).starts_with("example 1 (a): unknown field `befor`"));
        assert!(
            error(r#"{ "schemas": { "packs": ["x"] }, "examples": [] }"#).starts_with("schemas: there is no pack x")
        );
        assert!(error(r#"{ "scemas": {}, "examples": [] }"#).starts_with("scemas is not a field"));
    }
}
