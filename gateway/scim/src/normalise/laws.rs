//! Properties of any body: no panic, and normalising a canonical document does not change it.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::normalise;
use crate::leniency::Leniencies;
use crate::schema::packs::ENTERPRISE_USER;
use crate::schema::registry::Registry;
use crate::schema::validate::validate;

const KEYS: [&str; 18] = [
    "schemas",
    "userName",
    "USERNAME",
    "active",
    "name",
    "name.givenName",
    "emails",
    "value",
    "primary",
    "type",
    "givenName",
    "manager",
    "roles",
    "password",
    "nope",
    "urn:acme:none",
    ENTERPRISE_USER,
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department",
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        prop::sample::select(&["", "True", "ada", "{\"value\":\"a\"}", "{\"value\":{}}", "a\u{0}"][..])
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner).prop_map(Value::Object),
        ]
    })
}

fn object(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let entry = (prop::sample::select(&KEYS[..]), values);
    prop::collection::vec(entry, 0..6)
        .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(body in object(tree())) {
        let registry = Registry::standard();
        for resource_type in registry.resource_types() {
            let Ok(first) = normalise(Value::Object(body.clone()), resource_type, &Leniencies::all()) else { continue };
            let second = normalise(Value::Object(first.document.clone()), resource_type, &Leniencies::strict());
            let second = second.map_err(|error| TestCaseError::fail(error.detail))?;
            prop_assert_eq!(&second.document, &first.document);
            prop_assert!(second.warnings.is_empty() && second.unknown.is_empty());
            // The coerced types are valid; only required attributes can be missing.
            if let Err(error) = validate(&first.document, resource_type) {
                prop_assert!(error.detail.ends_with("is required."), "{}", error.detail);
            }
        }
    }

    #[test]
    fn any_json_is_accepted_or_refused_with_400(body in tree()) {
        let registry = Registry::standard();
        for leniencies in [Leniencies::all(), Leniencies::strict()] {
            for resource_type in registry.resource_types() {
                if let Err(error) = normalise(body.clone(), resource_type, &leniencies) {
                    prop_assert_eq!(error.status, 400);
                }
                let refused = body.as_object().and_then(|document| validate(document, resource_type).err());
                prop_assert!(refused.is_none_or(|error| error.status == 400));
            }
        }
    }
}
