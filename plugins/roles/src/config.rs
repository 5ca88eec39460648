//! What an administrator may configure.

use std::collections::BTreeMap;

use scimgate_plugin_sdk::prelude::*;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The identity provider's roles and the product's names for them
    pub(crate) rename: BTreeMap<String, String>,
    /// What happens to a role that is not renamed
    pub(crate) on_unknown: OnUnknown,
    /// Keep the type of a role
    pub(crate) keep_type: bool,
}

/// What happens to a role that `rename` does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum OnUnknown {
    #[default]
    Keep,
    Drop,
    Reject,
}
