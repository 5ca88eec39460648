//! A mapping revision: its steps in order, each a plugin by digest with its configuration.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happens to a document whose chain fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The write is refused, and nothing is stored.
    #[default]
    Refuse,
    /// The source is stored; the mapped document stays as it was and is marked stale.
    Keep,
}

impl OnFailure {
    /// The name in the database and the admin API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Keep => "keep",
        }
    }
}

/// One step, as it is stored. Unknown fields are ignored, since a newer replica may have written them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The plugin's digest.
    pub plugin: String,
    /// Its configuration.
    #[serde(default = "empty")]
    pub config: Configuration,
    /// The resource types it applies to; if empty, all that the plugin names.
    #[serde(default)]
    pub resource_types: Vec<String>,
}

fn empty() -> Configuration {
    serde_json::json!({}).into()
}

/// A configuration with its text, which every call of the plugin gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub struct Configuration {
    value: Value,
    text: Arc<str>,
}

impl Configuration {
    /// The configuration as JSON.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }
}

impl From<Value> for Configuration {
    fn from(value: Value) -> Self {
        Self { text: value.to_string().into(), value }
    }
}

impl From<Configuration> for Value {
    fn from(configuration: Configuration) -> Self {
        configuration.value
    }
}

impl PartialEq for Configuration {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Step {
    /// Whether the step applies to this resource type, given the types that its plugin names.
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
    /// What happens to a document whose chain fails.
    pub on_failure: OnFailure,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stored_step_may_have_unknown_fields() {
        let stored = json!({ "plugin": "aa", "config": { "n": 1 }, "resourceTypes": ["User"], "since": "2.0" });
        let step =
            Step { plugin: "aa".to_owned(), config: json!({ "n": 1 }).into(), resource_types: vec!["User".to_owned()] };
        assert_eq!(serde_json::from_value::<Step>(stored).unwrap(), step);
    }

    #[test]
    fn a_stored_step_needs_only_its_plugin() {
        let step = Step { plugin: "aa".to_owned(), config: json!({}).into(), resource_types: Vec::new() };
        assert_eq!(serde_json::from_value::<Step>(json!({ "plugin": "aa" })).unwrap(), step);
    }
}
