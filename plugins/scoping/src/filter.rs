//! Evaluates filters: all clauses of a filter, any of the filters. A clause on an attribute without a value is false,
//! whatever the operator but IS NULL.

use expressions::{MAX_STEPS, Pattern, Value, entra};
use scimgate_plugin_sdk::{Document, Error, Outcome, serde_json::Value as Json};

use crate::config::{Clause, Config, Filter};

/// A clause that has been checked.
struct Checked<'c> {
    clause: &'c Clause,
    operator: &'static str,
    value: &'c str,
    number: Option<i64>,
    pattern: Option<Pattern>,
}

pub(crate) fn decide(config: &Config, document: &Document<'_>) -> Result<Outcome, Error> {
    // All of them first: a mistake in a later filter must not depend on the document.
    let mut filters = Vec::with_capacity(config.filters.len());
    for (index, filter) in config.filters.iter().enumerate() {
        filters.push((name(filter, index), checked(filter, &name(filter, index))?));
    }
    let mut reasons = Vec::new();
    for (name, clauses) in &filters {
        match first_failing(clauses, name, document)? {
            None => return Ok(Outcome::Mapped),
            Some(clause) => reasons.push(format!("{name}: {clause} does not hold")),
        }
    }
    Ok(if filters.is_empty() {
        Outcome::Mapped
    } else {
        Outcome::excluded(format!("Out of scope: {}.", reasons.join("; ")))
    })
}

fn name(filter: &Filter, index: usize) -> String {
    filter.name.clone().unwrap_or_else(|| format!("filter {}", index + 1))
}

fn checked<'c>(filter: &'c Filter, name: &str) -> Result<Vec<Checked<'c>>, Error> {
    let clauses = filter.clauses.iter().enumerate();
    clauses
        .map(|(index, clause)| check(clause).map_err(|why| format!("{name}, clause {}: {why}", index + 1).into()))
        .collect()
}

fn check(clause: &Clause) -> Result<Checked<'_>, String> {
    let operator =
        entra::operator(&clause.operator).ok_or_else(|| format!("there is no operator {}", clause.operator))?;
    let value = match (&clause.value, operator.starts_with("IS ")) {
        (None, true) => "",
        (Some(value), false) => value,
        (Some(_), true) => return Err(format!("{operator} has no value")),
        (None, false) => return Err(format!("{operator} needs a value")),
    };
    let number = value.trim().parse().ok();
    if operator.starts_with("Greater_Than") && number.is_none_or(|number: i64| number < 0) {
        return Err(format!("{operator} compares whole numbers from 0; “{value}” is none"));
    }
    let pattern = match operator {
        "REGEX MATCH" | "NOT REGEX MATCH" => Some(Pattern::compile(value).map_err(|error| error.to_string())?),
        _ => None,
    };
    Ok(Checked { clause, operator, value, number, pattern })
}

fn first_failing<'c>(
    clauses: &'c [Checked<'_>],
    name: &str,
    document: &Document<'_>,
) -> Result<Option<&'c Checked<'c>>, Error> {
    for (index, clause) in clauses.iter().enumerate() {
        let values = read(&clause.clause.attribute, document)?;
        let holds = clause.holds(&values).map_err(|why| format!("{name}, clause {}: {why}", index + 1))?;
        if !holds {
            return Ok(Some(clause));
        }
    }
    Ok(None)
}

fn read(attribute: &str, document: &Document<'_>) -> Result<Value, Error> {
    let mut found = document.get::<Json>(attribute)?;
    Ok(match found.len() {
        1 => Value::from_json(found.swap_remove(0)),
        _ => Value::List(found.into_iter().map(Value::from_json).collect()),
    })
}

impl Checked<'_> {
    /// Of several values, all must pass.
    fn holds(&self, value: &Value) -> Result<bool, String> {
        let is_null = value.values().iter().all(Value::is_absent_or_empty);
        match self.operator {
            "IS NULL" => return Ok(is_null),
            "IS NOT NULL" => return Ok(!is_null),
            _ if is_null => return Ok(false),
            _ => {}
        }
        let mut steps = MAX_STEPS;
        for single in value.values() {
            if !self.holds_for(single, &mut steps)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds_for(&self, single: &Value, steps: &mut u32) -> Result<bool, String> {
        let Some(text) = single.text() else { return Ok(false) };
        let is = |wanted: &str| text.eq_ignore_ascii_case(wanted);
        Ok(match self.operator {
            "EQUALS" => text == self.value,
            "NOT EQUALS" => text != self.value,
            "IS TRUE" => is("true"),
            "IS FALSE" => is("false"),
            "REGEX MATCH" => self.matches(&text, steps)?,
            "NOT REGEX MATCH" => !self.matches(&text, steps)?,
            "Greater_Than" => self.compared(single).is_some_and(std::cmp::Ordering::is_gt),
            "Greater_Than_OR_EQUALS" => self.compared(single).is_some_and(std::cmp::Ordering::is_ge),
            "Includes" => text.contains(self.value),
            "ENDS_WITH" => text.ends_with(self.value),
            "&" => self.has(single, &text),
            _ => !self.has(single, &text),
        })
    }

    fn matches(&self, text: &str, steps: &mut u32) -> Result<bool, String> {
        let Some(pattern) = &self.pattern else { return Ok(false) };
        pattern.matches_whole(text, steps).map_err(|error| error.to_string())
    }

    fn compared(&self, single: &Value) -> Option<std::cmp::Ordering> {
        Some(single.integer()?.cmp(&self.number?))
    }

    /// Two numbers have a bit in common; a text stands in the given one.
    fn has(&self, single: &Value, text: &str) -> bool {
        match (single.integer(), self.number) {
            (Some(own), Some(bits)) => own & bits != 0,
            _ => self.value.contains(text),
        }
    }
}

/// As the administrator wrote it: the reason has no value of the user.
impl std::fmt::Display for Checked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.clause.attribute, self.operator)?;
        match &self.clause.value {
            Some(value) => write!(f, " “{value}”"),
            None => Ok(()),
        }
    }
}
