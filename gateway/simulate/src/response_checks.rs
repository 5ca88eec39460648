//! What every response must be, whatever the request: SCIM's media type, errors in SCIM's form, and resources that name
//! their schemas and type and omit excluded attributes.

use percent_encoding::percent_decode_str;
use reqwest::Method;
use serde_json::Value;

use crate::client::{Request, Response, SCIM_JSON};
use crate::finding::{Finding, Kind};
use crate::resource_type::ResourceType;

const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// Statuses that often come from a proxy or a rate limiter in front of the server, which don't use SCIM's form.
const STATUSES_OF_PROXIES: [u16; 5] = [401, 429, 502, 503, 504];

/// What is wrong with the form of a response. The findings name the kind of request, since one wrong response means that
/// all of its kind are wrong.
pub(crate) fn check(request: &Request, response: &Response) -> Vec<Finding> {
    let mut findings = Vec::new();
    if response.json.is_none() && !response.text.is_empty() {
        let finding = Finding::new(Kind::NotJson, request.name).attribute("body").expected("JSON");
        return vec![finding.seen(response.describe())];
    }
    findings.extend(check_media_type(request.name, response));
    findings.extend(check_error(request.name, response));
    if matches!(response.status, 200 | 201) && request.method != Method::DELETE {
        findings.extend(check_resources(request, response.body()));
    }
    findings
}

fn check_media_type(request: &str, response: &Response) -> Option<Finding> {
    let media = response.header("content-type").split(';').next().unwrap_or_default().trim();
    let is_known = [SCIM_JSON, "application/json"].iter().any(|known| media.eq_ignore_ascii_case(known));
    let wrong = !response.text.is_empty() && !is_known;
    wrong.then(|| Finding::new(Kind::MediaType, request).attribute("Content-Type").expected(SCIM_JSON).seen(media))
}

/// An error that is not in SCIM's form. `detail` and `scimType` may be missing.
pub(crate) fn check_error(request: &str, response: &Response) -> Option<Finding> {
    let wrong = response.status >= 400 && !STATUSES_OF_PROXIES.contains(&response.status) && !is_scim_error(response);
    wrong.then(|| {
        let seen = if response.text.is_empty() {
            format!("{} without a body", response.status)
        } else {
            response.text.clone()
        };
        let finding = Finding::new(Kind::ErrorShape, request).attribute("error");
        finding.expected("a SCIM error with this status as a text").seen(seen)
    })
}

/// RFC 7644 §3.12: errors are JSON with their URN, and status is "the HTTP status code ... expressed as a JSON string".
fn is_scim_error(response: &Response) -> bool {
    let body = response.body();
    let mut schemas = body.get("schemas").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let status = body.get("status").and_then(Value::as_str);
    schemas.any(|urn| urn.eq_ignore_ascii_case(ERROR_URN)) && status == Some(response.status.to_string().as_str())
}

/// What is wrong with the resources of a response, in a list or single.
fn check_resources(request: &Request, body: &Value) -> Vec<Finding> {
    let types = [ResourceType::User, ResourceType::Group];
    let Some(resource_type) = types.into_iter().find(|it| request.path.starts_with(it.path())) else {
        return Vec::new();
    };
    let is_single = request.path != resource_type.path() || request.method == Method::POST;
    let listed = body.get("Resources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let resources = if is_single { std::slice::from_ref(body) } else { listed };
    let mut findings: Vec<Finding> =
        resources.iter().filter(|it| it.is_object()).flat_map(|it| check_resource(request, it)).collect();
    if is_single && request.method == Method::GET {
        findings.extend(check_meta_location(request, body));
    }
    findings
}

fn check_resource(request: &Request, resource: &Value) -> Vec<Finding> {
    let finding = |kind, attribute: &str, expected: &str, seen: String| {
        Finding::new(kind, request.name).attribute(attribute).expected(expected).seen(seen)
    };
    let mut findings = Vec::new();
    // Some servers take `attributes` literally and return nothing else.
    let is_projected = request.query.iter().any(|(name, _)| *name == "attributes");
    // RFC 7643 §3: all representations "MUST include a non-empty array with value(s) of the URIs".
    let schemas = resource.get("schemas").and_then(Value::as_array);
    if !is_projected && schemas.is_none_or(Vec::is_empty) {
        let seen = resource.get("schemas").map_or_else(|| "nothing".to_owned(), Value::to_string);
        findings.push(finding(Kind::ResourceShape, "schemas", "the URNs of the resource's schemas", seen));
    }
    let meta = resource.get("meta").filter(|meta| meta.is_object());
    let has_type = |meta: &Value| meta.get("resourceType").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if let Some(meta) = meta.filter(|meta| !is_projected && !has_type(meta)) {
        let expected = "the name of the resource's type";
        findings.push(finding(Kind::ResourceShape, "meta.resourceType", expected, meta.to_string()));
    }
    let members = resource.get("members").and_then(Value::as_array).map_or(0, Vec::len);
    if members > 0 && excludes(request, "members") {
        let expected = "no members, because excludedAttributes names them";
        findings.push(finding(Kind::ExclusionIgnored, "members", expected, format!("{members} members")));
    }
    findings
}

fn excludes(request: &Request, attribute: &str) -> bool {
    let mut excluded = request.query.iter().filter(|(name, _)| *name == "excludedAttributes");
    excluded.any(|(_, names)| names.split(',').any(|name| name.trim() == attribute))
}

/// RFC 7643 §3.1: meta.location is "the URI of the resource being returned". A server may omit it.
fn check_meta_location(request: &Request, resource: &Value) -> Option<Finding> {
    let seen = resource.pointer("/meta/location").filter(|seen| !seen.is_null())?;
    let wrong = !seen.as_str().is_some_and(|seen| leads_to(seen, &request.path));
    wrong.then(|| {
        let finding = Finding::new(Kind::LocationWrong, request.name).attribute("meta.location");
        finding.expected(format!("an address that ends in {}", request.path)).seen(seen.to_string())
    })
}

/// Whether an address ends in a resource's path below the base URL. Behind a proxy the host may differ from that of the
/// request, and both sides may escape characters differently.
pub(crate) fn leads_to(address: &str, path: &str) -> bool {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    decode(address).ends_with(&decode(path))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::attribute::{GROUP, USER};

    fn response(status: u16, body: &str) -> Response {
        let headers = HeaderMap::from_iter([("content-type".parse().unwrap(), SCIM_JSON.parse().unwrap())]);
        Response { status, headers, json: serde_json::from_str(body).ok(), text: body.to_owned(), is_repeated: false }
    }

    fn kinds(findings: &[Finding]) -> Vec<(Kind, &str)> {
        findings.iter().map(|finding| (finding.kind, finding.attribute.as_str())).collect()
    }

    #[test]
    fn an_error_needs_its_urn_and_its_status_as_text() {
        let error = |status: Value| json!({ "schemas": [ERROR_URN], "status": status }).to_string();
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
        let request = Request::new("delete user again", Method::DELETE, "/Users/1");
        for (status, body, expected) in cases {
            assert_eq!(kinds(&check(&request, &response(status, &body))), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_resource_names_its_schemas_type_and_location() {
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
            let request = Request::new("read user", Method::GET, ResourceType::User.path_of("a b"));
            assert_eq!(kinds(&check(&request, &response(200, &body.to_string()))), expected, "{body}");
            let list = json!({ "Resources": [body] });
            let in_list = |(kind, _): &(Kind, &str)| *kind != Kind::LocationWrong;
            let expected: Vec<_> = expected.into_iter().filter(in_list).collect();
            let request = Request::new("list users", Method::GET, "/Users");
            assert_eq!(kinds(&check(&request, &response(200, &list.to_string()))), expected, "{list}");
            let request = request.query("attributes", "id");
            assert_eq!(kinds(&check(&request, &response(200, &list.to_string()))), [], "{list}");
        }
    }

    #[test]
    fn excluded_members_are_reported() {
        let request = Request::new("list groups", Method::GET, "/Groups");
        let cases = [(json!([{ "value": "u" }]), vec![(Kind::ExclusionIgnored, "members")]), (json!([]), vec![])];
        for (members, expected) in cases {
            let list = json!({ "Resources": [{ "schemas": [GROUP], "members": members }] });
            let response = response(200, &list.to_string());
            assert_eq!(kinds(&check(&request, &response)), []);
            let request = request.clone().query("excludedAttributes", "externalId, members");
            assert_eq!(kinds(&check(&request, &response)), expected, "{list}");
        }
    }
}
