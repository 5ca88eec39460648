//! References are replaced in every form, and other texts stay.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{TextKind, bulk_id, visit};
use crate::bulk::{Action, Target, Task};
use crate::schema::packs::ENTERPRISE_USER;
use crate::schema::registry::Registry;
use crate::schema::{ResourceType, Schema};

const OWNED: &str = "urn:acme:owned";

/// A user with the enterprise extension and one of references in every shape, or a group.
fn resource_type(name: &str) -> Arc<ResourceType> {
    let many =
        |name: &str| json!({ "name": name, "type": "reference", "referenceTypes": ["User"], "multiValued": true });
    let whole = json!([{ "name": "value", "type": "string" }, { "name": "$ref", "type": "reference" },
        { "name": "note", "type": "string" }]);
    let definition = json!({ "id": OWNED, "name": "Owned", "attributes": [
        { "name": "owner", "type": "reference", "referenceTypes": ["User", "Group"] },
        many("deputies"),
        { "name": "assets", "type": "complex", "multiValued": true, "subAttributes": whole },
        { "name": "site", "type": "reference", "referenceTypes": ["external"] },
        { "name": "pair", "type": "complex", "subAttributes": [{ "name": "value", "type": "string" }] },
    ] });
    let schema = Schema::from_json(&definition).unwrap();
    let registry = Registry::standard().with_extension("User", schema, false).unwrap();
    Arc::clone(registry.resource_type(name).unwrap())
}

/// An id as long as its name, so that a text in its place is seen.
fn id_of(name: &str) -> Option<String> {
    (name != "unknown").then(|| format!("<{name}>"))
}

fn substituted(name: &str, action: Action) -> Action {
    let mut task = Task { resource_type: resource_type(name), action, version: None };
    task.substitute(id_of);
    task.action
}

#[track_caller]
fn check_body(name: &str, body: Value, expected: Value) {
    let (target, made) = (Target::Id("1".into()), substituted(name, Action::Create(body.clone())));
    assert_eq!(made, Action::Create(expected.clone()));
    assert_eq!(substituted(name, Action::Replace(target.clone(), body)), Action::Replace(target, expected));
}

#[track_caller]
fn check_patch(name: &str, operation: &Value, expected: &Value) {
    let patch = |operation: &Value| Action::Patch(Target::Id("1".into()), json!({ "Operations": [operation] }));
    assert_eq!(substituted(name, patch(operation)), patch(expected), "{operation}");
}

#[test]
fn bulk_ids_are_recognised() {
    for (text, expected) in [
        ("bulkId:qwerty", Some("qwerty")),
        ("BULKID:qwerty", Some("qwerty")),
        ("bulkId:a/b", Some("a/b")),
        ("../Users/bulkId:a", Some("a")),
        ("https://a.test/scim/v2/Users/bulkId:a", Some("a")),
        ("bulkId:bulkId:a", Some("bulkId:a")),
        ("bulkId:", None),
        ("bulkId", None),
        ("xbulkId:a", None),
        ("bulkId:a/", Some("a/")),
        ("/", None),
        ("", None),
        ("ü:bulk", None),
    ] {
        assert_eq!(bulk_id(text), expected, "{text}");
    }
}

#[test]
fn references_of_a_body_are_replaced_in_every_form() {
    check_body(
        "Group",
        json!({ "displayName": "bulkId:a", "externalId": "bulkId:a", "members": [
            { "type": "User", "value": "bulkId:a", "$ref": "../Users/bulkId:a", "display": "bulkId:a" },
            "bulkId:b", { "VALUE": "bulkId:unknown" }, { "value": "7" }, null,
        ] }),
        json!({ "displayName": "bulkId:a", "externalId": "bulkId:a", "members": [
            { "type": "User", "value": "<a>", "$ref": "../Users/<a>", "display": "bulkId:a" },
            "<b>", { "VALUE": "bulkId:unknown" }, { "value": "7" }, null,
        ] }),
    );
    for manager in [json!({ "value": "?" }), json!("?"), json!([{ "value": "?" }]), json!(["?"])] {
        let manager = |id: &str| -> Value { serde_json::from_str(&manager.to_string().replace('?', id)).unwrap() };
        for nested in [true, false] {
            let body = |id: &str| {
                if nested {
                    let extension = json!({ "Manager": manager(id), "department": "bulkId:a" });
                    json!({ "userName": "bulkId:a", ENTERPRISE_USER: extension })
                } else {
                    let urn = format!("{ENTERPRISE_USER}:manager");
                    json!({ urn: manager(id), "manager": manager(id), "x": manager("/Users/bulkId:a") })
                }
            };
            check_body("User", body("bulkId:a"), body("<a>"));
        }
    }
    let flat = |id: &str| json!({ "manager.value": id, format!("{ENTERPRISE_USER}:manager.value"): id });
    check_body("User", flat("bulkId:a"), flat("<a>"));
    let owned = |id: &str| {
        let assets = json!([{ "value": id, "$ref": format!("/Users/{id}"), "note": "bulkId:a" }]);
        json!({ OWNED: { "owner": id, "deputies": [id, "u2", id], "assets": assets,
            "site": "bulkId:a", "pair": { "value": "bulkId:a" } } })
    };
    check_body("User", owned("bulkId:a"), owned("<a>"));
}

#[test]
fn references_of_a_patch_are_replaced_in_every_form() {
    let members = |id: &str| {
        [
            json!({ "op": "add", "path": "members", "value": [{ "value": id }, { "value": "7" }] }),
            json!({ "OP": "Add", "Path": "Members", "Value": { "value": id } }),
            json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") }),
            json!({ "op": "remove", "path": format!("members[value eq \"7\" or value eq \"{id}\"]") }),
            json!({ "op": "remove", "path": format!("members.value eq \"{id}\"") }),
            json!({ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:members", "value": [id] }),
            json!({ "op": "add", "value": { "members": [{ "value": id }], "displayName": "bulkId:a" } }),
            json!({ "op": "add", "path": "", "value": { format!("members[value eq \"{id}\"]"): { "value": id } } }),
            json!({ "op": "add", "value": { "urn:ietf:params:scim:schemas:core:2.0:Group": { "members": [id] } } }),
        ]
    };
    for (operation, expected) in members("bulkId:a").into_iter().zip(members("<a>")) {
        check_patch("Group", &operation, &expected);
    }
    let users = |id: &str| {
        [
            json!({ "op": "replace", "path": "manager", "value": id }),
            json!({ "op": "replace", "path": format!("{ENTERPRISE_USER}:manager.value"), "value": id }),
            json!({ "op": "replace", "path": format!("{ENTERPRISE_USER}:manager"), "value": [{ "value": id }] }),
            json!({ "op": "replace", "path": ENTERPRISE_USER, "value": { "manager": { "value": id } } }),
            json!({ "op": "replace", "value": { format!("{ENTERPRISE_USER}:manager"): id } }),
            json!({ "op": "add", "path": format!("{OWNED}:assets[note eq \"x\"].value"), "value": id }),
            json!({ "op": "add", "path": format!("{OWNED}:deputies"), "value": id }),
        ]
    };
    for (operation, expected) in users("bulkId:a").into_iter().zip(users("<a>")) {
        check_patch("User", &operation, &expected);
    }
}

#[test]
fn texts_that_only_look_like_references_stay() {
    for operation in [
        json!({ "op": "replace", "path": "userName", "value": "bulkId:a" }),
        json!({ "op": "replace", "path": "emails[value eq \"bulkId:a\"].value", "value": "bulkId:a" }),
        json!({ "op": "replace", "path": "manager.displayName", "value": "bulkId:a" }),
        json!({ "op": "replace", "path": "nothing", "value": { "value": "see bulkId:a", "bulkId:a": "bulkId:unknown" } }),
        json!({ "op": "replace", "path": "manager[\"", "value": 7 }),
        json!({ "op": "replace", "value": "bulkId:a" }),
        json!("bulkId:a"),
    ] {
        check_patch("User", &operation, &operation);
    }
}

#[test]
fn in_unknown_attributes_only_a_bare_bulk_id_is_replaced() {
    let bodies = |id: &str| {
        [
            json!({ "urn:acme:new": { "owner": id, "all": [id, { "deep": id }], "n": 1 } }),
            json!({ "urn:acme:new:owner": id }),
            json!({ ENTERPRISE_USER: { "owner": id } }),
            json!({ OWNED: { "pair": { "value": "bulkId:a", "new": id } } }),
        ]
    };
    for (body, expected) in bodies("bulkId:a").into_iter().zip(bodies("<a>")) {
        check_body("User", body.clone(), expected.clone());
        check_patch("User", &json!({ "op": "add", "value": body }), &json!({ "op": "add", "value": expected }));
    }
    let operations = |id: &str| {
        [
            json!({ "op": "add", "path": "urn:acme:new:owner", "value": { "value": id } }),
            json!({ "op": "remove", "path": format!("urn:acme:new:owners[value eq \"{id}\"]") }),
            json!({ "op": "add", "path": "emails[type eq \"work\"].owner", "value": id }),
        ]
    };
    for (operation, expected) in operations("bulkId:a").into_iter().zip(operations("<a>")) {
        check_patch("User", &operation, &expected);
    }
    for text in ["/Users/bulkId:a", "BULKID:a", "bulkId:unknown", "bulkId:"] {
        let body = json!({ "urn:acme:new": { "owner": text } });
        check_body("User", body.clone(), body);
    }
}

#[test]
fn the_bulk_id_in_a_path_is_replaced() {
    let made = Target::BulkId("a".into());
    let there = Target::Id("<a>".into());
    assert_eq!(substituted("User", Action::Delete(made.clone())), Action::Delete(there));
    let unknown = Target::BulkId("unknown".into());
    assert_eq!(substituted("User", Action::Delete(unknown.clone())), Action::Delete(unknown));
}

/// Bodies with references somewhere, in forms that bodies and the values of a PATCH share.
fn bodies() -> impl Strategy<Value = (Value, usize)> {
    let reference = |forms: Vec<fn(&str) -> Value>| {
        (0_usize..4, proptest::sample::select(forms)).prop_map(|(number, form)| form(&format!("bulkId:n{number}")))
    };
    let whole: Vec<fn(&str) -> Value> = vec![
        |id| json!({ "value": id }),
        |id| json!({ "value": id, "note": "x" }),
        |id| json!({ "$ref": format!("https://a.test/Users/{id}") }),
        |id| json!(id),
    ];
    let bare: Vec<fn(&str) -> Value> = vec![|id| json!(id), |id| json!(format!("../Users/{id}"))];
    let assets = proptest::collection::vec(reference(whole.clone()), 0..4);
    let deputies = proptest::collection::vec(reference(bare.clone()), 0..4);
    (reference(whole), assets, deputies, reference(bare), 0_u8..3).prop_map(|(manager, assets, deputies, owner, form)| {
        let count = 2 + assets.len() + deputies.len();
        let prefix = format!("{OWNED}:");
        let body = match form {
            0 => json!({ ENTERPRISE_USER: { "manager": manager }, OWNED: { "assets": assets, "deputies": deputies, "owner": owner } }),
            1 => json!({ "manager": manager, "assets": assets, "deputies": deputies, "OWNER": owner }),
            _ => json!({ format!("{ENTERPRISE_USER}:manager"): manager, format!("{prefix}assets"): assets,
                format!("{prefix}deputies"): deputies, OWNED.to_uppercase(): { "owner": owner } }),
        };
        (body, count)
    })
}

proptest! {
    #[test]
    fn substitution_reaches_every_reference((body, count) in bodies(), as_patch: bool) {
        let action = if as_patch {
            Action::Patch(Target::Id("1".into()), json!({ "Operations": [{ "op": "add", "value": body }] }))
        } else {
            Action::Create(body)
        };
        let mut task = Task { resource_type: resource_type("User"), action, version: None };
        let mut seen = 0;
        visit(&mut task, &mut |_, kind| seen += usize::from(kind == TextKind::Reference));
        prop_assert_eq!(seen, count);
        task.substitute(id_of);
        let (Action::Create(after) | Action::Patch(_, after)) = &task.action else { unreachable!() };
        prop_assert!(!after.to_string().contains("bulkId:"), "{}", after);
        prop_assert_eq!(after.to_string().matches("<n").count(), count);
    }
}
