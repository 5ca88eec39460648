//! Evaluates a filter on documents or elements. A store that evaluates part of a filter must agree with this module.
//!
//! A filter is prepared once, so that its literals are folded once, and each text of a document is folded once however many
//! terms compare it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Comparison, ElementFilter, Filter, Literal, Operator, ValuePath};
use crate::attribute::{Attribute, Type};
use crate::decimal::Decimal;
use crate::effort::Effort;
use crate::error::ScimError;
use crate::fold::{comparison_key, fold, is_case_exact, is_folded};
use crate::instant;
use crate::schema::AttributeRef;
use crate::value::elements;

/// The result of a comparison, `pr` or value path that is known otherwise; `None` for one to evaluate on the document.
type External<'e> = dyn Fn(&Filter) -> Option<bool> + 'e;

/// A filter prepared for many documents.
#[derive(Clone, Debug)]
pub struct Prepared<'f> {
    root: Node<'f>,
    /// Whether a text may be compared by several terms, so that its folded form is worth keeping.
    shares: bool,
}

#[derive(Clone, Debug)]
enum Node<'f> {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Term(&'f Filter, Test<'f>),
}

#[derive(Clone, Debug)]
enum Test<'f> {
    Present(&'f AttributeRef),
    Compare(Probe<'f>),
    Element(&'f AttributeRef, Box<Node<'f>>),
}

/// The value that a filter's names are resolved in.
#[derive(Clone, Copy)]
enum Subject<'d> {
    Document(&'d Map<String, Value>),
    Element(&'d Value),
}

impl<'f> Prepared<'f> {
    pub(super) fn new(filter: &'f Filter) -> Self {
        Self { root: Node::new(filter), shares: filter.term_count() > 1 }
    }

    /// Whether a canonical document, including `id` and `meta`, matches. `external` returns the result of a comparison, `pr`
    /// or value path that is known otherwise (on members of a group), and `None` for one to evaluate on the document.
    ///
    /// # Errors
    /// That of `effort`, if the evaluation would exceed it.
    pub fn matches_within(
        &self,
        document: &Map<String, Value>,
        external: &dyn Fn(&Filter) -> Option<bool>,
        effort: &mut Effort,
    ) -> Result<bool, ScimError> {
        Run { folded: self.folded(), effort }.holds(&self.root, Subject::Document(document), external)
    }

    fn folded<'d>(&self) -> Folded<'d> {
        Folded { shares: self.shares, texts: HashMap::new() }
    }
}

impl ElementFilter {
    /// The indices of the elements that match, in ascending order.
    pub(crate) fn select(&self, elements: &[Value], effort: &mut Effort) -> Result<Vec<usize>, ScimError> {
        let prepared = Prepared::new(&self.0);
        let mut run = Run { folded: prepared.folded(), effort };
        let mut selected = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            if run.holds(&prepared.root, Subject::Element(element), &|_| None)? {
                selected.push(index);
            }
        }
        Ok(selected)
    }
}

impl<'f> Node<'f> {
    /// The parser's depth limit bounds this recursion.
    fn new(filter: &'f Filter) -> Self {
        let all = |terms: &'f [Filter]| terms.iter().map(Self::new).collect();
        match filter {
            Filter::And(terms) => Self::And(all(terms)),
            Filter::Or(terms) => Self::Or(all(terms)),
            Filter::Not(inner) => Self::Not(Box::new(Self::new(inner))),
            Filter::Present(attribute) => Self::Term(filter, Test::Present(attribute)),
            Filter::Compare(comparison) => Self::Term(filter, Test::Compare(Probe::new(comparison))),
            Filter::ValuePath(ValuePath { attribute, filter: element }) => {
                Self::Term(filter, Test::Element(attribute, Box::new(Self::new(&element.0))))
            }
        }
    }
}

/// One evaluation: the folded texts of its document, and what it is charged to.
struct Run<'d, 'e> {
    folded: Folded<'d>,
    effort: &'e mut Effort,
}

impl<'d> Run<'d, '_> {
    fn holds(&mut self, node: &Node<'_>, subject: Subject<'d>, external: &External<'_>) -> Result<bool, ScimError> {
        match node {
            Node::And(terms) => self.any(terms, subject, external, false).map(|some_fails| !some_fails),
            Node::Or(terms) => self.any(terms, subject, external, true),
            Node::Not(inner) => Ok(!self.holds(inner, subject, external)?),
            Node::Term(filter, test) => external(filter).map_or_else(|| self.test(test, subject), Ok),
        }
    }

    /// Whether one of the terms has this result. The others are not evaluated.
    fn any(
        &mut self,
        terms: &[Node<'_>],
        subject: Subject<'d>,
        external: &External<'_>,
        wanted: bool,
    ) -> Result<bool, ScimError> {
        for term in terms {
            if self.holds(term, subject, external)? == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn test(&mut self, test: &Test<'_>, subject: Subject<'d>) -> Result<bool, ScimError> {
        match test {
            Test::Present(attribute) => self.present(attribute, subject),
            Test::Compare(probe) => self.compare(probe, subject),
            Test::Element(attribute, inner) => {
                for element in values(attribute, subject) {
                    if self.holds(inner, Subject::Element(element), &|_| None)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// RFC 7644 table 3, `pr`: "If the attribute has a non-empty or non-null value, or if it contains a non-empty node for
    /// complex attributes, there is a match."
    fn present(&mut self, attribute: &AttributeRef, subject: Subject<'d>) -> Result<bool, ScimError> {
        self.charge_elements(attribute, subject)?;
        for value in values(attribute, subject) {
            let mut examined = 0;
            let is_present = is_present(value, 3, &mut examined);
            self.effort.compare(examined, 0)?;
            if is_present {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A multi-valued attribute matches if any of its values does (RFC 7644 §3.4.2.2): `ne` matches if some value differs,
    /// and "no value equals" is `not (… eq …)`. An absent value equals nothing, so `ne` matches it.
    fn compare(&mut self, probe: &Probe<'_>, subject: Subject<'d>) -> Result<bool, ScimError> {
        let attribute = &probe.comparison.attribute;
        self.charge_elements(attribute, subject)?;
        let mut is_absent = true;
        for value in values(attribute, subject).filter(|value| !value.is_null()) {
            is_absent = false;
            if probe.test(value, self)? {
                return Ok(true);
            }
        }
        Ok(is_absent && probe.comparison.operator == Operator::NotEqual)
    }

    /// Elements are looked at even if they lack the sub-attribute.
    fn charge_elements(&mut self, attribute: &AttributeRef, subject: Subject<'d>) -> Result<(), ScimError> {
        self.effort.compare(elements(whole(attribute, subject)).len(), 0)
    }
}

fn whole<'d>(attribute: &AttributeRef, subject: Subject<'d>) -> Option<&'d Value> {
    match subject {
        Subject::Document(document) => attribute.value(document),
        Subject::Element(element) => Some(element),
    }
}

/// The values of an attribute, one per array element.
fn values<'d>(attribute: &AttributeRef, subject: Subject<'d>) -> impl Iterator<Item = &'d Value> {
    let sub = attribute.sub.clone();
    elements(whole(attribute, subject)).iter().flat_map(move |element| match &sub {
        None => elements(Some(element)),
        Some(sub) => elements(element.get(&sub.name)),
    })
}

/// A schema nests no deeper than three levels: an element, a multi-valued sub-attribute, one of its values.
fn is_present(value: &Value, depth: u8, examined: &mut usize) -> bool {
    *examined += 1;
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => depth > 0 && elements.iter().any(|element| is_present(element, depth - 1, examined)),
        Value::Object(object) => depth > 0 && object.values().any(|sub| is_present(sub, depth - 1, examined)),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// The folded texts of a document, by the place of the text in memory: the document stays where it is during an evaluation.
struct Folded<'d> {
    shares: bool,
    texts: HashMap<(usize, usize), Cow<'d, str>>,
}

impl<'d> Folded<'d> {
    /// The text by which values of the attribute are compared.
    fn key(&mut self, text: &'d str, attribute: &Attribute, effort: &mut Effort) -> Result<Cow<'_, str>, ScimError> {
        if is_case_exact(attribute) {
            return Ok(Cow::Borrowed(text));
        }
        if !self.shares {
            effort.fold(text)?;
            return Ok(comparison_key(text, attribute));
        }
        match self.texts.entry((text.as_ptr().addr(), text.len())) {
            Entry::Occupied(known) => Ok(Cow::Borrowed(known.into_mut())),
            Entry::Vacant(place) => {
                effort.fold(text)?;
                let folded = if is_folded(text) { Cow::Borrowed(text) } else { Cow::Owned(fold(text)) };
                Ok(Cow::Borrowed(place.insert(folded)))
            }
        }
    }
}

/// A comparison prepared for many values: the literal is folded or parsed once.
#[derive(Clone, Debug)]
struct Probe<'c> {
    comparison: &'c Comparison,
    operand: Operand<'c>,
}

#[derive(Clone, Debug)]
enum Operand<'c> {
    Text(Cow<'c, str>),
    Instant(Timestamp),
    Number(Decimal),
    Boolean(bool),
}

impl<'c> Probe<'c> {
    fn new(comparison: &'c Comparison) -> Self {
        let attribute: &Attribute = comparison.attribute.leaf();
        let by_text = matches!(comparison.operator, Operator::Contains | Operator::StartsWith | Operator::EndsWith);
        let operand = match &comparison.value {
            Literal::Boolean(flag) => Operand::Boolean(*flag),
            Literal::Number(number) => Operand::Number(Decimal::new(number)),
            Literal::String(text) => match instant::parse(text) {
                // RFC 7644 table 3: "for DateTime types, it is a chronological comparison".
                Some(instant) if attribute.kind == Type::DateTime && !by_text => Operand::Instant(instant),
                _ => Operand::Text(comparison_key(text, attribute)),
            },
        };
        Self { comparison, operand }
    }

    fn test<'d>(&self, value: &'d Value, run: &mut Run<'d, '_>) -> Result<bool, ScimError> {
        let operator = self.comparison.operator;
        // A value of another type than the attribute's has no order and differs.
        let order = match (&self.operand, value) {
            (Operand::Text(operand), Value::String(text)) => {
                let text = run.folded.key(text, self.comparison.attribute.leaf(), run.effort)?;
                let searches = operator == Operator::Contains;
                run.effort.compare(1, if searches { text.len() } else { text.len().min(operand.len()) })?;
                match operator {
                    Operator::Contains => return Ok(text.contains(operand.as_ref())),
                    Operator::StartsWith => return Ok(text.starts_with(operand.as_ref())),
                    Operator::EndsWith => return Ok(text.ends_with(operand.as_ref())),
                    // By code point, which for UTF-8 is by byte: a store can do the same.
                    _ => Some(text.as_ref().cmp(operand.as_ref())),
                }
            }
            (Operand::Instant(operand), Value::String(text)) => {
                run.effort.compare(1, text.len())?;
                instant::parse(text).map(|it| it.cmp(operand))
            }
            (Operand::Number(operand), Value::Number(number)) => {
                run.effort.compare(1, number.as_str().len())?;
                Some(Decimal::new(number).cmp(operand))
            }
            (Operand::Boolean(operand), Value::Bool(flag)) => Some(flag.cmp(operand)),
            _ => None,
        };
        Ok(match operator {
            Operator::Equal => order == Some(Ordering::Equal),
            Operator::NotEqual => order != Some(Ordering::Equal),
            Operator::Greater => order == Some(Ordering::Greater),
            Operator::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
            Operator::Less => order == Some(Ordering::Less),
            Operator::LessOrEqual => order.is_some_and(Ordering::is_le),
            Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
        })
    }
}
