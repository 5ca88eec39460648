//! A mapping revision as it runs: steps in order, each a plugin by digest with its configuration.

use serde::{Deserialize, Serialize};

/// What happens to a document whose chain fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Nothing is stored.
    #[default]
    Refuse,
    /// The source is stored; the mapped document stays as it was and is marked stale.
    Keep,
}

impl OnFailure {
    /// The word in the database and the admin API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Keep => "keep",
        }
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// The plugin's digest.
    pub plugin: String,
    /// Its configuration.
    #[serde(default = "empty")]
    pub config: serde_json::Value,
    /// The resource types it applies to; empty: all that the plugin names.
    #[serde(default)]
    pub resource_types: Vec<String>,
}

fn empty() -> serde_json::Value {
    serde_json::json!({})
}

impl Step {
    /// Whether the step is for this resource type, given those its plugin names.
    #[must_use]
    pub fn applies_to(&self, resource_type: &str, of_plugin: &[String]) -> bool {
        let listed = if self.resource_types.is_empty() { of_plugin } else { &self.resource_types };
        listed.is_empty() || listed.iter().any(|name| name == resource_type)
    }
}

/// A tenant's active mapping. Revision 0 has no steps.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// Its number.
    pub revision: i32,
    /// What a failure does.
    pub on_failure: OnFailure,
    /// The steps, in order.
    pub steps: Vec<Step>,
}
