//! Valid documents, and the errors for invalid ones.

use serde_json::json;

use super::*;
use crate::schema::packs::ENTERPRISE_USER;
use crate::schema::registry::Registry;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const BADGE: &str = "urn:acme:badge";

fn registry() -> Registry {
    let badge = json!({ "id": BADGE, "name": "Badge", "attributes": [
        { "name": "number", "type": "integer", "required": true },
        { "name": "since", "type": "dateTime" },
        { "name": "weight", "type": "decimal" },
        { "name": "secret", "required": true, "returned": "never" },
        { "name": "printed", "required": true, "mutability": "readOnly" },
        { "name": "doors", "type": "complex", "multiValued": true, "subAttributes": [
            { "name": "value", "required": true }, { "name": "floor", "type": "integer" }
        ] }
    ] });
    Registry::standard().with_extension("User", Schema::from_json(&badge).unwrap(), false).unwrap()
}

fn check(document: &Value, expected: Result<(), &str>) {
    let registry = registry();
    let found = validate(document.as_object().unwrap(), registry.resource_type("User").unwrap());
    assert_eq!(
        found.as_ref().map_err(|error| error.detail.as_str()),
        expected.as_ref().map_err(|text| *text),
        "{document}"
    );
    assert!(found.is_ok() || found.is_err_and(|error| error.status == 400));
}

/// A user with these attributes besides the required ones.
fn user(attributes: &Value) -> Value {
    let mut document = json!({ "schemas": [USER], "userName": "ada" });
    document.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    document
}

fn badge(attributes: &Value) -> Value {
    let mut badge = json!({ "number": 7 });
    badge.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    user(&json!({ "schemas": [USER, BADGE], BADGE: badge }))
}

#[test]
fn complete_documents_are_valid() {
    check(&user(&json!({})), Ok(()));
    check(
        &user(&json!({
            "schemas": [USER, ENTERPRISE_USER], "id": "1", "externalId": "x", "active": false,
            "meta": { "created": "2026-01-01T00:00:00Z", "version": "W/\"1\"" },
            "emails": [{ "value": "a", "type": "untyped", "primary": true }, { "value": "b", "primary": false }],
            "groups": [{ "value": "g", "$ref": "https://a.test/Groups/g", "type": "direct" }],
            ENTERPRISE_USER: { "manager": { "value": "6f1c", "$ref": "../Users/6f1c", "displayName": "Grace" } }
        })),
        Ok(()),
    );
    check(
        &badge(&json!({ "since": "2026-01-01T00:00:00.1234567+01:00", "weight": 1, "doors": [{ "value": "a" }] })),
        Ok(()),
    );
}

#[test]
fn errors_name_missing_attributes() {
    check(&json!({ "schemas": [USER] }), Err("userName is required."));
    check(&json!({ "schemas": [USER], "userName": "" }), Err("userName is required."));
    check(&json!({ "userName": "ada" }), Err("schemas must name urn:ietf:params:scim:schemas:core:2.0:User."));
    check(&user(&json!({ "schemas": [USER, BADGE], BADGE: {} })), Err("urn:acme:badge:number is required."));
    check(
        &badge(&json!({ "doors": [{ "value": "a" }, { "floor": 1 }] })),
        Err("urn:acme:badge:doors.value is required."),
    );
    let required = registry().with_extension("Group", registry().schemas()[3].as_ref().clone(), true).unwrap();
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Crew" });
    let error = validate(group.as_object().unwrap(), required.resource_type("Group").unwrap()).unwrap_err();
    assert_eq!(error.detail, "urn:acme:badge is a required extension; give its attributes.");
}

#[test]
fn errors_name_unknown_attributes() {
    for (attributes, detail) in [
        (json!({ "shoeSize": 1 }), "shoeSize is not an attribute of User."),
        (json!({ "nickname": "a" }), "nickname is not an attribute of User."),
        (json!({ "name": { "pet": "a" } }), "name.pet is not an attribute of name."),
        (json!({ "urn:acme:none": {} }), "urn:acme:none is not an attribute of User."),
        (json!({ "schemas": [USER, "urn:acme:none"] }), "schemas names \"urn:acme:none\", which User does not have."),
        (json!({ "schemas": [USER, 7] }), "schemas names 7, which User does not have."),
        (json!({ BADGE: { "number": 7 } }), "schemas must name urn:acme:badge."),
    ] {
        check(&user(&attributes), Err(detail));
    }
    check(&badge(&json!({ "colour": "blue" })), Err("urn:acme:badge:colour is not an attribute of Badge."));
}

#[test]
fn errors_name_values_of_the_wrong_type() {
    for (attributes, detail) in [
        (json!({ "active": "True" }), "active must be true or false."),
        (json!({ "title": 7 }), "title must be a text."),
        (json!({ "title": null }), "title must be a text."),
        (json!({ "title": "a\u{0}" }), "title must not hold the character U+0000."),
        (json!({ "name": "Ada" }), "name must be an object."),
        (json!({ "emails": { "value": "a" } }), "emails must be an array."),
        (json!({ "emails": ["a"] }), "emails must be an object."),
        (json!({ "emails": [{ "primary": "true" }] }), "emails.primary must be true or false."),
        (
            json!({ "emails": [{ "primary": true }, { "primary": true }] }),
            "emails must have at most one primary value.",
        ),
        (json!({ "profileUrl": "not set" }), "profileUrl must be a URI."),
        (json!({ "x509Certificates": [{ "value": "?" }] }), "x509Certificates.value must be base64."),
    ] {
        check(&user(&attributes), Err(detail));
    }
    for (attributes, detail) in [
        (json!({ "number": 1.5 }), "urn:acme:badge:number must be a whole number."),
        (json!({ "number": "7" }), "urn:acme:badge:number must be a whole number."),
        (json!({ "weight": "heavy" }), "urn:acme:badge:weight must be a number."),
        (json!({ "since": "yesterday" }), "urn:acme:badge:since must be a date and time such as 2026-05-01T09:30:00Z."),
        (json!({ "doors": [{ "value": "a", "floor": true }] }), "urn:acme:badge:doors.floor must be a whole number."),
    ] {
        check(&badge(&attributes), Err(detail));
    }
}

#[test]
fn date_times_may_have_any_offset_and_fraction() {
    for good in [
        "2026-05-01T09:30:00Z",
        "2026-05-01T09:30:00.1234567Z",
        "2026-05-01T09:30:00.123456789012+05:30",
        "2026-05-01T09:30:00-11:00",
        "2026-05-01T09:30:00",
        "2026-05-01t09:30:00z",
        "0001-01-01T00:00:00Z",
    ] {
        assert!(instant::parse(good).is_some(), "{good}");
    }
    for bad in [
        "",
        "2026-05-01",
        "2026-13-01T00:00:00Z",
        "2026-05-01T25:00:00Z",
        "1714555800",
        "2026-05-01T09:30:00[UTC]",
        "ä",
    ] {
        assert!(instant::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn base64_may_lack_padding_and_have_line_breaks() {
    for good in ["", "YQ==", "YQ", "YWI=", "YWJj", "+/+/", "-_-_", "YWJj\r\nYWJj\n"] {
        assert_eq!(check_text(Type::Binary, good), None, "{good}");
    }
    for bad in ["Y", "YQ=", "Y===", "YQ==YQ==", "YÄ==", "?"] {
        assert!(check_text(Type::Binary, bad).is_some(), "{bad}");
    }
}

#[test]
fn references_may_be_nearly_valid_uris() {
    for good in [
        "https://ada.test/a?b#c",
        "../Users/1",
        "urn:a:b",
        "mailto:a@b",
        "data:image/png;base64,YQ==",
        "HTTP://Ä.test/%7e",
    ] {
        assert!(is_reference(good), "{good}");
    }
    for bad in ["not set", "a\nb", "<a>", "\"a\""] {
        assert!(!is_reference(bad), "{bad}");
    }
}
