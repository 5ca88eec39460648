//! Parses all rules, evaluates them on the document as it is, then writes: the order of rules has no meaning.

use expressions::{Error as ExpressionError, Expression, Kind, Outcome as Evaluated, Value};
use scimgate_plugin_sdk::{Context, Document, Error, Outcome};

use crate::config::{Apply, Config, Rule};
use crate::reader::{NOT_UNIQUE, Reader};
use crate::writer;

const NOT_ONCE: &str = "a rule cannot apply only at creation, since a mapping is computed again for every change; let the \
    identity provider send the value only then";

/// A rule with its expressions parsed.
struct Parsed<'c> {
    number: usize,
    rule: &'c Rule,
    expression: Option<Expression<'c>>,
    when: Option<Expression<'c>>,
}

/// What a rule does to its target.
enum Change {
    Set(Value),
    /// SCIM has no empty values: an empty text unassigns the target.
    Remove,
    /// The default, where the target has no value.
    SetIfMissing(Value),
    Nothing,
}

pub(crate) fn apply(context: &Context, config: &Config, document: &Document<'_>) -> Result<Outcome, Error> {
    let mut parsed = Vec::with_capacity(config.rules.len());
    for (index, rule) in config.rules.iter().enumerate() {
        parsed.push(Parsed::new(index + 1, rule)?);
    }
    let mut reader = Reader::new(context, config, document)?;
    let mut changes = Vec::with_capacity(parsed.len());
    for rule in &parsed {
        reader.target = &rule.rule.target;
        match rule.evaluate(&mut reader) {
            Ok(change) => changes.push((rule, change)),
            Err(Stop::Outcome(outcome)) => return Ok(outcome),
            Err(Stop::Error(error)) => return Err(error),
        }
    }
    for (rule, change) in changes {
        let target = &rule.rule.target;
        match change {
            Change::Set(value) => writer::set(document, target, &value).map_err(|error| rule.error(&error))?,
            Change::SetIfMissing(value) => {
                if !document.has(target)? {
                    writer::set(document, target, &value).map_err(|error| rule.error(&error))?;
                }
            }
            Change::Remove => drop(document.remove(target).map_err(|error| rule.error(&error))?),
            Change::Nothing => {}
        }
    }
    Ok(Outcome::Mapped)
}

/// Why the rules end before their last one.
enum Stop {
    Outcome(Outcome),
    Error(Error),
}

impl<'c> Parsed<'c> {
    fn new(number: usize, rule: &'c Rule) -> Result<Self, Error> {
        let unparsed = Self { number, rule, expression: None, when: None };
        if rule.apply == Apply::OnlyAtCreation {
            return Err(unparsed.error(NOT_ONCE));
        }
        let expression = match &rule.expression {
            Some(text) => Some(Expression::parse(text).map_err(|error| unparsed.error_in("expression", text, &error))?),
            None => None,
        };
        if expression.as_ref().and_then(Expression::outermost) == Some("SelectUniqueValue") {
            return Err(unparsed.error(NOT_UNIQUE));
        }
        let when = match &rule.when {
            Some(text) => {
                Some(Expression::parse_condition(text).map_err(|error| unparsed.error_in("when", text, &error))?)
            }
            None => None,
        };
        Ok(Self { expression, when, ..unparsed })
    }

    fn evaluate(&self, reader: &mut Reader<'_>) -> Result<Change, Stop> {
        if let (Some(when), Some(text)) = (&self.when, &self.rule.when) {
            let holds = when.holds(reader).map_err(|error| self.stop("when", text, &error))?;
            if !holds {
                return Ok(Change::Nothing);
            }
        }
        let default = self.rule.default.clone().map(Value::from_json);
        let (Some(expression), Some(text)) = (&self.expression, &self.rule.expression) else {
            return Ok(default.map_or(Change::Nothing, Change::SetIfMissing));
        };
        match expression.evaluate(reader).map_err(|error| self.stop("expression", text, &error))? {
            Evaluated::Value(value) if value.is_absent() => Ok(default.map_or(Change::Nothing, Change::Set)),
            Evaluated::Value(value) if value.is_absent_or_empty() => Ok(Change::Remove),
            Evaluated::Value(value) => Ok(Change::Set(value)),
            Evaluated::IgnoreAttribute => Ok(Change::Nothing),
            Evaluated::IgnoreObject => Err(Stop::Outcome(Outcome::excluded(format!(
                "Rule {} ({}) gives IgnoreObjectFlow.",
                self.number, self.rule.target
            )))),
        }
    }

    /// The function `Error` rejects the document; any other error means that the rule could not be evaluated.
    fn stop(&self, part: &str, text: &str, error: &ExpressionError) -> Stop {
        if error.kind == Kind::Custom {
            return Stop::Outcome(Outcome::rejected(error.message.clone()));
        }
        Stop::Error(self.error_in(part, text, error))
    }

    fn error_in(&self, part: &str, text: &str, error: &ExpressionError) -> Error {
        let place = error.place(text);
        let part = if part == "when" { "when, " } else { "" };
        self.error(format!("{part}{place}: {error}"))
    }

    fn error(&self, why: impl std::fmt::Display) -> Error {
        Error::Other(format!("rule {} ({}): {why}", self.number, self.rule.target))
    }
}
