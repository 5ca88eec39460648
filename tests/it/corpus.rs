//! The filters of the protocol's corpus over HTTP: the database finds what the evaluator finds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use scimgate_tests::{Request, Tenant, TestGateway, on_both};
use serde_json::{Value, json};

on_both!(every_filter_of_the_corpus_matches_over_http);

const ENDPOINTS: [(&str, &str); 2] = [("User", "/Users"), ("Group", "/Groups")];

fn read(name: &str) -> String {
    std::fs::read_to_string(scimgate_tests::root().join("gateway/scim/testdata/corpus").join(name)).unwrap()
}

/// Creates the documents and returns their names by id.
async fn create(tenant: &Tenant) -> BTreeMap<String, String> {
    let documents: Value = serde_json::from_str(&read("documents.json")).unwrap();
    let mut names = BTreeMap::new();
    for (resource_type, endpoint) in ENDPOINTS {
        for (name, body) in documents[resource_type].as_object().unwrap() {
            names.insert(tenant.post(endpoint, body).await.expect(201).id(), name.clone());
        }
    }
    names
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        write!(encoded, "%{byte:02X}").unwrap();
    }
    encoded
}

async fn every_filter_of_the_corpus_matches_over_http(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let schema: Value = serde_json::from_str(&read("schema.json")).unwrap();
    let _ = gateway.operator.post("/tenants/acme/schemas", &json!({ "schema": schema })).await.expect(201);
    let names = create(&tenant).await;
    let mut wrong = Vec::new();
    for line in read("filters.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let endpoint = ENDPOINTS.iter().find(|(name, _)| case["type"] == *name).unwrap().1;
        let path = format!("{endpoint}?filter={}", encoded(case["filter"].as_str().unwrap()));
        let answer = tenant.send(Request::new("GET", &path)).await;
        let right = match case["matches"].as_array() {
            Some(expected) => {
                let listed = answer.body["Resources"].as_array().cloned().unwrap_or_default();
                let found: BTreeSet<&str> =
                    listed.iter().map(|it| names[it["id"].as_str().unwrap()].as_str()).collect();
                let expected: BTreeSet<&str> = expected.iter().map(|name| name.as_str().unwrap()).collect();
                answer.status == 200 && found == expected && answer.body["totalResults"] == expected.len()
            }
            None => answer.status == 400 && answer.body["scimType"] == case["error"],
        };
        if !right {
            wrong.push(format!("{line}\n{} {}", answer.status, answer.text));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
