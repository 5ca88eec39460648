//! Responses to writes that do not show the new state.

use std::collections::BTreeMap;
use std::sync::Mutex;

use scimgate_simulate::OktaApp;
use scimgate_tests::faulty_server::{Fault, Request, Response};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::Value;

use super::Provider;
use super::test_bed::{TestBed, assert_finds, is};

on_postgres!(a_response_with_the_old_state_is_reported, a_response_without_members_is_accepted);

/// Answers a method with the previous state of the resource.
struct Stale {
    method: &'static str,
    of: &'static str,
    /// The last state of each resource by its id.
    last: Mutex<BTreeMap<String, Value>>,
}

impl Fault for Stale {
    fn on_response(&self, request: &Request, response: &mut Response) {
        let whole = !request.path.contains('?') && matches!(response.status, 200 | 201);
        let shown: Value = serde_json::from_str(&response.text).unwrap_or_default();
        let Some(id) = shown["id"].as_str().filter(|_| whole) else { return };
        let before = self.last.lock().unwrap().insert(id.to_owned(), shown.clone());
        if let Some(mut before) = before.filter(|_| is(request, self.method, self.of)) {
            // The version is that of the ETag.
            before["meta"] = shown["meta"].clone();
            response.text = before.to_string();
        }
    }
}

async fn a_response_with_the_old_state_is_reported(gateway: &TestGateway) {
    let cases = [
        (Provider::Entra, "PATCH", "/Users/", "title in the response"),
        (Provider::Okta(OktaApp::Wizard), "PUT", "/Users/", "title in the response"),
        (Provider::Okta(OktaApp::Wizard), "PUT", "/Groups/", "displayName in the response"),
        (Provider::Okta(OktaApp::Wizard), "PUT", "/Groups/", "members in the response"),
        (Provider::Okta(OktaApp::Catalogue), "PATCH", "/Users/", "active in the response"),
        (Provider::OneLogin, "PATCH", "/Groups/", "displayName in the response"),
        (Provider::JumpCloud, "PUT", "/Users/", "title in the response"),
        (Provider::Ping, "PUT", "/Users/", "title in the response"),
        (Provider::Rippling, "PATCH", "/Users/", "title in the response"),
        (Provider::SailPoint, "PATCH", "/Groups/", "members in the response"),
    ];
    for (number, (provider, method, of, attribute)) in cases.into_iter().enumerate() {
        let bed = TestBed::with_tenant(gateway, &format!("tenant-{number}")).await;
        let report = bed.run(provider, Stale { method, of, last: Mutex::default() }).await;
        assert_finds(&report, &["answer-stale"]);
        let found = report.findings.iter().any(|finding| finding.attribute == attribute);
        assert!(found, "{provider:?} {attribute}: {:#?}", report.findings);
    }
}

/// Omits the members in responses to writes.
struct OmitsMembers;

impl Fault for OmitsMembers {
    fn on_response(&self, request: &Request, response: &mut Response) {
        if (request.method == "PATCH" || request.method == "PUT") && request.path.contains("/Groups/") {
            response.edit(|body| drop(body.as_object_mut().unwrap().remove("members")));
        }
    }
}

async fn a_response_without_members_is_accepted(gateway: &TestGateway) {
    for (number, provider) in Provider::ALL.into_iter().enumerate() {
        let bed = TestBed::with_tenant(gateway, &format!("tenant-{number}")).await;
        assert_finds(&bed.run(provider, OmitsMembers).await, &[]);
    }
}
