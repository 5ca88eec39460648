//! What an administrator may configure.

use scimgate_plugin_sdk::prelude::*;

/// Shortest key of a hash.
pub(crate) const MIN_KEY_CHARACTERS: usize = 16;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Attributes to hide
    #[schemars(length(max = 200))]
    pub(crate) attributes: Vec<Attribute>,
    /// Key of the hashes
    #[schemars(length(min = MIN_KEY_CHARACTERS, max = 1000))]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attribute {
    pub(crate) path: ScimPath,
    /// drop, mask (as asterisks) or hash (HMAC-SHA-256)
    pub(crate) action: Action,
    /// Characters at the end that a mask leaves
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub(crate) keep: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    Drop,
    Mask,
    Hash,
}
