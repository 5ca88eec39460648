//! Filters on the members of a group, which are rows and not in its document: the database decides them entirely.

use scimgate_scim::filter::{Comparison, Filter, Literal, Operator};
use scimgate_scim::schema::AttributeRef;
use serde_json::json;

use crate::store::resource::filter_sql::condition::Condition;
use crate::store::resource::filter_sql::element::Element;
use crate::store::resource::filter_sql::text;
use crate::store::resource::filter_sql::value::Test;

/// The resource types of members, each with the base of its resources' addresses.
pub(in crate::store) type Addresses = [(String, String)];

/// What a filter requires of members, as a condition on the group.
pub(in crate::store) fn condition(term: &Filter, addresses: &Addresses) -> Option<Condition> {
    match term {
        Filter::Present(attribute) if attribute.sub.is_none() => {
            let filled = Element::Any(vec![Element::Value(Test::Filled), has_type(addresses)]);
            Some(Condition::Member(filled))
        }
        Filter::Compare(comparison) if comparison.operator == Operator::NotEqual => {
            // Some value differs, or there is none.
            let there = present(&comparison.attribute, addresses);
            let equal = Filter::Compare(Comparison { operator: Operator::Equal, ..comparison.clone() });
            let differs = Element::All(vec![there.clone(), not(element(&equal, addresses)?)]);
            Some(Condition::any(vec![Condition::Member(differs), Condition::Member(there).not()]))
        }
        Filter::Present(_) | Filter::Compare(_) => element(term, addresses).map(Condition::Member),
        Filter::ValuePath(path) => element(path.filter.filter(), addresses).map(Condition::Member),
        Filter::And(_) | Filter::Or(_) | Filter::Not(_) => None,
    }
}

fn element(filter: &Filter, addresses: &Addresses) -> Option<Element> {
    let each = |terms: &[Filter]| terms.iter().map(|term| element(term, addresses)).collect::<Option<Vec<_>>>();
    Some(match filter {
        Filter::And(terms) => Element::All(each(terms)?),
        Filter::Or(terms) => Element::Any(each(terms)?),
        Filter::Not(inner) => not(element(inner, addresses)?),
        Filter::Present(attribute) => match part(attribute) {
            "value" => Element::Value(Test::Filled),
            _ => present(attribute, addresses),
        },
        Filter::Compare(comparison) => match comparison.operator {
            Operator::NotEqual => not(element(
                &Filter::Compare(Comparison { operator: Operator::Equal, ..comparison.clone() }),
                addresses,
            )?),
            _ => compare(comparison, addresses),
        },
        Filter::ValuePath(_) => return None,
    })
}

fn part(attribute: &AttributeRef) -> &str {
    attribute.sub.as_ref().map_or("value", |sub| sub.name.as_str())
}

/// Whether a member has this part.
fn present(attribute: &AttributeRef, addresses: &Addresses) -> Element {
    match part(attribute) {
        "value" => Element::Always(true),
        "type" | "$ref" => has_type(addresses),
        _ => Element::Always(false),
    }
}

fn has_type(addresses: &Addresses) -> Element {
    Element::OfType(addresses.iter().map(|(name, _)| name.clone()).collect())
}

fn compare(comparison: &Comparison, addresses: &Addresses) -> Element {
    let Literal::String(literal) = &comparison.value else { return Element::Always(false) };
    let key = scimgate_scim::fold::comparison_key(literal, comparison.attribute.leaf());
    match part(&comparison.attribute) {
        "value" => Element::Value(text::whole_test(comparison.operator, &key)),
        "$ref" => Element::Address(addresses.to_vec(), text::whole_test(comparison.operator, &key)),
        "type" => {
            // There are few types, so the evaluator decides which of them pass.
            let term = Filter::Compare(comparison.clone());
            let passes = |name: &str| {
                let document = json!({ &comparison.attribute.attribute.name: [{ "type": name }] });
                document.as_object().is_some_and(|document| term.matches(document))
            };
            Element::OfType(addresses.iter().map(|(name, _)| name.clone()).filter(|name| passes(name)).collect())
        }
        _ => Element::Always(false),
    }
}

fn not(element: Element) -> Element {
    match element {
        Element::Always(flag) => Element::Always(!flag),
        other => Element::Not(Box::new(other)),
    }
}
