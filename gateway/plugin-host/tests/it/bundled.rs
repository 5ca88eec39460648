//! The bundled plugins, run from WASM on the examples in their folders, in the production engine with production limits.

use std::path::PathBuf;

use scimgate_plugin_host::{Component, Decision, Host};
use scimgate_plugin_sdk::Outcome;
use scimgate_plugin_sdk::test::Fixture;

use crate::support::{HOST, TestDocument, wasm};

/// Runs every example of a plugin, twice: the second result must be the same.
fn check(plugin: &str) {
    let component = HOST.prepare(&wasm(&plugin.replace('-', "_"))).unwrap();
    assert_eq!(component.manifest().name, plugin);
    run_examples(&HOST, &component, plugin);
}

/// Runs every example in a plugin's folder, twice.
pub(crate) fn run_examples(host: &Host, component: &Component, folder: &str) {
    let fixtures = fixtures(folder);
    assert!(fixtures.len() >= 5, "{folder} has examples");
    for fixture in fixtures {
        run(host, component, &fixture);
        run(host, component, &fixture);
    }
}

/// The examples in a plugin's folder.
pub(crate) fn fixtures(folder: &str) -> Vec<Fixture> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(folder).join("fixtures/examples.json");
    Fixture::read(&std::fs::read_to_string(path).unwrap())
}

fn run(host: &Host, component: &Component, fixture: &Fixture) {
    if fixture.outcome.is_none() {
        let config = scimgate_plugin_sdk::serde_json::from_str(&fixture.config_text()).unwrap();
        assert_eq!(component.check_config(&config), Ok(()), "{}", fixture.name);
    }
    let sdk = fixture.context();
    let context = scimgate_plugin_host::Context {
        tenant: sdk.tenant,
        resource_type: sdk.resource_type,
        resource_id: sdk.resource_id,
        last_modified: sdk.last_modified,
    };
    let document = TestDocument::new(fixture.before.clone());
    let result = host.run(component, &context, &fixture.config_text(), document, &host.limits());
    let outcome = match result.decision {
        Ok(Decision::Mapped) => Ok(Outcome::Mapped),
        Ok(Decision::Excluded(why)) => Ok(Outcome::Excluded(why)),
        Ok(Decision::Rejected { scim_type, detail }) => Ok(Outcome::Rejected { scim_type, detail }),
        Err(failure) => Err(failure.reason),
    };
    fixture.compare(outcome, &result.document.into_value());
}

#[test]
fn attribute_map_maps_its_examples() {
    check("attribute-map");
}

#[test]
fn scoping_decides_its_examples() {
    check("scoping");
}

#[test]
fn normalize_maps_its_examples() {
    check("normalize");
}

#[test]
fn roles_maps_its_examples() {
    check("roles");
}

#[test]
fn redact_maps_its_examples() {
    check("redact");
}
