//! What an administrator may configure.

use std::collections::BTreeMap;

use expressions::MAX_EXPRESSION_CHARACTERS;
use scimgate_plugin_sdk::{prelude::*, serde_json::Value};

/// Most rules of a configuration.
pub(crate) const MAX_RULES: usize = 500;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["rules"]))]
pub struct Config {
    /// Attributes to set; every expression reads the document as it is before the first rule
    #[schemars(length(max = MAX_RULES))]
    pub(crate) rules: Vec<Rule>,
    /// Names in brackets and the SCIM paths that they read, in addition to Entra's own names
    pub(crate) attributes: BTreeMap<String, ScimPath>,
    /// Values of %name%
    #[schemars(extend("propertyNames" = { "pattern": "^[A-Za-z0-9]+$" }))]
    pub(crate) parameters: BTreeMap<String, String>,
    /// The result of `DefaultDomain()`
    #[schemars(length(min = 1))]
    pub(crate) default_domain: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["expression"] }, { "required": ["default"] }]))]
pub(crate) struct Rule {
    /// Attribute to set
    pub(crate) target: ScimPath,
    /// Its value; without an expression the default is set where there is no value
    #[schemars(length(min = 1, max = MAX_EXPRESSION_CHARACTERS))]
    pub(crate) expression: Option<String>,
    /// Condition; where it does not hold, the rule does nothing
    #[schemars(length(min = 1, max = MAX_EXPRESSION_CHARACTERS))]
    pub(crate) when: Option<String>,
    /// When the rule applies; onlyAtCreation is refused with the reason
    #[serde(default)]
    pub(crate) apply: Apply,
    /// Value to set where the expression has none
    pub(crate) default: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Apply {
    #[default]
    Always,
    OnlyAtCreation,
}
