//! An expression as a whole: parsed and checked once, evaluated as often as wanted.

use crate::call::{Evaluation, Node, Stop, Term};
use crate::check;
use crate::error::Error;
use crate::parser;
use crate::pattern::MAX_STEPS;
use crate::source::Source;
use crate::value::Value;

/// What an evaluation results in.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The expression's value, which may be absent.
    Value(Value),
    /// The attribute is dropped from the flow: neither the value nor the default applies.
    IgnoreAttribute,
    /// The whole object is dropped from the flow.
    IgnoreObject,
}

/// A parsed expression.
#[derive(Debug)]
pub struct Expression<'a> {
    root: Node<'a>,
}

impl<'a> Expression<'a> {
    /// Parses and checks an expression.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let root = parser::parse(text)?;
        check::check(&root)?;
        Ok(Self { root })
    }

    /// Parses and checks a condition: an expression that may also be a comparison.
    pub fn parse_condition(text: &'a str) -> Result<Self, Error> {
        let root = parser::parse(text)?;
        check::check_condition(&root)?;
        Ok(Self { root })
    }

    /// The expression's outcome for one source.
    pub fn evaluate(&self, source: &mut dyn Source) -> Result<Outcome, Error> {
        let mut evaluation = Evaluation { source, pattern_steps: MAX_STEPS, random_calls: 0 };
        match evaluation.value(&self.root) {
            Ok(value) => Ok(Outcome::Value(value)),
            Err(Stop::IgnoreAttribute) => Ok(Outcome::IgnoreAttribute),
            Err(Stop::IgnoreObject) => Ok(Outcome::IgnoreObject),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    /// Whether a condition holds for one source.
    pub fn holds(&self, source: &mut dyn Source) -> Result<bool, Error> {
        let mut evaluation = Evaluation { source, pattern_steps: MAX_STEPS, random_calls: 0 };
        match evaluation.holds(&self.root) {
            Ok(holds) => Ok(holds),
            Err(Stop::IgnoreAttribute | Stop::IgnoreObject) => Ok(false),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    /// The outermost function. The value of `Redact` must not be shown in a log, and only `SelectUniqueValue` needs to know
    /// what the target holds.
    #[must_use]
    pub fn outermost(&self) -> Option<&'static str> {
        match &self.root.term {
            Term::Call(function, _) => Some(function.name),
            _ => None,
        }
    }

    /// The attributes that the expression reads, in the order of its text.
    #[must_use]
    pub fn attributes(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        self.root.attributes(&mut names);
        names
    }
}
