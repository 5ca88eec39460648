use std::time::UNIX_EPOCH;

use serde_json::json;

use super::*;
use crate::operation::admin::plugins::Manifest;

fn plugin(digit: char, name: &str, version: &str) -> Plugin {
    Plugin {
        digest: digit.to_string().repeat(64),
        manifest: Manifest {
            name: name.into(),
            version: version.into(),
            resource_types: vec!["User".into()],
            config_schema: json!({
                "type": "object",
                "properties": { "fields": { "type": "array", "items": { "type": "string" } } },
                "required": ["fields"],
                "additionalProperties": false,
            }),
        },
        created_at: UNIX_EPOCH,
    }
}

fn plugins() -> Vec<Plugin> {
    vec![
        plugin('a', "trim", "1.0.0"),
        plugin('b', "trim", "1.1.0"),
        plugin('c', "case", "1.0.0"),
        plugin('d', "twin", "1.0.0"),
        plugin('e', "twin", "1.0.0"),
    ]
}

fn step(plugin: &str, config: Value, resource_types: &[&str]) -> Step {
    let resource_types = resource_types.iter().map(|name| (*name).to_owned()).collect();
    Step { plugin: plugin.into(), config, resource_types }
}

fn run(step: Step) -> Result<ActiveStep, String> {
    check(2, step, &plugins(), &Registry::standard()).map_err(|refusal| refusal.detail)
}

fn fields() -> Value {
    json!({ "fields": [] })
}

#[test]
fn a_plugin_is_named_by_digest_or_name_and_version_or_a_unique_name() {
    let cases =
        [(&*"a".repeat(64), 'a'), (&*"B".repeat(64), 'b'), ("trim@1.1.0", 'b'), ("case", 'c'), ("case@1.0.0", 'c')];
    for (wanted, digit) in cases {
        let found = run(step(wanted, fields(), &[])).unwrap();
        assert_eq!(found.step.plugin, digit.to_string().repeat(64), "{wanted}");
    }
}

#[test]
fn an_ambiguous_or_unknown_name_is_refused_with_the_choices() {
    for wanted in ["trim", "twin@1.0.0"] {
        let refusal = run(step(wanted, fields(), &[])).unwrap_err();
        assert!(refusal.starts_with(&format!("Step 2 ({wanted}): several plugins are called so.")), "{refusal}");
    }
    for wanted in ["", "trim@2", "@", "aaa"] {
        assert!(run(step(wanted, fields(), &[])).unwrap_err().contains("there is no such plugin"), "{wanted}");
    }
}

#[test]
fn a_wrong_configuration_is_refused_with_step_path_and_problem() {
    let wrong = run(step("case", json!({ "fields": ["a", true] }), &[])).unwrap_err();
    assert_eq!(wrong, "Step 2 (case@1.0.0): the configuration at /fields/1: true is not of type \"string\".");
    let missing = run(step("case", json!({}), &[])).unwrap_err();
    assert_eq!(missing, "Step 2 (case@1.0.0): the configuration: \"fields\" is a required property.");
    let many = run(step("case", json!({ "fields": [1, 2, 3, 4, 5] }), &[])).unwrap_err();
    assert_eq!(many.matches("is not of type").count(), MAX_PROBLEMS);
    let long = run(step("case", json!({ "fields": "x".repeat(100_000) }), &[])).unwrap_err();
    assert!(long.len() < 500, "{}", long.len());
}

#[test]
fn resource_types_are_existing_ones_that_the_plugin_is_for() {
    assert_eq!(run(step("case", fields(), &["user"])).unwrap().step.resource_types, ["User"]);
    let group = run(step("case", fields(), &["Group"])).unwrap_err();
    assert_eq!(group, "Step 2 (case@1.0.0): the plugin is not for Group, but for: User.");
    let device = run(step("case", fields(), &["Device"])).unwrap_err();
    assert_eq!(device, "Step 2 (case@1.0.0): there is no resource type Device. There are: User, Group.");
}

#[test]
fn a_mapping_has_a_bounded_number_of_steps() {
    assert!(check_count(0).unwrap_err().detail.contains("delete it"));
    assert!(check_count(1).is_ok() && check_count(MAX_STEPS).is_ok());
    assert!(check_count(MAX_STEPS + 1).is_err());
}
