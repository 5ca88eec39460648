use serde_json::{Value, json};

use super::*;
use crate::error::ScimType;
use crate::leniency::Leniency;
use crate::schema::Schema;
use crate::schema::registry::Registry;

mod errors;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn user() -> Registry {
    let numbers = json!({
        "id": "urn:example:params:scim:schemas:extension:numbers:2.0:User",
        "name": "Numbers",
        "description": "For tests.",
        "attributes": [
            { "name": "badge", "type": "integer" },
            { "name": "quota", "type": "decimal" },
            { "name": "tags", "type": "string", "multiValued": true },
            { "name": "hired", "type": "dateTime" },
            { "name": "secret", "type": "string", "returned": "never" },
        ],
    });
    Registry::standard().with_extension("User", Schema::from_json(&numbers).unwrap(), false).unwrap()
}

fn parse(text: &str) -> Result<Filter, ScimError> {
    Filter::parse(text, user().resource_type("User").unwrap())
}

fn ada() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "id": "2819c223",
        "externalId": "Ada-1",
        "userName": "Ada@Corp.Test",
        "name": { "givenName": "Ada", "familyName": "Straße" },
        "title": "",
        "active": true,
        "emails": [
            { "type": "work", "value": "ada@corp.test", "primary": true },
            { "type": "home", "value": "ada@home.test" },
            { "value": "untyped@corp.test" },
        ],
        "phoneNumbers": [],
        "addresses": [{ "type": "", "locality": null }],
        "x509Certificates": [{ "value": "AbCd" }],
        "meta": { "resourceType": "User", "created": "2026-03-01T12:00:00.1234567+02:00" },
        ENTERPRISE: { "department": "R&D", "manager": { "value": "m-1", "displayName": "Charles" } },
        "urn:example:params:scim:schemas:extension:numbers:2.0:User": {
            "badge": 12_345_678_901_234_567_890_u64, "quota": 1.50, "tags": ["Red", "blue"], "hired": "2020-01-01T00:00:00Z",
        },
    })
}

#[track_caller]
fn check(text: &str, expected: bool) {
    let filter = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let document = ada();
    assert_eq!(filter.matches(document.as_object().unwrap()), expected, "{text}\nread as {filter}");
    let again = parse(&filter.to_string()).unwrap();
    assert_eq!(again, filter, "{text}");
}

/// `expected` is the canonical text, or equal to `text` if it is that already.
#[track_caller]
fn check_tree(text: &str, expected: &str) {
    let filter = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(filter.to_string(), expected, "{text}");
    assert_eq!(parse(expected).unwrap(), filter, "{text}");
}

#[test]
fn not_binds_before_and_before_or() {
    check_tree("id pr or id pr and id pr", "id pr or id pr and id pr");
    let Filter::Or(terms) = parse("id pr or id pr and title pr").unwrap() else { panic!() };
    assert!(matches!(&terms[..], [Filter::Present(_), Filter::And(inner)] if inner.len() == 2));
    check_tree("(id pr or title pr) and id pr", "(id pr or title pr) and id pr");
    check_tree("((id pr and title pr)) and ((id pr))", "id pr and title pr and id pr");
    check_tree("NOT(id pr) AND id pr", "not (id pr) and id pr");
    check_tree("not (id pr or title pr) or title pr", "not (id pr or title pr) or title pr");
    check_tree("not (not (id pr))", "not (not (id pr))");
}

#[test]
fn names_are_printed_in_canonical_spelling() {
    check_tree("USERNAME EQ \"x\"", "userName eq \"x\"");
    check_tree("Name.GivenName sw \"x\"", "name.givenName sw \"x\"");
    check_tree("urn:ietf:params:scim:schemas:core:2.0:user:emails.VALUE pr", "emails.value pr");
    let manager = format!("{ENTERPRISE}:manager");
    check_tree(&format!("{manager}.displayName co \"x\""), &format!("{manager}.displayName co \"x\""));
    check_tree("manager eq \"x\"", &format!("{manager}.value eq \"x\""));
    check_tree("department eq \"x\"", &format!("{ENTERPRISE}:department eq \"x\""));
    check_tree(
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department pr",
        &format!("{ENTERPRISE}:department pr"),
    );
}

#[test]
fn a_condition_after_a_value_path_joins_its_filter() {
    check_tree("emails[type eq \"work\"].value eq \"x\"", "emails[type eq \"work\" and value eq \"x\"]");
    check_tree(
        "Emails[ Type eq \"work\" or primary eq true ].Value ne null",
        "emails[(type eq \"work\" or primary eq true) and value pr]",
    );
    check_tree("emails[not (type pr)]", "emails[not (type pr)]");
    check_tree("schemas[value sw \"urn\"]", "schemas[value sw \"urn\"]");
}

#[test]
fn null_equals_an_absent_value() {
    check_tree("title eq null", "not (title pr)");
    check_tree("emails ne NULL", "emails pr");
    check("title eq null", true);
    check("nickName eq null", true);
    check("userName eq null", false);
    check("userName ne null", true);
    check("emails eq null", false);
    check("phoneNumbers eq null", true);
}

#[test]
fn text_comparison_follows_case_exact() {
    check("userName eq \"ada@corp.test\"", true);
    check("userName ne \"ADA@CORP.TEST\"", false);
    check("externalId eq \"ada-1\"", false);
    check("externalId eq \"Ada-1\"", true);
    check("id eq \"2819C223\"", false);
    check("name.familyName eq \"STRASSE\"", true);
    check("name.familyName ew \"SSE\"", true);
    check("userName sw \"ADA\"", true);
    check("userName co \"CORP\"", true);
    check("userName ew \".test\"", true);
    check("userName gt \"ada@corp.tess\"", true);
    check("userName ge \"ada@corp.test\"", true);
    check("userName lt \"ada@corp.test\"", false);
    check("userName le \"b\"", true);
    check("x509Certificates.value eq \"abcd\"", false);
    check("x509Certificates.value eq \"AbCd\"", true);
    check("manager.value eq \"M-1\"", false);
}

#[test]
fn a_value_path_must_match_within_one_element() {
    check("emails.type eq \"home\" and emails.value eq \"ada@corp.test\"", true);
    check("emails[type eq \"home\" and value eq \"ada@corp.test\"]", false);
    check("emails[type eq \"home\"].value eq \"ada@corp.test\"", false);
    check("emails[type eq \"work\"].value eq \"ADA@corp.test\"", true);
    check("emails[type eq \"home\"].primary eq true", false);
    check("emails eq \"ada@home.test\"", true);
    check("emails co \"home\"", true);
    check("emails[not (type pr)].value eq \"untyped@corp.test\"", true);
    check("schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"", true);
    check("schemas[value ew \"Group\"]", false);
    check("name[givenName eq \"ada\" and familyName pr]", true);
    check("tags eq \"red\" and tags eq \"BLUE\"", true);
}

#[test]
fn ne_matches_a_differing_or_absent_value() {
    check("emails.type ne \"work\"", true);
    check("not (emails.type eq \"work\")", false);
    check("nickName ne \"x\"", true);
    check("phoneNumbers.value ne \"x\"", true);
    check("emails[type ne \"work\"].value eq \"untyped@corp.test\"", true);
    check("emails[type eq \"other\"].value ne \"x\"", false);
    check("active ne true", false);
}

#[test]
fn pr_needs_a_non_empty_value() {
    for (name, expected) in [
        ("userName", true),
        ("title", false),
        ("nickName", false),
        ("emails", true),
        ("phoneNumbers", false),
        ("addresses", false),
        ("name", true),
        ("name.middleName", false),
        ("manager", true),
        ("meta.created", true),
        ("active", true),
    ] {
        check(&format!("{name} pr"), expected);
    }
}

#[test]
fn times_are_compared_as_instants() {
    check("meta.created eq \"2026-03-01T10:00:00.1234567Z\"", true);
    check("meta.created gt \"2026-03-01T11:00:00Z\"", false);
    check("meta.created lt \"2026-03-01T10:00:00.1234568Z\"", true);
    check("meta.created ge \"2026-03-01T05:00:00-05:00\"", true);
    check("meta.created sw \"2026-03-01T12\"", true);
    check("meta.created ew \"Z\"", false);
    check("hired sw \"2020-01\"", true);
    check("hired ne \"2020-01-01T01:00:00+01:00\"", false);
}

#[test]
fn numbers_are_compared_by_value() {
    check("badge eq 12345678901234567890", true);
    check("badge eq 12345678901234567890.0", true);
    check("badge eq 12345678901234567891", false);
    check("badge gt 12345678901234567889", true);
    check("quota eq 1.5", true);
    check("quota lt 15e-1", false);
    check("quota le 15e-1", true);
    check("quota gt -1e999", true);
    check("quota eq \"1.5\"", true);
}

#[test]
fn forms_sent_by_entra_id_are_accepted() {
    check("externalId eq Ada-1", true);
    check("(externalId eq Ada-1)", true);
    check_tree("employeeNumber eq 42", &format!("{ENTERPRISE}:employeeNumber eq \"42\""));
    check("active eq \"True\"", true);
    check("active eq TRUE", true);
    check("id eq \"2819c223\" and manager eq \"m-1\"", true);
    let group = json!({ "id": "g", "members": [{ "value": "u" }] });
    let registry = Registry::standard();
    let filter = Filter::parse("id eq \"g\" and members eq \"u\"", registry.resource_type("Group").unwrap()).unwrap();
    assert!(filter.matches(group.as_object().unwrap()));
    assert_eq!(filter.conjuncts().len(), 2);
}

const BADGE: &str = "urn:example:params:scim:schemas:extension:numbers:2.0:User:badge";

#[test]
fn each_leniency_is_reported_or_refused() {
    let registry = user();
    let types: [&ResourceType; 1] = [registry.resource_type("User").unwrap()];
    let malformed = format!("{} pr", BADGE.replace(":User", "User"));
    for (text, leniency, attribute) in [
        ("externalId eq abc", Leniency::UnquotedFilterValue, "externalId"),
        ("emails[primary eq \"True\"]", Leniency::StringBoolean, "emails.primary"),
        (&format!("{BADGE} eq \"7\""), Leniency::StringNumber, BADGE),
        ("badge eq 7", Leniency::ExtensionUnprefixed, BADGE),
        (&malformed, Leniency::MalformedUrn, BADGE),
    ] {
        let mut warnings = Warnings::default();
        Filter::parse_with(text, &types, &Leniencies::all(), &mut warnings).unwrap();
        let found: Vec<_> = warnings.iter().map(|w| (w.leniency, w.attribute.as_str())).collect();
        assert_eq!(found, [(leniency, attribute)], "{text}");
        let error = Filter::parse_with(text, &types, &Leniencies::strict(), &mut Warnings::default()).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidFilter), "{text}");
    }
}

#[test]
fn an_attribute_of_one_type_is_absent_in_the_others() {
    let registry = Registry::standard();
    let types: [&ResourceType; 2] = [registry.resource_type("User").unwrap(), registry.resource_type("Group").unwrap()];
    let auto = Leniencies::all();
    let mut warnings = Warnings::default();
    let filter = Filter::parse_with("userName pr or members pr", &types, &auto, &mut warnings).unwrap();
    let group = json!({ "members": [{ "value": "u" }] });
    assert!(filter.matches(group.as_object().unwrap()));
    assert!(filter.matches(ada().as_object().unwrap()));
    assert!(Filter::parse_with("nonsense pr", &types, &auto, &mut warnings).is_err());
}

#[test]
fn attributes_that_differ_between_types_are_refused() {
    let device = |name: &str, kind: &str, exact: bool| {
        let attributes = json!([{ "name": name, "type": kind, "caseExact": exact }]);
        let schema = Schema::from_json(&json!({ "id": "urn:acme:device", "attributes": attributes })).unwrap();
        ResourceType { name: "Device".into(), schema: Arc::new(schema), extensions: Vec::new(), ..type_named_by(name) }
    };
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    for (name, kind, exact, is_read) in [
        ("title", "string", false, true),
        ("title", "boolean", false, false),
        ("title", "string", true, false),
        ("colour", "string", true, true),
    ] {
        let device = device(name, kind, exact);
        for text in [format!("{name} pr"), format!("userName pr and not ({name} eq null)")] {
            let found = Filter::parse_with(&text, &[user, &device], &Leniencies::all(), &mut Warnings::default());
            assert_eq!(found.is_ok(), is_read, "{text}, {kind}: {found:?}");
        }
    }
}

fn type_named_by(name: &str) -> ResourceType {
    let group = Registry::standard().resource_type("Group").unwrap().as_ref().clone();
    ResourceType { endpoint: "/Devices".into(), name_attribute: name.into(), detached: None, ..group }
}

#[test]
fn filters_up_to_the_length_limit_are_accepted() {
    let of_bytes = |bytes: usize| format!("id eq \"{}\"", "x".repeat(bytes - "id eq \"\"".len()));
    assert!(parse(&of_bytes(MAX_BYTES)).is_ok());
    let error = parse(&of_bytes(MAX_BYTES + 1)).unwrap_err();
    assert_eq!(error.detail, "The filter has 4001 bytes; at most 4000 are read. Ask for less at once.");
}

#[test]
fn filters_up_to_the_depth_limit_are_accepted() {
    let nested = |depth: usize, open: &str| format!("{}id pr{}", open.repeat(depth), ")".repeat(depth));
    for open in ["(", "not ("] {
        assert!(parse(&nested(MAX_DEPTH, open)).is_ok(), "{open}");
        let error = parse(&nested(MAX_DEPTH + 1, open)).unwrap_err();
        assert!(error.detail.ends_with("parentheses are nested deeper than 32."), "{error}");
    }
    assert!(parse(&"(".repeat(MAX_BYTES)).is_err());
    assert!(parse(&"not(".repeat(MAX_BYTES / 4)).is_err());
}

#[test]
fn filters_up_to_the_term_limit_are_accepted() {
    let terms = |count: usize| vec!["id pr"; count].join(" or ");
    assert!(parse(&terms(MAX_TERMS)).is_ok());
    assert!(parse(&terms(MAX_TERMS).replace("id pr", "not (id pr)")).is_ok(), "not is not a condition");
    let error = parse(&terms(MAX_TERMS + 1)).unwrap_err();
    assert!(error.detail.ends_with("there are more than 200 conditions; ask for less at once."), "{error}");
}
