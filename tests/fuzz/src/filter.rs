//! Filters: the first line of the input is a filter, the rest a document.

use std::sync::{Arc, LazyLock};

use scimgate_scim::filter::{Filter, MAX_BYTES};
use scimgate_scim::leniency::{Leniencies, Warnings};
use scimgate_scim::schema::ResourceType;
use serde_json::{Map, Value, json};

use crate::{REGISTRY, check_refusal, leniencies, lines, object};

/// Documents with valid values, with invalid ones, and without any.
static DOCUMENTS: LazyLock<Vec<Map<String, Value>>> = LazyLock::new(|| {
    let wrong = json!([[{ "value": ["x", null, {}] }], 1e300, true, "2026-01-01T00:00:00Z"]);
    let everywhere = |value: &Value| {
        let mut document = Map::new();
        for resource_type in REGISTRY.resource_types() {
            for attribute in &resource_type.schema.attributes {
                document.insert(attribute.name.clone(), value.clone());
            }
            for extension in &resource_type.extensions {
                let members = extension.schema.attributes.iter().map(|it| (it.name.clone(), value.clone()));
                document.insert(extension.schema.id.clone(), Value::Object(members.collect()));
            }
        }
        document
    };
    let right = json!({
        "userName": "Ada@corp.test", "active": true, "name": { "familyName": "Byron" }, "title": "",
        "emails": [{ "type": "work", "value": "ada@corp.test", "primary": true }, { "value": "a@b" }],
        "meta": { "created": "2026-01-01T10:00:00.1234567+05:00", "resourceType": "User" },
        "urn:acme:odd:1.0:User": { "level": 7, "share": 0.5, "tags": ["a", "B"], "keys": [{ "value": 1.0 }] },
    });
    let right = right.as_object().cloned().unwrap_or_default();
    vec![Map::new(), right, everywhere(&wrong), everywhere(&json!({ "value": "x" })), everywhere(&json!(null))]
});

/// A filter is refused with a detail, or its printed form parses as the same filter, and it can be evaluated on any document.
pub fn check(input: &str) {
    let (text, rest) = lines(input);
    let own = object(rest);
    let documents: Vec<&Map<String, Value>> = DOCUMENTS.iter().chain(&own).collect();
    let types: Vec<&ResourceType> = REGISTRY.resource_types().iter().map(Arc::as_ref).collect();
    let mut queries: Vec<Vec<&ResourceType>> = types.iter().map(|one| vec![*one]).collect();
    queries.push(types);
    for types in queries {
        let mut read: Vec<Filter> = Vec::new();
        for how in leniencies() {
            match parse(text, &types, &how) {
                Ok(filter) => read.push(filter),
                Err(error) => check_refusal(&error),
            }
        }
        // A filter that parses strictly parses the same with leniencies.
        if let Ok(strict) = parse(text, &types, &Leniencies::strict()) {
            assert!(read.len() == 3 && read.iter().all(|filter| *filter == strict), "{read:?}");
        }
        for filter in &read {
            check_laws(filter, &types, &documents);
        }
    }
}

fn parse(text: &str, types: &[&ResourceType], how: &Leniencies) -> Result<Filter, scimgate_scim::error::ScimError> {
    Filter::parse_with(text, types, how, &mut Warnings::default())
}

fn check_laws(filter: &Filter, types: &[&ResourceType], documents: &[&Map<String, Value>]) {
    let printed = filter.to_string();
    // Names are printed in full, so the text may exceed the limit.
    if printed.len() <= MAX_BYTES {
        let again = parse(&printed, types, &Leniencies::strict());
        assert_eq!(again.as_ref(), Ok(filter), "{printed}");
    }
    let negated = Filter::Not(Box::new(filter.clone()));
    for document in documents {
        let holds = filter.matches(document);
        assert_ne!(negated.matches(document), holds, "{printed}");
        assert_eq!(filter.conjuncts().iter().all(|term| term.matches(document)), holds, "{printed}");
    }
}
