//! Filters (RFC 7644 §3.4.2.2): the parse tree, with every name resolved and every literal checked against the schema.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use crate::attribute::Attribute;
use crate::error::ScimError;
use crate::leniency::{Leniencies, Warnings};
use crate::schema::{AttributeRef, ResourceType};

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

/// The longest filter that is read, in bytes.
pub const MAX_BYTES: usize = 4_000;
/// How deep parentheses and brackets may be nested.
pub const MAX_DEPTH: usize = 32;
/// How many comparisons and negations a filter may have.
pub const MAX_TERMS: usize = 200;

/// A condition on a resource, or on one element of a multi-valued attribute (see [`ElementFilter`]).
///
/// Made by parsing, it is in a normal form: no `And` directly in an `And`, no `Or` directly in an `Or`; comparisons
/// with `null` have become [`Filter::Present`] and its negation; a comparison on a complex attribute has become one
/// on its `value`; and `emails[…].value eq "x"` has become `emails[… and value eq "x"]`, since both parts must hold for
/// the same element.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them hold.
    And(Vec<Filter>),
    /// At least one of them holds.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// An attribute compared with a literal.
    Compare(Comparison),
    /// `pr`: the attribute has a value that is not empty.
    Present(AttributeRef),
    /// One element of the attribute meets all of a condition.
    ValuePath(ValuePath),
}

/// `userName eq "ada"`
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What is compared; never complex.
    pub attribute: AttributeRef,
    /// How.
    pub operator: Operator,
    /// With what; of the type the attribute wants.
    pub value: Literal,
}

/// `emails[type eq "work"]`
#[derive(Clone, Debug, PartialEq)]
pub struct ValuePath {
    /// The attribute whose elements are looked at, without a sub-attribute.
    pub attribute: AttributeRef,
    /// What one of them must meet.
    pub filter: ElementFilter,
}

/// A condition on one element of an attribute: the inside of the brackets of a value path. The names in it are
/// [`AttributeRef`]s with the attribute itself and the sub-attribute; without a sub-attribute, the element as a whole is
/// meant (`value` of a multi-valued attribute that is not complex).
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

/// A value to compare with. There is no null: see [`Filter`].
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
    /// Reads a filter on resources of one type, as liberally as identity providers need.
    ///
    /// # Errors
    /// 400 `invalidFilter` that names the position, the attribute or the limit.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, ScimError> {
        Self::parse_with(text, &[resource_type], &Leniencies::all(), &mut Warnings::default())
    }

    /// Reads a filter on resources of several types, as a query at the root has. A name means what it means in the
    /// first type that has it; in a resource of a type that has no such attribute, it is absent.
    ///
    /// # Errors
    /// As [`Filter::parse`], and for whatever `leniencies` does not allow.
    pub fn parse_with(
        text: &str,
        resource_types: &[&ResourceType],
        leniencies: &Leniencies,
        warnings: &mut Warnings,
    ) -> Result<Self, ScimError> {
        parser::parse_filter(text, resource_types, *leniencies, warnings)
    }

    /// Whether a canonical document, with `id` and `meta` in it, meets the filter.
    #[must_use]
    pub fn matches(&self, document: &Map<String, Value>) -> bool {
        evaluate::matches(self, evaluate::Subject::Document(document))
    }

    /// As [`Filter::matches`], where something else knows whether some of the conditions hold, because what they ask
    /// for is not in the document. `decided` is asked about each comparison, `pr` and value path that counts.
    #[must_use]
    pub fn matches_with(&self, document: &Map<String, Value>, decided: &dyn Fn(&Filter) -> Option<bool>) -> bool {
        evaluate::matches_with(self, evaluate::Subject::Document(document), decided)
    }

    /// The conditions that must all hold, for a store that can decide some of them by itself.
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

    fn one_or(mut terms: Vec<Filter>, several: impl FnOnce(Vec<Filter>) -> Self) -> Self {
        match (terms.pop(), terms.is_empty()) {
            (Some(only), true) => only,
            (Some(last), false) => {
                terms.push(last);
                several(terms)
            }
            (None, _) => several(terms),
        }
    }
}

impl Filter {
    /// How many conditions it has, however they are joined.
    pub(crate) fn terms(&self) -> usize {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().map(Self::terms).sum(),
            Self::Not(inner) => inner.terms(),
            Self::Compare(_) | Self::Present(_) => 1,
            Self::ValuePath(path) => path.filter.0.terms(),
        }
    }

    /// Bytes of the texts in it, which are folded anew for each value.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().map(Self::bytes).sum(),
            Self::Not(inner) => inner.bytes(),
            Self::Compare(Comparison { value: Literal::String(text), .. }) => text.len(),
            Self::Compare(_) | Self::Present(_) => 0,
            Self::ValuePath(path) => path.filter.0.bytes(),
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

    /// Whether one element meets it.
    #[must_use]
    pub fn matches_element(&self, element: &Value) -> bool {
        evaluate::matches(&self.0, evaluate::Subject::Element(element))
    }

    /// The sub-attributes and their values, when the condition is nothing but `eq` terms that must all hold: then it
    /// describes an element that can be made. The name is `value` where the element is not complex.
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

/// How an element filter names a part of the element.
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

    /// The operator written `word`, in any case.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, operator)| *operator)
    }

    /// The operator as it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, operator)| *operator == self).map_or("", |(name, _)| name)
    }

    /// Whether it asks which of two values comes first.
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

/// The part of `attribute` called `name` within an element of it.
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
    /// The filter in canonical spelling, with no parenthesis that is not needed; read again, it is the same filter.
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
        // An `or` within an `and` is all that needs them; the others bind at least as tightly as where they stand.
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
