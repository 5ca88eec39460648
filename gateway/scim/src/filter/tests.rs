use serde_json::{Value, json};

use super::*;
use crate::error::ScimType;
use crate::leniency::Leniency;
use crate::schema::Schema;
use crate::schema::registry::Registry;

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

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidFilter)), "{text}");
    assert_eq!(error.detail, format!("Filter, character {expected}."), "{text}");
}

#[test]
fn precedence_is_not_then_and_then_or() {
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
fn names_take_their_canonical_spelling() {
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
fn a_value_path_and_the_condition_behind_it_are_one() {
    check_tree("emails[type eq \"work\"].value eq \"x\"", "emails[type eq \"work\" and value eq \"x\"]");
    check_tree(
        "Emails[ Type eq \"work\" or primary eq true ].Value ne null",
        "emails[(type eq \"work\" or primary eq true) and value pr]",
    );
    check_tree("emails[not (type pr)]", "emails[not (type pr)]");
    check_tree("schemas[value sw \"urn\"]", "schemas[value sw \"urn\"]");
}

#[test]
fn null_is_absence() {
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
fn text_is_compared_by_its_case_exactness() {
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
fn any_element_may_match_but_one_element_must_match_a_value_path() {
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
fn ne_means_that_some_value_differs_or_there_is_none() {
    check("emails.type ne \"work\"", true);
    check("not (emails.type eq \"work\")", false);
    check("nickName ne \"x\"", true);
    check("phoneNumbers.value ne \"x\"", true);
    check("emails[type ne \"work\"].value eq \"untyped@corp.test\"", true);
    check("emails[type eq \"other\"].value ne \"x\"", false);
    check("active ne true", false);
}

#[test]
fn present_is_more_than_being_there() {
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
fn the_forms_entra_id_sends_are_read() {
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
fn a_query_of_several_types_takes_absent_attributes_for_absent() {
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
fn a_query_of_several_types_is_refused_what_means_one_thing_here_and_another_there() {
    let device = |name: &str, kind: &str, exact: bool| {
        let attributes = json!([{ "name": name, "type": kind, "caseExact": exact }]);
        let schema = Schema::from_json(&json!({ "id": "urn:acme:device", "attributes": attributes })).unwrap();
        ResourceType { name: "Device".into(), schema: Arc::new(schema), extensions: Vec::new(), ..named_by(name) }
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

fn named_by(name: &str) -> ResourceType {
    let group = Registry::standard().resource_type("Group").unwrap().as_ref().clone();
    ResourceType { endpoint: "/Devices".into(), named_by: name.into(), detached: None, ..group }
}

#[test]
fn refusals_say_where_and_what() {
    let operators = "use eq, ne, co, sw, ew, gt, ge, lt, le or pr";
    check_error("", "1: the name of an attribute is expected");
    check_error("nonsense eq \"x\"", "1: there is no attribute nonsense");
    check_error("id eq \"x\" and colour pr", "15: there is no attribute colour");
    check_error("emails[colour eq \"x\"]", "8: emails has no sub-attribute colour");
    check_error("emails[type pr].colour pr", "16: emails has no sub-attribute colour");
    check_error("id", "3: an operator is expected after id");
    check_error("id like \"x\"", &format!("4: like is no operator; {operators}"));
    check_error("id eq", "6: a value is expected after eq");
    check_error("id eq (", "7: a value is expected after eq");
    check_error("id eq \"é\" \"y\"", "11: the text goes on where it should end, or with and or or");
    check_error("id eq \"x", "7: a string has no closing quote");
    check_error("id eq 'x'", "7: id must be compared with a value in double quotes (\")");
    check_error("id eq “x”", "7: id must be compared with a value in double quotes (\")");
    check_error("userName eq and active eq true", "13: userName must be compared with a value in double quotes (\")");
    check_error("not id pr", "5: not must be followed by a condition in parentheses");
    check_error("(id pr", "7: and, or or a closing parenthesis is expected");
    check_error("emails[type pr", "15: and, or or a closing bracket is expected");
    check_error("id pr)", "6: the text goes on where it should end, or with and or or");
    check_error("emails[type pr] pr", "17: the text goes on where it should end, or with and or or");
    check_error("userName[value pr]", "1: userName has no elements that brackets could select");
    check_error("emails[value[type pr]]", "8: brackets within brackets are not possible");
    check_error("active gt true", "11: active is a boolean, which gt cannot compare; use eq or ne");
    check_error("active co \"true\"", "11: active is a boolean, which co cannot compare; use eq or ne");
    check_error("active eq \"yes\"", "11: active must be compared with true or false");
    check_error("x509Certificates.value gt \"a\"", "27: value is binary, which gt cannot compare; use eq or ne");
    check_error("title gt null", "10: null cannot be compared by gt; use eq, ne or pr");
    check_error("name eq \"x\"", "9: name must be compared with one of its sub-attributes");
    check_error(
        "meta.created gt \"yesterday\"",
        "17: created must be compared with a date and a time such as \"2026-01-31T09:30:00Z\"",
    );
    check_error("password eq \"x\"", "1: password is never returned and cannot be filtered by");
    check_error("password pr", "1: password is never returned and cannot be filtered by");
    assert!(parse("secret pr").is_err());
    assert!(parse("badge co 1").is_err());
    assert!(parse("badge eq \"x\"").is_err());
    assert!(parse("badge eq 007").is_err());
    assert!(parse("badge eq true").is_err());
}

#[test]
fn the_length_limit_is_met_from_both_sides() {
    let of_bytes = |bytes: usize| format!("id eq \"{}\"", "x".repeat(bytes - "id eq \"\"".len()));
    assert!(parse(&of_bytes(MAX_BYTES)).is_ok());
    let error = parse(&of_bytes(MAX_BYTES + 1)).unwrap_err();
    assert_eq!(error.detail, "The filter has 4001 bytes; at most 4000 are read. Ask for less at once.");
}

#[test]
fn the_depth_limit_is_met_from_both_sides() {
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
fn the_limit_of_terms_is_met_from_both_sides() {
    let terms = |count: usize| vec!["id pr"; count].join(" or ");
    assert!(parse(&terms(MAX_TERMS)).is_ok());
    assert!(parse(&terms(MAX_TERMS).replace("id pr", "not (id pr)")).is_ok(), "not is no condition");
    let error = parse(&terms(MAX_TERMS + 1)).unwrap_err();
    assert!(error.detail.ends_with("there are more than 200 conditions; ask for less at once."), "{error}");
}
