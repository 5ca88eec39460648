//! Bodies of POST and PUT: the first line of the input is a projection, the rest a body.

use scimgate_scim::leniency::Leniencies;
use scimgate_scim::normalise::normalise;
use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};

use crate::{REGISTRY, check_refusal, leniencies, lines, object};

/// A body is refused with a detail, or becomes a canonical document, to which any projection applies.
pub fn check(input: &str) {
    let (names, text) = lines(input);
    let Some(body) = object(text) else { return };
    for resource_type in REGISTRY.resource_types() {
        // The raw body need not be a valid document.
        if let Err(error) = validate(&body, resource_type) {
            check_refusal(&error);
        }
        project(&body, names, resource_type);
        for how in leniencies() {
            if let Some(document) = canonical(&body, resource_type, &how) {
                project(&document, names, resource_type);
            }
        }
    }
}

/// The canonical form of a body, if it has one.
#[must_use]
pub fn canonical(
    body: &Map<String, Value>,
    resource_type: &ResourceType,
    how: &Leniencies,
) -> Option<Map<String, Value>> {
    let first = match normalise(Value::Object(body.clone()), resource_type, how) {
        Ok(first) => first,
        Err(error) => {
            check_refusal(&error);
            return None;
        }
    };
    check_canonical(&first.document, resource_type);
    // A required attribute may be missing, and a value may have another type.
    if let Err(error) = validate(&first.document, resource_type) {
        check_refusal(&error);
        return None;
    }
    Some(first.document)
}

/// Strict normalisation does not change a canonical document.
pub fn check_canonical(document: &Map<String, Value>, resource_type: &ResourceType) {
    let again = normalise(Value::Object(document.clone()), resource_type, &Leniencies::strict());
    let again = again.unwrap_or_else(|error| panic!("{} {document:?}", error.detail));
    assert_eq!(&again.document, document);
    assert!(again.warnings.is_empty() && again.unknown.is_empty(), "{again:?}");
}

/// A projection is idempotent, adds nothing, always keeps `id` and `schemas`, and never keeps a password.
fn project(document: &Map<String, Value>, names: &str, resource_type: &ResourceType) {
    for (only, without) in [(Some(names), None), (None, Some(names)), (None, None), (Some(names), Some(names))] {
        let projection = match Projection::parse(only, without, resource_type) {
            Ok(Some(projection)) => projection,
            Ok(None) => continue,
            Err(error) => {
                check_refusal(&error);
                continue;
            }
        };
        let part = projection.apply(document.clone());
        assert_eq!(projection.apply(part.clone()), part, "{names}");
        assert!(part.keys().all(|key| document.contains_key(key)), "{names}");
        for always in ["id", "schemas"] {
            assert_eq!(part.get(always), document.get(always), "{always} by {names}");
        }
        assert!(resource_type.resolve("password").is_none() || !part.contains_key("password"), "{names}");
    }
}
