//! Okta against servers with the faults that its administrators report.

use std::collections::BTreeSet;
use std::sync::Mutex;

use scimgate_simulate::OktaApp;
use scimgate_tests::faulty_server::{Fault, Request, Response};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::{Value, json};

use super::Provider;
use super::test_bed::{CreatesDuplicates, OnRequest, OnResponse, TestBed, assert_finds, error, is, operations};

on_postgres!(
    an_unstable_order_is_reported,
    numbers_as_texts_are_reported,
    a_second_user_instead_of_a_reactivated_one_is_reported,
    a_refused_reactivation_is_reported,
    a_put_that_loses_an_attribute_is_reported,
    a_push_that_wipes_is_reported,
    a_push_of_the_name_that_wipes_is_reported,
);

const WIZARD: Provider = Provider::Okta(OktaApp::Wizard);
const CATALOGUE: Provider = Provider::Okta(OktaApp::Catalogue);

async fn an_unstable_order_is_reported(gateway: &TestGateway) {
    let reverses = |request: &Request, response: &mut Response| {
        if is(request, "GET", "/Users?startIndex=1&count=100") {
            response.edit(|body| body["Resources"].as_array_mut().unwrap().reverse());
        }
    };
    assert_finds(&TestBed::new(gateway).await.run(WIZARD, OnResponse(reverses)).await, &["order-unstable"]);
}

async fn numbers_as_texts_are_reported(gateway: &TestGateway) {
    let writes_texts = |request: &Request, response: &mut Response| {
        if request.method == "GET" {
            response.edit(|body| {
                for name in ["totalResults", "itemsPerPage", "startIndex"] {
                    if body[name].is_number() {
                        body[name] = body[name].to_string().into();
                    }
                }
            });
        }
    };
    let report = TestBed::new(gateway).await.run(WIZARD, OnResponse(writes_texts)).await;
    assert_finds(&report, &["number-as-text"]);
    assert!(report.findings.iter().any(|finding| finding.attribute == "totalResults"), "{:#?}", report.findings);
}

async fn a_second_user_instead_of_a_reactivated_one_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    assert_finds(&bed.run(CATALOGUE, CreatesDuplicates::default()).await, &["duplicate-created"]);
    // An app from the wizard creates no user twice.
    assert_finds(&bed.run(WIZARD, CreatesDuplicates::default()).await, &[]);
}

/// Answers 409 to every known user name, as the RFC says.
#[derive(Default)]
struct Refuses(Mutex<BTreeSet<String>>);

impl Fault for Refuses {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        let first =
            !is(request, "POST", "/Users") || self.0.lock().unwrap().insert(request.body["userName"].to_string());
        (!first).then(|| error(409, "The userName is in use."))
    }
}

async fn a_refused_reactivation_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    assert_finds(&bed.run(CATALOGUE, Refuses::default()).await, &["reactivation-refused"]);
    assert_finds(&bed.run(WIZARD, Refuses::default()).await, &[]);
}

async fn a_put_that_loses_an_attribute_is_reported(gateway: &TestGateway) {
    let loses = |request: &mut Request| {
        if is(request, "PUT", "/Users") {
            request.body.as_object_mut().unwrap().remove("title");
        }
    };
    let bed = TestBed::new(gateway).await;
    for provider in [WIZARD, CATALOGUE] {
        assert_finds(&bed.run(provider, OnRequest(loses)).await, &["value-lost"]);
    }
}

async fn a_push_that_wipes_is_reported(gateway: &TestGateway) {
    // The path of one member is taken as that of all members.
    let wipes = |request: &mut Request| {
        if is(request, "PATCH", "/Groups") {
            for operation in operations(request) {
                if operation["op"] == "remove" {
                    operation["path"] = "members".into();
                }
            }
        }
    };
    let bed = TestBed::new(gateway).await;
    assert_finds(&bed.run(CATALOGUE, OnRequest(wipes)).await, &["group-wiped"]);
    assert_finds(&bed.run(WIZARD, OnRequest(wipes)).await, &[]);
}

async fn a_push_of_the_name_that_wipes_is_reported(gateway: &TestGateway) {
    // A replace without a path is taken as a PUT.
    let wipes = |request: &mut Request| {
        if is(request, "PATCH", "/Groups") {
            for operation in operations(request) {
                if operation["path"].is_null() && operation["value"]["members"] == Value::Null {
                    operation["value"]["members"] = json!([]);
                }
            }
        }
    };
    let report = TestBed::new(gateway).await.run(CATALOGUE, OnRequest(wipes)).await;
    assert!(report.counts.contains_key("group-wiped"), "{:#?}", report.counts);
    let named = ["group-wiped", "member-lost"];
    assert!(report.counts.keys().all(|kind| named.contains(kind)), "{:#?}", report.counts);
}
