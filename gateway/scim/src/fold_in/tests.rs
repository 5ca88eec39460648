use serde_json::json;

use super::*;
use crate::aside::MAX_NAMES;
use crate::normalise::normalise;
use crate::schema::Schema;
use crate::schema::registry::Registry;
use crate::schema::validate::validate;

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

fn kept(aside: Value) -> Aside {
    Aside::from_json(aside).unwrap()
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
    let taken = take_in(document, kept(aside.clone()), &user(false), &Leniencies::all(), &|_| Ok(()));
    assert_eq!(taken.document.get(BADGE).cloned().unwrap_or_default(), badge, "{aside}");
    assert_eq!(taken.set_aside.to_json(), left, "{aside}");
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
    let left = json!({ BADGE: { "shape": "round" } });
    check(json!({ BADGE: { "number": 7, "shape": "round" } }), json!({ "number": 7 }), left);
    let left = json!({ BADGE: { "desk.room": 4 } });
    check(json!({ BADGE: { "desk": { "floor": 2, "room": 4 } } }), json!({ "desk": { "floor": 2 } }), left);
    check(json!({ "urn:other:x": { "a": 1 } }), Value::Null, json!({ "urn:other:x": { "a": 1 } }));
}

#[test]
fn what_does_not_fit_stays_aside_and_says_why() {
    let body = json!({ "userName": "ada", BADGE: { "number": "seven", "issued": "yesterday", "tags": ["a"] } });
    let taken = take(body, &user(false));
    assert_eq!(taken.document[BADGE], json!({ "tags": ["a"] }));
    assert_eq!(taken.set_aside.to_json(), json!({ BADGE: { "number": "seven", "issued": "yesterday" } }));
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
    assert_eq!(taken.set_aside.to_json(), json!({ BADGE: { "number": 7 } }));
    let body = json!({ "userName": "ada", BADGE: { "number": 7, "colour": "red" } });
    assert!(take(body, &user(true)).changed);
}

#[test]
fn what_the_document_says_already_is_newer() {
    let document = object(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", BADGE], "userName": "ada", BADGE: { "number": 8 },
    }));
    let aside = kept(json!({ BADGE: { "number": 7, "tags": ["a"] } }));
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
    let aside = kept(json!({ "number": 7, "tags": ["a"] }));
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
    let aside = kept(json!({ "emails.type": ["work"] }));
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
    let fitted = refit(document, kept(json!({ "urn:acme:badge:colour": "red" })), &user(false), &Leniencies::all());
    assert_eq!(fitted.document[BADGE], json!({ "number": 7, "colour": "red" }));
    assert_eq!(fitted.document["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User", BADGE]));
    assert_eq!(
        fitted.set_aside.to_json(),
        json!({ "shape": "round", "urn:acme:gone": { "x": 1 }, "urn:acme:badge:size": 3 })
    );
    assert!(validate(&fitted.document, &user(false)).is_ok());
}

/// A user with a thousand mail addresses.
fn with_emails() -> Map<String, Value> {
    let emails: Vec<Value> = (0..1_000).map(|n| json!({ "value": format!("{n}@x") })).collect();
    object(json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada", "emails": emails }))
}

/// Takes in what is aside; tells how many values were tried, too.
fn counted(document: Map<String, Value>, aside: impl Into<Aside>) -> (TakenIn, usize) {
    let (user, leniencies) = (user(false), Leniencies::all());
    let mut rules =
        Rules { resource_type: &user, leniencies: &leniencies, allowed: &|_| Ok(()), effort: Effort::default() };
    let taken = Intake::of(document, aside.into(), &mut rules);
    assert!(rules.effort.comparisons <= Effort::MOST + 1_020 * 2_020, "{}", rules.effort.comparisons);
    (taken, rules.effort.tries)
}

/// A name in one of the ways to write it, by the bits of a number.
fn spelled(name: &str, number: usize) -> String {
    let mut letters = 0;
    let mut spell = |c: char| {
        letters += u32::from(c.is_ascii_lowercase());
        if c.is_ascii_lowercase() && number >> (letters - 1) & 1 == 1 { c.to_ascii_uppercase() } else { c }
    };
    name.chars().map(&mut spell).collect()
}

#[test]
fn what_is_refused_at_once_costs_nothing() {
    let document = with_emails();
    let own: Map<String, Value> = (0..20_000).map(|n| (spelled("addresses.streetaddress", n), json!("x"))).collect();
    let (taken, tries) = counted(document.clone(), own.clone());
    assert_eq!((own.len(), tries, taken.misfits.len()), (20_000, 0, 20_000));
    assert!(!taken.changed && taken.document == document && taken.set_aside == own.into());
    let written: Map<String, Value> = (0..64).map(|n| (spelled("emails", n), json!([{ "value": "b@x" }]))).collect();
    let (taken, tries) = counted(document.clone(), written);
    assert_eq!((tries, taken.document), (0, document), "the document has them already");
}

#[test]
fn what_does_not_fit_is_tried_so_often_and_no_oftener() {
    let aside: Map<String, Value> =
        (0..20_000).map(|n| (format!("emails[value eq \"{n}@y\"].display"), json!({ "no": "text" }))).collect();
    for (document, most) in [(with_emails(), 200), (object(json!({ "userName": "ada" })), 10_000)] {
        let (taken, tries) = counted(document.clone(), aside.clone());
        assert!((most - 10..=most).contains(&tries), "{tries}");
        assert!(!taken.changed && taken.document == document && taken.set_aside == aside.clone().into());
        assert_eq!(taken.misfits[0].why, "emails.display must be a text, not an object.");
        assert_eq!(taken.misfits[19_999].why, "More is set aside than is looked at in one go.");
    }
    let all: Map<String, Value> =
        (0..1_000).map(|n| (format!("emails[value eq \"{n}@y\"].type"), json!("z"))).collect();
    let (taken, tries) = counted(object(json!({ "userName": "ada" })), all);
    assert!(tries > 100 && taken.document["emails"].as_array().unwrap().len() == tries, "{tries}");
    assert_eq!(taken.set_aside.names(), 1_000 - tries, "the others come in with the next change");
}

#[test]
fn what_stays_of_an_object_under_a_urn_stays_in_it() {
    let members: Map<String, Value> = (0..40_000).map(|n| (format!("a{n}"), json!(n))).collect();
    let mut aside = members.clone();
    aside.insert("number".into(), json!(7));
    aside.insert("desk".into(), json!({ "floor": 2, "room": 4 }));
    let (taken, tries) = counted(object(json!({ "userName": "ada" })), object(json!({ "URN:acme:badge": aside })));
    assert_eq!((tries, &taken.document[BADGE]), (2, &json!({ "number": 7, "desk": { "floor": 2 } })));
    let mut left = members;
    left.insert("desk.room".into(), json!(4));
    assert_eq!(taken.set_aside.to_json(), json!({ "URN:acme:badge": left }), "no longer than it was");
}

#[test]
fn a_part_of_a_selected_value_is_that_part_and_not_the_values() {
    let aside = kept(json!({ "emails[type eq \"work\"].verified": true, "emails[type eq \"work\"].display": "Ada" }));
    let document = json!({ "userName": "ada", "emails": [{ "type": "work", "value": "a@x" }] });
    let (taken, _) = counted(object(document), aside);
    assert_eq!(taken.document["emails"], json!([{ "type": "work", "value": "a@x", "display": "Ada" }]));
    assert_eq!(taken.set_aside.to_json(), json!({ "emails[type eq \"work\"].verified": true }));
}

#[test]
fn what_comes_in_beside_a_refused_extension_stays() {
    let document = object(json!({ "userName": "ada", BADGE: { "colour": "red" } }));
    let aside = kept(json!({ "nickName": "A", BADGE: { "number": 7, "desk": { "floor": 1 } } }));
    let mut required = user(true);
    for extension in &mut required.extensions {
        extension.required = extension.schema.id != BADGE;
    }
    let taken = take_in(document, aside.clone(), &required, &Leniencies::all(), &|_| Ok(()));
    assert_eq!(taken.document["nickName"], "A", "what else is missing is not its fault");
    assert_eq!(taken.document[BADGE], json!({ "colour": "red", "number": 7, "desk": { "floor": 1 } }));
    let without = object(json!({ "userName": "ada" }));
    let taken = take_in(without, aside, &required, &Leniencies::all(), &|_| Ok(()));
    assert!(taken.changed && taken.document.get(BADGE).is_none(), "{:?}", taken.document);
    assert_eq!(taken.document["nickName"], "A");
    assert_eq!(taken.set_aside.to_json()[BADGE], json!({ "number": 7, "desk": { "floor": 1 } }));
}

#[test]
fn so_many_names_are_kept_aside_and_no_more() {
    let body = |count: usize| {
        let mut body: Map<String, Value> = (0..count).map(|n| (format!("x{n}"), json!(n))).collect();
        body.insert("userName".into(), json!("ada"));
        Value::Object(body)
    };
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let full = normalise(body(MAX_NAMES), user, &Leniencies::all()).unwrap().set_aside;
    assert_eq!(full.names(), MAX_NAMES);
    let refusal = normalise(body(MAX_NAMES + 1), user, &Leniencies::all()).unwrap_err();
    assert_eq!(refusal.status, 400);
    assert!(refusal.detail.starts_with("\"x1000\" is one too many: of a resource at most 1000 "), "{}", refusal.detail);
    let mut parts = body(MAX_NAMES - 1);
    parts["emails"] = json!([{ "value": "a@x", "p": 1, "q": 2 }]);
    assert!(normalise(parts, user, &Leniencies::all()).unwrap_err().detail.starts_with("\"emails.q\""));

    let patched = |operation: Value, aside: &Aside| {
        let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": [operation] });
        let patch = Patch::parse(body, user, &Leniencies::all()).unwrap();
        patch.apply(object(json!({ "userName": "ada" })), aside.clone(), user, &Leniencies::all())
    };
    let changed = patched(json!({ "op": "add", "path": "X7", "value": 8 }), &full).unwrap();
    assert_eq!((changed.set_aside.names(), changed.set_aside.entries.len()), (MAX_NAMES, MAX_NAMES + 1));
    let replaced = patched(json!({ "op": "replace", "path": "X7", "value": 8 }), &full).unwrap();
    assert_eq!((replaced.set_aside.names(), &replaced.set_aside.to_json()["x7"]), (MAX_NAMES, &json!(8)));
    assert_eq!(patched(json!({ "op": "add", "path": "y", "value": 8 }), &full).unwrap_err().status, 400);
    assert_eq!(patched(json!({ "op": "remove", "path": "x7" }), &full).unwrap().set_aside.names(), MAX_NAMES - 1);
    let mut joined = kept(json!({ "X7": 8 }));
    keep_omitted(&mut joined, &full, &Map::new(), &[], user).unwrap();
    assert_eq!((joined.names(), &joined.to_json()["X7"]), (MAX_NAMES, &json!(8)));
    let mut more = kept(json!({ "y": 8 }));
    assert_eq!(keep_omitted(&mut more, &full, &Map::new(), &[], user).unwrap_err().status, 400);
    let mut over = full;
    over.append(object(json!({ "y": 1 })));
    let other = patched(json!({ "op": "add", "path": "title", "value": "Countess" }), &over).unwrap();
    assert_eq!(other.set_aside, over, "who has more since before can be changed still");
}

#[test]
fn names_that_differ_by_case_alone_are_one() {
    let spellings = (0..20_000).map(|n| (spelled("addresses.streetaddress", n), json!(n)));
    let mut body: Map<String, Value> = spellings.collect();
    body.insert("userName".into(), json!("ada"));
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let aside = normalise(Value::Object(body), user, &Leniencies::all()).unwrap().set_aside;
    assert_eq!(aside.to_json(), json!({ "addresses.streetaddress": 19_999 }), "the last one holds");
}
