//! What no client should send. Each gets the right refusal in SCIM's words, and nothing is stored.

use scimgate_tests::raw::{self, Raw};
use scimgate_tests::tenant::{PATCH, group, patch, user};
use scimgate_tests::{Request, Tenant, TestGateway, on_both};
use serde_json::{Value, json};

on_both!(
    unreadable_bodies_are_refused_and_store_nothing,
    bodies_with_invalid_values_are_refused_and_store_nothing,
    unknown_addresses_and_methods_are_refused,
    invalid_queries_are_refused,
    unusual_but_valid_input_is_accepted,
    malformed_http_gets_a_scim_error,
);

const SCIM: &str = "application/scim+json";

/// A wrong request, and the refusal it gets.
struct Wrong {
    what: &'static str,
    request: Request,
    status: u16,
    scim_type: Option<&'static str>,
}

/// Sends every request and holds that each is refused so, and that nothing is stored by any.
async fn refuses(gateway: &TestGateway, tenant: &Tenant, wrong: Vec<Wrong>) {
    let before = (tenant.everything().await, gateway.row_counts().await);
    for it in wrong {
        let answer = tenant.send(it.request).await;
        assert_eq!(answer.status, it.status, "{}: {} was answered {}", it.what, answer.asked, answer.text);
        assert_eq!(answer.body["scimType"].as_str(), it.scim_type, "{}: {}", it.what, answer.text);
        assert!(answer.text.len() < 4096, "{}: the refusal does not repeat what was sent", it.what);
    }
    assert_eq!(tenant.everything().await, before.0, "nothing is changed");
    assert_eq!(gateway.row_counts().await, before.1, "nothing is stored");
}

fn syntax(what: &'static str, body: impl Into<Vec<u8>>) -> Vec<Wrong> {
    refused(what, body, 400, Some("invalidSyntax"))
}

/// The body wherever one is read.
fn refused(what: &'static str, body: impl Into<Vec<u8>>, status: u16, scim_type: Option<&'static str>) -> Vec<Wrong> {
    let body = body.into();
    ["POST /Users", "PUT /Users/{id}", "PATCH /Users/{id}", "POST /Groups"]
        .into_iter()
        .map(|place| {
            let (method, path) = place.split_once(' ').unwrap();
            Wrong { what, request: Request::new(method, path).body(SCIM, body.clone()), status, scim_type }
        })
        .collect()
}

/// In place of `{id}`.
fn on(id: &str, mut wrong: Vec<Wrong>) -> Vec<Wrong> {
    for it in &mut wrong {
        it.request.path = it.request.path.replace("{id}", id);
    }
    wrong
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
    refuses(gateway, &tenant, cases.into_iter().flat_map(|wrong| on(&ada, wrong)).collect()).await;
    let media =
        ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x"];
    let wrong = media.into_iter().map(|media| Wrong {
        what: "another media type",
        request: Request::new("POST", "/Users").body(media, good.clone()),
        status: 415,
        scim_type: None,
    });
    refuses(gateway, &tenant, wrong.collect()).await;
}

/// A 400 for a body that is JSON, but not what is wanted; the address's own word is the method.
fn wrong(what: &'static str, place: &str, body: &Value, scim_type: &'static str) -> Wrong {
    let (method, path) = place.split_once(' ').unwrap();
    Wrong { what, request: Request::new(method, path).json(body), status: 400, scim_type: Some(scim_type) }
}

/// A user's or a group's body with one attribute that is wrong.
fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

async fn bodies_with_invalid_values_are_refused_and_store_nothing(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let a_user = |what, name, value| wrong(what, "POST /Users", &with(user("ben"), name, value), "invalidValue");
    let a_group = |what, name, value| wrong(what, "POST /Groups", &with(group("crew"), name, value), "invalidValue");
    let bodies = vec![
        a_user("U+0000", "title", "a\0b".into()),
        a_user("U+0000 in a name", "a\0b", 1.into()),
        a_user("U+0000 where no schema is", "hat", json!({ "a": ["\0"] })),
        a_user("no userName", "userName", Value::Null),
        a_user("an empty userName", "userName", "".into()),
        a_user("userName as an object", "userName", json!({ "a": 1 })),
        a_user("active as a word", "active", "perhaps".into()),
        a_user("a mail address as an object", "emails", json!([{ "value": { "a": 1 } }])),
        a_user("two names", "name", json!([{ "givenName": "Ada" }, { "givenName": "Ben" }])),
        a_group("no displayName", "displayName", Value::Null),
        a_group("U+0000 in a member", "members", json!([{ "value": "\0" }])),
    ];
    refuses(gateway, &tenant, bodies).await;
    let change = |what, operations, scim_type| wrong(what, "PATCH /Users/{id}", &patch(operations), scim_type);
    let half = json!([
        { "op": "replace", "path": "title", "value": "x" },
        { "op": "replace", "path": "active", "value": "perhaps" },
    ]);
    let patches = vec![
        change("U+0000", json!([{ "op": "add", "path": "title", "value": "\0" }]), "invalidValue"),
        change("the required taken away", json!([{ "op": "remove", "path": "userName" }]), "mutability"),
        change("an unknown op", json!([{ "op": "move", "path": "title" }]), "invalidSyntax"),
        change("remove without a path", json!([{ "op": "remove" }]), "noTarget"),
        change("a malformed path", json!([{ "op": "add", "path": "emails]", "value": 1 }]), "invalidPath"),
        change("a malformed filter", json!([{ "op": "add", "path": "emails[", "value": 1 }]), "invalidFilter"),
        change("all or nothing", half, "invalidValue"),
        wrong("no operations", "PATCH /Users/{id}", &json!({ "schemas": [PATCH] }), "invalidSyntax"),
    ];
    refuses(gateway, &tenant, on(&ada, patches)).await;
    let nowhere =
        ["PATCH /Users/7", "PATCH /Groups/{id}", "PUT /Users/01980000-0000-7000-8000-0000000000ff", "PUT /Groups/{id}"];
    let nowhere = nowhere.into_iter().map(|place| {
        let body = if place.starts_with("PUT") {
            with(user("ben"), "displayName", "Ben".into())
        } else {
            patch(json!([{ "op": "replace", "path": "displayName", "value": "x" }]))
        };
        Wrong { status: 404, scim_type: None, ..wrong("nothing is there", place, &body, "") }
    });
    refuses(gateway, &tenant, on(&ada, nowhere.collect())).await;
}

async fn unknown_addresses_and_methods_are_refused(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let of = |method: &str, path: &str, status| Wrong {
        what: "no such address or method",
        request: Request::new(method, path).json(&user("ben")),
        status,
        scim_type: None,
    };
    let one = format!("/Users/{ada}");
    refuses(
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
    let ask = |query: String, scim_type| Wrong {
        what: "a question",
        request: Request::new("GET", &format!("/Users?{query}")),
        status: 400,
        scim_type: Some(scim_type),
    };
    let filter = |filter: &str| ask(format!("filter={filter}"), "invalidFilter");
    let deep = format!("{}userName eq \"a\"{}", "(".repeat(3_000), ")".repeat(3_000));
    let wide = vec!["userName eq \"a\""; 400].join(" or ");
    refuses(
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
            ask("startIndex=one".into(), "invalidValue"),
            ask("count=many".into(), "invalidValue"),
            ask("attributes=userName&excludedAttributes=emails".into(), "invalidValue"),
        ],
    )
    .await;
}

async fn unusual_but_valid_input_is_accepted(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let body = |name: &str, rest: &str| format!("{{\"userName\":\"{name}\"{rest}}}");
    let odd = [
        ("a byte order mark", format!("\u{feff}{}", body("bom", ""))),
        ("a name twice", body("first", ",\"userName\":\"twice\"")),
        ("a huge number where no schema is", body("huge", ",\"hat\":123456789012345678901234567890,\"e\":1e400")),
        ("a number for a string", body("number", ",\"title\":12345678901234567890123")),
        ("nested 31 deep where no schema is", body("deep", &format!(",\"hat\":{}{}", "[".repeat(31), "]".repeat(31)))),
        ("all of Unicode", body("\u{1f600}\u{202e}\u{e000}\u{10ffff}\\u0001", "")),
    ];
    for (what, text) in odd {
        let made = tenant.send(Request::new("POST", "/Users").body("application/json; charset=utf-8", text)).await;
        assert_eq!(made.status, 201, "{what}: {}", made.text);
        let read = tenant.get(&format!("/Users/{}", made.id())).await.expect(200);
        assert_eq!(read.body["userName"], made.body["userName"], "{what}");
    }
    let mut plain = Request::new("POST", "/Users");
    plain.body = user("untyped").to_string().into_bytes();
    let _ = tenant.send(plain).await.expect(201);
    let twice = tenant.get("/Users?filter=userName eq \"twice\"").await.expect(200);
    assert_eq!(twice.body["totalResults"], 1, "of two the last counts");
    for query in
        ["startIndex=-3&count=2", "startIndex=0", "count=-1", "count=0", "startIndex=999999999999", "%ff=%ff&&=&a"]
    {
        let _ = tenant.get(&format!("/Users?{query}")).await.expect(200);
    }
}

async fn malformed_http_gets_a_scim_error(gateway: &TestGateway) {
    let headers = "x: y\r\n".repeat(200);
    for (request, status, words) in [
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
        assert!(body["detail"].as_str().unwrap().contains(words), "{body}");
    }
}
