//! How stored mapped documents comply with rules, counted and exemplified. It is bounded, whatever is added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::operation::error::Error;

/// Most examples.
pub const MAX_EXAMPLES: usize = 20;
/// Most examples of one rule.
const EXAMPLES_OF_A_RULE: usize = 3;

/// A report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckReport {
    /// Documents that the product sees.
    pub examined: i64,
    /// Documents that break a rule.
    pub non_compliant: i64,
    /// Documents that have a value which another one has.
    pub conflicts: i64,
    /// How many documents break a rule, by resource type and path; one that breaks several counts for the first.
    pub rules: BTreeMap<String, BTreeMap<String, i64>>,
    /// Examples.
    pub examples: Vec<CheckExample>,
}

/// A document that does not comply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckExample {
    /// The resource.
    pub id: Uuid,
    /// Its type.
    pub resource_type: String,
    /// The rule's path.
    pub path: String,
    /// The rule and the value, as a sentence.
    pub reason: String,
}

impl CheckReport {
    /// Adds a document that breaks a rule.
    pub(crate) fn broken(&mut self, example: CheckExample) {
        self.non_compliant += 1;
        self.add(example);
    }

    /// Adds a document that has a value which another one has.
    pub(crate) fn conflict(&mut self, example: CheckExample) {
        self.conflicts += 1;
        self.add(example);
    }

    fn add(&mut self, example: CheckExample) {
        // A directory schema has a bounded number of rules.
        let of_type = self.rules.entry(example.resource_type.clone()).or_default();
        *of_type.entry(example.path.clone()).or_default() += 1;
        let is_same = |it: &&CheckExample| it.resource_type == example.resource_type && it.path == example.path;
        let known = self.examples.iter().filter(is_same).count();
        if known < EXAMPLES_OF_A_RULE && self.examples.len() < MAX_EXAMPLES {
            self.examples.push(example);
        }
    }

    pub(crate) fn text(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|why| Error::Corrupt(format!("a check's report: {why}")))
    }

    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("a check's report: {why}")))
    }
}
