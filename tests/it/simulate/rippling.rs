//! Rippling against servers that take a repeated POST for a new one, or do not find users by externalId; and which
//! attributes it sends.

use std::sync::{Arc, Mutex};

use scimgate_tests::faulty_server::{Fault, Request, Response};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::json;

use super::Provider;
use super::test_bed::{CreatesDuplicates, OnResponse, TestBed, assert_finds, error, is};

on_postgres!(
    a_repeated_post_that_creates_a_second_user_is_reported,
    a_refused_repeated_post_is_reported,
    a_filter_that_ignores_external_id_is_reported,
    attributes_that_cannot_be_written_are_not_sent,
);

async fn a_repeated_post_that_creates_a_second_user_is_reported(gateway: &TestGateway) {
    let report = TestBed::new(gateway).await.run(Provider::Rippling, CreatesDuplicates::default()).await;
    assert_finds(&report, &["duplicate-created"]);
    assert_eq!(report.counts["duplicate-created"], 4, "every third of twelve users is sent twice");
}

/// Refuses a repeated request.
#[derive(Default)]
struct Refuses(Mutex<Vec<String>>);

impl Fault for Refuses {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        let mut seen = self.0.lock().unwrap();
        let body = request.body.to_string();
        if !is(request, "POST", "/Users") {
            return None;
        }
        if seen.contains(&body) {
            return Some(error(409, "The userName is in use."));
        }
        seen.push(body);
        None
    }
}

async fn a_refused_repeated_post_is_reported(gateway: &TestGateway) {
    let report = TestBed::new(gateway).await.run(Provider::Rippling, Refuses::default()).await;
    assert_finds(&report, &["retry-refused"]);
}

async fn a_filter_that_ignores_external_id_is_reported(gateway: &TestGateway) {
    let finds_nothing = |request: &Request, response: &mut Response| {
        if is(request, "GET", "/Users?filter=externalId") {
            response.edit(|body| (body["totalResults"], body["Resources"]) = (json!(0), json!([])));
        }
    };
    let report = TestBed::new(gateway).await.run(Provider::Rippling, OnResponse(finds_nothing)).await;
    assert!(report.counts.contains_key("filter-missed"), "{:#?}", report.counts);
}

/// Declares title as readOnly and has no nickName, and records what is sent.
#[derive(Clone, Default)]
struct NarrowSchemas(Arc<Mutex<String>>);

impl Fault for NarrowSchemas {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        if request.path.contains("/Users") {
            self.0.lock().unwrap().push_str(&request.body.to_string());
        }
        None
    }

    fn on_response(&self, request: &Request, response: &mut Response) {
        if is(request, "GET", "/Schemas") {
            response.edit(|body| {
                for schema in body["Resources"].as_array_mut().unwrap() {
                    let attributes = schema["attributes"].as_array_mut().unwrap();
                    attributes.retain(|attribute| attribute["name"] != "nickName");
                    for title in attributes.iter_mut().filter(|attribute| attribute["name"] == "title") {
                        title["mutability"] = "readOnly".into();
                    }
                }
            });
        }
    }
}

async fn attributes_that_cannot_be_written_are_not_sent(gateway: &TestGateway) {
    let narrow = NarrowSchemas::default();
    let report = TestBed::new(gateway).await.run(Provider::Rippling, narrow.clone()).await;
    assert!(!report.counts.contains_key("value-lost"), "{:#?}", report.findings);
    let sent = narrow.0.lock().unwrap();
    assert!(sent.contains("displayName") && sent.contains("department"));
    assert!(!sent.contains("title") && !sent.contains("nickName"), "{sent}");
}
