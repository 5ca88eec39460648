use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::registry::Registry;
use crate::text::Printed;

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn user() -> Arc<ResourceType> {
    Arc::clone(Registry::standard().resource_type("User").unwrap())
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("{value} is not an object") };
    object
}

fn overlay(document: Value) -> Overlay {
    Overlay::new(Arc::new(object(document)), None)
}

fn ada() -> Overlay {
    overlay(json!({
        "schemas": [CORE, ENTERPRISE],
        "id": "1",
        "userName": "ada",
        "name": { "givenName": "Ada" },
        "emails": [{ "type": "work", "value": "w", "primary": true }, { "type": "home", "value": "h" }],
        ENTERPRISE: { "department": "R&D" },
    }))
}

#[track_caller]
fn check_get(path: &str, expected: Value) {
    let document = ada();
    let found = get(&document, &user(), path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!((path, found.into_iter().cloned().collect::<Value>()), (path, expected));
}

#[test]
fn append_accepts_up_to_a_thousand_values() {
    let mails = |from: usize, to: usize| (from..to).map(|n| json!({ "value": format!("m{n}") })).collect::<Value>();
    let mut document = ada();
    assert_eq!(append(&mut document, &user(), "emails", mails(0, 998)), Ok(998));
    let full = document.clone();
    for more in [mails(998, 999), mails(0, 1_001)] {
        let error = append(&mut document, &user(), "emails", more).unwrap_err();
        assert!(matches!(&error, AccessError::TooMuch(why) if why.ends_with("it can have 1000.")), "{error}");
        assert_eq!(document, full, "an error changes nothing");
    }
    assert_eq!(append(&mut document, &user(), "emails", mails(0, 998)), Ok(0), "present values are not counted");
}

#[test]
fn filters_above_the_limit_are_refused() {
    let mut document = ada();
    document.insert("emails", (0..1_000).map(|n| json!({ "value": format!("{n:032}") })).collect());
    let path = |terms: usize| format!("emails[{}].value", vec!["value co \"x\""; terms].join(" or "));
    assert_eq!(get(&document, &user(), &path(86)), Ok(Vec::new()));
    for refused in [
        get(&document, &user(), &path(87)).map(|_| 0),
        set(&mut document.clone(), &user(), &path(87), json!("y")),
        remove(&mut document.clone(), &user(), &path(87)),
    ] {
        assert!(matches!(&refused, Err(AccessError::TooMuch(why)) if why.starts_with("87 terms")), "{refused:?}");
    }
}

#[test]
fn get_returns_every_match() {
    check_get("userName", json!(["ada"]));
    check_get("NAME.GIVENNAME", json!(["Ada"]));
    check_get("name.familyName", json!([]));
    check_get("emails.value", json!(["w", "h"]));
    assert_eq!(get(&ada(), &user(), "emails").unwrap().len(), 1, "the whole array is one value");
    check_get("emails[type eq \"home\"]", json!([{ "type": "home", "value": "h" }]));
    check_get("emails[primary eq true].value", json!(["w"]));
    check_get("emails[type eq \"other\"].value", json!([]));
    check_get("phoneNumbers", json!([]));
    check_get("department", json!(["R&D"]));
    check_get(&format!("{ENTERPRISE}:department"), json!(["R&D"]));
    check_get(ENTERPRISE, json!([{ "department": "R&D" }]));
    check_get("id", json!(["1"]));
    check_get("schemas", json!([[CORE, ENTERPRISE]]));
    check_get("ims.value", json!([]));
    check_get("password", json!([]));
}

/// Runs `set` and returns the value of `key` afterwards.
#[track_caller]
fn check_set(path: &str, value: Value, count: u32, key: &str, expected: Value) {
    let mut document = ada();
    let found = set(&mut document, &user(), path, value).unwrap_or_else(|error| panic!("{path}: {error}"));
    let value = document.get(key).cloned().unwrap_or_default();
    assert_eq!((path, found, value), (path, count, expected));
}

#[test]
fn set_writes_every_match() {
    check_set("title", json!("Countess"), 1, "title", json!("Countess"));
    check_set("name.familyName", json!("Byron"), 1, "name", json!({ "givenName": "Ada", "familyName": "Byron" }));
    check_set("name", json!({ "FAMILYNAME": "Byron" }), 1, "name", json!({ "familyName": "Byron" }));
    check_set("title", json!(null), 0, "title", json!(null));
    check_set("name.givenName", json!(null), 1, "name", json!(null));
    check_set("emails", json!([]), 2, "emails", json!(null));
    let both = |one: Value, other: Value| json!([one, other]);
    let work = json!({ "type": "work", "value": "w", "primary": true });
    let home = json!({ "type": "home", "value": "h" });
    check_set(
        "emails[type eq \"work\"].value",
        json!("new"),
        1,
        "emails",
        both(json!({ "type": "work", "value": "new", "primary": true }), home.clone()),
    );
    check_set(
        "emails[type eq \"home\"]",
        json!({ "value": "new" }),
        1,
        "emails",
        both(work.clone(), json!({ "value": "new", "type": "home" })),
    );
    check_set(
        "emails.display",
        json!("x"),
        2,
        "emails",
        json!([
            { "type": "work", "value": "w", "primary": true, "display": "x" }, { "type": "home", "value": "h", "display": "x" },
        ]),
    );
    check_set("phoneNumbers.value", json!("1"), 0, "phoneNumbers", json!(null));
}

#[test]
fn set_creates_the_element_that_eq_terms_describe() {
    check_set(
        "phoneNumbers[type eq \"work\"].value",
        json!("1"),
        1,
        "phoneNumbers",
        json!([{ "type": "work", "value": "1" }]),
    );
    check_set(
        "phoneNumbers[type eq \"work\"]",
        json!({ "value": "1" }),
        1,
        "phoneNumbers",
        json!([{ "value": "1", "type": "work" }]),
    );
    check_set(
        "roles[primary eq \"True\"].value",
        json!("admin"),
        1,
        "roles",
        json!([{ "primary": true, "value": "admin" }]),
    );
    check_set("phoneNumbers[type ne \"work\"].value", json!("1"), 0, "phoneNumbers", json!(null));
    check_set("name[familyName eq \"x\"].givenName", json!("y"), 0, "name", json!({ "givenName": "Ada" }));
}

#[test]
fn the_last_written_primary_is_the_only_one() {
    check_set(
        "emails[type eq \"home\"].primary",
        json!(true),
        1,
        "emails",
        json!([
            { "type": "work", "value": "w", "primary": false }, { "type": "home", "value": "h", "primary": true },
        ]),
    );
    let mut document = ada();
    append(&mut document, &user(), "emails", json!({ "value": "x", "primary": true })).unwrap();
    let primaries = get(&document, &user(), "emails[primary eq true].value").unwrap();
    assert_eq!(primaries, [&json!("x")]);
}

#[test]
fn append_adds_new_values_only() {
    let mut document = ada();
    assert_eq!(append(&mut document, &user(), "emails", json!({ "type": "home", "value": "h" })), Ok(0));
    assert_eq!(append(&mut document, &user(), "emails", json!({ "value": "x" })), Ok(1));
    assert_eq!(
        append(&mut document, &user(), "phoneNumbers", json!([{ "value": "1" }, { "value": "1" }, { "value": "2" }])),
        Ok(2)
    );
    assert_eq!(append(&mut document, &user(), "ims", json!(null)), Ok(0));
    assert_eq!(document.get("emails").unwrap().as_array().unwrap().len(), 3);
    assert_eq!(*document.get("phoneNumbers").unwrap(), json!([{ "value": "1" }, { "value": "2" }]));
    assert_eq!(document.get("ims"), None);
    let single = append(&mut document, &user(), "title", json!("x")).unwrap_err();
    assert_eq!(single.to_string(), "title is not multi-valued; set it instead.");
}

#[test]
fn remove_leaves_no_empty_values() {
    for (path, count, key, expected) in [
        ("name.givenName", 1, "name", json!(null)),
        ("emails", 2, "emails", json!(null)),
        ("emails[type eq \"work\"]", 1, "emails", json!([{ "type": "home", "value": "h" }])),
        ("emails[type pr]", 2, "emails", json!(null)),
        (
            "emails[type eq \"work\"].primary",
            1,
            "emails",
            json!([{ "type": "work", "value": "w" }, { "type": "home", "value": "h" }]),
        ),
        ("emails[type eq \"other\"]", 0, "emails", ada().get("emails").cloned().unwrap()),
        ("title", 0, "title", json!(null)),
    ] {
        let mut document = ada();
        assert_eq!(remove(&mut document, &user(), path), Ok(count), "{path}");
        assert_eq!(document.get(key).cloned().unwrap_or_default(), expected, "{path}");
    }
}

#[test]
fn schemas_follow_the_data() {
    let mut document = ada();
    remove(&mut document, &user(), "department").unwrap();
    assert_eq!(*document.get("schemas").unwrap(), json!([CORE]));
    assert_eq!(document.get(ENTERPRISE), None);
    set(&mut document, &user(), "manager.value", json!("m")).unwrap();
    assert_eq!(*document.get("schemas").unwrap(), json!([CORE, ENTERPRISE]));
    assert_eq!(*document.get(ENTERPRISE).unwrap(), json!({ "manager": { "value": "m" } }));
    assert_eq!(remove(&mut document, &user(), ENTERPRISE), Ok(1));
    assert_eq!(*document.get("schemas").unwrap(), json!([CORE]));
    assert_eq!(set(&mut document, &user(), ENTERPRISE, json!({ "DIVISION": "x", "department": null })), Ok(1));
    assert_eq!(*document.get(ENTERPRISE).unwrap(), json!({ "division": "x" }));
    set(&mut document, &user(), ENTERPRISE, json!({})).unwrap();
    assert_eq!(*document.get("schemas").unwrap(), json!([CORE]));
    assert_eq!(document.get(ENTERPRISE), None);
}

#[test]
fn errors_have_the_right_kind_and_change_nothing() {
    type Kind = fn(String) -> AccessError;
    let (malformed, unknown): (Kind, Kind) = (AccessError::Malformed, AccessError::Unknown);
    let (read_only, wrong): (Kind, Kind) = (AccessError::ReadOnly, AccessError::WrongValue);
    for (path, value, kind) in [
        ("", json!("x"), malformed),
        ("emails[", json!("x"), malformed),
        ("emails[type eq]", json!("x"), malformed),
        ("colour", json!("x"), unknown),
        ("name.colour", json!("x"), unknown),
        ("colour[type pr].value", json!("x"), unknown),
        ("emails[type pr].colour", json!("x"), unknown),
        ("id", json!("x"), read_only),
        ("meta.created", json!("x"), read_only),
        ("schemas", json!(["x"]), read_only),
        ("password", json!("x"), read_only),
        ("groups", json!([]), read_only),
        ("manager.displayName", json!("x"), read_only),
        ("active", json!("True"), wrong),
        ("title", json!(1), wrong),
        ("title", json!("a\0b"), wrong),
        ("name", json!("x"), wrong),
        ("name", json!({ "colour": "x" }), wrong),
        ("emails", json!({ "value": "x" }), wrong),
        ("emails[type eq \"work\"]", json!("x"), wrong),
        ("manager", json!("m"), wrong),
        ("x509Certificates[type eq \"a\"].value", json!("no base64"), wrong),
        (ENTERPRISE, json!("x"), wrong),
        (ENTERPRISE, json!({ "colour": "x" }), wrong),
    ] {
        let mut document = ada();
        let error = set(&mut document, &user(), path, value).expect_err(path);
        let is_same = std::mem::discriminant(&error) == std::mem::discriminant(&kind(String::new()));
        assert!(is_same, "{path}: {error:?}");
        assert_eq!(document, ada(), "{path}");
    }
    assert!(remove(&mut ada(), &user(), "id").is_err());
    assert!(append(&mut ada(), &user(), "groups", json!({ "value": "g" })).is_err());
}

#[test]
fn base64_may_use_either_alphabet_and_omit_padding() {
    for (text, expected) in [
        ("", true),
        ("AbCd", true),
        ("AbC=", true),
        ("Ab==", true),
        ("Ab", true),
        ("-_+/", true),
        ("A", false),
        ("A===", false),
        ("Ab=C", false),
        ("Ab=", false),
        ("AbC\n", false),
        ("é", false),
    ] {
        assert_eq!(is_base64(text), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn get_returns_what_set_wrote(text in "[^\0]{1,20}") {
        for path in ["title", "name.middleName", "phoneNumbers[type eq \"work\"].value", "department", "manager.value"] {
            let mut document = ada();
            prop_assert_eq!(set(&mut document, &user(), path, json!(text)), Ok(1), "{}", path);
            let expected = json!(text);
            prop_assert_eq!(get(&document, &user(), path).unwrap(), vec![&expected], "{}", path);
            let once = document.clone();
            set(&mut document, &user(), path, json!(text)).unwrap();
            prop_assert_eq!(&document, &once, "{}", path);
            remove(&mut document, &user(), path).unwrap();
            prop_assert!(get(&document, &user(), path).unwrap().is_empty(), "{}", path);
        }
    }

    #[test]
    fn no_path_or_document_causes_a_panic(path in any::<String>(), pick in 0..6_usize) {
        let odd = [json!(null), json!("x"), json!([[1]]), json!({ "a": [{}] }), json!([null, "x", {}]), json!(1)][pick].clone();
        let mut document = overlay(json!({ "emails": odd, "name": odd, "schemas": odd, ENTERPRISE: odd, "title": odd }));
        for path in [path.as_str(), "emails.value", "emails[type eq \"a\"].value", "name.givenName", "manager.value", "title", ENTERPRISE] {
            let _ = get(&document, &user(), path);
            let _ = set(&mut document, &user(), path, json!("x"));
            let _ = append(&mut document, &user(), path, json!([{ "value": "x" }]));
            let _ = remove(&mut document, &user(), path);
        }
    }

    #[test]
    fn text_from_the_sources_text_is_the_trees_text(steps in prop::collection::vec((0..9_usize, 0..4_usize, 0..3_u8), 0..12)) {
        let source = Arc::new(object(json!({
            "schemas": [CORE, ENTERPRISE], "userName": "ada", "title": "\u{e9}\"", "name": { "givenName": "Ada" },
            "emails": [{ "value": "w" }], "active": true, ENTERPRISE: { "department": "R&D" },
        })));
        let printed = Printed::of(&source);
        let mut document = Overlay::new(Arc::clone(&source), Some("1".to_owned()));
        let paths = ["title", "userName", "name.givenName", "name", "emails", "emails.value", "department", ENTERPRISE, "nickName"];
        for (path, value, verb) in steps {
            let value = [json!("x"), json!("ada"), json!([{ "value": "w" }]), json!({ "department": "R&D" })][value].clone();
            let _ = match verb {
                0 => set(&mut document, &user(), paths[path], value),
                1 => remove(&mut document, &user(), paths[path]),
                _ => append(&mut document, &user(), paths[path], value),
            };
            let tree = document.to_map();
            prop_assert_eq!(document.print(&printed), Value::Object(tree.clone()).to_string());
            prop_assert_eq!(document.is_source(), tree == *source);
            let json = document.to_json();
            prop_assert!(json.starts_with(r#"{"id":"1""#), "{}", json);
        }
        document.replace(Map::clone(&source));
        prop_assert!(document.is_source());
        document.replace(object(json!({ "userName": "ada" })));
        prop_assert!(!document.is_source());
        prop_assert_eq!(document.print(&printed), "{\"userName\":\"ada\"}");
    }
}
