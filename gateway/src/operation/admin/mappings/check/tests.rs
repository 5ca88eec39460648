use std::time::UNIX_EPOCH;

use scimgate_scim::schema::registry::Registry;
use serde_json::{Value, json};

use super::*;
use crate::operation::admin::mappings::configuration::MAX_PROBLEMS;
use crate::operation::admin::plugins::Manifest;

fn released(digit: char, manifest: Manifest) -> Plugin {
    Plugin {
        tenant: None,
        version: manifest.version.clone(),
        digest: digit.to_string().repeat(64),
        manifest,
        size: 1,
        dev: false,
        author: None,
        source: None,
        signature: None,
        created_at: UNIX_EPOCH,
        yanked: None,
    }
}

fn plugin(digit: char, name: &str, version: &str) -> Plugin {
    let manifest = Manifest {
        name: name.into(),
        version: version.into(),
        resource_types: vec!["User".into()],
        config_schema: json!({
            "type": "object",
            "properties": { "fields": { "type": "array", "items": { "type": "string" } } },
            "required": ["fields"],
            "additionalProperties": false,
        }),
    };
    released(digit, manifest)
}

/// As the store gives them: the tenant's own first, then releases, then pushes between them.
fn plugins() -> Vec<Plugin> {
    let own = |plugin: Plugin| Plugin { tenant: Some("acme".into()), ..plugin };
    let yanked = |plugin: Plugin| Plugin { yanked: Some((UNIX_EPOCH, "x".into())), ..plugin };
    let dev = |plugin: Plugin| Plugin { dev: true, version: format!("{}+sha256-abc", plugin.version), ..plugin };
    vec![
        own(plugin('e', "twin", "1.0.0")),
        plugin('a', "trim", "1.0.0"),
        plugin('b', "trim", "1.1.0"),
        yanked(plugin('c', "case", "0.9.0")),
        plugin('c', "case", "1.0.0"),
        plugin('d', "twin", "1.0.0"),
        plugin('f', "twin", "2.0.0"),
        yanked(plugin('9', "gone", "1.0.0")),
        dev(plugin('8', "case", "1.1.0")),
        dev(plugin('7', "new", "0.1.0")),
    ]
}

fn step(plugin: &str, config: Value, resource_types: &[&str]) -> Step {
    let resource_types = resource_types.iter().map(|name| (*name).to_owned()).collect();
    Step { plugin: plugin.into(), config: config.into(), resource_types }
}

fn run(step: Step) -> Result<RevisionStep, String> {
    check_step(2, step, &plugins(), Registry::standard().resource_types()).map_err(|refusal| refusal.detail)
}

fn fields() -> Value {
    json!({ "fields": [] })
}

#[test]
fn a_plugin_is_named_by_digest_or_name_and_version_or_a_unique_name() {
    let cases = [
        (&*"a".repeat(64), 'a'),
        (&*"B".repeat(64), 'b'),
        ("trim@1.1.0", 'b'),
        ("case", 'c'),
        ("case@1.0.0", 'c'),
        ("case@1.1.0+sha256-abc", '8'),
        // The tenant's own.
        ("twin@1.0.0", 'e'),
        ("twin", 'e'),
        ("twin@2.0.0", 'f'),
    ];
    for (wanted, digit) in cases {
        let found = run(step(wanted, fields(), &[])).unwrap();
        assert_eq!(found.step.plugin, digit.to_string().repeat(64), "{wanted}");
    }
}

#[test]
fn an_ambiguous_or_unknown_name_is_refused_with_the_choices() {
    let refusal = run(step("trim", fields(), &[])).unwrap_err();
    assert_eq!(refusal, "Step 2 (trim): it has several versions. Name the one you mean: trim@1.0.0, trim@1.1.0.");
    for wanted in ["", "trim@2", "@", "aaa", "new", "gone"] {
        assert!(run(step(wanted, fields(), &[])).unwrap_err().contains("there is no such plugin"), "{wanted}");
    }
}

#[test]
fn a_yanked_plugin_is_refused_to_new_revisions() {
    let plugins = plugins();
    let checked = |wanted: &str| vec![run(step(wanted, fields(), &[])).unwrap()];
    assert_eq!(check_yanked(&checked("case@1.0.0"), &plugins), Ok(()));
    let refusal = check_yanked(&checked("gone@1.0.0"), &plugins).unwrap_err();
    assert!(
        refusal.status == 409 && refusal.detail.starts_with("Step 1 (gone@1.0.0): the plugin is yanked"),
        "{}",
        refusal.detail
    );
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

/// A plugin for these types, with paths in every place where a schema can have one.
fn plugin_with_paths(resource_types: &[&str]) -> Plugin {
    let path = json!({ "type": "string", "format": "scim-path" });
    let config_schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "path": path,
            "paths": { "type": "array", "items": path },
            "lift": { "type": "object", "propertyNames": path, "additionalProperties": path },
            "source": { "anyOf": [path, { "type": "object", "required": ["constant"] }] },
            "rule": { "$ref": "#/$defs/rule" },
        },
        "$defs": { "rule": { "type": "object", "properties": { "path": path } } },
    });
    let resource_types = resource_types.iter().map(|name| (*name).to_owned()).collect();
    let manifest = Manifest { name: "paths".into(), version: "1".into(), resource_types, config_schema };
    released('f', manifest)
}

fn check_paths(of_plugin: &[&str], of_step: &[&str], config: Value) -> Result<(), String> {
    let plugins = [plugin_with_paths(of_plugin)];
    let checked = check_step(1, step("paths", config, of_step), &plugins, Registry::standard().resource_types());
    checked.map(drop).map_err(|refusal| refusal.detail)
}

#[test]
fn every_declared_path_is_one_of_the_schemas() {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    let fine = json!({
        "path": "emails[type eq \"work\"].value", "paths": ["userName", "NAME.givenName", enterprise, "id", "schemas"],
        "lift": { "title": "nickName" }, "source": { "constant": "x" }, "rule": { "path": "department" },
    });
    assert_eq!(check_paths(&["User"], &[], fine), Ok(()));
    let unknown = "badge is not an attribute of User; see /Schemas for those there are";
    for (config, place, why) in [
        (json!({ "path": "badge" }), "/path", unknown),
        (json!({ "paths": ["userName", "badge"] }), "/paths/1", unknown),
        (json!({ "lift": { "title": "badge" } }), "/lift/title", unknown),
        (json!({ "lift": { "badge": "title" } }), "/lift", unknown),
        (json!({ "source": "badge" }), "/source", unknown),
        (json!({ "rule": { "path": "badge" } }), "/rule/path", unknown),
        (json!({ "path": "emails[type eq work" }), "/path", ""),
        (json!({ "path": "password" }), "/path", "password is not in the document of a User, as plugins see it"),
        (
            json!({ "path": "groups.value" }),
            "/path",
            "groups.value is not in the document of a User, as plugins see it",
        ),
    ] {
        let refusal = check_paths(&["User"], &[], config.clone()).unwrap_err();
        let start = format!("Step 1 (paths@1): the configuration at {place}: ");
        assert!(refusal.starts_with(&start) && refusal.contains(why), "{config}: {refusal}");
    }
}

#[test]
fn a_path_fits_every_resource_type_that_the_step_is_for() {
    let path = json!({ "path": "userName" });
    for (of_plugin, of_step) in [(&["User"][..], &[][..]), (&["User", "Group"], &["User"]), (&[], &["User"])] {
        assert_eq!(check_paths(of_plugin, of_step, path.clone()), Ok(()));
    }
    for (of_plugin, of_step) in [(&["User", "Group"][..], &[][..]), (&[], &[])] {
        let refusal = check_paths(of_plugin, of_step, path.clone()).unwrap_err();
        let why = "userName is not an attribute of Group; see /Schemas for those there are. A path must fit every resource type that \
                   the step is for: name them in its resourceTypes.";
        assert!(refusal.ends_with(why), "{refusal}");
    }
    let members = check_paths(&["Group"], &[], json!({ "path": "members" })).unwrap_err();
    assert!(members.contains("members is not in the document of a Group"), "{members}");
}
