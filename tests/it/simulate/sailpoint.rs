//! SailPoint against servers that lack a discovery document, or omit a user in an aggregation.

use scimgate_tests::faulty_server::{Request, Response};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::Value;

use super::Provider;
use super::test_bed::{OnRequest, OnResponse, TestBed, assert_finds, is};

on_postgres!(a_missing_discovery_document_is_reported, a_user_missing_from_the_aggregation_is_reported);

async fn a_missing_discovery_document_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    for single in
        ["/ResourceTypes/User", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "/ServiceProviderConfig"]
    {
        let misses = move |request: &mut Request| {
            if request.path.ends_with(single) {
                request.path.push_str("-nowhere");
            }
        };
        let report = bed.run(Provider::SailPoint, OnRequest(misses)).await;
        assert_finds(&report, &["discovery-missing"]);
        assert_eq!(report.findings.len(), 1, "{:#?}", report.findings);
        assert_eq!(report.findings[0].resource, single);
    }
}

async fn a_user_missing_from_the_aggregation_is_reported(gateway: &TestGateway) {
    let leaves_out = |request: &Request, response: &mut Response| {
        if is(request, "GET", "/Users?startIndex=1&count=100") {
            response.edit(|body| {
                let users = body["Resources"].as_array_mut().unwrap();
                drop(users.remove(users.len() / 2));
                let left = Value::from(users.len());
                (body["totalResults"], body["itemsPerPage"]) = (left.clone(), left);
            });
        }
    };
    let report = TestBed::new(gateway).await.run(Provider::SailPoint, OnResponse(leaves_out)).await;
    assert_finds(&report, &["missing-from-list"]);
    assert_eq!(report.findings[0].step.name(), "import");
}
