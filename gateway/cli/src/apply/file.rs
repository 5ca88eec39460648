//! The files of `apply`: what is wanted of tenants, in YAML. What a file does not name is left alone.

#![expect(clippy::option_option, reason = "null and nothing differ in the file")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::token::TokenRequest;
use crate::failure::Failure;
use crate::nearest::nearest;
use crate::output::read;
use crate::settings::directory_schema::{DirectorySchema, SsoSubject};
use crate::settings::group_rules::{self, GroupRules};
use crate::settings::mapping::Mapping;
use crate::settings::packs::Packs;
use crate::settings::resource_types::{self, ResourceTypes};
use crate::settings::schemas::{self, Schemas};
use crate::settings::scim_client::ScimClient;
use crate::settings::search_attributes::SearchAttributes;
use crate::settings::tenant::{Guard, Limits, LogRedaction, Retention, Suspended};
use crate::settings::{Kind, Wanted};

/// Longest file in bytes.
const MAX_FILE_BYTES: usize = 8 << 20;

/// One document of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    tenants: Vec<Tenant>,
}

/// What is wanted of one tenant.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Tenant {
    pub(super) name: String,
    suspended: Option<bool>,
    packs: Option<Vec<String>>,
    resource_types: Option<Vec<Definition>>,
    schemas: Option<Vec<Schema>>,
    search_attributes: Option<Vec<String>>,
    directory_schema: Option<Vec<Rule>>,
    #[serde(default, deserialize_with = "named")]
    sso_subject: Option<Option<String>>,
    group_rules: Option<Vec<Value>>,
    client: Option<Client>,
    limits: Option<LimitsOf>,
    retention: Option<RetentionOf>,
    log_redaction: Option<Vec<String>>,
    guard: Option<GuardOf>,
    #[serde(default, deserialize_with = "named")]
    mapping: Option<Option<MappingOf>>,
    #[serde(default)]
    pub(super) tokens: Vec<TokenRequest>,
    /// The folder that files are named in.
    #[serde(skip)]
    folder: PathBuf,
}

/// A value that is named, also if it is null.
fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// A definition, or the JSON file that has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    file: Option<PathBuf>,
    definition: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Schema {
    file: Option<PathBuf>,
    definition: Option<Value>,
    resource_type: Option<String>,
    #[serde(default)]
    directory_only: bool,
    #[serde(default)]
    required: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    resource_type: Option<String>,
    path: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    allowed: Vec<Value>,
    #[serde(default)]
    unique: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    profile: Option<String>,
    allow: Option<Vec<String>>,
    refuse: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsOf {
    #[serde(default, deserialize_with = "named")]
    requests: Option<Option<u32>>,
    #[serde(default, deserialize_with = "named")]
    rate: Option<Option<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RetentionOf {
    #[serde(default, deserialize_with = "named")]
    tombstone_days: Option<Option<u32>>,
    #[serde(default, deserialize_with = "named")]
    event_days: Option<Option<u32>>,
    #[serde(default, deserialize_with = "named")]
    log_days: Option<Option<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GuardOf {
    #[serde(default, deserialize_with = "named")]
    users: Option<Option<u32>>,
    #[serde(default, deserialize_with = "named")]
    members: Option<Option<u32>>,
    #[serde(default, deserialize_with = "named")]
    percent: Option<Option<u32>>,
    #[serde(default, deserialize_with = "named")]
    protected: Option<Option<String>>,
    confirm_from: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MappingOf {
    on_failure: Option<OnFailure>,
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnFailure {
    Refuse,
    Keep,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Step {
    plugin: String,
    #[serde(default)]
    config: Option<Value>,
    #[serde(default)]
    resource_types: Vec<String>,
}

/// The tenants of all files, each once.
pub(super) fn tenants(files: &[PathBuf]) -> Result<Vec<Tenant>, Failure> {
    let mut all: Vec<Tenant> = Vec::new();
    for path in files {
        let bytes = read(path)?;
        if bytes.len() > MAX_FILE_BYTES {
            return Err(Failure::new(format!("{} is longer than {MAX_FILE_BYTES} bytes", path.display())));
        }
        let text =
            String::from_utf8(bytes).map_err(|_| Failure::new(format!("{} is not UTF-8 text", path.display())))?;
        let documents: Vec<Document> =
            documents(&text).map_err(|why| Failure::new(format!("{}:{why}", shown(path))))?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        for tenant in documents.into_iter().flat_map(|document| document.tenants) {
            if all.iter().any(|other| other.name == tenant.name) {
                return Err(Failure::new(format!("{}: the tenant {} is there twice", shown(path), tenant.name)));
            }
            if let Some(label) = repeated(tenant.tokens.iter().map(|token| token.label.as_str())) {
                let name = &tenant.name;
                return Err(Failure::new(format!(
                    "{}: {name}: tokens: the label \"{label}\" is there twice",
                    shown(path)
                )));
            }
            all.push(Tenant { folder: folder.clone(), ..tenant });
        }
    }
    if all.is_empty() {
        return Err(Failure::new(
            "no file names a tenant; the form is `tenants:` with a list of tenants, each with a `name:`",
        ));
    }
    Ok(all)
}

/// A text that is there twice.
fn repeated<'t>(texts: impl Iterator<Item = &'t str>) -> Option<&'t str> {
    let mut seen = HashSet::new();
    texts.into_iter().find(|text| !seen.insert(*text))
}

fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}

/// The documents, or the place of what is wrong with them and what to do.
fn documents(text: &str) -> Result<Vec<Document>, String> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let place = error.location().map(|at| format!("{}:{}", at.line(), at.column())).unwrap_or_default();
        let why = match error.without_snippet() {
            serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => unknown_key(field, expected),
            other => one_line(&other.to_string()),
        };
        format!("{place}: {why}")
    })
}

/// The text without the place at its end, which stands before it already.
fn one_line(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    first.rsplit_once(" at line ").map_or(first, |(why, _)| why).to_owned()
}

fn unknown_key(key: &str, known: &[&str]) -> String {
    let all = known.join(", ");
    match nearest(key, known.iter().copied()) {
        Some(name) => format!("unknown key {key}; did you mean {name}? The keys are {all}"),
        None => format!("unknown key {key}; the keys are {all}"),
    }
}

impl Tenant {
    /// What the file names, by kind.
    pub(super) fn wanted(&self) -> Result<Wanted, Failure> {
        let mut all: Wanted = Vec::new();
        let mut add = |kind: &'static dyn Kind, value: Option<Value>| all.extend(value.map(|value| (kind, value)));
        add(&Packs, self.packs.as_ref().map(|names| json!(names)));
        add(&ResourceTypes, self.resource_types.as_deref().map(|types| self.types(types)).transpose()?);
        add(&Schemas, self.schemas.as_deref().map(|schemas| self.extensions(schemas)).transpose()?);
        add(&SearchAttributes, self.search_attributes.as_ref().map(|names| json!(names)));
        add(&DirectorySchema, self.directory_schema.as_ref().map(|rules| rules.iter().map(Rule::value).collect()));
        add(&SsoSubject, self.sso_subject.as_ref().map(|path| json!(path)));
        add(&ScimClient, self.client.as_ref().map(Client::value));
        add(&Limits, self.limits.as_ref().map(LimitsOf::value));
        add(&Retention, self.retention.as_ref().map(RetentionOf::value));
        add(&LogRedaction, self.log_redaction.as_ref().map(|names| json!(names)));
        add(&Guard, self.guard.as_ref().map(GuardOf::value));
        add(&Mapping, self.mapping.as_ref().map(|mapping| mapping.as_ref().map_or(Value::Null, MappingOf::value)));
        add(&GroupRules, self.group_rules.as_ref().map(|rules| rules.iter().cloned().map(group_rules::rule).collect()));
        add(&Suspended, self.suspended.map(Value::from));
        Ok(all)
    }

    fn types(&self, types: &[Definition]) -> Result<Value, Failure> {
        let all = types.iter().map(|it| self.definition("resourceTypes", it.file.as_deref(), it.definition.as_ref()));
        Ok(resource_types::keyed(all.collect::<Result<Vec<_>, _>>()?.into_iter()))
    }

    fn extensions(&self, schemas: &[Schema]) -> Result<Value, Failure> {
        let one = |it: &Schema| {
            let definition = self.definition("schemas", it.file.as_deref(), it.definition.as_ref())?;
            let resource_type = it.resource_type.as_deref().unwrap_or("User");
            Ok(json!({
                "resourceType": resource_type, "directoryOnly": it.directory_only, "required": it.required, "schema": definition,
            }))
        };
        Ok(schemas::keyed(schemas.iter().map(one).collect::<Result<Vec<_>, Failure>>()?.into_iter()))
    }

    /// A definition in the file, or in one that it names, which is looked for beside it.
    fn definition(&self, kind: &str, file: Option<&Path>, definition: Option<&Value>) -> Result<Value, Failure> {
        let failed = |why: String| Failure::new(format!("{}: {kind}: {why}", self.name));
        match (file, definition) {
            (Some(file), None) => {
                let path = self.folder.join(file);
                crate::output::read_json(&path).map_err(|failure| failed(failure.message))
            }
            (None, Some(definition)) => Ok(definition.clone()),
            _ => Err(failed("each needs either file or definition".to_owned())),
        }
    }
}

impl Rule {
    /// As the gateway shows it.
    fn value(&self) -> Value {
        let mut rule = Map::from_iter([
            ("resourceType".to_owned(), json!(self.resource_type.as_deref().unwrap_or("User"))),
            ("path".to_owned(), json!(self.path)),
            ("required".to_owned(), json!(self.required)),
            ("unique".to_owned(), json!(self.unique)),
        ]);
        if let Some(kind) = &self.kind {
            rule.insert("type".to_owned(), json!(kind));
        }
        if !self.allowed.is_empty() {
            rule.insert("allowed".to_owned(), json!(self.allowed));
        }
        Value::Object(rule)
    }
}

/// An object with the members that are named.
fn object(members: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

impl Client {
    fn value(&self) -> Value {
        let sorted = |names: &Option<Vec<String>>| {
            let mut names = names.clone()?;
            names.sort();
            names.dedup();
            Some(json!(names))
        };
        let profile = self.profile.as_ref().map(|profile| json!(profile));
        object([("profile", profile), ("allow", sorted(&self.allow)), ("refuse", sorted(&self.refuse))])
    }
}

impl LimitsOf {
    fn value(&self) -> Value {
        let (requests, rate) = (self.requests.map(|number| json!(number)), self.rate.as_ref().map(|rate| json!(rate)));
        object([("requests", requests), ("rate", rate)])
    }
}

impl RetentionOf {
    fn value(&self) -> Value {
        let days = |days: Option<Option<u32>>| days.map(|days| json!(days));
        object([
            ("tombstoneDays", days(self.tombstone_days)),
            ("eventDays", days(self.event_days)),
            ("logDays", days(self.log_days)),
        ])
    }
}

impl GuardOf {
    fn value(&self) -> Value {
        let number = |number: Option<Option<u32>>| number.map(|number| json!(number));
        object([
            ("users", number(self.users)),
            ("members", number(self.members)),
            ("percent", number(self.percent)),
            ("protected", self.protected.as_ref().map(|filter| json!(filter))),
            ("confirmFrom", self.confirm_from.map(Value::from)),
        ])
    }
}

impl MappingOf {
    fn value(&self) -> Value {
        let step = |step: &Step| {
            let config = step.config.clone().unwrap_or_else(|| json!({}));
            json!({ "plugin": step.plugin, "config": config, "resourceTypes": step.resource_types })
        };
        let on_failure = if matches!(self.on_failure, Some(OnFailure::Keep)) { "keep" } else { "refuse" };
        json!({ "onFailure": on_failure, "steps": self.steps.iter().map(step).collect::<Vec<_>>() })
    }
}
