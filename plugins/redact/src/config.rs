//! What an administrator may configure.

use scimgate_plugin_sdk::serde_json::{Value, json};
use serde::Deserialize;

/// Shortest key of a hash.
pub(crate) const MIN_KEY_CHARACTERS: usize = 16;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) key: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attribute {
    pub(crate) path: String,
    pub(crate) action: Action,
    /// Characters at the end that a mask leaves.
    #[serde(default)]
    pub(crate) keep: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    Drop,
    Mask,
    Hash,
}

pub(crate) fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "attributes": {
                "title": "Attributes to hide",
                "type": "array",
                "maxItems": 200,
                "items": {
                    "type": "object",
                    "properties": {
                        "path": { "title": "Attribute", "type": "string", "minLength": 1, "format": "scim-path" },
                        "action": { "title": "drop, mask (as asterisks) or hash (HMAC-SHA-256)", "enum": ["drop", "mask", "hash"] },
                        "keep": { "title": "Characters at the end that a mask leaves", "type": "integer", "minimum": 0, "maximum": 100, "default": 0 }
                    },
                    "required": ["path", "action"],
                    "additionalProperties": false
                }
            },
            "key": { "title": "Key of the hashes", "type": "string", "minLength": MIN_KEY_CHARACTERS, "maxLength": 1000 }
        },
        "additionalProperties": false
    })
}
