//! PingFederate against servers whose PUT merges, or whose list of groups is incomplete.

use scimgate_tests::faulty_server::{Request, Response};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::{Value, json};

use super::Provider;
use super::test_bed::{OnRequest, OnResponse, TestBed, assert_finds, is};

on_postgres!(a_put_that_merges_is_reported, a_group_missing_from_the_list_is_reported);

async fn a_put_that_merges_is_reported(gateway: &TestGateway) {
    let merges = |request: &mut Request| {
        if is(request, "PUT", "/Users") {
            let mut value = request.body.take();
            value.as_object_mut().unwrap().retain(|name, _| !["id", "schemas"].contains(&name.as_str()));
            request.method = "PATCH".parse().unwrap();
            let patch = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
            request.body = json!({ "schemas": [patch], "Operations": [{ "op": "replace", "value": value }] });
        }
    };
    let report = TestBed::new(gateway).await.run(Provider::Ping, OnRequest(merges)).await;
    assert_finds(&report, &["put-not-whole"]);
    assert!(report.findings.iter().all(|finding| finding.attribute == "title"), "{:#?}", report.findings);
}

async fn a_group_missing_from_the_list_is_reported(gateway: &TestGateway) {
    let leaves_out = |request: &Request, response: &mut Response| {
        if is(request, "GET", "/Groups?") {
            response.edit(|body| {
                let groups = body["Resources"].as_array_mut().map_or(0, |groups| {
                    groups.pop();
                    groups.len()
                });
                (body["totalResults"], body["itemsPerPage"]) = (Value::from(groups), Value::from(groups));
            });
        }
    };
    assert_finds(
        &TestBed::new(gateway).await.run(Provider::Ping, OnResponse(leaves_out)).await,
        &["missing-from-list"],
    );
}
