//! Properties of every filter, document and text.

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::*;
use crate::schema::registry::Registry;

fn attribute(name: &str) -> AttributeRef {
    Registry::standard().resource_type("User").unwrap().resolve(name).unwrap()
}

fn operator() -> impl Strategy<Value = Operator> {
    prop::sample::select(Operator::ALL.map(|(_, operator)| operator).to_vec())
}

fn texts() -> impl Strategy<Value = String> {
    // A small alphabet, so that filters match documents, and any other text without U+0000.
    prop_oneof!["[aAbBßs]{0,3}", any::<String>().prop_map(|text| text.replace('\0', ""))]
}

/// A comparison or `pr` on one of `strings` or `booleans`.
fn leaf(strings: Vec<AttributeRef>, booleans: Vec<AttributeRef>) -> impl Strategy<Value = Filter> {
    let equality = prop::sample::select(vec![Operator::Equal, Operator::NotEqual]);
    let all: Vec<_> = strings.iter().chain(&booleans).cloned().collect();
    prop_oneof![
        (prop::sample::select(strings), operator(), texts()).prop_map(|(attribute, operator, text)| {
            Filter::Compare(Comparison { attribute, operator, value: Literal::String(text) })
        }),
        (prop::sample::select(booleans), equality, any::<bool>()).prop_map(|(attribute, operator, flag)| {
            Filter::Compare(Comparison { attribute, operator, value: Literal::Boolean(flag) })
        }),
        prop::sample::select(all).prop_map(Filter::Present),
    ]
}

fn tree(leaf: impl Strategy<Value = Filter> + 'static) -> impl Strategy<Value = Filter> {
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::all),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::any),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let strings =
        ["userName", "externalId", "name.givenName", "emails.value", "department", "manager.value"].map(attribute);
    let plain = leaf(strings.to_vec(), vec![attribute("active"), attribute("emails.primary")]);
    let inner =
        tree(leaf(vec![attribute("emails.value"), attribute("emails.type")], vec![attribute("emails.primary")]));
    let path = inner.prop_map(|filter| {
        Filter::ValuePath(ValuePath { attribute: attribute("emails"), filter: ElementFilter::new(filter) })
    });
    tree(prop_oneof![3 => plain, 1 => path])
}

fn document() -> impl Strategy<Value = Map<String, Value>> {
    let email = (prop::option::of(texts()), prop::option::of(texts()), prop::option::of(any::<bool>()))
        .prop_map(|(value, kind, primary)| json!({ "value": value, "type": kind, "primary": primary }));
    let emails = prop::collection::vec(email, 0..3);
    (texts(), prop::option::of(texts()), emails, prop::option::of(any::<bool>())).prop_map(|(name, given, emails, active)| {
        let document = json!({
            "userName": name, "externalId": name, "name": { "givenName": given }, "emails": emails, "active": active,
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": given },
        });
        document.as_object().unwrap().clone()
    })
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

proptest! {
    #[test]
    fn a_printed_filter_parses_to_the_same_filter(filter in filter()) {
        let text = filter.to_string();
        prop_assume!(text.len() <= MAX_BYTES);
        let registry = Registry::standard();
        let again = Filter::parse(&text, registry.resource_type("User").unwrap());
        prop_assert_eq!(again, Ok(filter), "{}", text);
    }

    #[test]
    fn negation_is_its_own_inverse(filter in filter(), document in document()) {
        let holds = filter.matches(&document);
        prop_assert_eq!(not(filter.clone()).matches(&document), !holds);
        prop_assert_eq!(not(not(filter)).matches(&document), holds);
    }

    #[test]
    fn de_morgan_holds(a in filter(), b in filter(), document in document()) {
        let both = not(Filter::all(vec![a.clone(), b.clone()]));
        let either = Filter::any(vec![not(a.clone()), not(b.clone())]);
        prop_assert_eq!(both.matches(&document), either.matches(&document));
        let neither = not(Filter::any(vec![a.clone(), b.clone()]));
        prop_assert_eq!(neither.matches(&document), Filter::all(vec![not(a), not(b)]).matches(&document));
    }

    #[test]
    fn the_conjuncts_match_when_the_filter_does(filter in filter(), document in document()) {
        let all = filter.conjuncts().iter().all(|term| term.matches(&document));
        prop_assert_eq!(all, filter.matches(&document));
    }

    #[test]
    fn exactly_one_of_lt_eq_gt_matches_a_single_value(value in texts(), literal in texts()) {
        let compare = |operator| Filter::Compare(Comparison {
            attribute: attribute("userName"), operator, value: Literal::String(literal.clone()),
        });
        let document = json!({ "userName": value });
        let holds = |operator| compare(operator).matches(document.as_object().unwrap());
        let three = [Operator::Less, Operator::Equal, Operator::Greater].map(holds);
        prop_assert_eq!(three.iter().filter(|holds| **holds).count(), 1);
        prop_assert_eq!(holds(Operator::NotEqual), !three[1]);
        prop_assert_eq!(holds(Operator::LessOrEqual), !three[2]);
        prop_assert_eq!(holds(Operator::GreaterOrEqual), !three[0]);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let registry = Registry::standard();
        let _ = Filter::parse(&text, registry.resource_type("User").unwrap());
    }

    #[test]
    fn no_sequence_of_tokens_makes_the_parser_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..12),
    ) {
        let registry = Registry::standard();
        let user = registry.resource_type("User").unwrap();
        for text in [pieces.concat(), pieces.join(" ")] {
            if let Ok(filter) = Filter::parse(&text, user) {
                prop_assert_eq!(Filter::parse(&filter.to_string(), user), Ok(filter), "{}", text);
            }
        }
    }

    #[test]
    fn no_document_makes_the_evaluator_panic(filter in filter(), number in any::<f64>()) {
        let odd = Number::from_f64(number).map_or(Value::Null, Value::Number);
        for value in [odd, json!([[["x"]]]), json!({ "value": [{}] }), json!("x"), json!([null, true])] {
            let document = json!({
                "userName": value, "name": value, "emails": value, "active": value,
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": value,
            });
            let document = document.as_object().unwrap();
            prop_assert_ne!(filter.matches(document), not(filter.clone()).matches(document));
        }
    }
}

const PIECES: &[&str] = &[
    "emails",
    "[",
    "]",
    "(",
    ")",
    "not",
    "and",
    "or",
    "pr",
    "eq",
    "ne",
    "gt",
    "co",
    "\"a\"",
    "true",
    "null",
    "1.5",
    "type",
    ".value",
    "value",
    "userName",
    "active",
    "meta.created",
    "\"2026-03-01T12:00:00Z\"",
    "manager",
    "é",
    "\"",
    "\\",
];
