//! Evaluates a filter on a document or one element. A store that evaluates part of a filter must agree with this module.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Comparison, Filter, Literal, Operator, ValuePath};
use crate::attribute::{Attribute, Type};
use crate::decimal::Decimal;
use crate::fold::comparison_key;
use crate::instant;
use crate::schema::AttributeRef;
use crate::value::elements;

/// The value that a filter's names are resolved in.
#[derive(Clone, Copy)]
pub(super) enum Subject<'d> {
    Document(&'d Map<String, Value>),
    Element(&'d Value),
}

/// The parser's depth limit bounds this recursion.
pub(super) fn matches_with(filter: &Filter, subject: Subject<'_>, external: &dyn Fn(&Filter) -> Option<bool>) -> bool {
    match filter {
        Filter::And(terms) => terms.iter().all(|term| matches_with(term, subject, external)),
        Filter::Or(terms) => terms.iter().any(|term| matches_with(term, subject, external)),
        Filter::Not(inner) => !matches_with(inner, subject, external),
        term => external(term).unwrap_or_else(|| matches(term, subject)),
    }
}

pub(super) fn matches(filter: &Filter, subject: Subject<'_>) -> bool {
    match filter {
        Filter::And(_) | Filter::Or(_) | Filter::Not(_) => matches_with(filter, subject, &|_| None),
        Filter::Present(attribute) => values(attribute, subject).any(is_present),
        Filter::Compare(comparison) => compare(comparison, subject),
        Filter::ValuePath(ValuePath { attribute, filter }) => {
            values(attribute, subject).any(|element| filter.matches_element(element))
        }
    }
}

/// A multi-valued attribute matches if any of its values does (RFC 7644 §3.4.2.2): `ne` matches if some value differs,
/// and "no value equals" is `not (… eq …)`. An absent value equals nothing, so `ne` matches it.
fn compare(comparison: &Comparison, subject: Subject<'_>) -> bool {
    let probe = Probe::new(comparison);
    let mut present = values(&comparison.attribute, subject).filter(|value| !value.is_null()).peekable();
    if present.peek().is_none() {
        return comparison.operator == Operator::NotEqual;
    }
    present.any(|value| probe.test(value))
}

/// The values of an attribute, one per array element.
fn values<'d>(attribute: &AttributeRef, subject: Subject<'d>) -> impl Iterator<Item = &'d Value> {
    let whole = match subject {
        Subject::Document(document) => attribute.value(document),
        Subject::Element(element) => Some(element),
    };
    let sub = attribute.sub.clone();
    elements(whole).iter().flat_map(move |element| match &sub {
        None => elements(Some(element)),
        Some(sub) => elements(element.get(&sub.name)),
    })
}

/// RFC 7644 table 3, `pr`: "If the attribute has a non-empty or non-null value, or if it contains a non-empty node for
/// complex attributes, there is a match."
fn is_present(value: &Value) -> bool {
    // A schema nests no deeper: an element, a multi-valued sub-attribute, one of its values.
    fn within(value: &Value, depth: u8) -> bool {
        match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(elements) => depth > 0 && elements.iter().any(|element| within(element, depth - 1)),
            Value::Object(object) => depth > 0 && object.values().any(|sub| within(sub, depth - 1)),
            Value::Bool(_) | Value::Number(_) => true,
        }
    }
    within(value, 3)
}

/// A comparison prepared for many values: the literal is folded or parsed once.
struct Probe<'c> {
    attribute: &'c Attribute,
    operator: Operator,
    operand: Operand<'c>,
}

enum Operand<'c> {
    Text(Cow<'c, str>),
    Instant(Timestamp),
    Number(Decimal),
    Boolean(bool),
}

impl<'c> Probe<'c> {
    fn new(comparison: &'c Comparison) -> Self {
        let attribute: &Attribute = comparison.attribute.leaf();
        let operator = comparison.operator;
        let by_text = matches!(operator, Operator::Contains | Operator::StartsWith | Operator::EndsWith);
        let operand = match &comparison.value {
            Literal::Boolean(flag) => Operand::Boolean(*flag),
            Literal::Number(number) => Operand::Number(Decimal::new(number)),
            Literal::String(text) => match instant::parse(text) {
                // RFC 7644 table 3: "for DateTime types, it is a chronological comparison".
                Some(instant) if attribute.kind == Type::DateTime && !by_text => Operand::Instant(instant),
                _ => Operand::Text(comparison_key(text, attribute)),
            },
        };
        Self { attribute, operator, operand }
    }

    fn test(&self, value: &Value) -> bool {
        // A value of another type than the attribute's has no order and differs.
        let order = match (&self.operand, value) {
            (Operand::Text(operand), Value::String(text)) => {
                let text = comparison_key(text, self.attribute);
                match self.operator {
                    Operator::Contains => return text.contains(operand.as_ref()),
                    Operator::StartsWith => return text.starts_with(operand.as_ref()),
                    Operator::EndsWith => return text.ends_with(operand.as_ref()),
                    // By code point, which for UTF-8 is by byte: a store can do the same.
                    _ => Some(text.as_ref().cmp(operand.as_ref())),
                }
            }
            (Operand::Instant(operand), Value::String(text)) => instant::parse(text).map(|it| it.cmp(operand)),
            (Operand::Number(operand), Value::Number(number)) => Some(Decimal::new(number).cmp(operand)),
            (Operand::Boolean(operand), Value::Bool(flag)) => Some(flag.cmp(operand)),
            _ => None,
        };
        match self.operator {
            Operator::Equal => order == Some(Ordering::Equal),
            Operator::NotEqual => order != Some(Ordering::Equal),
            Operator::Greater => order == Some(Ordering::Greater),
            Operator::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
            Operator::Less => order == Some(Ordering::Less),
            Operator::LessOrEqual => order.is_some_and(Ordering::is_le),
            Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
        }
    }
}
