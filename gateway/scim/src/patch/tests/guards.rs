//! Immutable sub-attributes, and the limit on the work of a request.

use super::*;

const DESKS: &str = "urn:acme:desks:1.0:User";

fn desks() -> Registry {
    let parts = json!([
        { "name": "value" }, { "name": "type" }, { "name": "serial", "mutability": "immutable" }
    ]);
    let desks = json!({ "id": DESKS, "name": "Desks", "attributes": [
        { "name": "desk", "type": "complex", "subAttributes": parts },
        { "name": "items", "type": "complex", "multiValued": true, "subAttributes": parts },
    ] });
    Registry::standard().with_extension("User", Schema::from_json(&desks).unwrap(), false).unwrap()
}

#[test]
fn no_operation_changes_an_immutable_sub_attribute() {
    let registry = desks();
    let rt = registry.resource_type("User").unwrap();
    let before = json!({ "userName": "ada", DESKS: {
        "desk": { "serial": "A" },
        "items": [{ "value": "v", "type": "w", "serial": "A" }, { "value": "u", "type": "x" }],
    } });
    for (op, path, value, is_refused) in [
        ("replace", "desk.serial", json!("B"), true),
        ("add", "desk", json!({ "serial": "B" }), true),
        ("add", "desk", json!({ "serial": "A", "value": "v" }), false),
        ("add", "items[type eq \"w\"]", json!({ "serial": "B" }), true),
        ("add", "items[type eq \"w\"].serial", json!("B"), true),
        ("add", "items", json!([{ "value": "v", "type": "w", "serial": "B" }]), true),
        ("add", "items", json!([{ "value": "v", "type": "w", "serial": "A" }]), false),
        ("add", "items", json!([{ "value": "u", "type": "x", "serial": "B" }]), false),
        ("add", "items[type eq \"x\"]", json!({ "serial": "B" }), false),
        ("add", "items", json!([{ "value": "new", "serial": "B" }]), false),
    ] {
        let patch = json!([{ "op": op, "path": format!("{DESKS}:{path}"), "value": value }]);
        let found = run(&patch, &before, &Value::Null, rt, Leniencies::all());
        let keyword = found.as_ref().err().and_then(|error| error.scim_type).map(crate::error::ScimType::keyword);
        assert_eq!(keyword, is_refused.then_some("mutability"), "{patch}");
    }
}

/// Applies `operations` operations, each with a filter of `terms` terms, to a user with `addresses` addresses.
fn search(addresses: usize, operations: usize, terms: usize, text: &str) -> Result<Patched, ScimError> {
    let registry = registry();
    let rt = registry.resource_type("User").unwrap();
    let emails: Vec<Value> = (0..addresses).map(|number| json!({ "value": format!("É{number}@corp.test") })).collect();
    let mut conditions = vec![format!("value co \"{text}\""); terms];
    conditions.push("value co \"é\"".to_owned());
    let target = format!("emails[{}].display", conditions.join(" or "));
    let operation = json!({ "op": "replace", "path": target, "value": "x" });
    let patch = Value::Array(vec![operation; operations]);
    run(&patch, &json!({ "userName": "ada", "emails": emails }), &Value::Null, rt, Leniencies::all())
}

#[test]
fn a_patch_above_the_work_limit_is_refused() {
    assert!(search(500, 100, 1, "é").is_ok());
    assert!(search(5, 1_000, 10, "é").is_ok());
    for (addresses, operations, terms, text) in [(1_000, 100, 30, "x"), (1_000, 1_000, 1, "x")] {
        let refusal = search(addresses, operations, terms, text).unwrap_err();
        assert_eq!(refusal.status, 413, "{refusal}");
        assert!(refusal.detail.contains("are too many together: more than 67108864 bytes"), "{refusal}");
    }
}
