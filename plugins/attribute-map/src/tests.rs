//! Native tests, without WASM.

use scimgate_plugin_sdk::{
    Manifest,
    serde_json::{Value, json},
    test,
};

use crate::AttributeMap;

#[test]
fn the_examples_are_mapped_as_they_say() {
    test::fixtures::<AttributeMap>("fixtures");
}

fn nick_name_of(resource_id: &str, config: &Value) -> String {
    let mut context = test::context("User");
    resource_id.clone_into(&mut context.resource_id);
    let ran = test::run_in::<AttributeMap>(&context, config, json!({}));
    ran.document["nickName"].as_str().unwrap().to_owned()
}

#[test]
fn random_values_differ_by_resource_target_and_call() {
    let config = json!({ "rules": [{ "target": "nickName", "expression": "Guid()" }] });
    assert_eq!(nick_name_of("1", &config), nick_name_of("1", &config));
    assert_ne!(nick_name_of("1", &config), nick_name_of("2", &config));
    let moved = json!({ "rules": [{ "target": "title", "expression": "\"x\"" }, { "target": "nickName", "expression": "Guid()" }] });
    assert_eq!(nick_name_of("1", &config), nick_name_of("1", &moved));
    let ran = test::run::<AttributeMap>(
        &json!({ "rules": [{ "target": "nickName", "expression": "Join(\" \", Guid(), Guid())" }, { "target": "title", "expression": "Guid()" }] }),
        json!({}),
    );
    let (first, second) = ran.document["nickName"].as_str().unwrap().split_once(' ').unwrap();
    assert_ne!(first, second);
    assert_ne!(ran.document["title"], first);
}

#[test]
fn paths_of_the_configuration_are_marked_for_the_gateway() {
    let schema = Manifest::of::<AttributeMap>().config_schema;
    assert_eq!(schema["properties"]["rules"]["items"]["properties"]["target"]["format"], "scim-path");
    assert_eq!(schema["properties"]["attributes"]["additionalProperties"]["format"], "scim-path");
}

#[test]
fn an_unknown_field_of_a_rule_is_an_error() {
    let ran = test::run::<AttributeMap>(&json!({ "rules": [{ "target": "title", "expresion": "x" }] }), json!({}));
    assert!(ran.outcome.unwrap_err().to_string().contains("unknown field `expresion`"));
}
