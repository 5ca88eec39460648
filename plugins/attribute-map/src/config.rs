//! What an administrator may configure.

use std::collections::BTreeMap;

use expressions::MAX_EXPRESSION_CHARACTERS;
use scimgate_plugin_sdk::serde_json::{Value, json};
use serde::Deserialize;

/// Most rules of a configuration.
pub(crate) const MAX_RULES: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) rules: Vec<Rule>,
    /// Names in brackets, and the SCIM paths that they read.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Values of `%name%`.
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) default_domain: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) target: String,
    pub(crate) expression: Option<String>,
    pub(crate) when: Option<String>,
    #[serde(default)]
    pub(crate) apply: Apply,
    pub(crate) default: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Apply {
    #[default]
    Always,
    OnlyAtCreation,
}

pub(crate) fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "rules": {
                "title": "Attributes to set; every expression reads the document as it is before the first rule",
                "type": "array",
                "maxItems": MAX_RULES,
                "items": rule_schema()
            },
            "attributes": {
                "title": "Names in brackets and the SCIM paths that they read, in addition to Entra's own names",
                "type": "object",
                "propertyNames": { "minLength": 1 },
                "additionalProperties": { "type": "string", "minLength": 1, "format": "scim-path" }
            },
            "parameters": {
                "title": "Values of %name%",
                "type": "object",
                "propertyNames": { "pattern": "^[A-Za-z0-9]+$" },
                "additionalProperties": { "type": "string" }
            },
            "defaultDomain": { "title": "The result of DefaultDomain()", "type": "string", "minLength": 1 }
        },
        "required": ["rules"],
        "additionalProperties": false
    })
}

fn rule_schema() -> Value {
    let expression = |title: &str| json!({ "title": title, "type": "string", "minLength": 1, "maxLength": MAX_EXPRESSION_CHARACTERS });
    json!({
        "type": "object",
        "properties": {
            "target": { "title": "Attribute to set", "type": "string", "minLength": 1, "format": "scim-path" },
            "expression": expression("Its value; without an expression the default is set where there is no value"),
            "when": expression("Condition without which the rule does nothing"),
            "apply": {
                "title": "When the rule applies; onlyAtCreation is refused with the reason",
                "enum": ["always", "onlyAtCreation"],
                "default": "always"
            },
            "default": { "title": "Value to set where the expression has none" }
        },
        "required": ["target"],
        "anyOf": [{ "required": ["expression"] }, { "required": ["default"] }],
        "additionalProperties": false
    })
}
