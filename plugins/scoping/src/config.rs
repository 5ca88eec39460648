//! What an administrator may configure.

use expressions::entra::OPERATORS;
use scimgate_plugin_sdk::{
    prelude::*,
    schemars::{Schema, SchemaGenerator, json_schema},
};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Filters of which one must hold; without any, everything is in scope
    #[schemars(length(max = 100))]
    pub(crate) filters: Vec<Filter>,
}

/// All clauses must hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    /// Name for the reason
    #[schemars(length(max = 100))]
    pub(crate) name: Option<String>,
    /// Clauses that must all hold
    #[schemars(length(min = 1, max = 100))]
    pub(crate) clauses: Vec<Clause>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clause {
    /// Attribute to compare
    pub(crate) attribute: ScimPath,
    /// Comparison
    #[schemars(schema_with = "operators")]
    pub(crate) operator: String,
    /// Value to compare with; the operators that begin with IS have none
    pub(crate) value: Option<String>,
}

fn operators(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": OPERATORS })
}
