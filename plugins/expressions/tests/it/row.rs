//! One example: an expression, what it reads, and what it gives.

use expressions::{AttributeError, Date, Expression, Outcome, Source, Value};
use serde_json::{Value as Json, json};

pub(crate) const NOW: &str = "2026-01-01T00:00:00Z";

/// Attributes and surroundings of an example.
pub(crate) struct Example<'r> {
    pub(crate) attributes: &'r Json,
    pub(crate) context: &'r Json,
}

impl Example<'_> {
    fn list(&self, name: &str) -> Option<&Vec<Json>> {
        self.context.get(name)?.as_array()
    }
}

impl Source for Example<'_> {
    fn attribute(&mut self, name: &str) -> Result<Value, AttributeError> {
        if self.list("knownAttributes").is_some_and(|known| !known.contains(&json!(name))) {
            return Err(AttributeError { is_unknown: true, message: "unknown".to_owned() });
        }
        Ok(Value::from_json(self.attributes.get(name).cloned().unwrap_or_default()))
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.context.get("parameters")?.get(name)?.as_str()
    }

    fn now(&self) -> Date {
        Date::from_rfc3339(self.context.get("now").and_then(Json::as_str).unwrap_or(NOW)).unwrap()
    }

    fn default_domain(&self) -> Option<&str> {
        self.context.get("defaultDomain")?.as_str()
    }

    fn is_taken(&self, candidate: &str) -> Result<bool, String> {
        Ok(self.list("taken").is_some_and(|taken| taken.contains(&json!(candidate))))
    }

    fn seed(&self) -> Vec<u8> {
        b"seed".to_vec()
    }
}

/// What an expression gives, as the table writes it.
pub(crate) fn result(expression: &str, example: &mut Example<'_>) -> Json {
    match Expression::parse(expression).and_then(|parsed| parsed.evaluate(example)) {
        Ok(Outcome::Value(value)) => value.to_json(),
        Ok(Outcome::IgnoreAttribute) => json!({ "ignored": "attribute" }),
        Ok(Outcome::IgnoreObject) => json!({ "ignored": "object" }),
        Err(error) => {
            let place = error.place(expression);
            json!({ "error": format!("{:?}", error.kind), "place": place, "message": error.message })
        }
    }
}
