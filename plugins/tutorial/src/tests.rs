//! Native tests, without WASM.

use scimgate_plugin_sdk::{
    Manifest, Outcome,
    serde_json::{Value, json},
    test::{self, Ran, Resource, Schemas},
};

use crate::Tutorial;

fn run(config: &Value, document: Value) -> Ran {
    let product = json!({ "id": "urn:example:product:2.0:User", "name": "Product", "attributes": [
        { "name": "badgeNumber", "type": "string" }, { "name": "floor", "type": "string" }
    ] });
    let schemas = Schemas::standard().with_pack("ws1b").unwrap().with_extension("User", &product).unwrap();
    test::run_on::<Tutorial>(&test::context("User"), config, Resource::of(&schemas, "User", document).unwrap())
}

#[track_caller]
fn check(config: &Value, before: Value, after: &Value) {
    let ran = run(config, before);
    assert_eq!(ran.outcome.unwrap(), Outcome::Mapped);
    assert_eq!(ran.document, *after);
}

#[track_caller]
fn outcome(config: &Value, document: Value) -> Outcome {
    run(config, document).outcome.unwrap()
}

#[test]
fn an_empty_configuration_changes_nothing() {
    let user = json!({ "userName": "ada", "emails": [{ "value": "Ada@Example.COM" }], "name": { "givenName": "Ada" } });
    check(&json!({}), user.clone(), &user);
}

#[test]
fn mail_addresses_are_changed_to_lower_case() {
    check(
        &json!({ "lowerCaseMail": true }),
        json!({ "userName": "Ada", "emails": [{ "value": "Ada@Example.COM", "type": "Work" }, { "display": "X" }] }),
        &json!({ "userName": "Ada", "emails": [{ "value": "ada@example.com", "type": "Work" }, { "display": "X" }] }),
    );
    check(&json!({ "lowerCaseMail": true }), json!({ "displayName": "Staff" }), &json!({ "displayName": "Staff" }));
}

#[test]
fn a_display_name_is_built_only_if_there_is_none() {
    let config = json!({ "buildDisplayName": true });
    let name = json!({ "givenName": "Ada", "familyName": "Lovelace" });
    check(&config, json!({ "name": name }), &json!({ "name": name, "displayName": "Ada Lovelace" }));
    check(
        &config,
        json!({ "name": name, "displayName": "Countess" }),
        &json!({ "name": name, "displayName": "Countess" }),
    );
    check(
        &config,
        json!({ "name": { "familyName": "Lovelace" } }),
        &json!({ "name": { "familyName": "Lovelace" }, "displayName": "Lovelace" }),
    );
    check(&config, json!({ "userName": "ada" }), &json!({ "userName": "ada" }));
}

#[test]
fn custom_attributes_are_moved() {
    check(
        &json!({ "lift": {
            "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User:customAttribute1": "urn:example:product:2.0:User:badgeNumber",
            "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User:customAttribute5": "urn:example:product:2.0:User:floor",
        } }),
        json!({ "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User": { "customAttribute1": "B-7", "customAttribute2": "x" } }),
        &json!({
            "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User": { "customAttribute2": "x" },
            "urn:example:product:2.0:User": { "badgeNumber": "B-7" },
        }),
    );
}

#[test]
fn a_user_that_matches_the_exclude_rule_is_excluded() {
    let config = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    assert_eq!(outcome(&config, json!({ "userType": "contractor" })), Outcome::excluded("userType is \"Contractor\"."));
    assert_eq!(outcome(&config, json!({ "userType": "Employee" })), Outcome::Mapped);
    assert_eq!(outcome(&config, json!({})), Outcome::Mapped);
}

#[test]
fn a_user_that_matches_the_reject_rule_is_rejected() {
    let config = json!({ "rejectWhere": { "path": "active", "equals": false } });
    assert_eq!(outcome(&config, json!({ "active": false })), Outcome::rejected("active must not be false."));
    assert_eq!(outcome(&config, json!({ "active": true })), Outcome::Mapped);
}

#[test]
fn an_unknown_configuration_field_is_an_error() {
    let error = run(&json!({ "lowercase": true }), json!({})).outcome.unwrap_err();
    assert!(error.to_string().starts_with("the configuration does not fit this plugin: unknown field `lowercase`"));
}

#[test]
fn the_manifest_has_resource_types_and_a_schema() {
    let manifest = Manifest::of::<Tutorial>();
    assert_eq!(manifest.resource_types, ["User"]);
    let lift = &manifest.config_schema["properties"]["lift"];
    assert_eq!(lift["type"], "object");
    for path in [&lift["propertyNames"], &lift["additionalProperties"]] {
        assert_eq!(path["format"], "scim-path");
    }
}
