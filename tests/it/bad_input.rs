//! Invalid input: each request gets the right SCIM error, and nothing is stored.

use scimgate_tests::raw::{self, Raw};
use scimgate_tests::tenant::{PATCH, group, patch, user};
use scimgate_tests::{Request, Tenant, TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

on_both!(unreadable_bodies_are_refused_and_store_nothing);
on_postgres!(
    bodies_with_invalid_values_are_refused_and_store_nothing,
    unknown_addresses_and_methods_are_refused,
    invalid_queries_are_refused,
    unusual_but_valid_input_is_accepted,
    malformed_http_gets_a_scim_error,
);

const SCIM: &str = "application/scim+json";

/// An invalid request, and its expected error.
struct Invalid {
    what: &'static str,
    request: Request,
    status: u16,
    scim_type: Option<&'static str>,
}

/// Sends every request, and checks its error and that none stores anything.
async fn check_refused(gateway: &TestGateway, tenant: &Tenant, requests: Vec<Invalid>) {
    let before = (tenant.everything().await, gateway.row_counts().await);
    for it in requests {
        let answer = tenant.send(it.request).await;
        assert_eq!(answer.status, it.status, "{}: {} returned {}", it.what, answer.asked, answer.text);
        assert_eq!(answer.body["scimType"].as_str(), it.scim_type, "{}: {}", it.what, answer.text);
        assert!(answer.text.len() < 4096, "{}: the error does not repeat the input", it.what);
    }
    assert_eq!(tenant.everything().await, before.0, "nothing changed");
    assert_eq!(gateway.row_counts().await, before.1, "nothing is stored");
}

fn syntax(what: &'static str, body: impl Into<Vec<u8>>) -> Vec<Invalid> {
    refused(what, body, 400, Some("invalidSyntax"))
}

/// The body at every address that takes one.
fn refused(what: &'static str, body: impl Into<Vec<u8>>, status: u16, scim_type: Option<&'static str>) -> Vec<Invalid> {
    let body = body.into();
    ["POST /Users", "PUT /Users/{id}", "PATCH /Users/{id}", "POST /Groups"]
        .into_iter()
        .map(|address| {
            let (method, path) = address.split_once(' ').unwrap();
            Invalid { what, request: Request::new(method, path).body(SCIM, body.clone()), status, scim_type }
        })
        .collect()
}

/// Replaces `{id}` in the paths.
fn on(id: &str, mut requests: Vec<Invalid>) -> Vec<Invalid> {
    for it in &mut requests {
        it.request.path = it.request.path.replace("{id}", id);
    }
    requests
}

async fn unreadable_bodies_are_refused_and_store_nothing(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let good = user("ben").to_string();
    let nested = |depth: usize| format!("{{\"userName\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let long = format!("{{\"userName\":\"ben\",\"{}\":1}}", "x".repeat(10_000));
    let mut invalid = good.clone().into_bytes();
    invalid.truncate(invalid.len() - 1);
    invalid.extend_from_slice(b",\"title\":\"\xff\xfe\"}");
    let cases = [
        syntax("truncated", &good[..good.len() / 2]),
        syntax("empty", ""),
        syntax("blank", " \r\n\t"),
        syntax("only a byte order mark", "\u{feff}"),
        syntax("not JSON", "userName=ben"),
        syntax("two documents", format!("{good}{good}")),
        syntax("a comment", format!("/* ben */{good}")),
        syntax("a trailing comma", "{\"userName\":\"ben\",}"),
        syntax("not a number", "{\"userName\":\"ben\",\"x\":NaN}"),
        syntax("invalid UTF-8", invalid),
        syntax("UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
        syntax("half a surrogate pair", r#"{"userName":"\ud800"}"#),
        syntax("nested 33 deep", nested(33)),
        syntax("nested 10,000 deep", nested(10_000)),
        syntax("nested 10,000 deep and never closed", "[".repeat(10_000)),
        syntax("a name of 10,000 letters", long),
        syntax("an array", "[]"),
        syntax("a string", "\"ben\""),
        syntax("null", "null"),
        refused("10 MiB", format!("{{\"userName\":\"{}\"}}", "x".repeat(10 << 20)), 413, None),
        refused("10 MiB of blanks", " ".repeat(10 << 20), 413, None),
    ];
    check_refused(gateway, &tenant, cases.into_iter().flat_map(|requests| on(&ada, requests)).collect()).await;
    let media =
        ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x"];
    let requests = media.into_iter().map(|media| Invalid {
        what: "another media type",
        request: Request::new("POST", "/Users").body(media, good.clone()),
        status: 415,
        scim_type: None,
    });
    check_refused(gateway, &tenant, requests.collect()).await;
}

/// A 400 for a JSON body with a wrong value, at an address such as `POST /Users`.
fn invalid(what: &'static str, address: &str, body: &Value, scim_type: &'static str) -> Invalid {
    let (method, path) = address.split_once(' ').unwrap();
    Invalid { what, request: Request::new(method, path).json(body), status: 400, scim_type: Some(scim_type) }
}

/// A user's or a group's body with another value of one attribute.
fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

async fn bodies_with_invalid_values_are_refused_and_store_nothing(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let a_user = |what, name, value| invalid(what, "POST /Users", &with(user("ben"), name, value), "invalidValue");
    let a_group = |what, name, value| invalid(what, "POST /Groups", &with(group("crew"), name, value), "invalidValue");
    let bodies = vec![
        a_user("U+0000", "title", "a\0b".into()),
        a_user("U+0000 in a name", "a\0b", 1.into()),
        a_user("U+0000 in an unknown attribute", "hat", json!({ "a": ["\0"] })),
        a_user("no userName", "userName", Value::Null),
        a_user("an empty userName", "userName", "".into()),
        a_user("userName as an object", "userName", json!({ "a": 1 })),
        a_user("active as another text", "active", "perhaps".into()),
        a_user("a mail address as an object", "emails", json!([{ "value": { "a": 1 } }])),
        a_user("two names", "name", json!([{ "givenName": "Ada" }, { "givenName": "Ben" }])),
        a_group("no displayName", "displayName", Value::Null),
        a_group("U+0000 in a member", "members", json!([{ "value": "\0" }])),
    ];
    check_refused(gateway, &tenant, bodies).await;
    let change = |what, operations, scim_type| invalid(what, "PATCH /Users/{id}", &patch(operations), scim_type);
    let half_valid = json!([
        { "op": "replace", "path": "title", "value": "x" },
        { "op": "replace", "path": "active", "value": "perhaps" },
    ]);
    let patches = vec![
        change("U+0000", json!([{ "op": "add", "path": "title", "value": "\0" }]), "invalidValue"),
        change("a required attribute removed", json!([{ "op": "remove", "path": "userName" }]), "mutability"),
        change("an unknown op", json!([{ "op": "move", "path": "title" }]), "invalidSyntax"),
        change("remove without a path", json!([{ "op": "remove" }]), "noTarget"),
        change("a malformed path", json!([{ "op": "add", "path": "emails]", "value": 1 }]), "invalidPath"),
        change("a malformed filter", json!([{ "op": "add", "path": "emails[", "value": 1 }]), "invalidFilter"),
        change("one of two changes", half_valid, "invalidValue"),
        invalid("no operations", "PATCH /Users/{id}", &json!({ "schemas": [PATCH] }), "invalidSyntax"),
    ];
    check_refused(gateway, &tenant, on(&ada, patches)).await;
    let addresses =
        ["PATCH /Users/7", "PATCH /Groups/{id}", "PUT /Users/01980000-0000-7000-8000-0000000000ff", "PUT /Groups/{id}"];
    let missing = addresses.into_iter().map(|address| {
        let body = if address.starts_with("PUT") {
            with(user("ben"), "displayName", "Ben".into())
        } else {
            patch(json!([{ "op": "replace", "path": "displayName", "value": "x" }]))
        };
        Invalid { status: 404, scim_type: None, ..invalid("no such resource", address, &body, "") }
    });
    check_refused(gateway, &tenant, on(&ada, missing.collect())).await;
}

async fn unknown_addresses_and_methods_are_refused(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let of = |method: &str, path: &str, status| Invalid {
        what: "no such address or method",
        request: Request::new(method, path).json(&user("ben")),
        status,
        scim_type: None,
    };
    let one = format!("/Users/{ada}");
    check_refused(
        gateway,
        &tenant,
        vec![
            of("POST", "", 405),
            of("DELETE", "/", 405),
            of("GET", "/Devices", 404),
            of("POST", "/Devices", 404),
            of("GET", "/Devices/7", 404),
            of("GET", "/Users/7", 404),
            of("GET", "/Users/%00", 404),
            of("GET", "/Users/%ff", 400),
            of("GET", &format!("/Groups/{ada}"), 404),
            of("GET", &format!("{one}/emails"), 404),
            of("DELETE", &format!("/Groups/{ada}"), 404),
            of("DELETE", "/Users", 405),
            of("PUT", "/Users", 405),
            of("PATCH", "/Users", 405),
            of("POST", &one, 405),
            of("POST", "/Schemas", 405),
            of("DELETE", "/ServiceProviderConfig", 405),
            of("TRACE", "/Users", 405),
            of("BREW", &one, 405),
            of("GET", "/Schemas/urn:acme:none", 404),
            of("GET", "/ResourceTypes/Device", 404),
            of("GET", "/Schemas?filter=id eq \"a\"", 403),
        ],
    )
    .await;
    for path in ["", "/scim", "/scim/v3/Users", "/Users", "/t/acme", "/t/acme/scim/v2/x/y/z"] {
        let client = tenant.scim.at(format!("http://{}", gateway.public));
        let answer = client.get(path).await.expect(404);
        answer.check_scim();
    }
}

async fn invalid_queries_are_refused(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let _ = tenant.user("ada").await;
    let query = |query: String, scim_type| Invalid {
        what: "a query",
        request: Request::new("GET", &format!("/Users?{query}")),
        status: 400,
        scim_type: Some(scim_type),
    };
    let filter = |filter: &str| query(format!("filter={filter}"), "invalidFilter");
    let deep = format!("{}userName eq \"a\"{}", "(".repeat(3_000), ")".repeat(3_000));
    let wide = vec!["userName eq \"a\""; 400].join(" or ");
    check_refused(
        gateway,
        &tenant,
        vec![
            filter(""),
            filter("userName"),
            filter("userName eq"),
            filter("userName is \"ada\""),
            filter("userName eq \"ada"),
            filter("(userName eq \"ada\""),
            filter("hat eq \"bowler\""),
            filter("emails[type eq \"work\""),
            filter("active gt true"),
            filter("userName eq \"ada\" and"),
            filter("userName eq \"%00\""),
            filter(&deep),
            filter(&wide),
            query("startIndex=one".into(), "invalidValue"),
            query("count=many".into(), "invalidValue"),
            query("attributes=userName&excludedAttributes=emails".into(), "invalidValue"),
        ],
    )
    .await;
}

async fn unusual_but_valid_input_is_accepted(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let body = |name: &str, rest: &str| format!("{{\"userName\":\"{name}\"{rest}}}");
    let unusual = [
        ("a byte order mark", format!("\u{feff}{}", body("bom", ""))),
        ("a name twice", body("first", ",\"userName\":\"twice\"")),
        ("huge numbers in unknown attributes", body("huge", ",\"hat\":123456789012345678901234567890,\"e\":1e400")),
        ("a number for a string", body("number", ",\"title\":12345678901234567890123")),
        (
            "an unknown attribute nested 31 deep",
            body("deep", &format!(",\"hat\":{}{}", "[".repeat(31), "]".repeat(31))),
        ),
        ("all of Unicode", body("\u{1f600}\u{202e}\u{e000}\u{10ffff}\\u0001", "")),
    ];
    for (what, text) in unusual {
        let made = tenant.send(Request::new("POST", "/Users").body("application/json; charset=utf-8", text)).await;
        assert_eq!(made.status, 201, "{what}: {}", made.text);
        let read = tenant.get(&format!("/Users/{}", made.id())).await.expect(200);
        assert_eq!(read.body["userName"], made.body["userName"], "{what}");
    }
    let mut plain = Request::new("POST", "/Users");
    plain.body = user("untyped").to_string().into_bytes();
    let _ = tenant.send(plain).await.expect(201);
    let twice = tenant.get("/Users?filter=userName eq \"twice\"").await.expect(200);
    assert_eq!(twice.body["totalResults"], 1, "the last of two values counts");
    for query in
        ["startIndex=-3&count=2", "startIndex=0", "count=-1", "count=0", "startIndex=999999999999", "%ff=%ff&&=&a"]
    {
        let _ = tenant.get(&format!("/Users?{query}")).await.expect(200);
    }
}

async fn malformed_http_gets_a_scim_error(gateway: &TestGateway) {
    let headers = "x: y\r\n".repeat(200);
    for (request, status, text) in [
        ("GET /scim/v2/Users?filter=userName%20eq%20\"ada\" HTTP/1.1\r\n\r\n".to_owned(), 400, "must be encoded"),
        ("GE T /scim/v2/Users HTTP/1.1\r\n\r\n".to_owned(), 400, "cannot be read"),
        (format!("GET /scim/v2/Users HTTP/1.1\r\n{headers}\r\n"), 431, "more than 100"),
        (format!("GET /scim/v2/{} HTTP/1.1\r\n\r\n", "x".repeat(70_000)), 414, ".search"),
    ] {
        let mut client = Raw::connect(gateway.public).await;
        assert!(client.send(&request).await);
        let reply = client.read_to_end().await;
        assert_eq!(raw::status(&reply), status, "{reply}");
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-type: application/scim+json"), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["status"], status.to_string());
        assert!(body["detail"].as_str().unwrap().contains(text), "{body}");
    }
}
