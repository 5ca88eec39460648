//! The errors for malformed filters.

use super::*;

const MALFORMED: [&str; 35] = [
    "",
    "nonsense eq \"x\"",
    "id eq \"x\" and colour pr",
    "emails[colour eq \"x\"]",
    "emails[type pr].colour pr",
    "id",
    "id like \"x\"",
    "id eq",
    "id eq (",
    "id eq \"é\" \"y\"",
    "id eq \"x",
    "id eq 'x'",
    "id eq “x”",
    "userName eq and active eq true",
    "not id pr",
    "(id pr",
    "emails[type pr",
    "id pr)",
    "emails[type pr] pr",
    "userName[value pr]",
    "emails[value[type pr]]",
    "active gt true",
    "active co \"true\"",
    "active eq \"yes\"",
    "x509Certificates.value gt \"a\"",
    "title gt null",
    "name eq \"x\"",
    "meta.created gt \"yesterday\"",
    "password eq \"x\"",
    "password pr",
    "secret pr",
    "badge co 1",
    "badge eq \"x\"",
    "badge eq 007",
    "badge eq true",
];

#[test]
fn errors_name_the_position_and_the_problem() {
    let errors = MALFORMED.map(|text| {
        let error = parse(text).expect_err(text);
        assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidFilter)), "{text}");
        format!("{text} → {error}")
    });
    insta::assert_snapshot!(errors.join("\n"), @r#"
     → Filter, character 1: the name of an attribute is expected.
    nonsense eq "x" → Filter, character 1: there is no attribute nonsense.
    id eq "x" and colour pr → Filter, character 15: there is no attribute colour.
    emails[colour eq "x"] → Filter, character 8: emails has no sub-attribute colour.
    emails[type pr].colour pr → Filter, character 16: emails has no sub-attribute colour.
    id → Filter, character 3: an operator is expected after id.
    id like "x" → Filter, character 4: like is not an operator; use eq, ne, co, sw, ew, gt, ge, lt, le or pr.
    id eq → Filter, character 6: a value is expected after eq.
    id eq ( → Filter, character 7: a value is expected after eq.
    id eq "é" "y" → Filter, character 11: the text goes on where it should end, or with and or or.
    id eq "x → Filter, character 7: a string has no closing quote.
    id eq 'x' → Filter, character 7: id must be compared with a value in double quotes (").
    id eq “x” → Filter, character 7: id must be compared with a value in double quotes (").
    userName eq and active eq true → Filter, character 13: userName must be compared with a value in double quotes (").
    not id pr → Filter, character 5: not must be followed by a condition in parentheses.
    (id pr → Filter, character 7: and, or or a closing parenthesis is expected.
    emails[type pr → Filter, character 15: and, or or a closing bracket is expected.
    id pr) → Filter, character 6: the text goes on where it should end, or with and or or.
    emails[type pr] pr → Filter, character 17: the text goes on where it should end, or with and or or.
    userName[value pr] → Filter, character 1: userName has no elements that brackets could select.
    emails[value[type pr]] → Filter, character 8: brackets within brackets are not possible.
    active gt true → Filter, character 11: active is a boolean, which gt cannot compare; use eq or ne.
    active co "true" → Filter, character 11: active is a boolean, which co cannot compare; use eq or ne.
    active eq "yes" → Filter, character 11: active must be compared with true or false.
    x509Certificates.value gt "a" → Filter, character 27: value is binary, which gt cannot compare; use eq or ne.
    title gt null → Filter, character 10: null cannot be compared by gt; use eq, ne or pr.
    name eq "x" → Filter, character 9: name must be compared with one of its sub-attributes.
    meta.created gt "yesterday" → Filter, character 17: created must be compared with a date and a time such as "2026-01-31T09:30:00Z".
    password eq "x" → Filter, character 1: password is never returned and cannot be filtered by.
    password pr → Filter, character 1: password is never returned and cannot be filtered by.
    secret pr → Filter, character 1: urn:example:params:scim:schemas:extension:numbers:2.0:User:secret is never returned and cannot be filtered by.
    badge co 1 → Filter, character 10: badge is a number, which co cannot compare; use eq, ne, gt, ge, lt or le.
    badge eq "x" → Filter, character 10: urn:example:params:scim:schemas:extension:numbers:2.0:User:badge must be compared with a number.
    badge eq 007 → Filter, character 10: urn:example:params:scim:schemas:extension:numbers:2.0:User:badge must be compared with a number.
    badge eq true → Filter, character 10: urn:example:params:scim:schemas:extension:numbers:2.0:User:badge must be compared with a number.
    "#);
}
