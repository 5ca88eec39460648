//! PATCH: the first line of the input is the document, the rest the request.

use std::sync::LazyLock;

use scimgate_scim::leniency::Leniencies;
use scimgate_scim::patch::{Patch, Patched};
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use scimgate_scim::unknown::UnknownAttributes;
use serde_json::{Map, Value};

use crate::document::{canonical, check_canonical};
use crate::{REGISTRY, check_refusal, leniencies, lines, object};

/// The document where the first line is not one.
static RICH: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let text = r#"{ "userName": "ada", "displayName": "Ada", "active": true, "title": "Countess",
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "type": "work", "value": "ada@corp.test", "primary": true }, { "type": "home", "value": "a@b" }],
        "roles": [{ "value": "a" }, { "value": "b", "primary": true }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "R&D", "manager": { "value": "b" } },
        "urn:acme:odd:1.0:User": { "badge": "1", "level": 3, "tags": ["a"], "desk": { "floor": 1, "seat": "s" } } }"#;
    object(text).unwrap_or_default()
});

/// A request is refused with a detail, or a valid document becomes a valid one, or one that is refused with a detail. The
/// result is deterministic, and `changed` is right.
pub fn check(input: &str) {
    let (first, rest) = lines(input);
    let given = object(first).unwrap_or_else(|| RICH.clone());
    let Some(body) = object(rest) else { return };
    for resource_type in REGISTRY.resource_types() {
        let Some(document) = canonical(&given, resource_type, &Leniencies::all()) else { continue };
        for how in leniencies() {
            match Patch::parse(Value::Object(body.clone()), resource_type, &how) {
                Ok(patch) => apply(&patch, &document, resource_type, &how),
                Err(error) => check_refusal(&error),
            }
        }
    }
}

fn apply(patch: &Patch, before: &Map<String, Value>, resource_type: &ResourceType, how: &Leniencies) {
    let run = |unknown: &UnknownAttributes| patch.clone().apply(before, unknown, resource_type, how);
    let nothing = UnknownAttributes::default();
    let (one, other) = (run(&nothing), run(&nothing));
    let patched = match (one, other) {
        (Ok(one), Ok(other)) => {
            assert!(is_same(&one, &other), "{one:?} {other:?}");
            one
        }
        (Err(one), Err(other)) => {
            assert_eq!(one, other);
            return check_refusal(&one);
        }
        (one, other) => panic!("{one:?} {other:?}"),
    };
    let differs = patched.document != *before || !patched.unknown.is_empty();
    assert_eq!(patched.changed, differs, "{patched:?}");
    if patch.touches_only_members() {
        assert!(!patched.changed, "{patched:?}");
    }
    if let Err(error) = validate(&patched.document, resource_type) {
        return check_refusal(&error);
    }
    check_canonical(&patched.document, resource_type);
}

fn is_same(one: &Patched, other: &Patched) -> bool {
    one.document == other.document
        && one.unknown == other.unknown
        && one.changed == other.changed
        && format!("{:?}", one.members) == format!("{:?}", other.members)
}
