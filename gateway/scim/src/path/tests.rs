use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::effort::Effort;
use crate::leniency::Leniency;
use crate::schema::registry::Registry;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn parse(text: &str) -> Result<Path, ScimError> {
    let registry = Registry::standard();
    let group = text.to_ascii_lowercase().starts_with("members");
    Path::parse(text, registry.resource_type(if group { "Group" } else { "User" }).unwrap())
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let path = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(path.to_string(), expected, "{text}");
    assert_eq!(parse(expected).unwrap(), path, "{text}");
}

#[test]
fn paths_are_printed_in_canonical_spelling() {
    check("userName", "userName");
    check("  USERNAME ", "userName");
    check("Name.familyname", "name.familyName");
    check("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", "name.givenName");
    check("emails", "emails");
    check("emails.value", "emails.value");
    check("emails[type eq \"work\"]", "emails[type eq \"work\"]");
    check("Emails[Type EQ \"work\"].Value", "emails[type eq \"work\"].value");
    check("roles[primary eq \"True\"].value", "roles[primary eq true].value");
    check(
        "addresses[type eq \"work\" and not (country pr)].locality",
        "addresses[type eq \"work\" and not (country pr)].locality",
    );
    check("name[familyName eq \"x\"].givenName", "name[familyName eq \"x\"].givenName");
    check("schemas[value eq \"urn:x\"]", "schemas[value eq \"urn:x\"]");
    check("members[value eq \"a\" or value eq \"b\"]", "members[value eq \"a\" or value eq \"b\"]");
}

#[test]
fn extensions_may_be_named_in_every_form() {
    let manager = format!("{ENTERPRISE}:manager");
    check("manager", &manager);
    check(&manager.to_uppercase(), &manager);
    check(&format!("{manager}.displayName"), &format!("{manager}.displayName"));
    check("urn:ietf:params:scim:schemas:extension:enterprise:2.0User:manager", &manager);
    check(ENTERPRISE, ENTERPRISE);
    assert!(matches!(parse(ENTERPRISE).unwrap().target, Target::Extension(schema) if schema.id == ENTERPRISE));
    assert!(parse(ENTERPRISE).unwrap().attribute().is_none());
}

#[test]
fn a_comparison_instead_of_a_path_selects_elements() {
    check("members.value eq \"u1\"", "members[value eq \"u1\"]");
    check("members eq \"u1\"", "members[value eq \"u1\"]");
    check("emails.type eq \"work\"", "emails[type eq \"work\"]");
}

#[test]
fn malformed_paths_are_refused() {
    let texts = [
        "",
        "[type eq \"work\"]",
        "colour",
        "colour[a pr]",
        "name.colour",
        "emails[type pr].colour",
        "emails[colour pr]",
        "emails[type eq]",
        "emails[]",
        "emails[type eq \"work]",
        "emails[type pr",
        "emails[type pr] x",
        "schemas[value pr].value",
        "userName eq \"x\"",
        "emails pr",
        "addresses eq \"x\"",
        "userName[value pr]",
    ];
    let errors = texts.map(|text| {
        let error = parse(text).expect_err(text);
        format!("{text} → {}: {error}", error.scim_type.unwrap().keyword())
    });
    insta::assert_snapshot!(errors.join("\n"), @r#"
     → invalidPath: The path must start with the name of an attribute.
    [type eq "work"] → invalidPath: The path must start with the name of an attribute.
    colour → invalidPath: colour is not an attribute of User; see /Schemas for those there are.
    colour[a pr] → invalidPath: colour is not an attribute of User; see /Schemas for those there are.
    name.colour → invalidPath: name.colour is not an attribute of User; see /Schemas for those there are.
    emails[type pr].colour → invalidPath: Filter, character 16: emails has no sub-attribute colour.
    emails[colour pr] → invalidFilter: Filter, character 8: emails has no sub-attribute colour.
    emails[type eq] → invalidFilter: Filter, character 15: a value is expected after eq.
    emails[] → invalidFilter: Filter, character 8: the name of an attribute is expected.
    emails[type eq "work] → invalidFilter: Filter, character 16: a string has no closing quote.
    emails[type pr → invalidFilter: Filter, character 15: and, or or a closing bracket is expected.
    emails[type pr] x → invalidPath: The path "emails[type pr] x" goes on after it should end.
    schemas[value pr].value → invalidPath: schemas has no sub-attributes.
    userName eq "x" → invalidPath: Nothing but a sub-attribute can follow userName in a path.
    emails pr → invalidPath: Elements of emails must be selected by a comparison.
    addresses eq "x" → invalidPath: addresses has no value to be selected by.
    userName[value pr] → invalidFilter: Filter, character 10: userName has no elements that brackets could select.
    "#);
}

#[test]
fn long_and_deep_paths_are_refused() {
    assert_eq!(parse(&"x".repeat(MAX_BYTES + 1)).unwrap_err().scim_type, Some(ScimType::InvalidPath));
    assert!(parse(&format!("emails[type eq \"{}\"]", "x".repeat(MAX_BYTES - 18))).is_ok());
    assert!(parse(&format!("emails[{}", "(".repeat(3000))).is_err());
}

#[track_caller]
fn check_equalities(text: &str, expected: Option<Value>) {
    let element = parse(text).unwrap().element.unwrap();
    let found = element.equalities().map(|terms| Value::Object(terms.into_iter().collect()));
    assert_eq!((text, found), (text, expected));
}

#[test]
fn eq_terms_describe_an_element() {
    check_equalities("emails[type eq \"work\"]", Some(json!({ "type": "work" })));
    check_equalities("roles[primary eq \"True\"].value", Some(json!({ "primary": true })));
    check_equalities(
        "emails[type eq \"work\" and (primary eq true)]",
        Some(json!({ "type": "work", "primary": true })),
    );
    check_equalities("emails[type eq \"work\" and type eq \"work\"]", Some(json!({ "type": "work" })));
    check_equalities("schemas[value eq \"x\"]", Some(json!({ "value": "x" })));
    for vague in [
        "type ne \"work\"",
        "type pr",
        "type eq \"work\" or type eq \"home\"",
        "not (type eq \"work\")",
        "type eq \"work\" and value sw \"a\"",
        "type eq \"work\" and type eq \"home\"",
        "type eq null",
    ] {
        check_equalities(&format!("emails[{vague}]"), None);
    }
}

#[test]
fn element_filters_match_single_elements() {
    let matches = |text: &str, element: &Value| {
        let filter = parse(text).unwrap().element.unwrap();
        filter.select(std::slice::from_ref(element), &mut Effort::unlimited()).unwrap() == [0]
    };
    let work = json!({ "type": "Work", "value": "a@b.c", "primary": true });
    for (text, expected) in [
        ("emails[type eq \"work\"]", true),
        ("emails[type eq \"work\" and primary eq \"True\"].value", true),
        ("emails[type eq \"home\"]", false),
        ("emails[display pr]", false),
        ("emails[not (display pr)]", true),
    ] {
        assert_eq!(matches(text, &work), expected, "{text}");
    }
    assert!(matches("schemas[value eq \"urn:x\"]", &json!("urn:x")));
    assert!(!matches("emails[type pr]", &json!("work")));
}

#[test]
fn strict_refuses_a_quoted_boolean() {
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let text = "roles[primary eq \"True\"].value";
    let mut warnings = Warnings::default();
    assert!(Path::parse_with(text, user, &Leniencies::strict(), &mut warnings).is_err());
    assert!(Path::parse_with(text, user, &Leniencies::all(), &mut warnings).is_ok());
    assert!(warnings.iter().any(|warning| warning.leniency == Leniency::StringBoolean));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn a_printed_path_parses_to_the_same_path(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "emails", "[", "]", "type", " eq ", "\"a\"", ".value", " and ", "primary", "true", "name", ".givenName", "manager", "not (", ")",
        ]), 0..9),
    ) {
        if let Ok(path) = parse(&pieces.concat()) {
            prop_assert_eq!(parse(&path.to_string()), Ok(path));
        }
    }
}
