//! Requested attributes and the resulting resource.

use serde_json::json;

use super::*;
use crate::schema::packs::ENTERPRISE_USER;
use crate::schema::registry::Registry;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const SHELF: &str = "urn:acme:shelf";

fn document() -> Map<String, Value> {
    let document = json!({
        "schemas": [USER, ENTERPRISE_USER], "id": "1", "userName": "ada",
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "value": "a", "type": "work" }, { "type": "home" }],
        ENTERPRISE_USER: { "department": "R&D", "manager": { "value": "6f1c", "displayName": "Grace" } },
        "shoeSize": 38,
        "meta": { "version": "W/\"1\"", "created": "2026-01-01T00:00:00Z" }
    });
    document.as_object().unwrap().clone()
}

/// Checks the reply without `schemas` and `id`, which it always has.
fn check(attributes: Option<&str>, excluded: Option<&str>, expected: &Value) {
    let registry = Registry::standard();
    let projection = Projection::parse(attributes, excluded, registry.resource_type("User").unwrap()).unwrap().unwrap();
    let mut found = projection.apply(document());
    assert!(found.shift_remove("schemas").is_some() && found.shift_remove("id").is_some());
    assert_eq!(Value::Object(found), *expected, "{attributes:?} {excluded:?}");
}

#[test]
fn attributes_selects_the_named_attributes() {
    let department = json!({ ENTERPRISE_USER: { "department": "R&D" } });
    for (attributes, expected) in [
        ("userName", json!({ "userName": "ada" })),
        (" USERNAME , ,nope", json!({ "userName": "ada" })),
        ("id", json!({})),
        ("nope", json!({})),
        ("password", json!({})),
        ("name", json!({ "name": { "givenName": "Ada", "familyName": "Byron" } })),
        ("name.givenName", json!({ "name": { "givenName": "Ada" } })),
        ("name.givenName,name", json!({ "name": { "givenName": "Ada", "familyName": "Byron" } })),
        ("name.middleName", json!({})),
        ("emails.value", json!({ "emails": [{ "value": "a" }] })),
        ("emails.TYPE", json!({ "emails": [{ "type": "work" }, { "type": "home" }] })),
        ("emails[type eq \"work\"].value", json!({ "emails": [{ "value": "a" }] })),
        ("emails[type eq \"a,b\"]", json!({ "emails": [{ "value": "a", "type": "work" }, { "type": "home" }] })),
        ("Emails [ type eq \"work\" ]", json!({ "emails": [{ "value": "a", "type": "work" }, { "type": "home" }] })),
        ("meta.version", json!({ "meta": { "version": "W/\"1\"" } })),
        ("department", department.clone()),
        (&format!("{ENTERPRISE_USER}:department"), department.clone()),
        (&format!("{}:DEPARTMENT", ENTERPRISE_USER.to_uppercase()), department.clone()),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department", department),
        (&format!("{ENTERPRISE_USER}:manager.value"), json!({ ENTERPRISE_USER: { "manager": { "value": "6f1c" } } })),
        (
            ENTERPRISE_USER,
            json!({ ENTERPRISE_USER: { "department": "R&D", "manager": { "value": "6f1c", "displayName": "Grace" } } }),
        ),
        (&format!("{USER}:userName"), json!({ "userName": "ada" })),
    ] {
        check(Some(attributes), None, &expected);
    }
}

#[test]
fn excluded_attributes_removes_the_named_attributes() {
    let without = |keys: &[&str]| {
        let mut rest = document();
        for key in ["schemas", "id"].iter().chain(keys) {
            rest.shift_remove(*key);
        }
        rest
    };
    for (excluded, keys) in [
        ("userName", vec!["userName"]),
        ("id,schemas,nope", vec![]),
        ("NAME, meta", vec!["name", "meta"]),
        (ENTERPRISE_USER, vec![ENTERPRISE_USER]),
        ("name.givenName,name.familyName", vec!["name"]),
    ] {
        check(None, Some(excluded), &Value::Object(without(&keys)));
    }
    let mut parts = without(&[]);
    parts["emails"] = json!([{ "value": "a" }]);
    parts[ENTERPRISE_USER] = json!({ "department": "R&D", "manager": { "value": "6f1c" } });
    check(None, Some("emails.type,manager.displayName"), &Value::Object(parts));
}

#[test]
fn no_list_is_no_projection_and_both_are_an_error() {
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    for (attributes, excluded) in [(None, None), (Some(""), None), (Some(" , "), Some(""))] {
        assert_eq!(Projection::parse(attributes, excluded, user), Ok(None));
    }
    let error = Projection::parse(Some("id"), Some("name"), user).unwrap_err();
    assert_eq!(error.detail, "attributes and excludedAttributes exclude each other; send one of them.");
}

#[test]
fn members_are_included_only_if_the_reply_has_them() {
    let registry = Registry::standard();
    let group = registry.resource_type("Group").unwrap();
    for (attributes, excluded, wanted) in [
        (None, Some("members"), false),
        (None, Some("MEMBERS"), false),
        (None, Some("members.value"), true),
        (None, Some("displayName"), true),
        (Some("id"), None, false),
        (Some("members"), None, true),
        (Some("members.value"), None, true),
        (None, Some("urn:ietf:params:scim:schemas:core:2.0:Group"), false),
    ] {
        let projection = Projection::parse(attributes, excluded, group).unwrap().unwrap();
        assert_eq!(projection.includes("members"), wanted, "{attributes:?} {excluded:?}");
        assert!(projection.includes("id"));
    }
}

#[test]
fn returned_characteristics_limit_the_projection() {
    let shelf = json!({ "id": SHELF, "name": "Shelf", "attributes": [
        { "name": "always", "returned": "always" },
        { "name": "request", "returned": "request" },
        { "name": "never", "returned": "never" },
        { "name": "box", "type": "complex", "subAttributes": [
            { "name": "key", "returned": "always" }, { "name": "load", "returned": "request" },
            { "name": "lock", "returned": "never" }, { "name": "size" }
        ] }
    ] });
    let registry = Registry::standard().with_extension("User", Schema::from_json(&shelf).unwrap(), false).unwrap();
    let full = json!({ SHELF: {
        "always": "a", "request": "r", "never": "n", "box": { "key": 1, "load": 2, "lock": 3, "size": 4 }
    } });
    for (attributes, excluded, expected) in [
        (None, None, json!({ "always": "a", "box": { "key": 1, "size": 4 } })),
        (Some("request"), None, json!({ "always": "a", "request": "r" })),
        (Some("never,id"), None, json!({ "always": "a" })),
        (Some("box"), None, json!({ "always": "a", "box": { "key": 1, "size": 4 } })),
        (Some("box.load"), None, json!({ "always": "a", "box": { "key": 1, "load": 2 } })),
        (Some("box.lock"), None, json!({ "always": "a", "box": { "key": 1 } })),
        (Some(SHELF), None, json!({ "always": "a", "request": "r", "box": { "key": 1, "size": 4 } })),
        (None, Some(SHELF), json!({ "always": "a" })),
        (None, Some("always,box.key,box.size"), json!({ "always": "a", "box": { "key": 1 } })),
    ] {
        let user = registry.resource_type("User").unwrap();
        let projection = Projection::parse(attributes, excluded, user).unwrap().unwrap();
        let found = projection.apply(full.as_object().unwrap().clone());
        assert_eq!(Value::Object(found), json!({ SHELF: expected }), "{attributes:?} {excluded:?}");
    }
}

#[test]
fn a_write_returns_request_attributes_that_it_specified() {
    let schema = json!({ "id": SHELF, "attributes": [
        { "name": "note", "type": "string", "returned": "request" },
        { "name": "mark", "type": "string", "returned": "request" },
        { "name": "row", "type": "string" },
    ] });
    let registry = Registry::standard().with_extension("User", Schema::from_json(&schema).unwrap(), false).unwrap();
    let user = registry.resource_type("User").unwrap();
    let check = |excluded: Option<&str>, specified: Specified, expected: &Value| {
        let projection = Projection::parse(None, excluded, user).unwrap().unwrap().after_write(specified);
        let document = json!({ SHELF: { "note": "n", "mark": "m", "row": "r" } });
        let left = projection.apply(document.as_object().unwrap().clone());
        assert_eq!(left[SHELF], *expected);
    };
    let note = user.resolve(&format!("{SHELF}:note")).unwrap();
    check(None, Specified::Nothing, &json!({ "row": "r" }));
    check(None, Specified::Everything, &json!({ "note": "n", "mark": "m", "row": "r" }));
    check(None, Specified::Attributes(vec![note]), &json!({ "note": "n", "row": "r" }));
    check(Some(&format!("{SHELF}:note")), Specified::Everything, &json!({ "mark": "m", "row": "r" }));
}
