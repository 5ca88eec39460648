use serde_json::json;

use super::*;

const TYPES: [&str; 3] = ["User", "Group", "Device"];

#[expect(clippy::needless_pass_by_value, reason = "written at the place of the call")]
fn check(attribute: Value, refusal: &str) {
    let definition = json!({ "id": "urn:acme:x", "attributes": [attribute] });
    let checked = check_schema(&definition, Place::Base, &TYPES).map_err(|error| error.detail);
    match (checked, refusal) {
        (Ok(()), "") => {}
        (Err(detail), refusal) if !refusal.is_empty() => assert!(detail.contains(refusal), "{definition}: {detail}"),
        (checked, _) => panic!("{definition}: {checked:?}"),
    }
}

#[test]
fn an_attribute_is_what_the_rfc_and_its_errata_say() {
    check(json!({ "name": "a" }), "");
    check(json!({ "name": "a", "multivalued": true }), "urn:acme:x:a has multivalued, which is none of name, type");
    check(json!({ "name": "a", "type": 7 }), "urn:acme:x:a: type must be a text");
    check(json!({ "name": "a", "type": "text" }), "a: type is \"text\"; it must be one of string");
    check(json!({ "name": "1a" }), "\"1a\" is no attribute name");
    check(json!({ "name": "$a" }), "only a sub-attribute may begin with $");
    check(json!({ "name": "a".repeat(65) }), "at most 64 bytes");
    check(json!({ "name": "a", "type": "complex" }), "a complex attribute has subAttributes");
    let subs = json!([{ "name": "b" }]);
    check(json!({ "name": "a", "type": "complex", "subAttributes": subs }), "");
    check(json!({ "name": "a", "type": "complex", "subAttributes": subs, "uniqueness": "server" }), "erratum 6004");
    let nested = json!([{ "name": "b", "type": "complex", "subAttributes": subs }]);
    check(json!({ "name": "a", "type": "complex", "subAttributes": nested }), "a.b: a sub-attribute cannot be complex");
    let unique = json!([{ "name": "b", "uniqueness": "server" }]);
    check(
        json!({ "name": "a", "type": "complex", "subAttributes": unique }),
        "urn:acme:x:a.b: uniqueness is kept of whole",
    );
    let strange = json!([{ "name": "b", "required ": true }]);
    check(json!({ "name": "a", "type": "complex", "subAttributes": strange }), "urn:acme:x:a.b has required ");
    check(json!({ "name": "a", "type": "boolean", "uniqueness": "server" }), "cannot be unique");
    check(json!({ "name": "a", "uniqueness": "global" }), "");
    check(json!({ "name": "a", "uniqueness": "server", "returned": "never" }), "is not kept");
    check(json!({ "name": "a", "mutability": "writeOnly" }), "writeOnly is returned never");
    check(json!({ "name": "a", "mutability": "writeOnly", "returned": "never" }), "");
    check(json!({ "name": "a", "canonicalValues": ["x", "y"] }), "");
    check(json!({ "name": "a", "canonicalValues": ["x", 7] }), "canonicalValues must be an array of texts");
    check(json!({ "name": "a", "canonicalValues": ["x", "x"] }), "canonicalValues has x twice");
    check(json!({ "name": "a", "type": "integer", "canonicalValues": ["x"] }), "are for strings and references");
}

#[test]
fn a_reference_names_what_there_is() {
    check(json!({ "name": "a", "type": "reference", "referenceTypes": ["Device", "external"] }), "");
    check(json!({ "name": "a", "type": "reference" }), "a reference names its referenceTypes");
    check(json!({ "name": "a", "type": "reference", "referenceTypes": ["device"] }), "referenceTypes names device");
    check(json!({ "name": "a", "referenceTypes": ["Device"] }), "are for attributes of type reference");
}

#[test]
fn what_the_gateway_looks_at_itself_is_what_it_expects() {
    for name in ["id", "externalID", "meta", "schemas"] {
        check(json!({ "name": name }), "every resource has");
    }
    check(json!({ "name": "active" }), "active is a single boolean");
    check(json!({ "name": "active", "type": "boolean" }), "");
    check(json!({ "name": "groups", "multiValued": true }), "groups follows from memberships");
    let extension = json!({ "id": "urn:acme:x", "attributes": [{ "name": "id" }, { "name": "active" }] });
    assert_eq!(check_schema(&extension, Place::Extension, &TYPES), Ok(()));
}

#[test]
fn a_resource_type_has_a_name_an_endpoint_and_what_names_it() {
    let device = |key: &str, value: Value| {
        let attributes = json!([
            { "name": "displayName" }, { "name": "serial", "caseExact": true }, { "name": "tags", "multiValued": true },
        ]);
        let mut definition = json!({
            "name": "Device", "endpoint": "/Devices", "schema": { "id": "urn:acme:Device", "attributes": attributes },
        });
        definition[key] = value;
        check_type(&definition, &TYPES).map_err(|error| error.detail)
    };
    assert_eq!(device("endpoint", "Devices".into()), Ok(()));
    for (key, value, refusal) in [
        ("name", "", "cannot be the name of a resource type"),
        ("name", "De vice", "cannot be the name of a resource type"),
        ("name", "schema", "the protocol's own"),
        ("endpoint", "/Devices/all", "cannot be an endpoint"),
        ("endpoint", "/.search", "cannot be an endpoint"),
        ("endpoint", "/me", "has a meaning of its own"),
        ("endpoint", "/Bulk", "has a meaning of its own"),
        ("nameAttribute", "title", "nameAttribute is title, which urn:acme:Device does not define"),
        ("nameAttribute", "serial", "compared without its case"),
        ("nameAttribute", "tags", "must be a single string"),
        ("schema", "urn:acme:Device", "A schema must be a JSON object"),
        ("plural", "Devices", "has plural, which is none of name, endpoint"),
    ] {
        let detail = device(key, value.into()).unwrap_err();
        assert!(detail.contains(refusal), "{key} {value}: {detail}");
    }
}
