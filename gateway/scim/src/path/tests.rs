use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
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

#[track_caller]
fn check_error(text: &str, scim_type: ScimType, expected: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!((error.status, error.scim_type), (400, Some(scim_type)), "{text}: {error}");
    assert_eq!(error.detail, expected, "{text}");
}

#[test]
fn paths_take_their_canonical_spelling() {
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
fn extensions_are_named_in_every_form() {
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
fn a_comparison_in_place_of_a_path_selects_elements() {
    check("members.value eq \"u1\"", "members[value eq \"u1\"]");
    check("members eq \"u1\"", "members[value eq \"u1\"]");
    check("emails.type eq \"work\"", "emails[type eq \"work\"]");
}

#[test]
fn what_is_no_path_is_refused() {
    use ScimType::{InvalidFilter, InvalidPath};
    check_error("", InvalidPath, "The path must start with the name of an attribute.");
    check_error("[type eq \"work\"]", InvalidPath, "The path must start with the name of an attribute.");
    check_error("colour", InvalidPath, "colour is no attribute of User; see /Schemas for those there are.");
    check_error("colour[a pr]", InvalidPath, "colour is no attribute of User; see /Schemas for those there are.");
    check_error("name.colour", InvalidPath, "name.colour is no attribute of User; see /Schemas for those there are.");
    check_error("emails[type pr].colour", InvalidPath, "Filter, character 16: emails has no sub-attribute colour.");
    check_error("emails[colour pr]", InvalidFilter, "Filter, character 8: emails has no sub-attribute colour.");
    check_error("emails[type eq]", InvalidFilter, "Filter, character 15: a value is expected after eq.");
    check_error("emails[]", InvalidFilter, "Filter, character 8: the name of an attribute is expected.");
    check_error("emails[type eq \"work]", InvalidFilter, "Filter, character 16: a string has no closing quote.");
    check_error("emails[type pr", InvalidFilter, "Filter, character 15: and, or or a closing bracket is expected.");
    check_error("emails[type pr] x", InvalidPath, "The path \"emails[type pr] x\" goes on after it should end.");
    check_error("schemas[value pr].value", InvalidPath, "schemas has no sub-attributes.");
    check_error("userName eq \"x\"", InvalidPath, "Nothing but a sub-attribute can follow userName in a path.");
    check_error("emails pr", InvalidPath, "Elements of emails must be selected by a comparison.");
    check_error("addresses eq \"x\"", InvalidPath, "addresses has no value to be selected by.");
    check_error(
        "userName[value pr]",
        InvalidFilter,
        "Filter, character 10: userName has no elements that brackets could select.",
    );
    assert_eq!(parse(&"x".repeat(MAX_BYTES + 1)).unwrap_err().scim_type, Some(InvalidPath));
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
fn element_filters_look_at_one_element() {
    let element = |text: &str| parse(text).unwrap().element.unwrap();
    let work = json!({ "type": "Work", "value": "a@b.c", "primary": true });
    for (text, expected) in [
        ("emails[type eq \"work\"]", true),
        ("emails[type eq \"work\" and primary eq \"True\"].value", true),
        ("emails[type eq \"home\"]", false),
        ("emails[display pr]", false),
        ("emails[not (display pr)]", true),
    ] {
        assert_eq!(element(text).matches_element(&work), expected, "{text}");
    }
    assert!(element("schemas[value eq \"urn:x\"]").matches_element(&json!("urn:x")));
    assert!(!element("emails[type pr]").matches_element(&json!("work")));
}

#[test]
fn strictness_refuses_a_boolean_in_quotes() {
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
    fn a_printed_path_reads_as_the_same(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "emails", "[", "]", "type", " eq ", "\"a\"", ".value", " and ", "primary", "true", "name", ".givenName", "manager", "not (", ")",
        ]), 0..9),
    ) {
        if let Ok(path) = parse(&pieces.concat()) {
            prop_assert_eq!(parse(&path.to_string()), Ok(path));
        }
    }
}
