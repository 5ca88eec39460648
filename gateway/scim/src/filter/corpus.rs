//! The filters of `testdata/corpus` with the documents that match. docs/disagreements.md compares other SCIM libraries.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::*;
use crate::error::ScimType;
use crate::normalise::normalise;
use crate::schema::Schema;
use crate::schema::registry::Registry;

const SCHEMA: &str = include_str!("../../testdata/corpus/schema.json");
const DOCUMENTS: &str = include_str!("../../testdata/corpus/documents.json");
const FILTERS: &str = include_str!("../../testdata/corpus/filters.jsonl");

/// The canonical documents of a type by their names.
fn documents(of: &Value, resource_type: &ResourceType) -> BTreeMap<String, Map<String, Value>> {
    let each = of.as_object().unwrap().iter().map(|(name, body)| {
        let mut document = normalise(body.clone(), resource_type, &Leniencies::strict()).unwrap().document;
        document.insert("id".to_owned(), name.as_str().into());
        document.insert("meta".to_owned(), json!({ "resourceType": resource_type.name }));
        (name.clone(), document)
    });
    each.collect()
}

#[test]
fn every_corpus_filter_matches_its_expected_documents() {
    let schema = Schema::from_json(&serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let registry = Registry::standard().with_extension("User", schema, false).unwrap();
    let all: Value = serde_json::from_str(DOCUMENTS).unwrap();
    let types: BTreeMap<&str, &ResourceType> =
        ["User", "Group"].into_iter().map(|name| (name, &**registry.resource_type(name).unwrap())).collect();
    let documents: BTreeMap<&str, _> = types.iter().map(|(name, it)| (*name, documents(&all[*name], it))).collect();
    let mut wrong = Vec::new();
    let mut asked = 0;
    for line in FILTERS.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (name, text) = (case["type"].as_str().unwrap(), case["filter"].as_str().unwrap());
        let found = match Filter::parse(text, types[name]) {
            Ok(filter) => {
                let found = documents[name].iter().filter(|(_, document)| filter.matches(document));
                json!({ "matches": found.map(|(name, _)| name.as_str()).collect::<Vec<_>>() })
            }
            Err(error) => json!({ "error": error.scim_type.map(ScimType::keyword) }),
        };
        let key = if case["matches"].is_array() { "matches" } else { "error" };
        if found[key] != case[key] || case[key].is_null() {
            wrong.push(format!("{}: {text}: {found}, not {}", case["id"], case[key]));
        }
        asked += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(asked >= 200, "{asked}");
}
