//! Decides whether a document, or one element of it, meets a filter. This is the one truth: whatever a store decides
//! beforehand must agree with it.

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

/// What the names in a filter are looked up in.
#[derive(Clone, Copy)]
pub(super) enum Subject<'d> {
    Document(&'d Map<String, Value>),
    Element(&'d Value),
}

/// A parsed filter is not nested deeper than its text, which is what bounds this recursion.
pub(super) fn matches_with(filter: &Filter, subject: Subject<'_>, decided: &dyn Fn(&Filter) -> Option<bool>) -> bool {
    match filter {
        Filter::And(terms) => terms.iter().all(|term| matches_with(term, subject, decided)),
        Filter::Or(terms) => terms.iter().any(|term| matches_with(term, subject, decided)),
        Filter::Not(inner) => !matches_with(inner, subject, decided),
        term => decided(term).unwrap_or_else(|| matches(term, subject)),
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

/// A multi-valued attribute matches if any of its values does (RFC 7644 §3.4.2.2). For `ne` that means some value
/// differs; "none equals" is `not (… eq …)`. Nothing equals an absent value, so `ne` holds for it.
fn compare(comparison: &Comparison, subject: Subject<'_>) -> bool {
    let probe = Probe::new(comparison);
    let mut present = values(&comparison.attribute, subject).filter(|value| !value.is_null()).peekable();
    if present.peek().is_none() {
        return comparison.operator == Operator::NotEqual;
    }
    present.any(|value| probe.test(value))
}

/// The values of an attribute, each element of an array by itself; absent ones are left out.
fn values<'d>(attribute: &AttributeRef, subject: Subject<'d>) -> impl Iterator<Item = &'d Value> {
    let whole = match subject {
        Subject::Document(document) => attribute.value(document),
        Subject::Element(element) => Some(element),
    };
    let sub = attribute.sub.clone();
    each(whole).flat_map(move |element| match &sub {
        None => each(Some(element)),
        Some(sub) => each(element.as_object().and_then(|object| object.get(&sub.name))),
    })
}

fn each(value: Option<&Value>) -> std::slice::Iter<'_, Value> {
    match value {
        Some(Value::Array(elements)) => elements.iter(),
        Some(single) => std::slice::from_ref(single).iter(),
        None => [].iter(),
    }
}

/// RFC 7644 table 3, `pr`: "If the attribute has a non-empty or non-null value, or if it contains a non-empty node for
/// complex attributes, there is a match."
fn is_present(value: &Value) -> bool {
    // An element, a multi-valued sub-attribute of it, and a value of that: a schema allows no deeper nesting.
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

/// A comparison made ready for many values: the literal is folded or parsed once.
struct Probe<'c> {
    attribute: &'c Attribute,
    operator: Operator,
    want: Want<'c>,
}

enum Want<'c> {
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
        let want = match &comparison.value {
            Literal::Boolean(flag) => Want::Boolean(*flag),
            Literal::Number(number) => Want::Number(Decimal::new(number)),
            Literal::String(text) => match instant::parse(text) {
                // RFC 7644 table 3: "for DateTime types, it is a chronological comparison".
                Some(instant) if attribute.kind == Type::DateTime && !by_text => Want::Instant(instant),
                _ => Want::Text(comparison_key(text, attribute)),
            },
        };
        Self { attribute, operator, want }
    }

    fn test(&self, value: &Value) -> bool {
        let order = match (&self.want, value) {
            (Want::Text(want), Value::String(text)) => {
                let text = comparison_key(text, self.attribute);
                match self.operator {
                    Operator::Contains => return text.contains(want.as_ref()),
                    Operator::StartsWith => return text.starts_with(want.as_ref()),
                    Operator::EndsWith => return text.ends_with(want.as_ref()),
                    // By code points, which for UTF-8 is by bytes: a store can do the same.
                    _ => Some(text.as_ref().cmp(want.as_ref())),
                }
            }
            (Want::Instant(want), Value::String(text)) => instant::parse(text).map(|instant| instant.cmp(want)),
            (Want::Number(want), Value::Number(number)) => Some(Decimal::new(number).cmp(want)),
            (Want::Boolean(want), Value::Bool(flag)) => Some(flag.cmp(want)),
            _ => None,
        };
        self.decide(order)
    }

    /// `order` is how the value stands to the literal; `None` if it is not of the attribute's type, and so differs.
    fn decide(&self, order: Option<Ordering>) -> bool {
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
