//! What was found in place of what an example expects, line by line.

use std::fmt::Write as _;

use scimgate_scim::difference::differences;
use scimgate_scim::schema::ResourceType;
use serde_json::{Map, Value};

use super::fixture::{Expected, Fixture, Line};
use super::{Level, Outcome};

/// The result of a call, to be compared with an example.
#[derive(Debug)]
pub struct Found {
    /// The outcome, or why there is none.
    pub outcome: Result<Outcome, String>,
    /// The document as the plugin left it, without `id` and `schemas` unless the example has them.
    pub document: Value,
    /// What the plugin logged.
    pub log: Vec<(Level, String)>,
}

impl Found {
    /// Nothing, or a report of every difference.
    pub(super) fn compare(
        &self,
        fixture: &Fixture,
        resource_type: &ResourceType,
        wanted: &Value,
    ) -> Result<(), String> {
        let mut report = String::new();
        let outcome = Expected::of(&self.outcome);
        if !Expected::matches(fixture.outcome.as_ref(), outcome.as_ref()) {
            line(
                &mut report,
                "outcome",
                &Expected::shown(fixture.outcome.as_ref()),
                &Expected::shown(outcome.as_ref()),
            );
        }
        if self.outcome == Ok(Outcome::Mapped) && fixture.outcome.is_none() && self.document != *wanted {
            let empty = Map::new();
            let [one, other] = [wanted, &self.document].map(|document| document.as_object().unwrap_or(&empty));
            for it in differences(one, other, resource_type) {
                line(&mut report, &it.path, &shown(it.before.as_ref()), &shown(it.after.as_ref()));
            }
            if one.get("schemas") != other.get("schemas") {
                line(&mut report, "schemas", &shown(one.get("schemas")), &shown(other.get("schemas")));
            }
        }
        let log: Vec<Line> = self.log.iter().map(|(level, message)| Line::new(*level, message)).collect();
        if let Some(wanted) = fixture.log.as_ref().filter(|wanted| **wanted != log) {
            line(&mut report, "log", &Line::list(wanted), &Line::list(&log));
        }
        if report.is_empty() { Ok(()) } else { Err(report) }
    }
}

fn line(report: &mut String, what: &str, wanted: &str, found: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(report, "  {what}\n    - expected  {wanted}\n    + found     {found}");
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), ToString::to_string)
}
