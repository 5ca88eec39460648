//! What an administrator may configure.

use scimgate_plugin_sdk::{PathMap, prelude::*, serde_json::Value};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// Mail addresses in lower case
    pub(crate) lower_case_mail: bool,
    /// displayName from givenName and familyName if it is missing
    pub(crate) build_display_name: bool,
    /// Attributes to move: source path to target path
    pub(crate) lift: PathMap<ScimPath>,
    /// Users to exclude from the directory
    pub(crate) exclude_where: Option<Rule>,
    /// Users to reject
    pub(crate) reject_where: Option<Rule>,
}

/// Matches if any value at `path` equals the given one; strings are compared without case.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) path: ScimPath,
    #[schemars(extend("type" = ["string", "boolean", "number"]))]
    pub(crate) equals: Value,
}
