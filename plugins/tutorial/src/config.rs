//! What an administrator may configure.

use std::collections::BTreeMap;

use scimgate_plugin_sdk::serde_json::{Value, json};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) lower_case_mail: bool,
    pub(crate) build_display_name: bool,
    /// Source path to target path; the value is removed from its source.
    pub(crate) lift: BTreeMap<String, String>,
    pub(crate) exclude_where: Option<Rule>,
    pub(crate) reject_where: Option<Rule>,
}

/// Matches if any value at `path` equals the given one; strings are compared without case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) path: String,
    pub(crate) equals: Value,
}

pub(crate) fn schema() -> Value {
    // The gateway checks these texts against the tenant's schemas when the configuration is saved.
    let path = json!({ "type": "string", "format": "scim-path", "minLength": 1 });
    let rule = |title: &str| {
        json!({
            "title": title,
            "type": "object",
            "properties": {
                "path": path,
                "equals": { "type": ["string", "boolean", "number"] }
            },
            "required": ["path", "equals"],
            "additionalProperties": false
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "lowerCaseMail": { "title": "Mail addresses in lower case", "type": "boolean", "default": false },
            "buildDisplayName": {
                "title": "displayName from givenName and familyName if it is missing",
                "type": "boolean",
                "default": false
            },
            "lift": {
                "title": "Attributes to move: source path to target path",
                "type": "object",
                "propertyNames": path,
                "additionalProperties": path
            },
            "excludeWhere": rule("Users to exclude from the directory"),
            "rejectWhere": rule("Users to reject")
        },
        "additionalProperties": false
    })
}
