//! Whatever the text and whatever the values: an answer within bounds, never a panic.

use expressions::{Expression, Kind, MAX_EXPRESSION_CHARACTERS, MAX_NESTING, MAX_TEXT_BYTES};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::row::{Example, result};

fn given(expression: &str, attributes: &Json) -> Json {
    result(expression, &mut Example { attributes, context: &Json::Null })
}

#[test]
fn an_expression_has_a_longest_length_in_characters() {
    let of = |length: usize| format!("\"{}\"", "ø".repeat(length - 2));
    assert!(Expression::parse(&of(MAX_EXPRESSION_CHARACTERS)).is_ok());
    assert_eq!(Expression::parse(&of(MAX_EXPRESSION_CHARACTERS + 1)).unwrap_err().kind, Kind::Syntax);
}

#[test]
fn nesting_has_a_limit() {
    let of = |depth: usize| format!("{}\"a\"{}", "Trim(".repeat(depth), ")".repeat(depth));
    assert_eq!(given(&of(MAX_NESTING - 1), &json!({})), "a");
    assert_eq!(given(&of(MAX_NESTING), &json!({}))["error"], "Syntax");
}

#[test]
fn a_text_cannot_grow_without_end() {
    let mut expression = "[a]".to_owned();
    for _ in 0..40 {
        expression = format!("Replace({expression}, \"x\", , , \"xx\", , )");
    }
    assert_eq!(given(&expression, &json!({ "a": "xxxx" }))["error"], "Argument");
    let long = json!({ "a": "x".repeat(MAX_TEXT_BYTES / 2 + 1) });
    assert_eq!(given("Join(\"\", [a], [a])", &long)["error"], "Argument");
}

/// Parts of expressions, in and out of place.
fn fragments() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = expressions::function_names()
        .chain([
            "(",
            ")",
            ",",
            " ",
            "[a]",
            "[b]",
            "\"x\"",
            "\"\\\\d+(?<n>.)\"",
            "1",
            "-7",
            "&",
            "=",
            "<>",
            "vbTextCompare",
            "%p%",
        ])
        .collect();
    prop::collection::vec(prop::sample::select(words), 0..25).prop_map(|parts| parts.concat())
}

/// A well-formed call of any function on any arguments.
fn calls() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = expressions::function_names().collect();
    let leaf = prop::sample::select(vec!["[a]", "[b]", "\"x y\"", "\"d\"", "3", "-1", "", "\"yyyy-MM-dd\"", "Now()"]);
    leaf.prop_map(str::to_owned).prop_recursive(4, 40, 7, move |inner| {
        (prop::sample::select(names.clone()), prop::collection::vec(inner, 0..8))
            .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", ")))
    })
}

fn values() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "\\PC{0,12}".prop_map(Json::from),
        Just(json!("2024-02-29T10:00:00+01:00")),
        Just(json!(["ab", "AB", "é"])),
        Just(json!([{ "value": "v", "displayName": "V" }])),
    ]
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,60}", a in values()) {
        given(&text, &json!({ "a": a }));
    }

    #[test]
    fn any_mixture_of_parts_is_answered(text in fragments(), a in values(), b in values()) {
        given(&text, &json!({ "a": a, "b": b }));
    }

    #[test]
    fn any_call_is_answered_twice_the_same(text in calls(), a in values(), b in values()) {
        let attributes = json!({ "a": a, "b": b });
        prop_assert_eq!(given(&text, &attributes), given(&text, &attributes));
    }
}
