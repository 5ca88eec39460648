//! Values as clients send them, and their coerced form.

use serde_json::json;

use std::sync::Arc;

use super::*;
use crate::schema::registry::Registry;

fn coerce(
    value: Value,
    attribute: &Attribute,
    leniencies: &Leniencies,
    warnings: &mut Warnings,
) -> Result<Option<Value>, ScimError> {
    Coercion { leniencies, warnings, unknown: &mut Map::new() }.value(value, attribute, &attribute.name)
}

fn attribute(name: &str) -> Arc<Attribute> {
    let extra = json!({ "id": "urn:acme:t", "attributes": [
        { "name": "level", "type": "integer" },
        { "name": "ratio", "type": "decimal" },
        { "name": "since", "type": "dateTime" },
        { "name": "tags", "type": "string", "multiValued": true },
        { "name": "pin", "type": "complex", "subAttributes": [
            { "name": "code", "returned": "never" }, { "name": "hint" }, { "name": "seen", "mutability": "readOnly" }
        ] }
    ] });
    let schema = crate::schema::Schema::from_json(&extra).unwrap();
    let registry = Registry::standard().with_extension("User", schema, false).unwrap();
    let found = registry.resource_type("User").unwrap().resolve(name).unwrap();
    Arc::clone(found.leaf())
}

/// Cases are `[attribute, value, result, used leniencies]`; a null result means unassigned.
fn check_lenient(cases: &Value) {
    for case in cases.as_array().unwrap() {
        let attribute = attribute(case[0].as_str().unwrap());
        let mut warnings = Warnings::default();
        let found = coerce(case[1].clone(), &attribute, &Leniencies::all(), &mut warnings);
        assert_eq!(found, Ok(Some(case[2].clone()).filter(|value| !value.is_null())), "{case}");
        let used: Vec<&str> = warnings.iter().map(|warning| warning.leniency.name()).collect();
        assert_eq!(json!(used), case[3], "{case}");
    }
}

#[test]
fn quoted_booleans_and_numbers_are_unquoted() {
    check_lenient(&json!([
        ["active", true, true, []],
        ["active", "True", true, ["string-boolean"]],
        ["active", "FALSE", false, ["string-boolean"]],
        ["active", null, null, []],
        ["active", "", null, ["empty-string-as-null"]],
        ["level", 3, 3, []],
        ["level", "3", 3, ["string-number"]],
        ["level", "-3", -3, ["string-number"]],
        ["ratio", "0.5", 0.5, ["string-number"]],
        ["emails.primary", "True", true, ["string-boolean"]],
        ["emails", [{ "value": "a", "primary": "True" }], [{ "value": "a", "primary": true }], ["string-boolean"]],
        ["title", "True", "True", []],
        ["title", true, "true", ["scalar-for-string"]],
        ["employeeNumber", 42, "42", ["scalar-for-string"]]
    ]));
}

#[test]
fn numbers_keep_every_digit() {
    for (name, text, expected) in [
        ("level", "123456789012345678901234567890", "123456789012345678901234567890"),
        ("level", "-0", "-0"),
        ("level", "1.0", "1"),
        ("level", "-12.50e2", "-1250"),
        ("level", "0e5", "0"),
        ("level", "1e63", &format!("1{}", "0".repeat(63))),
        ("level", "1e400", "1e400"),
        ("ratio", "1.0", "1.0"),
        ("ratio", "1e3", "1e3"),
    ] {
        let value: Value = serde_json::from_str(text).unwrap();
        let found = coerce(value, &attribute(name), &Leniencies::strict(), &mut Warnings::default()).unwrap();
        assert_eq!(found.unwrap().to_string().to_lowercase().replace('+', ""), expected, "{name} {text}");
    }
}

#[test]
fn empty_values_leave_the_attribute_unassigned() {
    check_lenient(&json!([
        ["title", null, null, []],
        ["title", [], null, []],
        ["title", "", null, ["empty-string-clears"]],
        ["name", {}, null, []],
        ["name", { "givenName": null }, null, []],
        ["name", { "givenName": "" }, null, ["empty-string-clears"]],
        ["emails", [], null, []],
        ["emails", [{}], null, []],
        ["emails", [null, { "value": "a" }], [{ "value": "a" }], ["null-attribute"]],
        ["emails", "", null, ["empty-string-as-null"]],
        ["manager", "", null, ["empty-string-as-null"]],
        ["manager", { "value": "" }, null, ["empty-string-clears"]]
    ]));
}

#[test]
fn a_manager_may_be_an_object_a_text_or_an_array() {
    check_lenient(&json!([
        ["manager", { "value": "6f1c" }, { "value": "6f1c" }, []],
        ["manager", { "$ref": null, "value": "6f1c" }, { "value": "6f1c" }, []],
        ["manager", "6f1c", { "value": "6f1c" }, ["manager-as-string"]],
        ["manager", [{ "$ref": null, "value": "6f1c" }], { "value": "6f1c" }, ["manager-as-array"]],
        ["manager", ["6f1c"], { "value": "6f1c" }, ["manager-as-array", "manager-as-string"]],
        ["manager", [], null, []],
        ["manager", { "value": "6f1c", "displayName": "Grace" }, { "value": "6f1c" }, []]
    ]));
}

#[test]
fn single_values_become_arrays_and_the_reverse() {
    check_lenient(&json!([
        ["emails", { "value": "a" }, [{ "value": "a" }], ["scalar-for-array"]],
        ["emails", "a", [{ "value": "a" }], ["bare-element", "scalar-for-array"]],
        ["emails", ["a", "b"], [{ "value": "a" }, { "value": "b" }], ["bare-element"]],
        ["tags", "x", ["x"], ["scalar-for-array"]],
        ["tags", ["x", "y"], ["x", "y"], []],
        ["title", ["Countess"], "Countess", ["wrapped-scalar"]],
        ["title", [{ "$ref": null, "value": "Countess" }], "Countess", ["wrapped-scalar"]],
        ["active", { "Value": "True" }, true, ["wrapped-scalar", "string-boolean"]],
        ["tags", [{ "value": "x" }, "y"], ["x", "y"], ["wrapped-scalar"]]
    ]));
}

#[test]
fn sub_attributes_get_canonical_names_and_unknown_ones_are_left_out() {
    check_lenient(&json!([
        ["emails", [{ "Value": "a", "TYPE": "work" }], [{ "value": "a", "type": "work" }], []],
        ["name", { "GIVENNAME": "Ada", "givenName": "Augusta" }, { "givenName": "Augusta" }, []],
        ["name", { "nope": 1, "givenName": "Ada" }, { "givenName": "Ada" }, ["unknown-attribute-set-aside"]],
        ["pin", { "code": "1234", "hint": "birthday", "seen": "x" }, { "hint": "birthday" }, []]
    ]));
}

#[test]
fn the_last_primary_element_stays_primary() {
    check_lenient(&json!([
        ["emails",
         [{ "value": "a", "primary": true }, { "value": "b", "primary": "True" }, { "value": "c", "primary": false }],
         [{ "value": "a", "primary": false }, { "value": "b", "primary": true }, { "value": "c", "primary": false }],
         ["string-boolean", "extra-primary"]]
    ]));
}

#[test]
fn json_text_becomes_the_element_that_it_contains() {
    let text = r#"{"id":"1","value":"Admin","displayName":"Administrator"}"#;
    check_lenient(&json!([
        ["roles", [{ "value": text, "primary": "True" }], [{ "primary": true, "value": "Admin" }],
         ["json-text-value", "string-boolean", "unknown-attribute-set-aside", "unknown-attribute-set-aside"]],
        ["roles", [{ "value": "{not json" }], [{ "value": "{not json" }], []],
        ["roles", [{ "value": r#"{"a":1}"# }], [{ "value": r#"{"a":1}"# }], []],
        ["title", text, text, []]
    ]));
    let mut warnings = Warnings::default();
    let nul = json!([{ "value": "{\"value\":\"a\\u0000\"}" }]);
    assert!(coerce(nul, &attribute("roles"), &Leniencies::all(), &mut warnings).is_err());
}

#[test]
fn values_of_the_wrong_type_are_refused_with_the_attribute_name() {
    let cases = [
        ("active", json!("yes")),
        ("active", json!(1)),
        ("active", json!({})),
        ("level", json!(1.5)),
        ("level", json!("NaN")),
        ("ratio", json!("Infinity")),
        ("title", json!({ "value": "x", "type": "y" })),
        ("title", json!(["a", "b"])),
        ("name", json!("Ada")),
        ("name", json!({ "givenName": ["a", "b"] })),
        ("emails", json!([["a"]])),
        ("emails", json!([true])),
        ("since", json!(1_700_000_000)),
        ("title", json!("a\u{0}b")),
        ("emails", json!([{ "value": "a\u{0}" }])),
    ];
    let errors = cases.map(|(name, value)| {
        let case = format!("{name} = {value}");
        let found = coerce(value, &attribute(name), &Leniencies::all(), &mut Warnings::default());
        format!("{} → {}", case.escape_debug(), found.unwrap_err())
    });
    insta::assert_snapshot!(errors.join("\n"), @r#"
    active = \"yes\" → active must be true or false, not this text.
    active = 1 → active must be true or false, not this number.
    active = {} → active must be true or false, not an object.
    level = 1.5 → level must be a whole number, not this number.
    level = \"NaN\" → level must be a whole number, not this text.
    ratio = \"Infinity\" → ratio must be a number, not this text.
    title = {\"value\":\"x\",\"type\":\"y\"} → title must be a text, not an object.
    title = [\"a\",\"b\"] → title must be a single value, not several.
    name = \"Ada\" → name must be an object, not this text.
    name = {\"givenName\":[\"a\",\"b\"]} → name.givenName must be a single value, not several.
    emails = [[\"a\"]] → emails must be an object, not an array.
    emails = [true] → emails must be an object, not a boolean.
    since = 1700000000 → since must be a text, not this number.
    title = \"a\\u0000b\" → A text in "title" holds the character U+0000; remove it.
    emails = [{\"value\":\"a\\u0000\"}] → A text in "emails.value" holds the character U+0000; remove it.
    "#);
}

#[test]
fn strict_refuses_every_leniency() {
    for (name, value) in [
        ("active", json!("True")),
        ("active", json!("")),
        ("level", json!("3")),
        ("title", json!(3)),
        ("manager", json!("6f1c")),
        ("manager", json!([{ "value": "6f1c" }])),
        ("emails", json!({ "value": "a" })),
        ("emails", json!([null])),
        ("emails", json!([{ "value": "a", "nope": 1 }])),
        ("emails", json!([{ "primary": true }, { "primary": true }])),
    ] {
        let mut warnings = Warnings::default();
        let found = coerce(value.clone(), &attribute(name), &Leniencies::strict(), &mut warnings);
        assert_eq!(found.map_err(|error| error.status), Err(400), "{name} {value}");
        assert!(warnings.is_empty());
    }
    let empty = coerce(json!(""), &attribute("title"), &Leniencies::strict(), &mut Warnings::default());
    assert_eq!(empty, Ok(Some(json!(""))));
}

#[test]
fn a_single_element_does_not_become_an_array() {
    let element = json!({ "Value": "a", "primary": "true" });
    let (leniencies, warnings, unknown) = (&Leniencies::all(), &mut Warnings::default(), &mut Map::new());
    let found = Coercion { leniencies, warnings, unknown }.element(element, &attribute("emails"), &"emails");
    assert_eq!(found, Ok(Some(json!({ "value": "a", "primary": true }))));
}

#[test]
fn nul_is_found_at_any_depth() {
    let mut deep = json!("a\u{0}");
    for _ in 0..100 {
        deep = json!([{ "x": deep }]);
    }
    assert!(refuse_nul(&deep).is_err());
    assert!(refuse_nul(&json!({ "a\u{0}": 1 })).is_err());
    assert!(refuse_nul(&json!({ "a": ["b", 1, null, { "c": "d" }] })).is_ok());
}
