//! Values in another shape than the schema has: the one meaning that they can have, or a refusal. No request succeeds without
//! an effect because of the shape of its value.

use super::*;
use crate::error::ScimType;

fn user(patch: &Value, how: Leniencies) -> Result<Value, ScimError> {
    let registry = registry();
    let before =
        json!({ "userName": "ada", "title": "t", "active": true, "emails": [{ "value": "a" }, { "value": "b" }] });
    let found = run(patch, &before, &Value::Null, registry.resource_type("User").unwrap(), how);
    found.map(|patched| Value::Object(patched.document))
}

fn group(operation: &Value) -> Result<MemberDelta, ScimError> {
    let registry = registry();
    let rt = registry.resource_type("Group").unwrap();
    let patch = json!([operation]);
    run(&patch, &json!({ "displayName": "Crew" }), &Value::Null, rt, Leniencies::all()).map(|patched| patched.members)
}

#[test]
fn a_wrapped_scalar_is_the_scalar() {
    let forms = |value: Value| [json!([{ "$ref": null, "value": value }]), json!([value]), json!({ "Value": value })];
    for (path, inner, place, expected) in [
        ("title", json!("de"), "/title", json!("de")),
        ("active", json!(false), "/active", json!(false)),
        ("name.givenName", json!("A"), "/name/givenName", json!("A")),
        ("emails[value eq \"b\"].type", json!("x"), "/emails/1/type", json!("x")),
        ("title", Value::Null, "/title", Value::Null),
    ] {
        for value in forms(inner) {
            let patch = json!([{ "op": "replace", "path": path, "value": value }]);
            let document = user(&patch, Leniencies::all()).unwrap();
            assert_eq!(document.pointer(place).cloned().unwrap_or_default(), expected, "{patch}");
            let without = user(&patch, Leniencies::all().without(Leniency::WrappedScalar)).unwrap_err();
            assert_eq!(without.scim_type, Some(ScimType::InvalidValue), "{patch}");
        }
    }
    for value in [
        json!(["a", "b"]),
        json!([{ "value": "a" }, { "value": "b" }]),
        json!([{ "value": "a", "type": "x" }]),
        json!({ "value": ["a", "b"] }),
    ] {
        let patch = json!([{ "op": "replace", "path": "title", "value": value }]);
        assert_eq!(user(&patch, Leniencies::all()).unwrap_err().scim_type, Some(ScimType::InvalidValue), "{patch}");
    }
}

#[test]
fn no_value_is_ignored_because_of_its_shape() {
    for op in ["add", "remove", "replace"] {
        for value in [
            json!({ "members": [{ "value": "u1" }] }),
            json!([{ "members": [{ "value": "u1" }] }]),
            json!([{ "id": "u1" }]),
            json!([{ "value": "u1" }, { "value": null }]),
            json!([{ "value": "" }]),
            json!([{}]),
            json!({}),
        ] {
            let operation = json!({ "op": op, "path": "members", "value": value });
            assert_eq!(group(&operation).unwrap_err().scim_type, Some(ScimType::InvalidValue), "{operation}");
        }
    }
    for (op, path, value) in [
        ("remove", "emails", json!({ "emails": [{ "value": "a" }] })),
        ("remove", "emails", json!([{ "display": "A" }])),
        ("remove", "emails", json!([{ "id": "a" }])),
        ("remove", "emails", json!([{ "value": "a" }, {}])),
        ("replace", "emails", json!({ "emails": [{ "value": "c" }] })),
        ("add", "emails", json!([{ "emails": { "value": "c" } }])),
        ("replace", "name", json!({ "name": { "givenName": "A" } })),
    ] {
        let patch = json!([{ "op": op, "path": path, "value": value }]);
        assert_eq!(user(&patch, Leniencies::all()).unwrap_err().scim_type, Some(ScimType::InvalidValue), "{patch}");
    }
}

#[test]
fn listed_values_are_removed_by_what_identifies_them() {
    let rt_before = json!({ "userName": "ada", "addresses": [{ "locality": "Ockham", "country": "GB" }, { "locality": "Paris" }], "emails": [
        { "value": "A@x", "type": "work", "display": "1" }, { "value": "a@x", "type": "home" }, { "value": "b@x" }
    ] });
    let registry = registry();
    let rt = registry.resource_type("User").unwrap();
    for (path, listed, left) in [
        ("emails", json!([{ "value": "a@X" }]), json!([{ "value": "b@x" }])),
        (
            "emails",
            json!([{ "value": "a@x", "type": "HOME", "display": "other" }]),
            json!([
                { "value": "A@x", "type": "work", "display": "1" }, { "value": "b@x" }
            ]),
        ),
        ("emails", json!([{ "value": "a@x" }, { "value": "b@x", "type": "work" }, "b@x"]), Value::Null),
        ("emails", json!([{ "type": "work" }, { "type": "home" }]), json!([{ "value": "b@x" }])),
        ("addresses", json!([{ "locality": "OCKHAM", "country": "gb" }]), json!([{ "locality": "Paris" }])),
        ("addresses", json!([{ "locality": "Paris", "country": "FR" }]), rt_before["addresses"].clone()),
    ] {
        let patch = json!([{ "op": "remove", "path": path, "value": listed }]);
        let patched = run(&patch, &rt_before, &Value::Null, rt, Leniencies::all()).unwrap();
        assert_eq!(patched.document.get(path).cloned().unwrap_or_default(), left, "{patch}");
    }
}

#[test]
fn an_added_element_is_merged_into_the_first_that_is_the_same() {
    let before = json!({ "userName": "ada", "addresses": [{ "locality": "Ockham", "country": "GB" }], "emails": [
        { "value": "a", "type": "work" }, { "value": "a", "type": "home" }
    ] });
    let registry = registry();
    let rt = registry.resource_type("User").unwrap();
    for (path, added, after) in [
        (
            "emails",
            json!([{ "value": "a", "display": "A" }]),
            json!([
                { "value": "a", "type": "work", "display": "A" }, { "value": "a", "type": "home" }
            ]),
        ),
        (
            "emails",
            json!([{ "value": "a", "type": "home", "display": "A" }]),
            json!([
                { "value": "a", "type": "work" }, { "value": "a", "type": "home", "display": "A" }
            ]),
        ),
        (
            "emails",
            json!([{ "value": "b" }, { "value": "b", "type": "x" }, { "value": "b", "display": "B" }]),
            json!([
                { "value": "a", "type": "work" }, { "value": "a", "type": "home" },
                { "value": "b", "display": "B" }, { "value": "b", "type": "x" }
            ]),
        ),
        ("emails", json!([{ "type": "home" }]), before["emails"].clone()),
        (
            "addresses",
            json!([{ "country": "GB" }, { "country": "FR" }, { "country": "FR", "region": "x" }]),
            json!([
                { "locality": "Ockham", "country": "GB" }, { "country": "FR" }, { "country": "FR", "region": "x" }
            ]),
        ),
    ] {
        let patch = json!([{ "op": "add", "path": path, "value": added }]);
        let patched = run(&patch, &before, &Value::Null, rt, Leniencies::all()).unwrap();
        assert_eq!(patched.document[path], after, "{patch}");
    }
}

/// Every refusal names the operation, and what it is about.
#[test]
fn refusals_name_the_operation_and_the_culprit() {
    let long = "x".repeat(100);
    let fine = json!({ "op": "add", "path": "title", "value": "t" });
    let refusals = [
        json!({ "op": "frobnicate", "path": "title", "value": "t" }),
        json!({ "op": long, "path": "title" }),
        json!({ "op": 7 }),
        json!({ "path": "title" }),
        json!("add"),
        json!({ "op": "add", "path": 7, "value": "t" }),
        json!({ "op": "add", "path": " title", "value": "t" }),
        json!({ "op": "replace", "path": "title" }),
        json!({ "op": "replace" }),
        json!({ "op": "replace", "value": ["t"] }),
        json!({ "op": "remove" }),
        json!({ "op": "replace", "path": "id", "value": "1" }),
        json!({ "op": "replace", "path": "active", "value": "yes" }),
        json!({ "op": "replace", "path": "emails[type eq \"x\"].value", "value": "c" }),
        json!({ "op": "replace", "path": "emails", "value": [{ "value": "c" }, { "value": "d", "primary": "yes" }] }),
        json!({ "op": "remove", "path": "userName" }),
        json!({ "op": "remove", "path": "emails", "value": [{ "value": "a" }] }),
        json!({ "op": "add", "path": "shoeSize", "value": 37 }),
    ];
    let details = refusals.map(|operation| {
        let detail = user(&json!([fine, operation]), Leniencies::strict()).unwrap_err().detail;
        assert!(detail.starts_with("Operation 2: ") && detail.len() < 250, "{detail}");
        detail
    });
    insta::assert_snapshot!(details.join("\n"), @r#"
    Operation 2: op must be add, remove or replace; it is "frobnicate".
    Operation 2: op must be add, remove or replace; it is "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…".
    Operation 2: op must be add, remove or replace; it is this number.
    Operation 2: op must be add, remove or replace; it is missing.
    Operation 2: Each of the Operations must be an object, not this text.
    Operation 2: path must be a text, not this number.
    Operation 2: path must name an attribute, without spaces around it; it is " title".
    Operation 2: The replace of "title" must have a value.
    Operation 2: The replace must have a value.
    Operation 2: Without a path, the value must be an object with the attributes to change, not an array.
    Operation 2: An operation remove must have a path.
    Operation 2: id is readOnly; only the server changes it.
    Operation 2: active must be true or false, not this text.
    Operation 2: No element of emails is what the path selects.
    Operation 2: emails.primary must be true or false, not this text. That is value 2 of emails.
    Operation 2: userName is required and cannot be left without a value.
    Operation 2: An operation remove has no value; write the path emails[value eq "…"] to remove some only.
    Operation 2: "shoeSize" is not an attribute of User; remove it, or add an extension that defines it.
    "#);
    let nul = user(&json!([fine, { "op": "add", "path": "title", "value": "\u{0}" }]), Leniencies::strict());
    assert_eq!(nul.unwrap_err().detail, "A text in \"value\" holds the character U+0000; remove it.");
}
