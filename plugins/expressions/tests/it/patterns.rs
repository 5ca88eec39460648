//! Patterns as .NET reads them.

use expressions::{MAX_STEPS, Pattern, PatternError};
use proptest::prelude::*;
use serde_json::json;

use crate::row::{Example, result};

/// Replaces every match; an error as its message.
fn replaced(pattern: &str, text: &str, replacement: &str) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let expression = format!("Replace([s], , {}, , {}, , )", quoted(pattern), quoted(replacement));
    let given = result(&expression, &mut Example { attributes: &json!({ "s": text }), context: &json!({}) });
    given.as_str().map_or_else(|| given["message"].as_str().unwrap().to_owned(), str::to_owned)
}

#[track_caller]
fn check(cases: &[(&str, &str, &str)]) {
    for (pattern, text, wanted) in cases {
        assert_eq!(replaced(pattern, text, "<$&>"), *wanted, "{pattern} on {text:?}");
    }
}

#[test]
fn loops_are_greedy_lazy_or_counted() {
    check(&[
        ("a*", "aab", "<aa><>b<>"),
        ("a+?", "aa", "<a><a>"),
        ("a{2}", "aaa", "<aa>a"),
        ("a{2,}", "aaa", "<aaa>"),
        ("a{1,2}?b", "aab", "<aab>"),
        ("(ab)*c", "ababc", "<ababc>"),
        ("(?:a|ab)(?:c|bcd)", "abcd", "<abcd>"),
        ("(a*)*", "b", "<>b<>"),
        ("(?:a?)*?b", "aab", "<aab>"),
        ("x{", "x{", "<x{>"),
        ("x{,2}", "x{,2}", "<x{,2}>"),
    ]);
}

#[test]
fn look_around_and_atomic_groups_consume_as_dot_net_does() {
    check(&[
        ("a(?=b)", "abac", "<a>bac"),
        ("a(?!b)", "abac", "ab<a>c"),
        ("(?<=a)b", "abcb", "a<b>cb"),
        ("(?<!a)b", "abcb", "abc<b>"),
        ("(?<=a+)b", "aaab", "aaa<b>"),
        ("(?<=(?<x>ab)c)d", "abcd", "abc<d>"),
        ("(?>a+)ab", "aaab", "aaab"),
        ("(?=(a+))a*b\\1", "baaabac", "baa<aba>c"),
    ]);
    assert_eq!(replaced("(?=(?<n>b))", "ab", "[${n}]"), "a[b]b");
    assert_eq!(replaced("(?!(b))a", "a", "[$1]"), "[]");
}

#[test]
fn anchors_and_boundaries_know_the_last_line_break() {
    check(&[
        ("^a", "a\na", "<a>\na"),
        ("(?m)^a", "a\na", "<a>\n<a>"),
        ("a$", "a\n", "<a>\n"),
        ("a\\z", "a\n", "a\n"),
        ("a\\Z", "a\n", "<a>\n"),
        ("(?m)a$", "a\na", "<a>\n<a>"),
        ("\\Aa", "aa", "<a>a"),
        ("\\Ga", "aab", "<a><a>b"),
        ("\\bé", "é aé", "<é> aé"),
        ("a\\B", "ab a", "<a>b a"),
    ]);
}

#[test]
fn classes_are_unicode_and_can_be_subtracted_from() {
    check(&[
        ("[a-c-[b]]+", "abc", "<a>b<c>"),
        ("[^a]", "ab", "a<b>"),
        ("[]a]", "]a", "<]><a>"),
        ("[a\\-]", "-", "<->"),
        ("[a-]", "-", "<->"),
        ("\\d", "٣x", "<٣>x"),
        ("\\w+", "né_1-", "<né_1>-"),
        ("\\s", "a\u{a0}b", "a<\u{a0}>b"),
        ("\\p{Lu}", "aÉ", "a<É>"),
        ("\\P{L}", "a1", "a<1>"),
        ("\\p{IsCyrillic}", "aж", "a<ж>"),
        ("[^\\x00-\\x7F]", "aé", "a<é>"),
        (".", "a\n", "<a>\n"),
        ("(?s).", "\n", "<\n>"),
        ("\\u00e9\\t", "é\t", "<é\t>"),
    ]);
}

#[test]
fn options_hold_for_their_group() {
    check(&[
        ("(?i)ab", "AB", "<AB>"),
        ("a(?i)b|c", "aB C", "<aB> <C>"),
        ("(?i:a)b", "Ab AB", "<Ab> AB"),
        ("(?i)a(?-i)b", "Ab AB", "<Ab> AB"),
        ("(?x) a b # comment\n c", "abc", "<abc>"),
        ("a(?#comment)b", "ab", "<ab>"),
        ("(?i)[a-c]", "B", "<B>"),
        ("(?i)\\p{Lu}", "ß", "<ß>"),
    ]);
    assert_eq!(replaced("(?n)(a)(?<x>b)", "ab", "[$1]"), "[b]");
}

#[test]
fn groups_are_numbered_without_names_first() {
    assert_eq!(replaced("(?<n>a)(b)", "ab", "$1$2"), "ba");
    assert_eq!(replaced("(?'n'a)\\k<n>", "aa", "x"), "x");
    assert_eq!(replaced("(?i)(a)\\1", "aA", "x"), "x");
    assert_eq!(replaced("(a)?b(?(1)c|d)", "abc bd abd", "x"), "x x ax");
    assert_eq!(replaced("(a)(b)?", "a", "[$2$+]"), "[]");
}

#[test]
fn wrong_patterns_are_refused_with_the_place() {
    let cases = [
        ("a)", "the pattern is wrong at its character 2: a closing parenthesis has no opening one"),
        ("(a", "the pattern is wrong at its character 3: a parenthesis is not closed"),
        ("[a", "the pattern is wrong at its character 3: a bracket is not closed"),
        ("a**", "the pattern is wrong at its character 3: a loop stands directly behind a loop"),
        ("a{3,2}", "the pattern is wrong at its character 7: the second number of the loop is smaller than the first"),
        ("\\q", "the pattern is wrong at its character 3: this escape is unknown"),
        ("[b-a]", "the pattern is wrong at its character 5: the range of characters is in reverse order"),
        ("(?<a-b>x)", "the pattern is wrong at its character 6: balancing groups are not supported"),
        ("\\2", "the pattern is wrong at its character 1: there is no group of this number"),
        ("(?:a{1000}){1000}", "the pattern is too large"),
    ];
    for (pattern, wanted) in cases {
        assert_eq!(Pattern::compile(pattern).unwrap_err().to_string(), wanted, "{pattern}");
    }
    assert_eq!(Pattern::compile(&"(".repeat(1000)).unwrap_err(), PatternError::TooLarge);
}

#[test]
fn steps_are_bounded() {
    let pattern = Pattern::compile("(?:a|a)*b").unwrap();
    let mut steps = MAX_STEPS;
    assert_eq!(pattern.matches_whole(&"a".repeat(40), &mut steps), Err(PatternError::TooManySteps));
    let mut steps = 100;
    assert_eq!(pattern.matches_whole("aab", &mut steps), Ok(true));
    assert!(steps < 100);
}

proptest! {
    #[test]
    fn any_pattern_is_answered(pattern in "[ab.*+?|()\\[\\]^$\\\\dwbi<>=!:{}0-9-]{0,20}", text in "[abi1 \n]{0,12}") {
        if let Ok(pattern) = Pattern::compile(&pattern) {
            let mut steps = 50_000;
            let _ = pattern.matches_whole(&text, &mut steps);
        }
    }

    #[test]
    fn escaped_text_matches_itself(text in "\\PC{0,20}") {
        let escaped: String = text
            .chars()
            .flat_map(|letter| [(!letter.is_alphanumeric() && letter != '_').then_some('\\'), Some(letter)])
            .flatten()
            .collect();
        let mut steps = 10_000;
        prop_assert_eq!(Pattern::compile(&escaped).unwrap().matches_whole(&text, &mut steps), Ok(true));
    }
}
