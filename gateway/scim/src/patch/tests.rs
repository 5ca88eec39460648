//! Recorded forms of PATCH with their expected results (`testdata/patch`), and properties of any input.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::leniency::Leniency;
use crate::normalise::rebuild_schemas;
use crate::schema::packs;
use crate::schema::registry::Registry;
use crate::value::is_unassigned;

mod guards;
mod shapes;

const FILES: [(&str, &str); 7] = [
    ("core", include_str!("../../testdata/patch/core.json")),
    ("elements", include_str!("../../testdata/patch/elements.json")),
    ("entra", include_str!("../../testdata/patch/entra.json")),
    ("okta", include_str!("../../testdata/patch/okta.json")),
    ("members", include_str!("../../testdata/patch/members.json")),
    ("extensions", include_str!("../../testdata/patch/extensions.json")),
    ("refusals", include_str!("../../testdata/patch/refusals.json")),
];

/// The standard types; User with the pack `ws1b` and an extension with every mutability.
fn registry() -> Registry {
    let odd = serde_json::from_str::<Value>(include_str!("../../testdata/patch/odd-schema.json")).unwrap();
    let registry = Registry::standard().with_extension("User", packs::find("ws1b").unwrap(), false).unwrap();
    registry.with_extension("User", Schema::from_json(&odd).unwrap(), false).unwrap()
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn kept(unknown: &Value) -> UnknownAttributes {
    UnknownAttributes::from_json(if unknown.is_null() { json!({}) } else { unknown.clone() }).unwrap()
}

/// A document; a missing `schemas` is added.
fn document(value: &Value, rt: &ResourceType) -> Map<String, Value> {
    let mut document = object(value);
    if !document.contains_key("schemas") {
        rebuild_schemas(&mut document, rt);
    }
    document
}

fn body(patch: &Value) -> Value {
    if patch.is_array() { json!({ "schemas": [PATCH_SCHEMA], "Operations": patch }) } else { patch.clone() }
}

fn run(
    patch: &Value,
    before: &Value,
    unknown: &Value,
    rt: &ResourceType,
    how: Leniencies,
) -> Result<Patched, ScimError> {
    Patch::parse(body(patch), rt, &how)?.apply(&document(before, rt), &kept(unknown), rt, &how)
}

/// `"strict"`, or all leniencies but the named ones.
fn leniencies(case: &Value) -> Leniencies {
    if case["leniencies"] == "strict" {
        return Leniencies::strict();
    }
    let without = case["without"].as_array().cloned().unwrap_or_default();
    without.iter().fold(Leniencies::all(), |set, name| set.without(Leniency::find(name.as_str().unwrap()).unwrap()))
}

fn delta(members: &MemberDelta) -> Value {
    let add: Vec<Value> = members.add.iter().map(Member::to_json).collect();
    json!({ "replaceAll": members.replace_all, "add": add, "remove": members.remove })
}

fn check(case: &Value, registry: &Registry) {
    let rt = registry.resource_type(case["type"].as_str().unwrap_or("User")).unwrap();
    let found = run(&case["patch"], &case["before"], &case["unknown"], rt, leniencies(case));
    if case["error"].is_string() {
        let error = found.map(|patched| patched.document).unwrap_err();
        assert_eq!(error.status, 400, "{error}");
        assert_eq!(error.scim_type.map(crate::error::ScimType::keyword), case["error"].as_str(), "{error}");
        return;
    }
    let patched = found.unwrap();
    let before = document(&case["before"], rt);
    let after = if case["after"].is_object() { document(&case["after"], rt) } else { before.clone() };
    assert_eq!(Value::Object(patched.document.clone()), Value::Object(after.clone()));
    let unknown = if case["unknownAfter"].is_object() { &case["unknownAfter"] } else { &case["unknown"] };
    assert_eq!(patched.unknown.to_json(), kept(unknown).to_json());
    assert_eq!(patched.changed, before != after || object(&case["unknown"]) != object(unknown), "changed");
    let members = if case["members"].is_object() { case["members"].clone() } else { delta(&MemberDelta::default()) };
    assert_eq!(delta(&patched.members), members);
    if let Some(expected) = case["warnings"].as_array() {
        let names: Vec<Value> = patched.warnings.iter().map(|warning| warning.leniency.name().into()).collect();
        assert_eq!(&names, expected);
    }
    let operations = body(&case["patch"])["Operations"].as_array().cloned().unwrap_or_default();
    if operations.iter().all(|operation| operation["op"].as_str().is_some_and(|op| op.eq_ignore_ascii_case("replace")))
    {
        let again = Patch::parse(body(&case["patch"]), rt, &leniencies(case)).unwrap();
        let again = again.apply(&patched.document, &patched.unknown, rt, &leniencies(case)).unwrap();
        assert_eq!(again.document, patched.document, "replacing twice");
        assert!(!again.changed, "replacing twice");
    }
}

#[test]
fn every_recorded_form_has_its_expected_result() {
    let registry = registry();
    let mut failed = Vec::new();
    for (file, text) in FILES {
        let cases: Vec<Value> = serde_json::from_str(text).unwrap();
        for case in cases {
            if std::panic::catch_unwind(|| check(&case, &registry)).is_err() {
                failed.push(format!("{file}: {}", case["name"]));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn both_entra_dialects_have_the_same_result() {
    let registry = registry();
    let cases: Vec<Value> = serde_json::from_str(include_str!("../../testdata/patch/dialects.json")).unwrap();
    for case in cases {
        let rt = registry.resource_type(case["type"].as_str().unwrap_or("User")).unwrap();
        let outcome = |dialect: &str| {
            let patched = run(&case[dialect], &case["before"], &Value::Null, rt, Leniencies::all()).unwrap();
            (Value::Object(patched.document), delta(&patched.members), patched.changed)
        };
        assert_eq!(outcome("flagOff"), outcome("flagOn"), "{}", case["name"]);
        assert!(outcome("flagOn").2 || case["type"] == "Group", "{}", case["name"]);
    }
}

#[test]
fn touches_only_members_is_false_for_any_other_change() {
    let registry = registry();
    let group = registry.resource_type("Group").unwrap();
    for (patch, only) in [
        (json!([{ "op": "add", "path": "members", "value": [{ "value": "u1" }] }]), true),
        (json!([{ "op": "replace", "value": { "id": "g", "members": [] } }]), true),
        (json!([{ "op": "replace", "value": { "displayName": "A", "members": [] } }]), false),
        (json!([{ "op": "replace", "value": { "id": "g" } }]), false),
        (
            json!([{ "op": "remove", "path": "members[value eq \"u1\"]" }, { "op": "add", "path": "x", "value": 1 }]),
            false,
        ),
    ] {
        let parsed = Patch::parse(body(&patch), group, &Leniencies::all()).unwrap();
        assert_eq!(parsed.touches_only_members(), only, "{patch}");
    }
}

#[test]
fn a_hundred_thousand_members_are_folded_into_one_delta() {
    let registry = registry();
    let group = registry.resource_type("Group").unwrap();
    let members: Vec<Value> = (0..100_000).map(|n| json!({ "value": format!("u{n}") })).collect();
    let patch = json!([
        { "op": "add", "path": "members", "value": members },
        { "op": "Remove", "path": "members", "value": members[..99_999] }
    ]);
    let patched = run(&patch, &json!({ "displayName": "All" }), &Value::Null, group, Leniencies::all()).unwrap();
    assert_eq!(patched.members.add, [Member::new("u99999")]);
    assert_eq!(patched.members.remove.len(), 99_999);
}

fn paths() -> impl Strategy<Value = String> {
    let known = [
        "userName",
        "active",
        "emails",
        "emails[type eq \"work\"]",
        "emails[type eq \"work\"].value",
        "emails.value",
        "roles[primary eq \"True\"].value",
        "addresses[type eq \"home\"].locality",
        "name",
        "name.givenName",
        "manager",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department",
        "schemas",
        "id",
        "password",
        "nope",
        "urn:acme:odd:1.0:User",
        "urn:acme:odd:1.0:User:desk",
        "urn:acme:odd:1.0:User:tags",
        "x[a eq 1].b",
        "",
        "emails[not (type eq \"work\") or value pr]",
        "members",
        "members[value eq \"u1\" or value eq \"u2\"]",
    ];
    prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,20}"]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(vec!["", "a", "b", "True", "work", "{\"value\":\"a\"}", "\u{0}"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof![
            prop::sample::select(vec!["value", "Value", "type", "primary", "$ref", "givenName"])
                .prop_map(str::to_owned),
            paths(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((key, inner), 0..4).prop_map(|parts| Value::Object(parts.into_iter().collect())),
        ]
    })
}

fn operations(verbs: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let operation = (prop::sample::select(verbs.to_vec()), paths(), values())
        .prop_map(|(op, path, value)| json!({ "op": op, "path": path, "value": value }));
    prop::collection::vec(operation, 1..5).prop_map(Value::Array)
}

fn rich() -> Value {
    json!({
        "userName": "ada", "active": true, "name": { "givenName": "Ada" },
        "emails": [{ "value": "a", "type": "work", "primary": true }, { "value": "b", "type": "home" }],
        "roles": [{ "value": "admin", "primary": true }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "R&D", "manager": { "value": "m" } }
    })
}

/// A path and a value to replace it with.
fn replaceable() -> impl Strategy<Value = (String, Value)> {
    let text = prop::sample::select(vec![json!("x"), json!("y"), json!(""), Value::Null]);
    let flag = prop::sample::select(vec![json!(true), json!("False"), Value::Null]);
    let element =
        (text.clone(), flag.clone()).prop_map(|(value, primary)| json!({ "value": value, "primary": primary }));
    let list = prop::collection::vec(element.clone(), 0..3).prop_map(Value::Array);
    prop_oneof![
        (
            prop::sample::select(vec![
                "title",
                "name.givenName",
                "emails[type eq \"work\"].value",
                "manager",
                "roles[primary eq \"True\"].value",
                "emails[type eq \"x\"].display",
                "department"
            ]),
            text
        ),
        (prop::sample::select(vec!["active", "emails[type eq \"home\"].primary"]), flag),
        (prop::sample::select(vec!["emails", "roles"]), list),
        (prop::sample::select(vec!["emails[type eq \"work\"]", "manager"]), element),
    ]
    .prop_map(|(path, value)| (path.to_owned(), value))
}

proptest! {
    #[test]
    fn no_input_panics(body in values()) {
        let registry = registry();
        for name in ["User", "Group"] {
            let rt = registry.resource_type(name).unwrap();
            for how in [Leniencies::all(), Leniencies::strict()] {
                if let Ok(patch) = Patch::parse(body.clone(), rt, &how) {
                    let _ = patch.apply(&Map::new(), &UnknownAttributes::default(), rt, &how);
                }
            }
        }
    }

    #[test]
    fn the_result_of_a_patch_is_canonical(patch in operations(&["add", "Replace", "remove"])) {
        let registry = registry();
        let rt = registry.resource_type("User").unwrap();
        for how in [Leniencies::all(), Leniencies::strict()] {
            let before = document(&rich(), rt);
            let Ok(patched) = run(&patch, &rich(), &Value::Null, rt, how) else { continue };
            let mut rebuilt = patched.document.clone();
            rebuild_schemas(&mut rebuilt, rt);
            prop_assert_eq!(&rebuilt, &patched.document);
            prop_assert_eq!(patched.changed, patched.document != before || !patched.unknown.is_empty());
            prop_assert!(patched.document.values().all(|value| !is_unassigned(value)));
            prop_assert!(patched.document.contains_key("userName"));
            for list in ["emails", "roles"] {
                let elements = patched.document.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
                prop_assert!(elements.iter().filter(|element| element["primary"] == true).count() < 2);
            }
        }
    }

    /// RFC 7644 §3.5.2: "if a single operation fails […] the original resource MUST be restored".
    #[test]
    fn one_patch_equals_its_operations_applied_one_by_one(patch in operations(&["add", "replace", "remove"])) {
        let registry = registry();
        let rt = registry.resource_type("User").unwrap();
        let how = Leniencies::all();
        let (mut document, mut unknown) = (document(&rich(), rt), UnknownAttributes::default());
        let mut failed = false;
        for operation in patch.as_array().unwrap() {
            let Ok(one) = Patch::parse(body(&json!([operation])), rt, &how)
                .and_then(|patch| patch.apply(&document, &unknown, rt, &how)) else { failed = true; break };
            (document, unknown) = (one.document, one.unknown);
        }
        match run(&patch, &rich(), &Value::Null, rt, how) {
            Ok(all) => {
                prop_assert!(!failed);
                prop_assert_eq!(all.document, document);
                prop_assert_eq!(all.unknown, unknown);
            }
            Err(_) => prop_assert!(failed),
        }
    }

    #[test]
    fn replacing_twice_equals_replacing_once((path, value) in replaceable()) {
        let registry = registry();
        let rt = registry.resource_type("User").unwrap();
        let patch = json!([{ "op": "replace", "path": path, "value": value }]);
        if let Ok(once) = run(&patch, &rich(), &Value::Null, rt, Leniencies::all()) {
            let unknown = once.unknown.to_json();
            let twice = run(&patch, &Value::Object(once.document.clone()), &unknown, rt, Leniencies::all()).unwrap();
            prop_assert_eq!(&twice.document, &once.document);
            prop_assert!(!twice.changed);
        }
    }
}
