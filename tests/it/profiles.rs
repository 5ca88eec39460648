//! Client profiles: recognition of clients, what is stored of it, and an operator's decisions.

mod leniencies;
mod members;
mod page;
mod restore;
mod usage;

use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Answer, Request, Tenant, TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

on_both!(
    a_client_is_recognised_by_what_it_sends,
    recognition_applies_to_the_same_request,
    entra_is_recognised_in_either_dialect,
    recognition_is_stored_once,
    an_operator_chooses_a_profile,
    an_operator_decides_single_leniencies,
    unknown_profiles_and_leniencies_are_refused,
    a_bare_token_is_accepted_by_leniency,
);
on_postgres!(recognition_reaches_other_replicas);

/// A tenant's SCIM client in the admin API.
async fn client(gateway: &TestGateway, tenant: &str) -> Value {
    gateway.operator.get(&format!("/tenants/{tenant}/client")).await.expect(200).body
}

async fn set(gateway: &TestGateway, tenant: &str, change: &Value) -> Answer {
    gateway.operator.patch(&format!("/tenants/{tenant}/client"), change).await
}

/// The names of the allowed leniencies.
fn allowed(client: &Value) -> Vec<&str> {
    let all = client["leniencies"].as_array().unwrap().iter();
    all.filter(|it| it["allowed"] == true).map(|it| it["name"].as_str().unwrap()).collect()
}

/// Sends a request with this user agent.
async fn send_as(tenant: &Tenant, agent: &str, request: Request) -> Answer {
    tenant.send(request.header("user-agent", agent)).await
}

async fn a_client_is_recognised_by_what_it_sends(gateway: &TestGateway) {
    let list = || Request::new("GET", "/Users?startIndex=1&count=2");
    let post = |path: &str, body: &Value| Request::new("POST", path).json(body);
    let mut adscim = group("crew");
    adscim["schemas"] =
        json!([adscim["schemas"][0], "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"]);
    let mut with_meta = user("ada");
    with_meta["meta"] = json!({ "resourceType": "User" });
    let mut from_okta = user("ada");
    from_okta["groups"] = json!([]);
    from_okta["password"] = "not kept".into();
    let mut old_schema = user("ada");
    old_schema["schemas"] = json!(["urn:scim:schemas:core:1.0"]);
    let in_bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "1", "data": with_meta }],
    });
    let flagged = || Request::new("GET", "/?aadOptscim062020/Users?filter=userName%20eq%20%22x%22");
    let cases = [
        ("nobody", None, "curl/8", post("/Users", &user("ada"))),
        ("agent", Some(("okta", "user-agent-okta")), "Okta SCIM Client 1.0.0", Request::new("GET", "/Users")),
        ("flag", Some(("entra", "entra-feature-flag")), "", flagged()),
        ("group", Some(("entra", "adscim-schema")), "", post("/Groups", &adscim)),
        ("meta", Some(("entra", "created-with-meta")), "", post("/Users", &with_meta)),
        ("connect", Some(("okta", "page-of-two")), "", list()),
        ("push", Some(("okta", "created-with-empty-groups")), "", post("/Users", &from_okta)),
        ("bulk", Some(("entra", "created-with-meta")), "", post("/Bulk", &in_bulk)),
        ("template", Some(("onelogin", "schema-of-1.0")), "", post("/Users", &old_schema)),
    ];
    for (name, expected, agent, request) in cases {
        let tenant = gateway.plain_tenant(name).await;
        assert_eq!(client(gateway, name).await["recognised"], Value::Null);
        let answer = send_as(&tenant, agent, request).await;
        assert!(answer.status < 300, "{name}: {}", answer.text);
        let now = client(gateway, name).await;
        assert_eq!(now["profile"], "auto");
        let found = (now["recognised"]["profile"].as_str(), now["recognised"]["signal"].as_str());
        assert_eq!(found, expected.map_or((None, None), |(profile, signal)| (Some(profile), Some(signal))), "{name}");
    }
}

async fn recognition_applies_to_the_same_request(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = format!("/Users/{}", tenant.user("ada").await);
    let cleared = |op: &str| patch(json!([{ "op": op, "path": "title", "value": "" }]));
    // No signal of a client: "" is an ordinary text.
    let _ = tenant.patch(&ada, &cleared("replace")).await.expect(200);
    assert_eq!(tenant.get(&ada).await.expect(200).body["title"], "");
    // Entra sends it for no value.
    let _ = tenant.patch(&ada, &cleared("Replace")).await.expect(200);
    assert_eq!(tenant.get(&ada).await.expect(200).body["title"], Value::Null);
    assert_eq!(client(gateway, "acme").await["recognised"]["signal"], "capitalised-operation");
    // The client is recognised from here on.
    let _ = tenant.patch(&ada, &cleared("replace")).await.expect(200);
    assert_eq!(tenant.get(&ada).await.expect(200).body["title"], Value::Null);
}

async fn entra_is_recognised_in_either_dialect(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let (ada, crew) = (tenant.user("ada").await, tenant.group("crew").await);
    let (user, group) = (format!("/Users/{ada}"), format!("/Groups/{crew}"));
    let members = json!([{ "value": ada }]);
    for _ in 0..2 {
        for (path, operation) in [
            (&user, json!({ "op": "Replace", "path": "active", "value": "False" })),
            (&user, json!({ "op": "replace", "value": { "active": true, "name.givenName": "Ada" } })),
            (&group, json!({ "op": "Add", "path": "members", "value": members })),
            // Alone this would be another client's signal.
            (&group, json!({ "op": "remove", "path": "members", "value": members })),
        ] {
            let answer = tenant.patch(path, &patch(json!([operation]))).await;
            assert!(answer.status < 300, "{}", answer.text);
            assert_eq!(client(gateway, "acme").await["recognised"]["profile"], "entra");
        }
        gateway.clock.advance(std::time::Duration::from_hours(2));
    }
}

async fn recognition_is_stored_once(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let read = |agent: &'static str| send_as(&tenant, agent, Request::new("GET", "/Users"));
    let _ = read("Okta SCIM Client 1.0.0").await.expect(200);
    let first = client(gateway, "acme").await["recognised"].clone();
    gateway.clock.advance(std::time::Duration::from_mins(59));
    let _ = read("Okta SCIM Client 1.0.0").await.expect(200);
    let _ = read("JumpCloud").await.expect(200);
    assert_eq!(
        client(gateway, "acme").await["recognised"],
        first,
        "two providers do not replace each other with every request"
    );
    gateway.clock.advance(std::time::Duration::from_mins(1));
    let _ = read("Okta SCIM Client 1.0.0").await.expect(200);
    assert_eq!(client(gateway, "acme").await["recognised"], first, "the same client is not stored again");
    let _ = read("JumpCloud").await.expect(200);
    assert_eq!(client(gateway, "acme").await["recognised"]["profile"], "jumpcloud", "a tenant can change its provider");
}

async fn an_operator_chooses_a_profile(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = format!("/Users/{}", tenant.user("ada").await);
    let text = patch(json!([{ "op": "Replace", "path": "active", "value": false }]));
    let strict = set(gateway, "acme", &json!({ "profile": "strict" })).await.expect(200).body;
    assert_eq!(allowed(&strict), Vec::<&str>::new());
    let refused = tenant.patch(&ada, &text).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidSyntax");
    assert_eq!(client(gateway, "acme").await["recognised"], Value::Null, "recognition is off");
    let entra = set(gateway, "acme", &json!({ "profile": "entra" })).await.expect(200).body;
    assert!(allowed(&entra).contains(&"string-boolean") && !allowed(&entra).contains(&"restore-deactivated"));
    assert_eq!(tenant.patch(&ada, &text).await.expect(200).body["active"], false);
    let _ = set(gateway, "acme", &json!({ "profile": "auto" })).await.expect(200);
    let _ = tenant.patch(&ada, &text).await.expect(200);
    let known = client(gateway, "acme").await;
    assert_eq!((&known["profile"], &known["recognised"]["profile"]), (&json!("auto"), &json!("entra")));
    let anew = set(gateway, "acme", &json!({ "profile": "auto" })).await.expect(200).body;
    assert_eq!(anew["recognised"], Value::Null, "choosing a profile resets recognition");
    assert_eq!(gateway.operator.get("/tenants/acme").await.expect(200).body["clientProfile"], "auto");
}

async fn an_operator_decides_single_leniencies(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = format!("/Users/{}", tenant.user("ada").await);
    let text = patch(json!([{ "op": "replace", "path": "active", "value": "False" }]));
    let refused = set(gateway, "acme", &json!({ "refuse": ["string-boolean"] })).await.expect(200).body;
    assert!(!allowed(&refused).contains(&"string-boolean"));
    let row = refused["leniencies"].as_array().unwrap().iter().find(|it| it["name"] == "string-boolean").unwrap();
    assert_eq!((&row["by"], &row["changesMeaning"]), (&json!("operator"), &json!(false)));
    let _ = tenant.patch(&ada, &text).await.expect(400);
    let _ = set(gateway, "acme", &json!({ "profile": "strict", "allow": ["string-boolean"] })).await.expect(200);
    assert_eq!(allowed(&client(gateway, "acme").await), ["string-boolean"], "in spite of the profile");
    let _ = tenant.patch(&ada, &text).await.expect(200);
    let reset = set(gateway, "acme", &json!({ "reset": ["string-boolean"] })).await.expect(200).body;
    assert_eq!(allowed(&reset), Vec::<&str>::new(), "the profile decides again");
    let chosen = set(gateway, "acme", &json!({ "allow": ["put-keeps-omitted"] })).await.expect(200).body;
    assert_eq!(chosen["choices"][0], json!({ "name": "put-keeps-omitted", "made": true, "by": "operator" }));
}

async fn unknown_profiles_and_leniencies_are_refused(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let before = client(gateway, "acme").await;
    for (change, text) in [
        (json!({ "profile": "Entra" }), "There is no profile called \"Entra\"; there are auto, entra, okta"),
        (json!({ "allow": ["everything"] }), "There is no leniency or choice called \"everything\"; there are string-"),
        (json!({ "refuse": ["string-boolean", ""] }), "There is no leniency or choice called \"\""),
        (json!({ "allow": "string-boolean" }), "The body is not what this address takes"),
        (json!({ "leniencies": [] }), "unknown field `leniencies`"),
    ] {
        let refused = set(gateway, "acme", &change).await.expect(400);
        assert!(refused.body["detail"].as_str().unwrap().contains(text), "{}", refused.text);
    }
    assert_eq!(client(gateway, "acme").await, before);
    let _ = gateway.operator.get("/tenants/nobody/client").await.expect(404);
    let _ = set(gateway, "nobody", &json!({ "profile": "okta" })).await.expect(404);
}

async fn a_bare_token_is_accepted_by_leniency(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let (_, token) = gateway.token("acme", "scim").await;
    let bare = tenant.scim.authorized(&token);
    let _ = bare.get("/Users").await.expect(200);
    // Several clients send it, so it is not a signal.
    assert_eq!(client(gateway, "acme").await["recognised"], Value::Null);
    let _ = set(gateway, "acme", &json!({ "profile": "strict" })).await.expect(200);
    let refused = bare.get("/Users").await.expect(401);
    assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"scimgate\"");
    let _ = tenant.get("/Users").await.expect(200);
}

async fn recognition_reaches_other_replicas(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let other = gateway.replica().await;
    let at_other = tenant.at((&format!("http://{}", other.public), &format!("http://{}", other.internal)));
    let ada = format!("/Users/{}", at_other.user("ada").await);
    let _ = send_as(&tenant, "Okta SCIM Client 1.0.0", Request::new("GET", "/Users")).await.expect(200);
    let clear = patch(json!([{ "op": "replace", "path": "title", "value": "" }]));
    scimgate_tests::poll("the other replica reads the change", async || {
        let _ =
            at_other.patch(&ada, &patch(json!([{ "op": "replace", "path": "title", "value": "x" }]))).await.expect(200);
        let _ = at_other.patch(&ada, &clear).await.expect(200);
        (at_other.get(&ada).await.expect(200).body["title"] == Value::Null).then_some(())
    })
    .await;
    other.end().await;
}
