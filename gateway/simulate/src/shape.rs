//! What an answer must be like, whomever it is about: SCIM's media type, errors that are SCIM errors, and resources that
//! say what they are and leave out what should be left out.

use percent_encoding::percent_decode_str;
use reqwest::Method;
use serde_json::Value;

use crate::client::{Answer, Ask, SCIM_JSON};
use crate::exchange::Type;
use crate::finding::{Finding, Kind};

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// Errors that often come from a proxy or a limiter before the server, who know no SCIM.
const OF_OTHERS: [u16; 5] = [401, 429, 502, 503, 504];

/// What is wrong with the form of an answer. It is told of the kind of request: what is wrong with one answer is wrong with
/// all of its kind.
#[must_use]
pub fn faults(ask: &Ask, answer: &Answer) -> Vec<Finding> {
    let mut findings = Vec::new();
    if answer.json.is_none() && !answer.text.is_empty() {
        let finding = Finding::new(Kind::NotJson, ask.what).attribute("body").expected("JSON");
        return vec![finding.seen(answer.describe())];
    }
    findings.extend(media_type(ask.what, answer));
    findings.extend(error(ask.what, answer));
    if matches!(answer.status, 200 | 201) && ask.method != Method::DELETE {
        findings.extend(of_resources(ask, answer.body()));
    }
    findings
}

fn media_type(what: &str, answer: &Answer) -> Option<Finding> {
    let media = answer.header("content-type").split(';').next().unwrap_or_default().trim();
    let is_known = [SCIM_JSON, "application/json"].iter().any(|known| media.eq_ignore_ascii_case(known));
    let wrong = !answer.text.is_empty() && !is_known;
    wrong.then(|| Finding::new(Kind::MediaType, what).attribute("Content-Type").expected(SCIM_JSON).seen(media))
}

/// An error that is no SCIM error. `detail` and `scimType` may be missing.
#[must_use]
pub fn error(what: &str, answer: &Answer) -> Option<Finding> {
    let wrong = answer.status >= 400 && !OF_OTHERS.contains(&answer.status) && !is_error(answer);
    let seen = if answer.text.is_empty() { format!("{} without a body", answer.status) } else { answer.text.clone() };
    wrong.then(|| {
        let finding = Finding::new(Kind::ErrorShape, what).attribute("error");
        finding.expected("a SCIM error with this status as a text").seen(seen)
    })
}

/// RFC 7644 §3.12: errors are JSON with their URN, and status is "the HTTP status code ... expressed as a JSON string".
fn is_error(answer: &Answer) -> bool {
    let body = answer.body();
    let mut schemas = body.get("schemas").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let status = body.get("status").and_then(Value::as_str);
    schemas.any(|urn| urn.eq_ignore_ascii_case(ERROR)) && status == Some(answer.status.to_string().as_str())
}

/// What is wrong with the resources of an answer, in a list or alone.
fn of_resources(ask: &Ask, body: &Value) -> Vec<Finding> {
    let Some(of) = [Type::User, Type::Group].into_iter().find(|of| ask.path.starts_with(of.path())) else {
        return Vec::new();
    };
    let is_one = ask.path != of.path() || ask.method == Method::POST;
    let listed = body.get("Resources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let shown = if is_one { std::slice::from_ref(body) } else { listed };
    let mut findings: Vec<Finding> =
        shown.iter().filter(|it| it.is_object()).flat_map(|it| of_resource(ask, it)).collect();
    if is_one && ask.method == Method::GET {
        findings.extend(location(ask, body));
    }
    findings
}

fn of_resource(ask: &Ask, resource: &Value) -> Vec<Finding> {
    let told = |kind, attribute: &str, expected: &str, seen: String| {
        Finding::new(kind, ask.what).attribute(attribute).expected(expected).seen(seen)
    };
    let mut findings = Vec::new();
    // Some servers take `attributes` by the letter and show nothing else.
    let chosen = ask.query.iter().any(|(name, _)| *name == "attributes");
    // RFC 7643 §3: all representations "MUST include a non-empty array with value(s) of the URIs".
    let schemas = resource.get("schemas").and_then(Value::as_array);
    if !chosen && schemas.is_none_or(Vec::is_empty) {
        let seen = resource.get("schemas").map_or_else(|| "nothing".to_owned(), Value::to_string);
        findings.push(told(Kind::ResourceShape, "schemas", "the URNs of the resource's schemas", seen));
    }
    let meta = resource.get("meta").filter(|meta| meta.is_object());
    let named = |meta: &Value| meta.get("resourceType").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if let Some(meta) = meta.filter(|meta| !chosen && !named(meta)) {
        let expected = "the name of the resource's type";
        findings.push(told(Kind::ResourceShape, "meta.resourceType", expected, meta.to_string()));
    }
    let members = resource.get("members").and_then(Value::as_array).map_or(0, Vec::len);
    if members > 0 && excludes(ask, "members") {
        let expected = "no members, which excludedAttributes names";
        findings.push(told(Kind::ExclusionIgnored, "members", expected, format!("{members} members")));
    }
    findings
}

fn excludes(ask: &Ask, attribute: &str) -> bool {
    let mut excluded = ask.query.iter().filter(|(name, _)| *name == "excludedAttributes");
    excluded.any(|(_, names)| names.split(',').any(|name| name.trim() == attribute))
}

/// RFC 7643 §3.1: meta.location is "the URI of the resource being returned". A server need not show it.
fn location(ask: &Ask, resource: &Value) -> Option<Finding> {
    let shown = resource.pointer("/meta/location").filter(|shown| !shown.is_null())?;
    let wrong = !shown.as_str().is_some_and(|shown| leads_to(shown, &ask.path));
    wrong.then(|| {
        let finding = Finding::new(Kind::LocationWrong, ask.what).attribute("meta.location");
        finding.expected(format!("an address that ends in {}", ask.path)).seen(shown.to_string())
    })
}

/// Whether an address is that of a resource, by its path below the base. Behind a proxy the host may be another than the one
/// that was asked, and each side may escape what it likes.
#[must_use]
pub fn leads_to(address: &str, path: &str) -> bool {
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    plain(address).ends_with(&plain(path))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::attribute::{GROUP, USER};

    fn answer(status: u16, body: &str) -> Answer {
        let headers = HeaderMap::from_iter([("content-type".parse().unwrap(), SCIM_JSON.parse().unwrap())]);
        Answer { status, headers, json: serde_json::from_str(body).ok(), text: body.to_owned(), attempts: 1 }
    }

    fn named(findings: &[Finding]) -> Vec<(Kind, &str)> {
        findings.iter().map(|finding| (finding.kind, finding.attribute.as_str())).collect()
    }

    #[test]
    fn an_error_has_its_urn_and_its_status_as_a_text() {
        let error = |status: Value| json!({ "schemas": [ERROR], "status": status }).to_string();
        let cases = [
            (404, error(json!("404")), vec![]),
            (404, error(json!(404)), vec![(Kind::ErrorShape, "error")]),
            (404, error(json!("400")), vec![(Kind::ErrorShape, "error")]),
            (404, json!({ "status": "404", "detail": "No." }).to_string(), vec![(Kind::ErrorShape, "error")]),
            (404, String::new(), vec![(Kind::ErrorShape, "error")]),
            (404, "<html>".to_owned(), vec![(Kind::NotJson, "body")]),
            (500, "{}".to_owned(), vec![(Kind::ErrorShape, "error")]),
            (502, "{}".to_owned(), vec![]),
            (429, String::new(), vec![]),
            (204, String::new(), vec![]),
        ];
        let ask = Ask::new("delete user again", Method::DELETE, "/Users/1");
        for (status, body, expected) in cases {
            assert_eq!(named(&faults(&ask, &answer(status, &body))), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_resource_says_what_it_is_and_where() {
        let at =
            |location: &str| json!({ "schemas": [USER], "meta": { "resourceType": "User", "location": location } });
        let cases = [
            (json!({ "schemas": [USER] }), vec![]),
            (at("https://elsewhere.test/scim/Users/a%20b"), vec![]),
            (at("../Users/a b"), vec![]),
            (at("https://x.test/scim/Users/b"), vec![(Kind::LocationWrong, "meta.location")]),
            (json!({ "id": "a b" }), vec![(Kind::ResourceShape, "schemas")]),
            (json!({ "schemas": [] }), vec![(Kind::ResourceShape, "schemas")]),
            (json!({ "schemas": [USER], "meta": {} }), vec![(Kind::ResourceShape, "meta.resourceType")]),
        ];
        for (body, expected) in cases {
            let ask = Ask::new("read user", Method::GET, Type::User.one("a b"));
            assert_eq!(named(&faults(&ask, &answer(200, &body.to_string()))), expected, "{body}");
            let list = json!({ "Resources": [body] });
            let in_list = |(kind, _): &(Kind, &str)| *kind != Kind::LocationWrong;
            let expected: Vec<_> = expected.into_iter().filter(in_list).collect();
            let ask = Ask::new("list users", Method::GET, "/Users");
            assert_eq!(named(&faults(&ask, &answer(200, &list.to_string()))), expected, "{list}");
            let ask = ask.query("attributes", "id");
            assert_eq!(named(&faults(&ask, &answer(200, &list.to_string()))), [], "{list}");
        }
    }

    #[test]
    fn what_is_excluded_is_not_shown() {
        let ask = Ask::new("list groups", Method::GET, "/Groups");
        let cases = [(json!([{ "value": "u" }]), vec![(Kind::ExclusionIgnored, "members")]), (json!([]), vec![])];
        for (members, expected) in cases {
            let list = json!({ "Resources": [{ "schemas": [GROUP], "members": members }] });
            let answer = answer(200, &list.to_string());
            assert_eq!(named(&faults(&ask, &answer)), []);
            let ask = ask.clone().query("excludedAttributes", "externalId, members");
            assert_eq!(named(&faults(&ask, &answer)), expected, "{list}");
        }
    }
}
