//! The bundled plugins, run from WASM on the examples in their folders, in the production engine with production limits.

use std::path::PathBuf;

use scimgate_plugin_host::{Component, Decision, Host, Level};
use scimgate_plugin_sdk::test::{Fixture, FixtureFile, Found, Schemas, read_fixtures};
use scimgate_plugin_sdk::{self as sdk, Outcome};

use crate::support::{HOST, TestDocument, wasm};

/// Runs every example of a plugin, twice: the second result must be the same.
fn check(plugin: &str) {
    let component = HOST.prepare(&wasm(&plugin.replace('-', "_"))).unwrap();
    assert_eq!(component.manifest().name, plugin);
    run_examples(&HOST, &component, plugin);
}

/// Runs every example in a plugin's folder, twice.
pub(crate) fn run_examples(host: &Host, component: &Component, folder: &str) {
    for file in fixtures(folder) {
        run_file(host, component, &file);
    }
}

/// Runs every example of a file, twice.
pub(crate) fn run_file(host: &Host, component: &Component, file: &FixtureFile) {
    for fixture in &file.fixtures {
        run(host, component, &file.schemas, fixture);
        run(host, component, &file.schemas, fixture);
    }
}

/// The examples in a plugin's folder.
pub(crate) fn fixtures(folder: &str) -> Vec<FixtureFile> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(folder).join("fixtures");
    read_fixtures(&folder).unwrap().into_iter().map(|(_, file)| file).collect()
}

fn run(host: &Host, component: &Component, schemas: &Schemas, fixture: &Fixture) {
    let config = fixture.config();
    if fixture.outcome.is_none() {
        assert_eq!(component.check_config(&config), Ok(()), "{}", fixture.name);
    }
    let sdk = fixture.context();
    let context = scimgate_plugin_host::Context {
        tenant: sdk.tenant,
        resource_type: sdk.resource_type,
        resource_id: sdk.resource_id,
        last_modified: sdk.last_modified,
    };
    let document = TestDocument::of(fixture.resource(schemas).unwrap());
    let result = host.run(component, &context, &config.to_string(), document, &host.limits());
    let outcome = match result.decision {
        Ok(Decision::Mapped) => Ok(Outcome::Mapped),
        Ok(Decision::Excluded(why)) => Ok(Outcome::Excluded(why)),
        Ok(Decision::Rejected { scim_type, detail }) => Ok(Outcome::Rejected { scim_type, detail }),
        Err(failure) => Err(failure.reason),
    };
    let log = result.log.into_iter().map(|line| (level(line.level), line.message)).collect();
    let found = Found { outcome, document: result.document.into_value(), log };
    fixture.compare(schemas, &found).unwrap_or_else(|report| panic!("{}\n{report}", fixture.name));
}

fn level(level: Level) -> sdk::Level {
    match level {
        Level::Debug => sdk::Level::Debug,
        Level::Info => sdk::Level::Info,
        Level::Warn => sdk::Level::Warn,
        Level::Error => sdk::Level::Error,
    }
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
