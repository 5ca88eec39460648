//! ETags and preconditions of every method (RFC 7644 §3.14, RFC 9110 §13), `Location`, media types, and `/Me`.

use insta::{allow_duplicates, assert_snapshot};
use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Answer, Request, TestGateway, on_both};
use serde_json::{Value, json};

on_both!(
    preconditions_apply_to_every_method,
    replies_with_a_resource_have_its_location,
    json_media_types_are_accepted,
    me_is_not_implemented,
    the_interop_profile_has_no_etags_and_stricter_patches,
);

fn retitle(title: &str) -> Value {
    patch(json!([{ "op": "replace", "path": "title", "value": title }]))
}

/// The precondition headers of one request.
type Conditions = &'static [(&'static str, &'static str)];

/// Preconditions that are false for version 2.
const FALSE: [Conditions; 9] = [
    &[("if-match", "W/\"1\"")],
    &[("if-match", "\"1\", W/\"3\"")],
    &[("if-match", "W/\"1\""), ("if-match", "W/\"3\"")],
    &[("if-none-match", "*")],
    &[("if-none-match", "W/\"2\"")],
    &[("if-none-match", "\"1\", \"2\"")],
    &[("if-none-match", "\"1\""), ("if-none-match", "\"2\"")],
    &[("if-match", "*"), ("if-none-match", "*")],
    &[("if-match", "\"1\""), ("if-none-match", "\"1\"")],
];

/// Preconditions that are true for version 2.
const TRUE: [Conditions; 5] = [
    &[("if-match", "*")],
    &[("if-match", "W/\"1\", W/\"2\"")],
    &[("if-match", "2")],
    &[("if-none-match", "\"1\", \"3\"")],
    &[("if-match", "\"2\""), ("if-none-match", "\"3\"")],
];

async fn preconditions_apply_to_every_method(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = format!("/Users/{}", tenant.user("ada").await);
    let _ = tenant.patch(&ada, &retitle("two")).await.expect(200);
    let send = |method: &str, headers: &[(&str, &str)]| {
        let request = Request::new(method, &ada);
        let request = match method {
            "PUT" => request.json(&user("ada")),
            "PATCH" => request.json(&retitle("three")),
            _ => request,
        };
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let tenant = tenant.clone();
        async move { tenant.send(request).await }
    };
    for headers in FALSE {
        for method in ["PUT", "PATCH", "DELETE"] {
            let answer = send(method, headers).await;
            assert_eq!(answer.status, 412, "{method} {headers:?}: {}", answer.text);
        }
        let by_match = headers.iter().any(|(name, value)| *name == "if-match" && !value.contains('*'));
        let answer = send("GET", headers).await;
        assert_eq!(answer.status, if by_match { 412 } else { 200 }, "the user's groups may have changed: {headers:?}");
        let asked = Request::new("GET", &format!("{ada}?excludedAttributes=groups"));
        let asked = headers.iter().fold(asked, |request, (name, value)| request.header(name, value));
        let answer = tenant.send(asked).await;
        assert_eq!(answer.status, if by_match { 412 } else { 304 }, "GET {headers:?}: {}", answer.text);
        if answer.status == 304 {
            assert_eq!(answer.version(), 2, "RFC 9110 §15.4.5: a 304 has the ETag");
        }
    }
    assert_eq!(tenant.get(&ada).await.expect(200).version(), 2, "nothing was written");
    for malformed in [[("if-match", "\"2")], [("if-none-match", "")]] {
        let _ = send("PATCH", &malformed).await.expect(400);
        let _ = send("GET", &malformed).await.expect(400);
    }
    for headers in TRUE {
        assert_eq!(send("GET", headers).await.expect(200).version(), 2, "{headers:?}");
    }
    assert_eq!(send("PATCH", TRUE[1]).await.expect(200).version(), 3);
    assert_eq!(send("PUT", &[("if-none-match", "\"2\"")]).await.expect(200).version(), 4);
    let _ = send("DELETE", &[("if-match", "\"4\"")]).await.expect(204);
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let _ = send(method, &[("if-match", "*")]).await.expect(404);
    }
}

async fn replies_with_a_resource_have_its_location(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let made = tenant.post("/Users", &user("ada")).await.expect(201);
    assert_snapshot!(made.redacted(), @r#"
    {
      "id": "[id 1]",
      "schemas": [
        "urn:ietf:params:scim:schemas:core:2.0:User"
      ],
      "userName": "ada@corp.test",
      "externalId": "ada",
      "active": true,
      "name": {
        "givenName": "ada",
        "familyName": "Byron"
      },
      "emails": [
        {
          "type": "work",
          "primary": true,
          "value": "ada@Corp.Test"
        }
      ],
      "meta": {
        "resourceType": "User",
        "created": "2026-05-01T09:00:00.000Z",
        "lastModified": "2026-05-01T09:00:00.000Z",
        "location": "http://[host]/scim/v2/Users/[id 1]",
        "version": "W/\"1\""
      }
    }
    "#);
    let path = format!("/Users/{}", made.id());
    let expected = format!("{}{path}", tenant.scim.base);
    let crew = tenant.group("crew").await;
    let check = |answer: Answer, status: u16, expected: &str| {
        let answer = answer.expect(status);
        assert_eq!(answer.header("location"), expected, "{}", answer.asked);
        if status != 204 {
            assert_eq!(answer.body["meta"]["location"], expected);
        }
    };
    check(made, 201, &expected);
    check(tenant.get(&path).await, 200, &expected);
    check(tenant.put(&path, &user("ada")).await, 200, &expected);
    check(tenant.patch(&path, &retitle("x")).await, 200, &expected);
    let rename = patch(json!([{ "op": "replace", "path": "displayName", "value": "team" }]));
    let group_location = format!("{}/Groups/{crew}", tenant.scim.base);
    check(tenant.patch(&format!("/Groups/{crew}"), &rename).await, 200, &group_location);
    let no_content = json!({ "allow": ["group-no-content"] });
    let _ = gateway.operator.patch("/tenants/acme/client", &no_content).await.expect(200);
    check(tenant.patch(&format!("/Groups/{crew}"), &rename).await, 204, &group_location);
    check(tenant.put(&format!("/Groups/{crew}"), &group("crew")).await, 200, &group_location);
    assert_eq!(tenant.get("/Users").await.expect(200).header("location"), "");
    assert_eq!(tenant.delete(&path).await.expect(204).header("location"), "");
}

async fn json_media_types_are_accepted(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let accepted = [
        "application/scim+json",
        "application/json",
        "application/scim+json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "Application/SCIM+JSON",
    ];
    for (number, media) in accepted.into_iter().enumerate() {
        let request = Request::new("POST", "/Users").body(media, user(&format!("u{number}")).to_string());
        let _ = tenant.send(request).await.expect(201);
    }
    for media in
        ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/json; charset=latin1"]
    {
        for (method, path) in [("POST", "/Users"), ("PUT", "/Users/x"), ("PATCH", "/Users/x"), ("POST", "/.search")] {
            let request = Request::new(method, path).body(media, user("bob").to_string());
            let _ = tenant.send(request).await.expect(415);
        }
    }
    for accept in ["*/*", "application/json", "application/scim+json", "application/*;q=0.5, text/html", "text/html"] {
        // `send` checks that the reply is application/scim+json.
        let _ = tenant.send(Request::new("GET", "/Users").header("accept", accept)).await.expect(200);
        let _ = tenant.send(Request::new("GET", "/Users/x").header("accept", accept)).await.expect(404);
    }
    let strict = json!({ "profile": "strict" });
    let _ = gateway.operator.patch("/tenants/acme/client", &strict).await.expect(200);
    let _ = tenant.send(Request::new("GET", "/Users").header("accept", "text/html")).await.expect(406);
    let _ = tenant.send(Request::new("GET", "/Users").header("accept", "text/html, */*;q=0.1")).await.expect(200);
    let _ = tenant.send(Request::new("GET", "/Users").header("accept", "application/json;q=0")).await.expect(406);
}

async fn me_is_not_implemented(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let answer = tenant.send(Request::new(method, "/Me").json(&user("ada"))).await.expect(501);
        allow_duplicates! { assert_snapshot!(answer.redacted(), @r#"
        {
          "schemas": [
            "urn:ietf:params:scim:api:messages:2.0:Error"
          ],
          "status": "501",
          "detail": "/Me is the user who is calling, and this token belongs to a SCIM client, not to a user. Ask for a user by id, or by a filter: http://[host]/scim/v2/Users?filter=userName eq \"…\"."
        }
        "#) };
    }
    assert_eq!(tenant.get("/Users").await.expect(200).body["totalResults"], 0);
}

async fn the_interop_profile_has_no_etags_and_stricter_patches(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = format!("/Users/{}", tenant.user("ada").await);
    let config = tenant.get("/ServiceProviderConfig").await.expect(200).body;
    assert_eq!((&config["etag"]["supported"], &config["interopProfileConformant"]), (&json!(true), &Value::Null));
    let rename = patch(json!([{ "op": "replace", "path": "name", "value": { "givenName": "A" } }]));
    let pathless = patch(json!([{ "op": "replace", "value": { "title": "x" } }]));
    assert_eq!(
        tenant.patch(&ada, &rename).await.expect(200).body["name"],
        json!({ "givenName": "A", "familyName": "Byron" })
    );
    let _ = tenant.patch(&ada, &pathless).await.expect(200);
    let _ = gateway.operator.patch("/tenants/acme/client", &json!({ "profile": "interop-2026" })).await.expect(200);
    let config = tenant.get("/ServiceProviderConfig").await.expect(200).body;
    assert_eq!((&config["etag"]["supported"], &config["interopProfileConformant"]), (&json!(false), &json!(true)));
    let full = patch(json!([{ "op": "replace", "path": "name", "value": { "familyName": "King" } }]));
    let changed = tenant.patch(&ada, &full).await.expect(200);
    assert_eq!(changed.body["name"], json!({ "familyName": "King" }), "all sub-attributes are replaced");
    for answer in [changed, tenant.get(&ada).await.expect(200)] {
        assert_eq!((answer.header("etag"), &answer.body["meta"]["version"]), ("", &Value::Null));
    }
    let listed = tenant.get("/Users").await.expect(200).body;
    assert_eq!(listed["Resources"][0]["meta"]["version"], Value::Null);
    let stale = Request::new("PATCH", &ada).header("if-match", "\"1\"").json(&retitle("y"));
    let _ = tenant.send(stale).await.expect(200);
    let refused = tenant.patch(&ada, &pathless).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidPath");
    let unknown = patch(json!([{ "op": "replace", "path": "shoeSize", "value": 37 }]));
    let _ = tenant.patch(&ada, &unknown).await.expect(400);
}
