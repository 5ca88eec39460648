//! Laws for every text that a client can send, as functions that panic on a violation.

pub mod document;
pub mod filter;
pub mod patch;
pub mod path;

use std::sync::LazyLock;

use scimgate_scim::error::ScimError;
use scimgate_scim::json;
use scimgate_scim::leniency::Leniencies;
use scimgate_scim::schema::registry::Registry;
use scimgate_scim::schema::{Schema, packs};
use serde_json::{Map, Value};

/// An extension with every type and every mutability.
const ODD: &str = r#"{ "id": "urn:acme:odd:1.0:User", "name": "Odd", "attributes": [
    { "name": "badge", "type": "string", "mutability": "immutable", "caseExact": true },
    { "name": "seen", "type": "dateTime", "mutability": "readOnly" },
    { "name": "since", "type": "dateTime" },
    { "name": "level", "type": "integer" },
    { "name": "share", "type": "decimal" },
    { "name": "asked", "type": "boolean", "returned": "request" },
    { "name": "kept", "type": "string", "returned": "always" },
    { "name": "print", "type": "binary" },
    { "name": "link", "type": "reference", "referenceTypes": ["external"] },
    { "name": "tags", "type": "string", "multiValued": true },
    { "name": "marks", "type": "integer", "multiValued": true },
    { "name": "desk", "type": "complex", "subAttributes": [
        { "name": "floor", "type": "integer", "required": true },
        { "name": "seat", "type": "string", "mutability": "immutable" },
        { "name": "secret", "type": "string", "mutability": "writeOnly", "returned": "never" }
    ] },
    { "name": "keys", "type": "complex", "multiValued": true, "subAttributes": [
        { "name": "value", "type": "decimal" },
        { "name": "until", "type": "dateTime" },
        { "name": "primary", "type": "boolean" }
    ] }
] }"#;

/// The standard types; User with the shipped extensions and [`ODD`].
pub static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let odd: Value = serde_json::from_str(ODD).expect("it is JSON");
    let odd = Schema::from_json(&odd).expect("it is a schema");
    let pack = packs::find("ws1b").expect("it is shipped");
    let registry = Registry::standard().with_extension("User", pack, false).expect("it fits");
    registry.with_extension("User", odd, false).expect("it fits")
});

/// All leniencies, those of the profile `auto`, and none.
#[must_use]
pub fn leniencies() -> [Leniencies; 3] {
    [Leniencies::all(), Leniencies::auto(), Leniencies::strict()]
}

/// A refusal is a 4xx with a detail.
pub fn check_refusal(error: &ScimError) {
    assert!((400..500).contains(&error.status), "{error:?}");
    assert!(!error.detail.is_empty(), "{error:?}");
}

/// The JSON object of a text, parsed like the server's bodies.
#[must_use]
pub fn object(text: &str) -> Option<Map<String, Value>> {
    match json::parse(text) {
        Ok(Value::Object(members)) => Some(members),
        Ok(_) => None,
        Err(error) => {
            check_refusal(&error);
            None
        }
    }
}

/// The first line, and the rest.
#[must_use]
pub fn lines(input: &str) -> (&str, &str) {
    input.split_once('\n').unwrap_or((input, ""))
}
