//! Filters (RFC 7644 §3.4.2.2): the parse tree, with names resolved and literals checked against the schema.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use crate::attribute::Attribute;
use crate::effort::Effort;
use crate::error::ScimError;
use crate::leniency::{Leniencies, Warnings};
use crate::schema::{AttributeRef, ResourceType};

pub use evaluate::Prepared;

mod evaluate;
mod lexer;
mod literal;
pub(crate) mod parser;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

/// The longest filter that is accepted.
pub const MAX_BYTES: usize = 4_000;
/// The deepest nesting of parentheses and brackets.
pub const MAX_DEPTH: usize = 32;
/// The most comparisons in a filter.
pub const MAX_TERMS: usize = 200;

/// A condition on a resource, or on one element of a multi-valued attribute (see [`ElementFilter`]).
///
/// The parser returns a normal form: no `And` directly in an `And`, no `Or` directly in an `Or`; comparisons with `null`
/// become [`Filter::Present`] or its negation; a comparison on a complex attribute becomes one on its `value`; and
/// `emails[…].value eq "x"` becomes `emails[… and value eq "x"]`, since both parts must match the same element.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Every term matches.
    And(Vec<Filter>),
    /// At least one term matches.
    Or(Vec<Filter>),
    /// The term does not match.
    Not(Box<Filter>),
    /// An attribute compared with a literal.
    Compare(Comparison),
    /// `pr`: the attribute has a non-empty value.
    Present(AttributeRef),
    /// A single element of the attribute matches the whole condition.
    ValuePath(ValuePath),
}

/// `userName eq "ada"`
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The attribute, never complex.
    pub attribute: AttributeRef,
    /// The operator.
    pub operator: Operator,
    /// The literal, of the attribute's type.
    pub value: Literal,
}

/// `emails[type eq "work"]`
#[derive(Clone, Debug, PartialEq)]
pub struct ValuePath {
    /// The attribute, without a sub-attribute.
    pub attribute: AttributeRef,
    /// The condition that one element must match.
    pub filter: ElementFilter,
}

/// A condition on one element of an attribute: the inside of the brackets of a value path. Its [`AttributeRef`]s name the
/// attribute and a sub-attribute; one without a sub-attribute means the element itself (`value` of a multi-valued
/// attribute that is not complex).
#[derive(Clone, Debug, PartialEq)]
pub struct ElementFilter(Box<Filter>);

/// The comparison operators of RFC 7644 table 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `co`
    Contains,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// The value of a comparison. There is no null: see [`Filter`].
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// For string, reference, binary and dateTime attributes.
    String(String),
    /// For integer and decimal attributes.
    Number(Number),
    /// For boolean attributes.
    Boolean(bool),
}

impl Filter {
    /// Parses a filter on resources of one type with every leniency. An error is 400 `invalidFilter`.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, ScimError> {
        Self::parse_with(text, &[resource_type], &Leniencies::all(), &mut Warnings::default())
    }

    /// Parses a filter on resources of several types, for a query at the root. A name resolves in the first type that
    /// has it; resources of the other types have no value for it.
    pub fn parse_with(
        text: &str,
        resource_types: &[&ResourceType],
        leniencies: &Leniencies,
        warnings: &mut Warnings,
    ) -> Result<Self, ScimError> {
        parser::parse_filter(text, resource_types, *leniencies, warnings)
    }

    /// The filter prepared for the evaluation of many documents.
    #[must_use]
    pub fn prepare(&self) -> Prepared<'_> {
        Prepared::new(self)
    }

    /// Whether a canonical document, including `id` and `meta`, matches the filter. The work is not limited: for documents
    /// of clients, use [`Prepared::matches_within`].
    #[must_use]
    pub fn matches(&self, document: &Map<String, Value>) -> bool {
        self.prepare().matches_within(document, &|_| None, &mut Effort::unlimited()) == Ok(true)
    }

    /// The terms that must all match, for a store that can evaluate some of them itself.
    #[must_use]
    pub fn conjuncts(&self) -> Vec<&Filter> {
        match self {
            Self::And(terms) => terms.iter().collect(),
            other => vec![other],
        }
    }

    /// The conjunction of `terms` in normal form.
    pub(crate) fn all(terms: Vec<Filter>) -> Self {
        let flat = terms.into_iter().flat_map(|term| if let Self::And(inner) = term { inner } else { vec![term] });
        Self::one_or(flat.collect(), Self::And)
    }

    /// The disjunction of `terms` in normal form.
    pub(crate) fn any(terms: Vec<Filter>) -> Self {
        let flat = terms.into_iter().flat_map(|term| if let Self::Or(inner) = term { inner } else { vec![term] });
        Self::one_or(flat.collect(), Self::Or)
    }

    fn one_or(mut terms: Vec<Filter>, join: fn(Vec<Filter>) -> Self) -> Self {
        match terms.pop() {
            Some(only) if terms.is_empty() => only,
            last => {
                terms.extend(last);
                join(terms)
            }
        }
    }

    /// The number of comparisons and `pr` terms. With the length of a document in bytes it bounds the effort of evaluating
    /// it.
    #[must_use]
    pub fn term_count(&self) -> usize {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().map(Self::term_count).sum(),
            Self::Not(inner) => inner.term_count(),
            Self::ValuePath(path) => path.filter.0.term_count(),
            Self::Compare(_) | Self::Present(_) => 1,
        }
    }
}

impl ElementFilter {
    pub(crate) fn new(filter: Filter) -> Self {
        Self(Box::new(filter))
    }

    /// The condition.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.0
    }

    /// The sub-attributes and their values if the condition is a conjunction of `eq` terms: it then describes an element
    /// that can be created. The name is `value` if the element is not complex.
    #[must_use]
    pub fn equalities(&self) -> Option<Vec<(String, Value)>> {
        let mut found: Vec<(String, Value)> = Vec::new();
        for term in self.0.conjuncts() {
            let Filter::Compare(Comparison { attribute, operator: Operator::Equal, value }) = term else { return None };
            let name = element_name(attribute);
            let value = value.to_json();
            match found.iter().find(|(other, _)| other == name) {
                Some((_, other)) if *other == value => {}
                Some(_) => return None,
                None => found.push((name.to_owned(), value)),
            }
        }
        Some(found)
    }
}

/// The name of a sub-attribute within an element filter.
fn element_name(attribute: &AttributeRef) -> &str {
    attribute.sub.as_ref().map_or("value", |sub| sub.name.as_str())
}

impl Operator {
    const ALL: [(&str, Self); 9] = [
        ("eq", Self::Equal),
        ("ne", Self::NotEqual),
        ("co", Self::Contains),
        ("sw", Self::StartsWith),
        ("ew", Self::EndsWith),
        ("gt", Self::Greater),
        ("ge", Self::GreaterOrEqual),
        ("lt", Self::Less),
        ("le", Self::LessOrEqual),
    ];

    /// The operator called `name`, in any case.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, operator)| *operator)
    }

    /// The operator in a filter's text.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, operator)| *operator == self).map_or("", |(name, _)| name)
    }

    /// Whether it compares by order.
    #[must_use]
    pub fn is_order(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual)
    }
}

impl Literal {
    /// The literal as a JSON value.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::String(text) => Value::String(text.clone()),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Boolean(flag) => Value::Bool(*flag),
        }
    }
}

/// The sub-attribute of `attribute` called `name`, or the element itself for `value` of a simple attribute.
pub(crate) fn element_part(attribute: &AttributeRef, name: &str) -> Option<AttributeRef> {
    let sub: Option<Arc<Attribute>> = if attribute.attribute.is_complex() {
        Some(Arc::clone(attribute.attribute.sub_attribute(name)?))
    } else if name.eq_ignore_ascii_case("value") {
        None
    } else {
        return None;
    };
    Some(AttributeRef { sub, ..attribute.clone() })
}

impl fmt::Display for Filter {
    /// The filter in canonical spelling with the fewest parentheses. It parses to the same filter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_filter(self, &AttributeRef::name, f)
    }
}

impl fmt::Display for ElementFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_filter(&self.0, &|attribute| element_name(attribute).to_owned(), f)
    }
}

fn write_filter(filter: &Filter, name: &dyn Fn(&AttributeRef) -> String, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match filter {
        Filter::And(terms) => write_terms(terms, " and ", name, f),
        Filter::Or(terms) => write_terms(terms, " or ", name, f),
        Filter::Not(inner) => {
            f.write_str("not (")?;
            write_filter(inner, name, f)?;
            f.write_str(")")
        }
        Filter::Compare(Comparison { attribute, operator, value }) => {
            write!(f, "{} {} {}", name(attribute), operator.name(), value.to_json())
        }
        Filter::Present(attribute) => write!(f, "{} pr", name(attribute)),
        Filter::ValuePath(ValuePath { attribute, filter }) => write!(f, "{}[{filter}]", name(attribute)),
    }
}

fn write_terms(
    terms: &[Filter],
    word: &str,
    name: &dyn Fn(&AttributeRef) -> String,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    for (index, term) in terms.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        // Only an `or` inside an `and` needs parentheses.
        if word == " and " && matches!(term, Filter::Or(_)) {
            f.write_str("(")?;
            write_filter(term, name, f)?;
            f.write_str(")")?;
        } else {
            write_filter(term, name, f)?;
        }
    }
    Ok(())
}
