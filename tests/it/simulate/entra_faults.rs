//! Entra against servers that do one thing wrong each.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use scimgate_simulate::{Dialect, Options, Size};
use scimgate_tests::faulty_server::{Fault, Request, Response};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::json;

use super::test_bed::{OnRequest, OnResponse, TestBed, assert_finds, is, operations, remove_operations, turn_into_get};

on_postgres!(
    a_lost_member_is_reported,
    an_ignored_string_boolean_is_reported,
    a_wiped_group_is_reported,
    a_change_that_is_not_made_is_reported,
    an_altered_value_is_reported,
    an_ignored_reference_is_reported,
    a_wrong_filter_result_is_reported,
    a_deletion_without_effect_is_reported,
    unordered_pages_are_reported,
    malformed_responses_are_reported,
    retry_after_is_obeyed,
    a_creation_that_was_answered_with_503_is_looked_for,
);

async fn a_lost_member_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let loses = |request: &mut Request| {
        if is(request, "PATCH", "/Groups") {
            for operation in operations(request) {
                let adds = operation["op"].as_str().unwrap().eq_ignore_ascii_case("add");
                let members = operation["value"].as_array_mut().filter(|members| adds && members.len() > 2);
                members.map(Vec::pop);
            }
        }
    };
    for report in [bed.entra_default(OnRequest(loses)).await, bed.entra_flag(OnRequest(loses)).await] {
        assert_finds(&report, &["member-lost"]);
        assert_eq!(report.counts["member-lost"], 5, "one per group");
    }
}

async fn an_ignored_string_boolean_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let ignores = |request: &mut Request| {
        if is(request, "PATCH", "/Users") {
            remove_operations(request, |operation| operation["path"] == "active" && operation["value"].is_string());
        }
    };
    assert_finds(&bed.entra_default(OnRequest(ignores)).await, &["string-boolean-ignored"]);
    assert_finds(&bed.entra_flag(OnRequest(ignores)).await, &[]);
    let mixed = |options: &mut Options| options.dialect = Dialect::Mixed;
    assert_finds(&bed.entra_with(OnRequest(ignores), mixed).await, &["string-boolean-ignored"]);
}

async fn a_wiped_group_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    // RFC 7644 §3.5.2.2 taken literally: with a path and no filter, "the attribute and all values are removed".
    let wipes = |request: &mut Request| {
        if is(request, "PATCH", "/Groups") {
            for operation in operations(request) {
                if operation["op"] == "Remove" && operation["path"] == "members" {
                    operation.as_object_mut().unwrap().remove("value");
                }
            }
        }
    };
    assert_finds(&bed.entra_default(OnRequest(wipes)).await, &["group-wiped"]);
    assert_finds(&bed.entra_flag(OnRequest(wipes)).await, &[]);
}

async fn a_change_that_is_not_made_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let users = |request: &mut Request| {
        if is(request, "PATCH", "/Users") {
            turn_into_get(request);
        }
    };
    let report = bed.entra_default(OnRequest(users)).await;
    assert_finds(&report, &["nothing-done", "change-ignored", "string-boolean-ignored", "manager-lost"]);
    let groups = |request: &mut Request| {
        if is(request, "PATCH", "/Groups") {
            turn_into_get(request);
        }
    };
    assert_finds(&bed.entra_flag(OnRequest(groups)).await, &["member-lost", "change-ignored"]);
}

async fn an_altered_value_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let normalises = |request: &Request, response: &mut Response| {
        if request.path.contains("/Users") {
            response.text = response.text.replace("+49 (0)30 ", "+4930");
        }
    };
    assert_finds(&bed.entra_default(OnResponse(normalises)).await, &["value-altered"]);
    let doubles = |request: &Request, response: &mut Response| {
        if is(request, "GET", "/Users/") {
            response.edit(|body| {
                if let Some(mails) = body["emails"].as_array_mut() {
                    mails.push(json!({ "type": "work", "value": "second@corp.test" }));
                }
            });
        }
    };
    assert_finds(&bed.entra_flag(OnResponse(doubles)).await, &["value-doubled"]);
    let loses = |request: &mut Request| {
        if is(request, "POST", "/Users") {
            request.body.as_object_mut().unwrap().remove("title");
        }
    };
    assert_finds(&bed.entra_default(OnRequest(loses)).await, &["value-lost"]);
}

async fn an_ignored_reference_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let bare = |request: &mut Request| {
        if is(request, "PATCH", "/Users") {
            remove_operations(request, |operation| operation["path"] == "manager" && operation["value"].is_string());
        }
    };
    assert_finds(&bed.entra_default(OnRequest(bare)).await, &["manager-lost"]);
    // The server ignores the second half of the filter and finds the user whatever its manager is.
    let halves = |request: &mut Request| {
        if let Some(end) = request.path.find("%20and%20manager") {
            request.path.truncate(end);
        }
    };
    for report in [bed.entra_default(OnRequest(halves)).await, bed.entra_flag(OnRequest(halves)).await] {
        assert_finds(&report, &["filter-ignored"]);
        assert!(report.findings.iter().all(|finding| finding.attribute == "id and manager"), "{:#?}", report.findings);
    }
}

async fn a_wrong_filter_result_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let ignores = |request: &mut Request| {
        if is(request, "GET", "/Users?filter=userName") {
            request.path.truncate(request.path.find('?').unwrap());
        }
    };
    assert_finds(&bed.entra_default(OnRequest(ignores)).await, &["filter-ignored"]);
    let hides_the_deactivated = |request: &Request, response: &mut Response| {
        if is(request, "GET", "/Users?filter=userName") {
            response.edit(|body| {
                let found = body["Resources"].as_array_mut().unwrap();
                found.retain(|user| user["active"] != false);
                body["totalResults"] = found.len().into();
            });
        }
    };
    let report = bed.entra_flag(OnResponse(hides_the_deactivated)).await;
    assert_finds(&report, &["filter-missed"]);
}

async fn a_deletion_without_effect_is_reported(gateway: &TestGateway) {
    struct Keeps;
    impl Fault for Keeps {
        fn on_request(&self, request: &mut Request) -> Option<Response> {
            (request.method == "DELETE").then(|| Response::status(204))
        }
    }
    let report = TestBed::new(gateway).await.entra_default(Keeps).await;
    assert_finds(&report, &["deleted-still-there", "member-stranger"]);
}

async fn unordered_pages_are_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let overlaps = |request: &mut Request| {
        if is(request, "GET", "/Users?startIndex=") {
            request.path = request.path.replace("startIndex=101", "startIndex=91");
        }
    };
    let two_pages =
        |options: &mut Options| options.size = Size { users: 115, groups: 1, members_per_group: 2, cycles: 0 };
    let report = bed.entra_with(OnRequest(overlaps), two_pages).await;
    assert_finds(&report, &["paging-wrong", "listed-twice"]);
}

async fn malformed_responses_are_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let no_location = |request: &Request, response: &mut Response| {
        if request.method == "POST" {
            response.headers.remove("location");
        }
    };
    assert_finds(&bed.entra_default(OnResponse(no_location)).await, &["location-wrong"]);
    let as_text = |_: &Request, response: &mut Response| {
        response.headers.insert("content-type", "text/plain".parse().unwrap());
    };
    assert_finds(&bed.entra_default(OnResponse(as_text)).await, &["media-type"]);
    let other_version = |request: &Request, response: &mut Response| {
        if is(request, "GET", "/Groups/") {
            response.headers.insert("etag", "W/\"0\"".parse().unwrap());
        }
    };
    assert_finds(&bed.entra_default(OnResponse(other_version)).await, &["version-wrong"]);
    let no_schemas = |request: &mut Request| request.path = request.path.replace("/Schemas", "/Schema");
    assert_finds(&bed.entra_default(OnRequest(no_schemas)).await, &["schema-missing"]);
}

/// 429 and 503 are permitted responses.
async fn retry_after_is_obeyed(gateway: &TestGateway) {
    #[derive(Default)]
    struct Throttles(AtomicU32);
    impl Fault for Throttles {
        fn on_request(&self, _: &mut Request) -> Option<Response> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let mut response = Response::status(if number.is_multiple_of(2) { 429 } else { 503 });
            response.headers.insert("retry-after", "0".parse().unwrap());
            number.is_multiple_of(5).then_some(response)
        }
    }
    let report = TestBed::new(gateway).await.entra_default(Throttles::default()).await;
    assert_finds(&report, &[]);
    assert!(report.waits > 20, "{}", report.waits);
}

/// The gateway has carried out what it answers with 503. A group has no unique name: sent again, it would exist twice.
async fn a_creation_that_was_answered_with_503_is_looked_for(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let hidden = Mutex::new(HashSet::new());
    let created = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&created);
    let hides = move |request: &Request, response: &mut Response| {
        if request.method == "POST" && response.status == 201 {
            let name = [&request.body["userName"], &request.body["displayName"]].map(ToString::to_string);
            seen.lock().unwrap().push((request.path.clone(), name));
        }
        let is_write = ["POST", "DELETE", "PATCH"].iter().any(|method| request.method == *method);
        let again = || !hidden.lock().unwrap().insert(format!("{} {} {}", request.method, request.path, request.body));
        if is_write && !again() {
            *response = Response::status(503);
            response.headers.insert("retry-after", "0".parse().unwrap());
        }
    };
    let report = bed.entra_default(OnResponse(hides)).await;
    assert_finds(&report, &[]);
    assert!(report.waits > 10, "{}", report.waits);
    let mut created = created.lock().unwrap().clone();
    let all = created.len();
    created.sort();
    created.dedup();
    assert!(all > 15 && all == created.len(), "{all} creations of {} resources", created.len());
}
