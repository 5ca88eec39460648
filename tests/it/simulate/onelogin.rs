//! OneLogin against servers that refuse its template, or ignore a PATCH.

use scimgate_tests::faulty_server::{Fault, Request, Response};
use scimgate_tests::{TestGateway, on_postgres};

use super::Provider;
use super::test_bed::{OnRequest, TestBed, assert_finds, error, is, turn_into_get};

on_postgres!(a_refused_schema_of_scim_1_is_reported, a_patch_without_effect_is_reported);

/// Refuses unknown schemas.
struct RefusesUnknownSchemas;

impl Fault for RefusesUnknownSchemas {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        let foreign = request.body["schemas"]
            .as_array()
            .is_some_and(|it| it.iter().any(|urn| urn == "urn:scim:schemas:core:1.0"));
        foreign.then(|| error(400, "urn:scim:schemas:core:1.0 is not a schema of this server."))
    }
}

async fn a_refused_schema_of_scim_1_is_reported(gateway: &TestGateway) {
    let report = TestBed::new(gateway).await.run(Provider::OneLogin, RefusesUnknownSchemas).await;
    assert_finds(&report, &["unexpected-status"]);
    assert!(report.findings.iter().all(|finding| finding.seen.contains("core:1.0")), "{:#?}", report.findings);
}

async fn a_patch_without_effect_is_reported(gateway: &TestGateway) {
    let reads = |request: &mut Request| {
        if is(request, "PATCH", "/Groups") {
            turn_into_get(request);
        }
    };
    assert_finds(
        &TestBed::new(gateway).await.run(Provider::OneLogin, OnRequest(reads)).await,
        &["member-lost", "change-ignored"],
    );
}
