//! Examples as data: a document, a configuration, and what the plugin makes of them.

use serde::Deserialize;
use serde_json::Value;

use super::{Context, Mapping, Outcome};

/// One example. `after` may be left out where the document stays as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fixture {
    /// What the example shows.
    pub name: String,
    /// `User` if left out.
    #[serde(default = "user")]
    pub resource_type: String,
    /// The plugin's configuration.
    #[serde(default)]
    pub config: Value,
    /// The document before the call.
    pub before: Value,
    /// The document after the call.
    pub after: Option<Value>,
    /// The outcome, if it is not `mapped`.
    pub outcome: Option<Expected>,
}

/// An outcome other than `mapped`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expected {
    /// Hidden from the product, with this reason.
    Excluded(String),
    /// Rejected, with this detail.
    Rejected(String),
    /// The plugin could not do its work; the error contains this text.
    Error(String),
}

fn user() -> String {
    "User".to_owned()
}

impl Fixture {
    /// The examples of a JSON file.
    ///
    /// # Panics
    /// If the file is not a list of examples.
    #[must_use]
    pub fn read(text: &str) -> Vec<Self> {
        match serde_json::from_str(text) {
            Ok(fixtures) => fixtures,
            Err(error) => panic!("not a list of fixtures: {error}"),
        }
    }

    /// The configuration as the plugin gets it.
    #[must_use]
    pub fn config_text(&self) -> String {
        if self.config.is_null() { "{}".to_owned() } else { self.config.to_string() }
    }

    /// The context of the call.
    #[must_use]
    pub fn context(&self) -> Context {
        super::context(&self.resource_type)
    }

    /// Runs the example natively.
    ///
    /// # Panics
    /// If the result is another one.
    pub fn check<M: Mapping>(&self) {
        let config = serde_json::from_str(&self.config_text()).unwrap_or_default();
        let ran = super::run_in::<M>(&self.context(), &config, self.before.clone());
        self.compare(ran.outcome.map_err(|error| error.to_string()), &ran.document);
    }

    /// Compares a result with the expected one.
    ///
    /// # Panics
    /// If it is another one.
    pub fn compare(&self, outcome: Result<Outcome, String>, document: &Value) {
        let found = match outcome {
            Ok(Outcome::Mapped) => None,
            Ok(Outcome::Excluded(why)) => Some(Expected::Excluded(why)),
            Ok(Outcome::Rejected { detail, .. }) => Some(Expected::Rejected(detail)),
            Err(why) => Some(Expected::Error(why)),
        };
        match (&found, &self.outcome) {
            (Some(Expected::Error(found)), Some(Expected::Error(wanted))) => {
                assert!(found.contains(wanted), "{}: {found}", self.name);
            }
            _ => assert_eq!(found, self.outcome, "{}", self.name),
        }
        if self.outcome.is_none() {
            let wanted = self.after.as_ref().unwrap_or(&self.before);
            assert_eq!(document, wanted, "{}\n  found  {document}\n  wanted {wanted}", self.name);
        }
    }
}
