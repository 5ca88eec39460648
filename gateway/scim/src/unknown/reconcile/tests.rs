use serde_json::json;

use super::*;
use crate::normalise::normalise;
use crate::schema::Schema;
use crate::schema::registry::Registry;
use crate::schema::validate::validate;
use crate::unknown::refit;

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

fn kept(unknown: Value) -> UnknownAttributes {
    UnknownAttributes::from_json(unknown).unwrap()
}

/// What a body without the schema leaves, once the schema is there.
fn take(body: Value, rt: &ResourceType) -> Reconciled {
    let registry = Registry::standard();
    let before = registry.resource_type("User").unwrap();
    let normalised = normalise(body, before, &Leniencies::all()).unwrap();
    reconcile(normalised.document, normalised.unknown, rt, &Leniencies::all(), &|_| Ok(()))
}

#[expect(clippy::needless_pass_by_value, reason = "written at the place of the call")]
fn check(unknown: Value, badge: Value, left: Value) {
    let document = object(json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada" }));
    let found = reconcile(document, kept(unknown.clone()), &user(false), &Leniencies::all(), &|_| Ok(()));
    assert_eq!(found.document.get(BADGE).cloned().unwrap_or_default(), badge, "{unknown}");
    assert_eq!(found.unknown.to_json(), left, "{unknown}");
    assert_eq!(found.changed, !badge.is_null(), "{unknown}");
}

#[test]
fn every_form_that_a_client_writes_is_reconciled() {
    check(json!({ BADGE: { "Number": "7" } }), json!({ "number": 7 }), json!({}));
    check(json!({ "urn:acme:badge:number": 7, "other": 1 }), json!({ "number": 7 }), json!({ "other": 1 }));
    check(json!({ "URN:acme:badge:desk.floor": 2 }), json!({ "desk": { "floor": 2 } }), json!({}));
    check(json!({ "number": 7, "tags": ["a", "b"] }), json!({ "number": 7, "tags": ["a", "b"] }), json!({}));
    check(json!({ "tags": "a" }), json!({ "tags": ["a"] }), json!({}));
    check(json!({ BADGE: { "number": null, "tags": [] } }), Value::Null, json!({}));
}

#[test]
fn what_no_schema_defines_stays_in_the_log() {
    let left = json!({ BADGE: { "shape": "round" } });
    check(json!({ BADGE: { "number": 7, "shape": "round" } }), json!({ "number": 7 }), left);
    let left = json!({ "urn:acme:badge:desk.room": 4 });
    check(json!({ BADGE: { "desk": { "floor": 2, "room": 4 } } }), json!({ "desk": { "floor": 2 } }), left);
    check(json!({ "urn:other:x": { "a": 1 } }), Value::Null, json!({ "urn:other:x": { "a": 1 } }));
}

#[test]
fn rejected_values_stay_with_a_reason() {
    let body = json!({ "userName": "ada", BADGE: { "number": "seven", "issued": "yesterday", "tags": ["a"] } });
    let found = take(body, &user(false));
    assert_eq!(found.document[BADGE], json!({ "tags": ["a"] }));
    assert_eq!(
        found.unknown.to_json(),
        json!({ "urn:acme:badge:number": "seven", "urn:acme:badge:issued": "yesterday" })
    );
    let why: Vec<&str> = found.rejected.iter().map(|rejected| rejected.why.as_str()).collect();
    assert_eq!(
        why,
        [
            "urn:acme:badge:number must be a whole number, not this text.",
            "urn:acme:badge:issued must be a date and time such as 2026-05-01T09:30:00Z.",
        ]
    );
    assert_eq!(found.document["schemas"][1], BADGE);
}

#[test]
fn an_extension_without_a_required_attribute_is_refused_whole() {
    let body = json!({ "userName": "ada", BADGE: { "number": 7 } });
    let found = take(body, &user(true));
    assert!(!found.changed && found.document.get(BADGE).is_none());
    assert_eq!(found.rejected[0].why, "urn:acme:badge:colour is required.");
    assert_eq!(found.unknown.to_json(), json!({ "urn:acme:badge:number": 7 }));
    let body = json!({ "userName": "ada", BADGE: { "number": 7, "colour": "red" } });
    assert!(take(body, &user(true)).changed);
}

#[test]
fn what_the_document_says_already_is_newer() {
    let document = object(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", BADGE], "userName": "ada", BADGE: { "number": 8 },
    }));
    let unknown = kept(json!({ BADGE: { "number": 7, "tags": ["a"] } }));
    let found = reconcile(document, unknown, &user(false), &Leniencies::all(), &|_| Ok(()));
    assert_eq!(found.document[BADGE], json!({ "number": 8, "tags": ["a"] }));
    assert!(found.unknown.is_empty());
}

#[test]
fn read_only_and_never_returned_attributes_are_not_written() {
    check(json!({ BADGE: { "printed": true, "pin": "1815" } }), Value::Null, json!({}));
}

#[test]
fn the_caller_can_reject_an_attribute() {
    let document = object(json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada" }));
    let unknown = kept(json!({ "number": 7, "tags": ["a"] }));
    let found = reconcile(document, unknown, &user(false), &Leniencies::all(), &|found| {
        if found.attribute.name == "number" { Err("It is in use.".to_owned()) } else { Ok(()) }
    });
    assert_eq!(found.document[BADGE], json!({ "tags": ["a"] }));
    assert_eq!(found.rejected, [RejectedValue { name: "number".into(), why: "It is in use.".into() }]);
}

#[test]
fn a_part_of_no_particular_value_is_rejected() {
    let document = object(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada", "emails": [{ "value": "a@x" }],
    }));
    let unknown = kept(json!({ "emails.type": ["work"] }));
    let found = reconcile(document.clone(), unknown.clone(), &user(false), &Leniencies::all(), &|_| Ok(()));
    assert_eq!((found.document, found.unknown), (document, unknown));
    assert_eq!(found.rejected.len(), 1);
}

#[test]
fn a_document_of_other_schemas_is_refitted() {
    let document = object(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:acme:gone", BADGE],
        "userName": "ada", "nickName": "A", "shape": "round",
        "urn:acme:gone": { "x": 1 }, BADGE: { "number": 7, "size": 3 },
    }));
    let fitted = refit(document, kept(json!({ "urn:acme:badge:colour": "red" })), &user(false), &Leniencies::all());
    assert_eq!(fitted.document[BADGE], json!({ "number": 7, "colour": "red" }));
    assert_eq!(fitted.document["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User", BADGE]));
    assert_eq!(
        fitted.unknown.to_json(),
        json!({ "shape": "round", "urn:acme:gone": { "x": 1 }, "urn:acme:badge:size": 3 })
    );
    assert!(validate(&fitted.document, &user(false)).is_ok());
}

/// A user with a thousand mail addresses.
fn with_emails() -> Map<String, Value> {
    let emails: Vec<Value> = (0..1_000).map(|n| json!({ "value": format!("{n:0>40}@x") })).collect();
    object(json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada", "emails": emails }))
}

fn all(document: Map<String, Value>, unknown: &UnknownAttributes) -> Reconciled {
    reconcile(document, unknown.clone(), &user(false), &Leniencies::all(), &|_| Ok(()))
}

#[test]
fn an_attribute_that_costs_too_much_stays_whole() {
    let emails: Vec<Value> = (0..900).map(|n| json!({ "value": format!("{n}@x") })).collect();
    let mut operations = vec![json!({ "op": "add", "path": "emails", "value": emails })];
    let terms = vec!["value co \"y\""; 150].join(" or ");
    for number in 0..29 {
        let path = format!("emails[{terms} or value co \"x\"].display");
        operations.push(json!({ "op": "add", "path": path, "value": number.to_string() }));
    }
    operations.push(json!({ "op": "add", "path": "urn:acme:badge:number", "value": 7 }));
    let found = all(object(json!({ "userName": "ada" })), &kept(operations.into()));
    assert!(!found.document.contains_key("emails"));
    assert_eq!(found.document[BADGE], json!({ "number": 7 }), "work is left for the others");
    assert_eq!((found.unknown.entries.len(), found.rejected.len()), (30, 30));
    assert!(found.rejected.iter().all(|rejected| rejected.why == TOO_MUCH));
}

#[test]
fn a_list_that_is_too_long_is_rejected_alone() {
    let tags: Vec<Value> = (0..5_000).map(|n| json!(n.to_string())).collect();
    let found = all(object(json!({ "userName": "ada" })), &kept(json!({ BADGE: { "tags": tags, "number": 7 } })));
    assert_eq!(found.document[BADGE], json!({ "number": 7 }));
    let why = "urn:acme:badge:tags would have 5000 values; at most 1000 are accepted.";
    assert_eq!(found.rejected, [RejectedValue { name: "urn:acme:badge:tags".into(), why: why.into() }]);
}

#[test]
fn rejected_values_are_tried_within_bounds() {
    let parts = |value: Value| -> UnknownAttributes {
        kept((0..1_000).map(|n| (format!("emails[value eq \"{n:0>40}@y\"].display"), value.clone())).collect())
    };
    let unknown = parts(json!({ "no": "text" }));
    let found = all(with_emails(), &unknown);
    assert!(!found.changed && found.document == with_emails() && found.unknown == unknown);
    let tried = found.rejected.iter().filter(|rejected| rejected.why != TOO_MUCH).count();
    assert!((50..900).contains(&tried), "{tried}");
    assert_eq!(found.rejected[0].why, "emails.display must be a text, not an object.");
    // Parts of elements come in as far as the work goes, and the others with the next change.
    let found = all(object(json!({ "userName": "ada" })), &parts(json!("z")));
    let made = found.document["emails"].as_array().unwrap().len();
    assert!(made > 100 && found.unknown.entries.len() == 1_000 - made, "{made}");
    let next = all(found.document, &found.unknown);
    assert!(next.document["emails"].as_array().unwrap().len() > made);
}

#[test]
fn what_stays_of_an_object_under_a_urn_stays_in_it() {
    let members: Map<String, Value> = (0..20_000).map(|n| (format!("a{n}"), json!(n))).collect();
    let mut unknown = members.clone();
    unknown.insert("number".into(), json!(7));
    unknown.insert("desk".into(), json!({ "floor": 2, "room": 4 }));
    let found = all(object(json!({ "userName": "ada" })), &kept(json!({ "URN:acme:badge": unknown })));
    assert_eq!(found.document[BADGE], json!({ "number": 7, "desk": { "floor": 2 } }));
    let left = json!({ "URN:acme:badge": members, "urn:acme:badge:desk.room": 4 });
    assert_eq!(found.unknown.to_json(), left);
}

#[test]
fn what_no_longer_fits_the_log_is_reported() {
    let parts: Map<String, Value> = (0..1_200).map(|n| (format!("part{n}"), json!(n))).collect();
    let mut desk = parts.clone();
    desk.insert("floor".into(), json!(2));
    let operations = json!([
        { "op": "add", "path": "x", "value": 1 }, { "op": "add", "path": "urn:acme:badge:desk", "value": desk },
    ]);
    let found = all(object(json!({ "userName": "ada" })), &kept(operations));
    assert_eq!(found.document[BADGE], json!({ "desk": { "floor": 2 } }));
    assert_eq!(found.unknown.entries.len(), 1_000);
    assert_eq!(found.rejected, [RejectedValue { name: "x".into(), why: DROPPED.into() }]);
}

#[test]
fn a_part_of_a_selected_value_is_that_part_and_not_the_values() {
    let unknown = kept(json!({ "emails[type eq \"work\"].verified": true, "emails[type eq \"work\"].display": "Ada" }));
    let document = json!({ "userName": "ada", "emails": [{ "type": "work", "value": "a@x" }] });
    let found = all(object(document), &unknown);
    assert_eq!(found.document["emails"], json!([{ "type": "work", "value": "a@x", "display": "Ada" }]));
    assert_eq!(found.unknown.to_json(), json!({ "emails[type eq \"work\"].verified": true }));
}

#[test]
fn other_attributes_are_reconciled_beside_a_refused_extension() {
    let document = object(json!({ "userName": "ada", BADGE: { "colour": "red" } }));
    let unknown = kept(json!({ "nickName": "A", BADGE: { "number": 7, "desk": { "floor": 1 } } }));
    let mut required = user(true);
    for extension in &mut required.extensions {
        extension.required = extension.schema.id != BADGE;
    }
    let found = reconcile(document, unknown.clone(), &required, &Leniencies::all(), &|_| Ok(()));
    assert_eq!(found.document["nickName"], "A", "what else is missing is not its fault");
    assert_eq!(found.document[BADGE], json!({ "colour": "red", "number": 7, "desk": { "floor": 1 } }));
    let without = object(json!({ "userName": "ada" }));
    let found = reconcile(without, unknown, &required, &Leniencies::all(), &|_| Ok(()));
    assert!(found.changed && found.document.get(BADGE).is_none(), "{:?}", found.document);
    assert_eq!(found.document["nickName"], "A");
    assert_eq!(found.unknown.to_json(), json!({ "urn:acme:badge:number": 7, "urn:acme:badge:desk": { "floor": 1 } }));
}
