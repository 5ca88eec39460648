use serde_json::json;

use super::*;
use crate::normalise::normalise;
use crate::schema::Schema;
use crate::schema::registry::Registry;

const BADGE: &str = "urn:acme:badge";

/// A user whose badge has a number, an issue date, tags and, if so wanted, something required.
fn user(required: bool) -> ResourceType {
    let definition = json!({ "id": BADGE, "name": "Badge", "attributes": [
        { "name": "number", "type": "integer" },
        { "name": "issued", "type": "dateTime" },
        { "name": "tags", "type": "string", "multiValued": true },
        { "name": "desk", "type": "complex", "subAttributes": [{ "name": "floor", "type": "integer" }] },
        { "name": "printed", "type": "boolean", "mutability": "readOnly" },
        { "name": "pin", "type": "string", "mutability": "writeOnly", "returned": "never" },
        { "name": "colour", "type": "string", "required": required },
    ] });
    let registry = Registry::standard().with_extension("User", Schema::from_json(&definition).unwrap(), false).unwrap();
    ResourceType::clone(registry.resource_type("User").unwrap())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// What a body without the schema leaves, once the schema is there.
fn take(body: Value, rt: &ResourceType) -> TakenIn {
    let registry = Registry::standard();
    let before = registry.resource_type("User").unwrap();
    let normalised = normalise(body, before, &Leniencies::all()).unwrap();
    take_in(normalised.document, normalised.set_aside, rt, &Leniencies::all(), &|_| Ok(()))
}

#[expect(clippy::needless_pass_by_value, reason = "written at the place of the call")]
fn check(aside: Value, badge: Value, left: Value) {
    let document = object(json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada" }));
    let taken = take_in(document, object(aside.clone()), &user(false), &Leniencies::all(), &|_| Ok(()));
    assert_eq!(taken.document.get(BADGE).cloned().unwrap_or_default(), badge, "{aside}");
    assert_eq!(Value::Object(taken.set_aside), left, "{aside}");
    assert_eq!(taken.changed, !badge.is_null(), "{aside}");
}

#[test]
fn every_form_that_a_client_writes_comes_in() {
    check(json!({ BADGE: { "Number": "7" } }), json!({ "number": 7 }), json!({}));
    check(json!({ "urn:acme:badge:number": 7, "other": 1 }), json!({ "number": 7 }), json!({ "other": 1 }));
    check(json!({ "URN:acme:badge:desk.floor": 2 }), json!({ "desk": { "floor": 2 } }), json!({}));
    check(json!({ "number": 7, "tags": ["a", "b"] }), json!({ "number": 7, "tags": ["a", "b"] }), json!({}));
    check(json!({ "tags": "a" }), json!({ "tags": ["a"] }), json!({}));
    check(json!({ BADGE: { "number": null, "tags": [] } }), Value::Null, json!({}));
}

#[test]
fn what_the_schema_does_not_know_either_stays_aside() {
    let left = json!({ "urn:acme:badge:shape": "round" });
    check(json!({ BADGE: { "number": 7, "shape": "round" } }), json!({ "number": 7 }), left);
    let left = json!({ "urn:acme:badge:desk.room": 4 });
    check(json!({ BADGE: { "desk": { "floor": 2, "room": 4 } } }), json!({ "desk": { "floor": 2 } }), left);
    check(json!({ "urn:other:x": { "a": 1 } }), Value::Null, json!({ "urn:other:x": { "a": 1 } }));
}

#[test]
fn what_does_not_fit_stays_aside_and_says_why() {
    let body = json!({ "userName": "ada", BADGE: { "number": "seven", "issued": "yesterday", "tags": ["a"] } });
    let taken = take(body, &user(false));
    assert_eq!(taken.document[BADGE], json!({ "tags": ["a"] }));
    assert_eq!(
        Value::Object(taken.set_aside),
        json!({ "urn:acme:badge:number": "seven", "urn:acme:badge:issued": "yesterday" })
    );
    let why: Vec<&str> = taken.misfits.iter().map(|misfit| misfit.why.as_str()).collect();
    assert_eq!(
        why,
        [
            "urn:acme:badge:number must be a whole number, not this text.",
            "urn:acme:badge:issued must be a date and time such as 2026-05-01T09:30:00Z.",
        ]
    );
    assert_eq!(taken.document["schemas"][1], BADGE);
}

#[test]
fn an_extension_without_what_it_requires_stays_aside_whole() {
    let body = json!({ "userName": "ada", BADGE: { "number": 7 } });
    let taken = take(body, &user(true));
    assert!(!taken.changed && taken.document.get(BADGE).is_none());
    assert_eq!(taken.misfits[0].why, "urn:acme:badge:colour is required.");
    assert_eq!(Value::Object(taken.set_aside), json!({ "urn:acme:badge:number": 7 }));
    let body = json!({ "userName": "ada", BADGE: { "number": 7, "colour": "red" } });
    assert!(take(body, &user(true)).changed);
}

#[test]
fn what_the_document_says_already_is_newer() {
    let document = object(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", BADGE], "userName": "ada", BADGE: { "number": 8 },
    }));
    let aside = object(json!({ BADGE: { "number": 7, "tags": ["a"] } }));
    let taken = take_in(document, aside, &user(false), &Leniencies::all(), &|_| Ok(()));
    assert_eq!(taken.document[BADGE], json!({ "number": 8, "tags": ["a"] }));
    assert!(taken.set_aside.is_empty());
}

#[test]
fn what_is_not_kept_of_a_request_is_not_kept_of_what_was_aside() {
    check(json!({ BADGE: { "printed": true, "pin": "1815" } }), Value::Null, json!({}));
}

#[test]
fn the_caller_can_keep_an_attribute_out() {
    let document = object(json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada" }));
    let aside = object(json!({ "number": 7, "tags": ["a"] }));
    let taken = take_in(document, aside, &user(false), &Leniencies::all(), &|found| {
        if found.attribute.name == "number" { Err("It is in use.".to_owned()) } else { Ok(()) }
    });
    assert_eq!(taken.document[BADGE], json!({ "tags": ["a"] }));
    assert_eq!(taken.misfits, [Misfit { name: "number".into(), why: "It is in use.".into() }]);
}

#[test]
fn a_part_of_many_values_belongs_to_none_of_them() {
    let document = object(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada", "emails": [{ "value": "a@x" }],
    }));
    let aside = object(json!({ "emails.type": ["work"] }));
    let taken = take_in(document.clone(), aside.clone(), &user(false), &Leniencies::all(), &|_| Ok(()));
    assert_eq!((taken.document, taken.set_aside), (document, aside));
    assert_eq!(taken.misfits.len(), 1);
}

#[test]
fn a_document_of_other_schemas_is_brought_to_these() {
    let document = object(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:acme:gone", BADGE],
        "userName": "ada", "nickName": "A", "shape": "round",
        "urn:acme:gone": { "x": 1 }, BADGE: { "number": 7, "size": 3 },
    }));
    let fitted = refit(document, object(json!({ "urn:acme:badge:colour": "red" })), &user(false), &Leniencies::all());
    assert_eq!(fitted.document[BADGE], json!({ "number": 7, "colour": "red" }));
    assert_eq!(fitted.document["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User", BADGE]));
    assert_eq!(
        Value::Object(fitted.set_aside),
        json!({ "shape": "round", "urn:acme:gone": { "x": 1 }, "urn:acme:badge:size": 3 })
    );
    assert!(validate(&fitted.document, &user(false)).is_ok());
}

#[test]
fn the_last_word_on_a_value_aside_counts() {
    let mut aside = object(json!({ BADGE: { "number": 1, "desk": { "floor": 1, "room": 2 } }, "x": 1 }));
    keep(&mut aside, "urn:acme:badge:Number".into(), Some(json!(2)));
    keep(&mut aside, "urn:acme:badge:desk.floor".into(), None);
    assert_eq!(
        Value::Object(aside.clone()),
        json!({ BADGE: { "desk": { "room": 2 } }, "x": 1, "urn:acme:badge:Number": 2 })
    );
    keep(&mut aside, "urn:ACME:badge".into(), Some(json!({ "number": 3 })));
    assert_eq!(Value::Object(aside.clone()), json!({ "x": 1, BADGE: { "number": 3 } }));
    keep(&mut aside, "urn:acme:badge:number".into(), None);
    assert_eq!(Value::Object(aside), json!({ "x": 1 }));
}
