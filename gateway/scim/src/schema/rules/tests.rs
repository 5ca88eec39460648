use serde_json::json;

use super::*;

const TYPES: [&str; 3] = ["User", "Group", "Device"];

#[expect(clippy::needless_pass_by_value, reason = "json! literals read better without a reference")]
fn check(attribute: Value, refusal: &str) {
    let definition = json!({ "id": "urn:acme:x", "attributes": [attribute] });
    let checked = check_schema(&definition, SchemaRole::Base, &TYPES).map_err(|error| error.detail);
    match (checked, refusal) {
        (Ok(()), "") => {}
        (Err(detail), refusal) if !refusal.is_empty() => assert!(detail.contains(refusal), "{definition}: {detail}"),
        (checked, _) => panic!("{definition}: {checked:?}"),
    }
}

#[test]
fn attribute_definitions_follow_the_rfc_and_its_errata() {
    check(json!({ "name": "a" }), "");
    check(json!({ "name": "a", "multivalued": true }), "urn:acme:x:a has multivalued, which is none of name, type");
    check(json!({ "name": "a", "type": 7 }), "urn:acme:x:a: type must be a text");
    check(json!({ "name": "a", "type": "text" }), "a: type is \"text\"; it must be one of string");
    check(json!({ "name": "1a" }), "\"1a\" is not an attribute name");
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
    let misspelled = json!([{ "name": "b", "required ": true }]);
    check(json!({ "name": "a", "type": "complex", "subAttributes": misspelled }), "urn:acme:x:a.b has required ");
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
fn reference_types_name_existing_resource_types() {
    check(json!({ "name": "a", "type": "reference", "referenceTypes": ["Device", "external"] }), "");
    check(json!({ "name": "a", "type": "reference" }), "a reference names its referenceTypes");
    check(json!({ "name": "a", "type": "reference", "referenceTypes": ["device"] }), "referenceTypes names device");
    check(json!({ "name": "a", "referenceTypes": ["Device"] }), "are for attributes of type reference");
}

#[test]
fn attributes_that_the_gateway_interprets_have_fixed_definitions() {
    for name in ["id", "externalID", "meta", "schemas"] {
        check(json!({ "name": name }), "every resource has");
    }
    check(json!({ "name": "active" }), "active is a single boolean");
    check(json!({ "name": "active", "type": "boolean" }), "");
    check(json!({ "name": "groups", "multiValued": true }), "groups follows from memberships");
    let extension = json!({ "id": "urn:acme:x", "attributes": [{ "name": "id" }, { "name": "active" }] });
    assert_eq!(check_schema(&extension, SchemaRole::Extension, &TYPES), Ok(()));
}

#[test]
fn resource_types_need_a_valid_name_endpoint_and_name_attribute() {
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
    let errors = [
        ("name", ""),
        ("name", "De vice"),
        ("name", "schema"),
        ("endpoint", "/Devices/all"),
        ("endpoint", "/.search"),
        ("endpoint", "/me"),
        ("endpoint", "/Bulk"),
        ("nameAttribute", "title"),
        ("nameAttribute", "serial"),
        ("nameAttribute", "tags"),
        ("schema", "urn:acme:Device"),
        ("plural", "Devices"),
    ]
    .map(|(key, value)| format!("{key} = \"{value}\" → {}", device(key, value.into()).unwrap_err()));
    insta::assert_snapshot!(errors.join("\n"), @r#"
    name = "" → "" cannot be the name of a resource type: it starts with a letter and goes on with letters, digits, - or _, 64 at most.
    name = "De vice" → "De vice" cannot be the name of a resource type: it starts with a letter and goes on with letters, digits, - or _, 64 at most.
    name = "schema" → schema is the protocol's own resource type; choose another name.
    endpoint = "/Devices/all" → "Devices/all" cannot be an endpoint: it starts with a letter and goes on with letters, digits, - or _, 64 at most.
    endpoint = "/.search" → ".search" cannot be an endpoint: it starts with a letter and goes on with letters, digits, - or _, 64 at most.
    endpoint = "/me" → /me has a meaning of its own; choose another endpoint.
    endpoint = "/Bulk" → /Bulk has a meaning of its own; choose another endpoint.
    nameAttribute = "title" → Device: nameAttribute is title, which urn:acme:Device does not define; name the attribute that people know a resource by.
    nameAttribute = "serial" → Device: nameAttribute is serial, which must be a single string that is compared without its case and is returned.
    nameAttribute = "tags" → Device: nameAttribute is tags, which must be a single string that is compared without its case and is returned.
    schema = "urn:acme:Device" → A schema must be a JSON object.
    plural = "Devices" → The resource type Device has plural, which is none of name, endpoint, description, nameAttribute, schema.
    "#);
}
