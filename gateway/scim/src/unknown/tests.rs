//! Changes to attributes that no schema defines, and what they have led to once one does.

use serde_json::{Map, Value, json};

use super::*;
use crate::leniency::{Leniencies, Leniency};
use crate::normalise::normalise;
use crate::patch::{PATCH_SCHEMA, Patch};
use crate::schema::registry::Registry;
use crate::schema::{ResourceType, Schema};

pub(super) const S: &str = "urn:acme:s";

pub(super) fn attributes() -> Vec<Value> {
    let pair = json!([{ "name": "type", "type": "string" }, { "name": "value", "type": "string" }]);
    let desk = json!([{ "name": "floor", "type": "string" }, { "name": "room", "type": "string" }]);
    vec![
        json!({ "name": "a", "type": "string" }),
        json!({ "name": "b", "type": "string" }),
        json!({ "name": "tags", "type": "string", "multiValued": true }),
        json!({ "name": "desk", "type": "complex", "subAttributes": desk }),
        json!({ "name": "certs", "type": "complex", "multiValued": true, "subAttributes": pair }),
        json!({ "name": "items", "type": "complex", "multiValued": true, "subAttributes": pair }),
    ]
}

/// A user whose extension has these attributes; none without any.
pub(super) fn user(attributes: &[Value]) -> ResourceType {
    let mut registry = Registry::standard();
    if !attributes.is_empty() {
        let definition = json!({ "id": S, "name": "S", "attributes": attributes });
        registry = registry.with_extension("User", Schema::from_json(&definition).unwrap(), false).unwrap();
    }
    ResourceType::clone(registry.resource_type("User").unwrap())
}

pub(super) fn patched(
    (document, unknown): (Map<String, Value>, UnknownAttributes),
    operations: &Value,
    rt: &ResourceType,
) -> (Map<String, Value>, UnknownAttributes) {
    let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": operations });
    let patch = Patch::parse(body, rt, &Leniencies::all()).unwrap();
    let patched = patch.apply(&document, &unknown, rt, &Leniencies::all()).unwrap();
    (patched.document, patched.unknown)
}

/// A POST and requests by a type, as they are stored and read again between each and the next.
pub(super) fn written(body: &Value, requests: &[Value], rt: &ResourceType) -> (Map<String, Value>, UnknownAttributes) {
    let mut body = body.clone();
    body["userName"] = "ada".into();
    let made = normalise(body, rt, &Leniencies::all()).unwrap();
    requests.iter().fold((made.document, made.unknown), |(document, unknown), operations| {
        let (document, unknown) = patched((document, unknown), operations, rt);
        assert_eq!(UnknownAttributes::from_json(unknown.to_json()).as_ref(), Some(&unknown), "it is stored as it is");
        (document, unknown)
    })
}

pub(super) fn reconciled(document: Map<String, Value>, unknown: UnknownAttributes) -> Reconciled {
    reconcile(document, unknown, &user(&attributes()), &Leniencies::all(), &|_| Ok(()))
}

/// Requests before the schema is there, and what is there of it afterwards: the same as if it had been there before.
#[track_caller]
fn check(body: &Value, requests: &[Value], expected: &Value) {
    let (document, unknown) = written(body, requests, &user(&[]));
    let found = reconciled(document, unknown.clone());
    assert_eq!(found.document.get(S).unwrap_or(&Value::Null), expected, "{requests:?} {unknown:?}");
    assert!(found.unknown.is_empty() && found.rejected.is_empty(), "{requests:?} {found:?}");
    let (document, _) = written(body, requests, &user(&attributes()));
    assert_eq!(document.get(S).unwrap_or(&Value::Null), expected, "with the schema: {requests:?}");
}

pub(super) fn op(verb: &str, path: &str, value: &Value) -> Value {
    json!({ "op": verb, "path": path, "value": value })
}

pub(super) fn remove(path: &str) -> Value {
    json!({ "op": "remove", "path": path })
}

/// Without a path.
pub(super) fn set(verb: &str, value: &Value) -> Value {
    json!([{ "op": verb, "value": { S: value } }])
}

#[test]
fn additions_join_what_is_there() {
    let nothing = json!({});
    let tag = |tag: &str| json!([op("add", "urn:acme:s:tags", &json!([tag]))]);
    check(&nothing, &[tag("a"), tag("b")], &json!({ "tags": ["a", "b"] }));
    check(&nothing, &[tag("a"), tag("b"), tag("b")], &json!({ "tags": ["a", "b"] }));
    let cert = |value: &str| op("Add", "urn:acme:s:certs", &json!({ "type": "x509", "value": value }));
    let both = json!({ "certs": [{ "type": "x509", "value": "A" }, { "type": "x509", "value": "B" }] });
    check(&nothing, &[json!([cert("A"), cert("B")])], &both);
    check(&nothing, &[json!([cert("A")]), json!([cert("B")])], &both);
    for verb in ["add", "replace"] {
        let one = |name: &str, value: &str| set(verb, &json!({ name: value }));
        check(&nothing, &[one("a", "1"), one("b", "2")], &json!({ "a": "1", "b": "2" }));
        check(&json!({ S: { "a": "1", "b": "x" } }), &[one("a", "3")], &json!({ "a": "3", "b": "x" }));
        let flat = json!({ "urn:acme:s:a": "1" });
        check(&flat, &[one("b", "2")], &json!({ "a": "1", "b": "2" }));
        let desk = |part: &str| json!([op(verb, "urn:acme:s:desk", &json!({ part: "1" }))]);
        check(&nothing, &[desk("floor"), desk("room")], &json!({ "desk": { "floor": "1", "room": "1" } }));
    }
    let (work, home) = (json!({ "type": "work", "value": "x" }), json!({ "type": "home", "value": "y" }));
    let add = json!([op("add", "urn:acme:s:items", &json!([home]))]);
    check(&json!({ S: { "items": [work] } }), &[add], &json!({ "items": [work, home] }));
}

#[test]
fn removed_and_replaced_values_do_not_come_back() {
    let nothing = json!({});
    let (work, home) = (json!({ "type": "work", "value": "x" }), json!({ "type": "home", "value": "y" }));
    let items = "urn:acme:s:items";
    let part = json!([op("add", "urn:acme:s:items[type eq \"work\"].value", &json!("x"))]);
    let both = json!([op("add", items, &json!([work, home]))]);
    check(&nothing, &[part.clone(), json!([remove(items)])], &Value::Null);
    let other = json!([{ "type": "work", "value": "y" }]);
    check(&nothing, &[part.clone(), json!([op("replace", items, &other)])], &json!({ "items": other }));
    let work_goes = remove("urn:acme:s:items[type eq \"work\"]");
    check(&nothing, &[both.clone(), json!([work_goes])], &json!({ "items": [home] }));
    let listed = op("remove", items, &json!([{ "value": "y" }]));
    check(&nothing, &[both.clone(), json!([listed])], &json!({ "items": [work] }));
    let cased = op("remove", items, &json!([{ "value": "Y" }]));
    check(&nothing, &[both.clone(), json!([cased])], &json!({ "items": [work] }));
    let complicated = remove("urn:acme:s:items[type eq \"work\" or value eq \"y\"]");
    check(&nothing, &[both.clone(), json!([complicated])], &Value::Null);
    check(&nothing, &[both.clone(), json!([remove(S)])], &Value::Null);
    check(&nothing, &[both, json!([op("replace", items, &Value::Null)])], &Value::Null);
    let value_goes = remove("urn:acme:s:items[type eq \"work\"].value");
    check(&nothing, &[part, json!([value_goes])], &Value::Null);
    let tags = json!({ S: { "tags": ["a", "b"], "desk": { "floor": "1", "room": "2" } } });
    let gone = json!([remove("urn:acme:s:tags"), remove("URN:acme:s:Desk.floor")]);
    check(&tags, &[gone], &json!({ "desk": { "room": "2" } }));
    let tags_go =
        json!([op("remove", "urn:acme:s:tags", &json!(["a"])), op("replace", "urn:acme:s:desk.floor", &json!("3"))]);
    check(&tags, &[tags_go], &json!({ "tags": ["b"], "desk": { "room": "2", "floor": "3" } }));
}

#[test]
fn a_growing_schema_is_reconciled_too() {
    let mut known = attributes();
    known.retain(|attribute| attribute["name"] != "tags");
    let tag = |tag: &str| json!([op("add", "urn:acme:s:tags", &json!([tag]))]);
    let both = [json!([op("add", "urn:acme:s:a", &json!("1"))]), tag("x"), tag("y")];
    let (document, unknown) = written(&json!({}), &both, &user(&known));
    assert_eq!(reconciled(document, unknown).document[S], json!({ "a": "1", "tags": ["x", "y"] }));
    let nested = [set("add", &json!({ "a": "1", "tags": ["x"] })), set("replace", &json!({ "tags": ["y"] }))];
    let (document, unknown) = written(&json!({}), &nested, &user(&known));
    assert_eq!(reconciled(document, unknown).document[S], json!({ "a": "1", "tags": ["y"] }));

    let desk = known.iter_mut().find(|attribute| attribute["name"] == "desk").unwrap();
    desk["subAttributes"].as_array_mut().unwrap().pop();
    let room = |room: &str| json!([op("add", "urn:acme:s:desk", &json!({ "floor": "1", "room": room }))]);
    let (document, unknown) = written(&json!({}), &[room("1"), room("2")], &user(&known));
    assert_eq!(unknown.to_json(), json!({ "urn:acme:s:desk.room": "2" }), "one, however often");
    assert_eq!(reconciled(document, unknown).document[S], json!({ "desk": { "floor": "1", "room": "2" } }));
    for removal in [remove("urn:acme:s:desk"), remove(S)] {
        let (_, unknown) = written(&json!({}), &[room("1"), json!([removal])], &user(&known));
        assert!(unknown.is_empty(), "what is gone as a whole is gone with its parts: {unknown:?}");
    }
}

#[test]
fn earlier_stored_forms_keep_their_meaning() {
    let document = || written(&json!({}), &[], &user(&[])).0;
    let older = json!({ S: { "a": "1", "tags": ["a"] }, "urn:acme:s:b": "2", "other": 1 });
    let found = reconciled(document(), UnknownAttributes::from_json(older.clone()).unwrap());
    assert_eq!(found.document[S], json!({ "a": "1", "tags": ["a"], "b": "2" }));
    assert_eq!(found.unknown.to_json(), json!({ "other": 1 }));
    let more = json!([op("add", "urn:acme:s:tags", &json!(["b"])), remove("urn:acme:s:a")]);
    let (_, unknown) = patched((document(), UnknownAttributes::from_json(older).unwrap()), &more, &user(&[]));
    assert_eq!(reconciled(document(), unknown).document[S], json!({ "tags": ["a", "b"], "b": "2" }));
    for broken in [json!(7), json!([1]), json!([{ "op": "add", "path": "x" }]), json!([{ "op": "x", "path": "x" }])] {
        assert_eq!(UnknownAttributes::from_json(broken), None);
    }
}

#[test]
fn values_written_with_the_schema_are_newer() {
    let tag = |tag: &str| json!([op("add", "urn:acme:s:tags", &json!([tag]))]);
    let (_, unknown) = written(&json!({}), &[tag("a"), tag("b")], &user(&[]));
    let (document, _) = written(&json!({}), &[tag("c")], &user(&attributes()));
    let found = reconciled(document, unknown);
    assert_eq!(found.document[S], json!({ "tags": ["c"] }));
    assert!(found.unknown.is_empty() && !found.changed);
    // A rejected value that is written anew is no longer kept, or it would reappear after the new one is removed.
    let rejected = UnknownAttributes::from_json(json!({ "urn:acme:s:a": { "no": "text" } })).unwrap();
    let document = || written(&json!({}), &[], &user(&attributes())).0;
    for change in [op("replace", "urn:acme:s:a", &json!("1")), remove("urn:acme:s:a")] {
        let (_, unknown) = patched((document(), rejected.clone()), &json!([change]), &user(&attributes()));
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

#[test]
fn a_removal_by_list_needs_its_leniency() {
    let rt = user(&[]);
    let body = |value: Value| json!({ "schemas": [PATCH_SCHEMA], "Operations": [{ "op": "remove", "path": "urn:acme:s:tags", "value": value }] });
    let strict = Leniencies::all().without(Leniency::MemberRemovalByValue);
    assert_eq!(Patch::parse(body(json!(["a"])), &rt, &strict).unwrap_err().status, 400);
    assert!(Patch::parse(body(Value::Null), &rt, &strict).is_ok());
    assert_eq!(Patch::parse(body(json!(["a"])), &rt, &Leniencies::strict()).unwrap_err().status, 400);
}

/// What a body that is a PUT leaves of what was unknown.
#[track_caller]
fn check_put(before: &Value, body: &Value, expected: &Value) {
    let mut known = attributes();
    known.truncate(1);
    let rt = user(&known);
    let found = normalise(body.clone(), &rt, &Leniencies::all()).unwrap();
    let (mut unknown, before) = (found.unknown, UnknownAttributes::from_json(before.clone()).unwrap());
    keep_omitted(&mut unknown, &before, &found.document, &found.cleared, &rt, &Leniencies::all()).unwrap();
    assert_eq!(unknown.to_json(), *expected, "{body}");
}

#[test]
fn a_put_keeps_what_it_does_not_mention() {
    let echo = json!({ "userName": "ada", S: { "a": "1" }, "emails": [{ "value": "a@x" }] });
    let before = json!({
        "x": 1, S: { "tags": ["a"] }, "urn:acme:s:b": "2", "urn:acme:t": { "c": 3 }, "emails[type eq \"work\"].verified": true,
    });
    check_put(&before, &echo, &before);
    let ordered = json!([op("add", "x", &json!([1])), op("add", "x", &json!([2])), op("remove", "x", &json!("3"))]);
    check_put(&ordered, &echo, &ordered);
    let with = |name: &str, value: Value| {
        let mut body = echo.clone();
        body[name] = value;
        body
    };
    check_put(&ordered, &with("X", json!([4])), &json!({ "X": [4] }));
    check_put(&json!({ "x": 1, "y": 2 }), &with("x", json!(1)), &json!({ "x": 1, "y": 2 }));
    check_put(
        &before,
        &with(S, Value::Null),
        &json!({
            "x": 1, "urn:acme:t": { "c": 3 }, "emails[type eq \"work\"].verified": true,
        }),
    );
    check_put(
        &json!({ S: { "tags": ["a"] } }),
        &with(S, json!({ "tags": ["b"] })),
        &json!({ "urn:acme:s:tags": ["b"] }),
    );
    check_put(
        &json!({ "urn:acme:t:c": 3, "urn:acme:t:d": 3 }),
        &with("urn:acme:t", json!({ "c": 4 })),
        &json!({ "urn:acme:t": { "c": 4 } }),
    );
    check_put(
        &json!({ "urn:acme:t": { "c": 3, "d": 4 } }),
        &with("urn:acme:t:c", json!(5)),
        &json!({ "urn:acme:t": { "d": 4 }, "urn:acme:t:c": 5 }),
    );
    // What did not fit and is said anew.
    check_put(&json!({ S: { "a": ["no", "text"], "b": "2" }, "urn:acme:s:a": 7 }), &echo, &json!({ S: { "b": "2" } }));
    check_put(&json!({ "emails[type eq \"work\"].verified": true }), &with("emails", json!([])), &json!({}));
}
