//! Converts a synchronization schema exported from Entra into a mapping. What Entra sends is already at its target, so direct
//! mappings only say where an attribute is; expressions, constants and defaults become rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::error::ImportError;
use super::names::scim_path;
use super::{scope, tree};
use crate::expression::Expression;

/// A mapping in the form that the gateway accepts, and what the administrator should know about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// `onFailure` and `steps`.
    pub mapping: Json,
    /// Sentences about what was left out or needs attention.
    pub notes: Vec<String>,
}

/// Converts an exported schema.
pub fn import(schema: &Json) -> Result<Import, ImportError> {
    let rules = schema.get("synchronizationRules").and_then(Json::as_array).ok_or(ImportError::NotASchema)?;
    let mappings = rules.iter().filter_map(|rule| rule.get("objectMappings")?.as_array()).flatten();
    let mut notes = Vec::new();
    let mut steps = Vec::new();
    for mapping in mappings.filter(|mapping| mapping.get("enabled") != Some(&Json::Bool(false))) {
        let target = mapping.get("targetObjectName").and_then(Json::as_str).unwrap_or_default();
        let Some(resource_type) = ["User", "Group"].into_iter().find(|name| target.ends_with(name)) else {
            notes.push(format!("The mapping to {target} was left out: only users and groups are converted."));
            continue;
        };
        let mut object =
            ObjectMapping { resource_type, attributes: BTreeMap::new(), rules: Vec::new(), notes: &mut notes };
        object.read(mapping);
        steps.extend(object.steps(mapping.get("scope").unwrap_or(&Json::Null))?);
    }
    if steps.is_empty() {
        return Err(ImportError::Empty);
    }
    Ok(Import { mapping: json!({ "onFailure": "refuse", "steps": steps }), notes })
}

struct ObjectMapping<'n> {
    resource_type: &'static str,
    /// Entra's names and the SCIM paths at which they arrive, where these are not the default ones.
    attributes: BTreeMap<String, String>,
    rules: Vec<Json>,
    notes: &'n mut Vec<String>,
}

impl ObjectMapping<'_> {
    fn read(&mut self, mapping: &Json) {
        let mappings = mapping.get("attributeMappings").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        // Where attributes arrive must be known before the expressions that read them.
        let (direct, others): (Vec<&Json>, Vec<&Json>) = mappings.iter().partition(|mapping| is_direct(mapping));
        for mapping in direct {
            self.direct(mapping);
        }
        for mapping in others {
            self.other(mapping);
        }
    }

    fn note(&mut self, target: &str, sentence: &str) {
        self.notes.push(format!("{} {target}: {sentence}", self.resource_type));
    }

    fn direct(&mut self, mapping: &Json) {
        let (target, name) = (text(mapping, "/targetAttributeName"), text(mapping, "/source/name"));
        if target == "members" {
            return;
        }
        if self.path(name) != target && !self.attributes.contains_key(name) {
            self.attributes.insert(name.to_owned(), target.to_owned());
        }
        if mapping.get("defaultValue").is_some_and(Json::is_string) {
            self.rule(mapping, Some(format!("[{name}]")));
        }
    }

    fn other(&mut self, mapping: &Json) {
        let target = text(mapping, "/targetAttributeName");
        let Some(source) = mapping.get("source").filter(|source| !source.is_null()) else {
            if mapping.get("defaultValue").is_some_and(Json::is_string) {
                self.rule(mapping, None);
            }
            return;
        };
        let Some(expression) = tree::text(source) else {
            return self.note(target, "the source has neither a text nor a tree that can be read; it was left out.");
        };
        let (attributes, outermost) = match Expression::parse(&expression) {
            Ok(parsed) => {
                let names = parsed.attributes().into_iter().map(str::to_owned).collect::<Vec<String>>();
                (names, parsed.outermost())
            }
            Err(error) => {
                let why = format!("the expression was left out: {}: {error}", error.place(&expression));
                return self.note(target, &why);
            }
        };
        if outermost == Some("SelectUniqueValue") {
            return self.note(target, "SelectUniqueValue was left out: a mapping cannot know which values are taken.");
        }
        for name in attributes {
            if !self.is_known(&name) {
                let why = format!(
                    "no direct mapping sends [{name}], which the expression reads; map it in Entra to an attribute of its own and \
                     add that attribute's path to \"attributes\"."
                );
                self.note(target, &why);
            }
        }
        self.rule(mapping, Some(expression));
    }

    fn rule(&mut self, mapping: &Json, expression: Option<String>) {
        let target = text(mapping, "/targetAttributeName");
        match text(mapping, "/flowType") {
            "ObjectAddOnly" => {
                let why = "the mapping applies only during object creation and was left out: a mapping is computed again for \
                           every change. Leave it in Entra.";
                return self.note(target, why);
            }
            "" | "Always" => {}
            kind => self.note(target, &format!("{kind} is not supported; the rule always sets the value.")),
        }
        let mut rule = Map::from_iter([("target".to_owned(), json!(target))]);
        if let Some(expression) = expression {
            rule.insert("expression".to_owned(), json!(expression));
        }
        if let Some(default) = mapping.get("defaultValue").filter(|default| default.is_string()) {
            rule.insert("default".to_owned(), default.clone());
        }
        self.rules.push(Json::Object(rule));
    }

    /// The SCIM path that stands for one of Entra's names.
    fn path(&self, name: &str) -> String {
        let default = if self.resource_type == "User" { scim_path(name) } else { None };
        self.attributes.get(name).map(String::as_str).or(default).unwrap_or(name).to_owned()
    }

    /// Whether a name is mapped, or is a path of its own.
    fn is_known(&self, name: &str) -> bool {
        let own = ["displayName", "IsSoftDeleted", "preferredLanguage"];
        own.contains(&name)
            || self.path(name) != name
            || self.attributes.contains_key(name)
            || name.contains([':', '.', '['])
    }

    /// Scoping first, then the rules.
    fn steps(mut self, scope: &Json) -> Result<Vec<Json>, ImportError> {
        let types = json!([self.resource_type]);
        let configurations = scope::configurations(scope, &|name| self.path(name))?;
        let mut steps: Vec<Json> = configurations
            .into_iter()
            .map(|config| json!({ "plugin": "scoping", "config": config, "resourceTypes": types }))
            .collect();
        if !self.rules.is_empty() {
            let mut config = json!({ "rules": self.rules });
            let read: Vec<&str> = self.rules.iter().filter_map(|rule| rule["expression"].as_str()).collect();
            let parsed = read.iter().filter_map(|text| Expression::parse(text).ok());
            let names: BTreeSet<&str> = parsed.flat_map(|expression| expression.attributes()).collect();
            self.attributes.retain(|name, _| names.contains(name.as_str()));
            if !self.attributes.is_empty() {
                config["attributes"] = json!(self.attributes);
            }
            steps.push(json!({ "plugin": "attribute-map", "config": config, "resourceTypes": types }));
        }
        Ok(steps)
    }
}

fn is_direct(mapping: &Json) -> bool {
    let kind = mapping.pointer("/source/type").and_then(Json::as_str);
    kind == Some("Attribute") || (kind.is_none() && mapping.pointer("/source/name").is_some())
}

fn text<'j>(value: &'j Json, pointer: &str) -> &'j str {
    value.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}
