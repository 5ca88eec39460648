//! JumpCloud against servers on which the activation leaves something behind, or that remove too many members.

use scimgate_tests::faulty_server::{Fault, Request, Response};
use scimgate_tests::{TestGateway, on_postgres};

use super::Provider;
use super::test_bed::{OnRequest, TestBed, assert_finds, is, operations};

on_postgres!(resources_left_by_the_activation_are_reported, a_removal_by_value_that_wipes_is_reported);

/// Answers DELETE with success and does nothing, for one type.
struct Keeps(&'static str);

impl Fault for Keeps {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        is(request, "DELETE", self.0).then(|| Response::status(204))
    }
}

async fn resources_left_by_the_activation_are_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    for (of, label) in [("/Groups", "group SCIM test group"), ("/Users", "user scim-test@")] {
        let report = bed.run(Provider::JumpCloud, Keeps(of)).await;
        let in_activation = |step: &str| step == "activation";
        let left = report.findings.iter().filter(|finding| in_activation(finding.step.name()));
        assert!(left.clone().count() > 0, "{:#?}", report.findings);
        for finding in left {
            assert_eq!(finding.kind.name(), "deleted-still-there", "{finding:?}");
            assert!(finding.resource.starts_with(label), "{finding:?}");
        }
    }
}

async fn a_removal_by_value_that_wipes_is_reported(gateway: &TestGateway) {
    // RFC 7644 §3.5.2.2 taken literally: with a path and no filter, "the attribute and all values are removed".
    let wipes = |request: &mut Request| {
        if is(request, "PATCH", "/Groups") {
            for operation in operations(request) {
                if operation["op"] == "remove" {
                    operation.as_object_mut().unwrap().remove("value");
                }
            }
        }
    };
    assert_finds(&TestBed::new(gateway).await.run(Provider::JumpCloud, OnRequest(wipes)).await, &["group-wiped"]);
}
