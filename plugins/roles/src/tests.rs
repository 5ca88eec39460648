//! Native tests, without WASM.

use scimgate_plugin_sdk::test::Fixture;

use crate::Roles;

#[test]
fn the_examples_are_mapped_as_they_say() {
    let fixtures = Fixture::read(include_str!("../fixtures/examples.json"));
    assert!(fixtures.len() > 5);
    for fixture in fixtures {
        fixture.check::<Roles>();
    }
}
