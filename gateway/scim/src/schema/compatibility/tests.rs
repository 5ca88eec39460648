use serde_json::json;

use super::*;
use crate::schema::Schema;
use crate::schema::registry::Registry;

const URN: &str = "urn:acme:badge";

#[expect(clippy::needless_pass_by_value, reason = "json! literals read better without a reference")]
fn with(required: bool, attributes: Value) -> ResourceType {
    let schema = Schema::from_json(&json!({ "id": URN, "attributes": attributes })).unwrap();
    let registry = Registry::standard().with_extension("User", schema, required).unwrap();
    ResourceType::clone(registry.resource_type("User").unwrap())
}

#[expect(clippy::needless_pass_by_value, reason = "json! literals read better without a reference")]
fn number(characteristics: Value) -> Value {
    let mut attribute = json!({ "name": "number", "type": "string" });
    for (key, value) in characteristics.as_object().unwrap() {
        attribute[key] = value.clone();
    }
    json!([attribute])
}

/// Checks the compatibility of the change, and its conflict with a user whose number is seven.
#[expect(clippy::needless_pass_by_value, reason = "json! literals read better without a reference")]
fn check(before: Value, after: Value, compatible: bool, expected: Option<&str>) {
    let (old, new) = (with(false, before), with(false, after.clone()));
    assert_eq!(is_compatible(&old, &new), compatible, "{after}");
    let document = json!({
        "schemas": [old.schema.id, URN], "userName": "ada", URN: { "number": "7" },
    });
    let found = conflict(document.as_object().unwrap(), &old, Some(&new));
    assert_eq!(found.as_deref(), expected, "{after}");
    if compatible {
        assert_eq!(found, None, "a compatible change has no conflicts");
    }
}

#[test]
fn compatible_changes_have_no_conflicts() {
    let plain = || number(json!({}));
    check(plain(), plain(), true, None);
    check(plain(), json!([{ "name": "number" }, { "name": "colour" }]), true, None);
    check(plain(), number(json!({ "description": "Of the badge." })), true, None);
    check(number(json!({ "canonicalValues": ["7"] })), plain(), true, None);
    check(number(json!({ "canonicalValues": ["7"] })), number(json!({ "canonicalValues": ["8", "7"] })), true, None);
    check(number(json!({ "required": true })), plain(), true, None);
}

#[test]
fn incompatible_changes_conflict_with_stored_values() {
    let plain = || number(json!({}));
    check(plain(), json!([{ "name": "colour" }]), false, Some("urn:acme:badge:number is not an attribute of ."));
    check(plain(), json!([{ "name": "Number" }]), false, Some("urn:acme:badge:number is not an attribute of ."));
    check(plain(), number(json!({ "type": "integer" })), false, Some("urn:acme:badge:number must be a whole number."));
    check(plain(), number(json!({ "type": "binary" })), false, Some("urn:acme:badge:number must be base64."));
    check(plain(), number(json!({ "type": "reference" })), false, None);
    check(plain(), number(json!({ "multiValued": true })), false, Some("urn:acme:badge:number must be an array."));
    check(plain(), number(json!({ "required": true })), false, None);
    let missing = Some("urn:acme:badge:colour is required.");
    check(plain(), json!([{ "name": "number" }, { "name": "colour", "required": true }]), false, missing);
    check(plain(), number(json!({ "uniqueness": "server" })), false, None);
    let never = Some("urn:acme:badge:number has a value, and what is never returned is not kept.");
    check(plain(), number(json!({ "returned": "never" })), false, never);
    let other = Some("urn:acme:badge:number has a value that is none of its canonicalValues.");
    check(plain(), number(json!({ "canonicalValues": ["8"] })), false, other);
    check(plain(), number(json!({ "canonicalValues": ["7"] })), false, None);
    let unique = || number(json!({ "uniqueness": "server" }));
    let folded = Some(
        "urn:acme:badge:number has a value that is unique by another caseExact; change uniqueness to none first, and back \
         after.",
    );
    check(unique(), number(json!({ "uniqueness": "server", "caseExact": true })), false, folded);
}

#[test]
fn an_extension_or_type_without_data_can_be_removed() {
    let old = with(false, number(json!({})));
    let without = Registry::standard();
    let without = without.resource_type("User").unwrap();
    let required = with(true, number(json!({})));
    assert!(!is_compatible(&old, without) && is_compatible(without, &old));
    assert!(!is_compatible(without, &required) && !is_compatible(&old, &required));
    let user = json!({ "schemas": [old.schema.id], "userName": "ada" });
    let user = user.as_object().unwrap();
    assert_eq!(conflict(user, &old, Some(without)), None);
    let missing = conflict(user, &old, Some(&required));
    assert_eq!(missing.as_deref(), Some("urn:acme:badge is a required extension; give its attributes."));
    assert_eq!(conflict(user, &old, None).as_deref(), Some("It is a User."));
    let badged = json!({ "schemas": [old.schema.id, URN], "userName": "ada", URN: { "number": "7" } });
    assert!(conflict(badged.as_object().unwrap(), &old, Some(without)).is_some());
}
