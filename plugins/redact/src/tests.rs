//! Native tests, without WASM.

use scimgate_plugin_sdk::test;

use crate::Redact;

#[test]
fn the_examples_are_mapped_as_they_say() {
    test::fixtures::<Redact>("fixtures");
}
