//! Responses in wrong forms, which are reported for every provider, and in permitted ones, which are not.

use scimgate_simulate::OktaApp;
use scimgate_tests::faulty_server::{Request, Response};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::{Value, json};

use super::Provider;
use super::test_bed::{OnRequest, OnResponse, TestBed, assert_finds, is};

on_postgres!(
    malformed_responses_are_reported_for_every_provider,
    excluded_members_are_reported,
    permitted_forms_are_accepted,
);

/// A fault, the kind of its findings, and their attribute.
type Case = (fn(&Request, &mut Response), &'static str, &'static str);

const WRONG: [Case; 8] = [
    (|_, response| edit_errors(response, |error| error["status"] = json!(404)), "error-shape", "error"),
    (|_, response| edit_errors(response, |error| error["schemas"] = json!([])), "error-shape", "error"),
    (
        |_, response| {
            if response.status == 404 {
                response.text.clear();
            }
        },
        "error-shape",
        "error",
    ),
    (
        |_, response| {
            if response.status == 404 {
                "Not Found".clone_into(&mut response.text);
            }
        },
        "not-json",
        "body",
    ),
    (
        |request, response| edit_resource(request, response, |it| drop(it.remove("schemas"))),
        "resource-shape",
        "schemas",
    ),
    (|request, response| edit_resource(request, response, untyped), "resource-shape", "meta.resourceType"),
    (|request, response| edit_resource(request, response, elsewhere), "location-wrong", "meta.location"),
    (|request, response| edit_resource(request, response, of_another), "location-wrong", "meta.location"),
];

/// Changes every 404; each provider receives some.
fn edit_errors(response: &mut Response, change: impl FnOnce(&mut Value)) {
    if response.status == 404 {
        response.edit(change);
    }
}

/// Changes every resource that is read by id.
fn edit_resource(request: &Request, response: &mut Response, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let is_one = is(request, "GET", "/Users/") || is(request, "GET", "/Groups/");
    if is_one && response.status == 200 {
        response.edit(|body| change(body.as_object_mut().unwrap()));
    }
}

fn untyped(resource: &mut serde_json::Map<String, Value>) {
    drop(resource["meta"].as_object_mut().unwrap().remove("resourceType"));
}

fn elsewhere(resource: &mut serde_json::Map<String, Value>) {
    resource["meta"]["location"] = "https://scim.test/v2/Users".into();
}

fn of_another(resource: &mut serde_json::Map<String, Value>) {
    let location = resource["meta"]["location"].as_str().unwrap().replace("/Users/", "/Users/0");
    resource["meta"]["location"] = location.replace("/Groups/", "/Groups/0").into();
}

async fn malformed_responses_are_reported_for_every_provider(gateway: &TestGateway) {
    for (number, (fault, name, attribute)) in WRONG.into_iter().enumerate() {
        // One provider per fault: the checks are the same for all.
        let provider = Provider::ALL[number % Provider::ALL.len()];
        let bed = TestBed::with_tenant(gateway, &format!("tenant-{number}")).await;
        let report = bed.run(provider, OnResponse(fault)).await;
        assert_finds(&report, &[name]);
        let mut of_others = report.findings.iter().filter(|finding| finding.attribute != attribute);
        assert_eq!(of_others.next().map(|finding| &finding.attribute), None, "{provider:?}");
    }
}

async fn excluded_members_are_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let shows =
        |request: &mut Request| request.path = request.path.replace("excludedAttributes=members", "unknown=parameter");
    for provider in [Provider::Entra, Provider::Okta(OktaApp::Wizard), Provider::SailPoint] {
        let report = bed.run(provider, OnRequest(shows)).await;
        assert_finds(&report, &["exclusion-ignored"]);
        assert!(report.findings.iter().any(|finding| finding.resource == "list groups"), "{:#?}", report.findings);
    }
}

/// What servers may do: none of these is reported.
const PERMITTED: [fn(&Request, &mut Response); 7] = [
    // Only what `attributes` names.
    |request, response| {
        if request.path.contains("?attributes=id") {
            edit_all(request, response, &|it| it.as_object_mut().unwrap().retain(|name, _| name == "id"));
        }
    },
    // Another host, as behind a proxy.
    |request, response| {
        edit_all(request, response, &|it| {
            if let Some(location) = it.pointer_mut("/meta/location") {
                *location = location.as_str().unwrap().split_once("/scim/").unwrap().1.into();
            }
        });
        if let Some((_, path)) = header(response, "location").split_once("/scim/") {
            drop(response.headers.insert("location", path.parse().unwrap()));
        }
    },
    |request, response| edit_all(request, response, &|it| drop(it.as_object_mut().unwrap().remove("meta"))),
    |request, response| {
        edit_all(request, response, &|it| it["urn:example:more"] = json!({ "shoeSize": 42, "nested": [[]] }));
    },
    // Errors without a detail.
    |_, response| {
        if response.status >= 400 {
            response
                .edit(|error| error.as_object_mut().unwrap().retain(|name, _| name == "schemas" || name == "status"));
        }
    },
    |_, response| drop(response.headers.insert("content-type", "application/json; charset=utf-8".parse().unwrap())),
    // PATCH and PUT without a body.
    |request, response| {
        if ["PATCH", "PUT"].contains(&request.method.as_str()) && response.status == 200 {
            (response.status, response.text) = (204, String::new());
        }
    },
];

fn header(response: &Response, name: &str) -> String {
    response.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// Changes every resource, single or in a list.
fn edit_all(request: &Request, response: &mut Response, change: &dyn Fn(&mut Value)) {
    let of_resources = ["/Users", "/Groups"].iter().any(|path| request.path.contains(path));
    if of_resources && matches!(response.status, 200 | 201) {
        response.edit(|body| {
            let shown = match body.get_mut("Resources") {
                Some(listed) => listed.as_array_mut().unwrap().as_mut_slice(),
                None => std::slice::from_mut(body),
            };
            shown.iter_mut().filter(|it| it.get("id").is_some()).for_each(change);
        });
    }
}

async fn permitted_forms_are_accepted(gateway: &TestGateway) {
    for (number, provider) in Provider::ALL.into_iter().enumerate() {
        let bed = TestBed::with_tenant(gateway, &format!("tenant-{number}")).await;
        // What providers do with the response to a write differs; all else is checked by the same code.
        let [others @ .., without_body] = PERMITTED;
        for fault in [others[number % others.len()], others[(number + 3) % others.len()], without_body] {
            assert_finds(&bed.run(provider, OnResponse(fault)).await, &[]);
        }
    }
}
