//! What an administrator may configure.

use expressions::entra::OPERATORS;
use scimgate_plugin_sdk::serde_json::{Value, json};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// One of them must hold; without any, everything is in scope.
    pub(crate) filters: Vec<Filter>,
}

/// All clauses must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    pub(crate) name: Option<String>,
    pub(crate) clauses: Vec<Clause>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clause {
    pub(crate) attribute: String,
    pub(crate) operator: String,
    pub(crate) value: Option<String>,
}

pub(crate) fn schema() -> Value {
    let clause = json!({
        "type": "object",
        "properties": {
            "attribute": { "title": "Attribute to compare", "type": "string", "minLength": 1, "format": "scim-path" },
            "operator": { "title": "Comparison", "enum": OPERATORS },
            "value": { "title": "Value to compare with; the operators that begin with IS have none", "type": "string" }
        },
        "required": ["attribute", "operator"],
        "additionalProperties": false
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "filters": {
                "title": "Filters of which one must hold; without any, everything is in scope",
                "type": "array",
                "maxItems": 100,
                "items": {
                    "type": "object",
                    "properties": {
                        "name": { "title": "Name for the reason", "type": "string", "maxLength": 100 },
                        "clauses": {
                            "title": "Clauses that must all hold",
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 100,
                            "items": clause
                        }
                    },
                    "required": ["clauses"],
                    "additionalProperties": false
                }
            }
        },
        "additionalProperties": false
    })
}
