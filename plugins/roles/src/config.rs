//! What an administrator may configure.

use std::collections::BTreeMap;

use scimgate_plugin_sdk::serde_json::{Value, json};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The identity provider's roles and the product's.
    pub(crate) rename: BTreeMap<String, String>,
    pub(crate) on_unknown: OnUnknown,
    pub(crate) keep_type: bool,
}

/// What happens to a role that `rename` does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum OnUnknown {
    #[default]
    Keep,
    Drop,
    Reject,
}

pub(crate) fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "rename": {
                "title": "The identity provider's roles and the product's names for them",
                "type": "object",
                "propertyNames": { "minLength": 1 },
                "additionalProperties": { "type": "string", "minLength": 1 }
            },
            "onUnknown": {
                "title": "What happens to a role that is not renamed",
                "enum": ["keep", "drop", "reject"],
                "default": "keep"
            },
            "keepType": { "title": "Keep the type of a role", "type": "boolean", "default": false }
        },
        "additionalProperties": false
    })
}
