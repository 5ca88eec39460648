//! The forms of attribute names and their resolution.

use serde_json::json;

use super::registry::Registry;
use super::*;

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = packs::ENTERPRISE_USER;

fn user() -> Arc<ResourceType> {
    let registry = Registry::standard().with_extension("User", packs::find("ws1b").unwrap(), false).unwrap();
    Arc::clone(registry.resource_type("User").unwrap())
}

fn check_resolves(written: &str, canonical: &str) {
    let found = user().resolve(written).map(|found| found.name());
    assert_eq!(found.as_deref(), Some(canonical), "{written}");
}

#[test]
fn names_resolve_in_every_form_and_any_case() {
    let ws1b = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User";
    for (written, canonical) in [
        ("username", "userName".to_owned()),
        ("NAME.GIVENNAME", "name.givenName".to_owned()),
        ("emails.Value", "emails.value".to_owned()),
        ("ID", "id".to_owned()),
        ("externalid", "externalId".to_owned()),
        ("schemas", "schemas".to_owned()),
        ("meta.lastmodified", "meta.lastModified".to_owned()),
        (&format!("{CORE}:userName"), "userName".to_owned()),
        (&format!("{}:name.familyName", CORE.to_uppercase()), "name.familyName".to_owned()),
        (&format!("{CORE}:meta.created"), "meta.created".to_owned()),
        (&format!("{ENTERPRISE}:department"), format!("{ENTERPRISE}:department")),
        (&format!("{}:MANAGER.DISPLAYNAME", ENTERPRISE.to_uppercase()), format!("{ENTERPRISE}:manager.displayName")),
        (&format!("{ENTERPRISE}:manager.$ref"), format!("{ENTERPRISE}:manager.$ref")),
        (&format!("{ws1b}:customAttribute3"), format!("{ws1b}:customAttribute3")),
        ("manager", format!("{ENTERPRISE}:manager")),
        ("manager.value", format!("{ENTERPRISE}:manager.value")),
        ("customattribute5", format!("{ws1b}:customAttribute5")),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department", format!("{ENTERPRISE}:department")),
        ("urn:ietf:params:scim:schemas:extension:ws1b:2.0User:domain", format!("{ws1b}:domain")),
    ] {
        check_resolves(written, &canonical);
    }
}

#[test]
fn unknown_names_do_not_resolve() {
    let user = user();
    for written in [
        "",
        ".",
        "nope",
        "name.nope",
        "name.",
        ".givenName",
        "name.givenName.x",
        "userName.value",
        CORE,
        ENTERPRISE,
        &format!("{ENTERPRISE}:"),
        &format!("{ENTERPRISE}:userName"),
        &format!("{CORE}:department"),
        &format!("{ENTERPRISE}department"),
        &format!("{ENTERPRISE}x:department"),
        "urn:acme:department",
        "ünï.cödé",
    ] {
        assert_eq!(user.resolve(written).map(|found| found.name()), None, "{written}");
    }
    assert!(user.resolve("members").is_none());
}

#[test]
fn the_longest_matching_urn_wins() {
    let definition = |id: &str| json!({ "id": id, "attributes": [{ "name": "x" }, { "name": "y" }] });
    let mut registry = Registry::standard();
    for urn in ["urn:acme:a", "urn:acme:a:z", "urn:acme:a:b"] {
        registry = registry.with_extension("User", Schema::from_json(&definition(urn)).unwrap(), false).unwrap();
    }
    let user = registry.resource_type("User").unwrap();
    assert_eq!(user.resolve("urn:acme:a:z:y").unwrap().extension.unwrap().id, "urn:acme:a:z");
    assert_eq!(user.resolve("urn:acme:a:y").unwrap().extension.unwrap().id, "urn:acme:a");
}

#[test]
fn a_bare_urn_splits_into_the_schema_and_an_empty_rest() {
    let user = user();
    let qualified = user.split_urn(ENTERPRISE).unwrap();
    assert_eq!((qualified.extension.unwrap().id.as_str(), qualified.rest), (ENTERPRISE, ""));
    assert!(!qualified.malformed);
    assert_eq!(user.split_urn(&format!("{CORE}:x")).unwrap().extension, None);
    assert!(user.split_urn("urn:ietf:params:scim:schemas:extension:enterprise:2.0User").unwrap().malformed);
    assert_eq!(user.split_urn("urn:acme:badge"), None);
}

#[test]
fn values_of_an_extension_are_under_its_urn() {
    let document = json!({ "userName": "ada", ENTERPRISE: { "manager": { "value": "6f1c" } } });
    let document = document.as_object().unwrap();
    let user = user();
    assert_eq!(user.resolve("userName").unwrap().value(document), Some(&json!("ada")));
    let manager = user.resolve("manager.value").unwrap();
    assert_eq!(manager.value(document), Some(&json!({ "value": "6f1c" })));
    assert_eq!(manager.leaf().name, "value");
    assert_eq!(user.resolve("department").unwrap().value(document), None);
}

#[test]
fn invalid_schema_documents_are_refused_with_the_reason() {
    for (document, detail) in [
        (json!(7), "A schema must have an id, which is its URN."),
        (json!({ "id": "urn:a:b" }), "urn:a:b: attributes must be an array."),
        (
            json!({ "id": "urn:a:b", "attributes": [{ "name": "x" }, { "name": "X" }] }),
            "urn:a:b: the attribute X is defined twice.",
        ),
    ] {
        assert_eq!(Schema::from_json(&document).unwrap_err().detail, detail);
    }
}
