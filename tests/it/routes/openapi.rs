//! The OpenAPI documents: complete, consistent in themselves, and true of what the gateway replies.

mod oauth;
mod resources;
mod revisions;
mod setup_links;
mod tenants;

use std::collections::BTreeSet;

use scimgate_tests::tenant::{WS1B, device, user};
use scimgate_tests::{Answer, Client, Request, TestGateway, on_both};
use serde_json::{Value, json};

use super::{Surface, internal, routes};

on_both!(
    every_route_is_in_its_document,
    the_documents_are_consistent,
    replies_of_the_admin_api_fit_their_schemas,
    replies_of_the_directory_fit_their_schemas,
);

/// An OpenAPI document.
struct Document(Value);

impl Document {
    async fn admin(gateway: &TestGateway) -> Self {
        Self::read(&gateway.operator.get("/openapi.json").await.expect(200))
    }

    async fn directory(client: &Client) -> Self {
        Self::read(&client.get("/openapi.json").await.expect(200))
    }

    fn read(answer: &Answer) -> Self {
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.body["openapi"], "3.1.0", "{}", answer.text);
        Self(answer.body.clone())
    }

    /// Every operation with its path and its method.
    fn operations(&self) -> Vec<(&str, String, &Value)> {
        let mut found = Vec::new();
        for (path, item) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
                found.push((path.as_str(), method.to_uppercase(), operation));
            }
        }
        found
    }

    /// What stands behind a `$ref`, or the value itself.
    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let found = reference.strip_prefix('#').and_then(|pointer| self.0.pointer(pointer));
                found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
            }
            None => value,
        }
    }

    /// Compares a reply with the documentation of its route: status, media type and schema.
    #[track_caller]
    fn check(&self, path: &str, answer: &Answer) {
        let method = answer.asked.split(' ').next().unwrap().to_lowercase();
        let responses = &self.0["paths"][path][&method]["responses"];
        let response = &responses[answer.status.to_string()];
        assert!(response.is_object(), "{} is not documented to answer {}", answer.asked, answer.status);
        let Some(content) = self.resolve(response)["content"].as_object() else {
            assert_eq!(answer.text, "", "{} is documented to answer without a body", answer.asked);
            return;
        };
        let schema = &content[answer.header("content-type")]["schema"];
        let schema = match schema["$ref"].as_str() {
            Some(reference) => json!({ "$ref": reference, "components": self.0["components"] }),
            None => schema.clone(),
        };
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let problems: Vec<String> = validator.iter_errors(&answer.body).map(|problem| problem.to_string()).collect();
        assert!(problems.is_empty(), "{} was answered {}: {problems:?}", answer.asked, answer.text);
    }
}

/// Every `$ref` in a value.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    if value.get("$ref").is_some() {
        found.push(value);
    }
    match value {
        Value::Object(members) => members.values().for_each(|member| references(member, found)),
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

async fn every_route_is_in_its_document(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let documents = [
        (Surface::Admin, Document::admin(gateway).await),
        (Surface::Directory, Document::directory(&acme.directory).await),
    ];
    for (surface, document) in documents {
        let documented: BTreeSet<(String, String)> =
            document.operations().into_iter().map(|(path, method, _)| (path.to_owned(), method)).collect();
        let served = routes().filter(|(of, ..)| *of == surface);
        let served: BTreeSet<_> = served.map(|(_, path, method)| (path.to_owned(), method.to_owned())).collect();
        assert_eq!(documented, served, "{surface:?}");
    }
    let _ = Client::new(internal(gateway).base).get("/admin/v1/openapi.json").await.expect(401);
}

async fn the_documents_are_consistent(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    for document in [Document::admin(gateway).await, Document::directory(&acme.directory).await] {
        let mut found = Vec::new();
        references(&document.0, &mut found);
        assert!(found.len() > 10);
        for reference in found {
            let _ = document.resolve(reference);
        }
        let schemes = document.0["components"]["securitySchemes"].as_object().unwrap();
        let required = document.0["security"][0].as_object().unwrap();
        assert!(schemes.keys().eq(required.keys()) && schemes.values().all(|scheme| scheme["scheme"] == "bearer"));
        let operations = document.operations();
        let ids: BTreeSet<_> =
            operations.iter().map(|(.., operation)| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), operations.len(), "operation ids are unique");
        for (path, method, operation) in operations {
            let what = format!("{method} {path}");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{what}");
            check_parameters(&document, path, &what);
            check_responses(&document, operation, &what);
            let has_body = operation["requestBody"]["required"] == true;
            assert_eq!(has_body, matches!(method.as_str(), "POST" | "PUT" | "PATCH"), "{what}");
        }
    }
}

/// The parameters of a path are those of its template, each with a description.
fn check_parameters(document: &Document, path: &str, what: &str) {
    let parameters = document.0["paths"][path]["parameters"].as_array().cloned().unwrap_or_default();
    let names: Vec<_> = parameters.iter().map(|it| format!("{{{}}}", it["name"].as_str().unwrap())).collect();
    let template: Vec<_> = path.split('/').filter(|part| part.starts_with('{')).collect();
    assert_eq!(names, template, "{what}");
    assert!(parameters.iter().all(|it| it["description"].is_string() && it["required"] == true), "{what}");
}

/// A success, the refusals that every route can give, and a body for each but 204.
fn check_responses(document: &Document, operation: &Value, what: &str) {
    let responses = operation["responses"].as_object().unwrap();
    assert!(responses.keys().any(|status| status.starts_with('2')), "{what}");
    for status in ["401", "500", "503"] {
        assert!(responses.contains_key(status), "{what} has no {status}");
    }
    for (status, response) in responses {
        let content = document.resolve(response)["content"].as_object();
        let media_types: Vec<&String> = content.into_iter().flat_map(|content| content.keys()).collect();
        let expected: &[&str] = match status.as_str() {
            "204" => &[],
            // A tenant as lines of JSON.
            "200" if what.ends_with("/export") => &["application/x-ndjson"],
            status if status.starts_with('2') => &["application/json"],
            _ => &["application/problem+json"],
        };
        assert_eq!(media_types, expected, "{what} {status}");
    }
}

const TENANT: &str = "/admin/v1/tenants/{tenant}";

/// Sends requests to the admin API and checks each reply.
struct Admin<'g> {
    gateway: &'g TestGateway,
    document: Document,
}

impl Admin<'_> {
    /// `path` is a template, in which each parameter stands for the next value.
    async fn send(&self, method: &str, path: &str, values: &[&str], body: &Value) -> Answer {
        let mut filled = path.to_owned();
        for value in values {
            let (start, end) = (filled.find('{').unwrap(), filled.find('}').unwrap());
            filled.replace_range(start..=end, value);
        }
        let request = Request::new(method, filled.strip_prefix("/admin/v1").unwrap());
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = self.gateway.operator.send(request).await;
        self.document.check(path, &answer);
        answer
    }

    async fn get(&self, path: &str, values: &[&str]) -> Answer {
        self.send("GET", path, values, &Value::Null).await
    }

    async fn delete(&self, path: &str, values: &[&str]) -> Answer {
        self.send("DELETE", path, values, &Value::Null).await
    }
}

async fn replies_of_the_admin_api_fit_their_schemas(gateway: &TestGateway) {
    let admin = Admin { gateway, document: Document::admin(gateway).await };
    tenants::check(&admin).await;
    check_tokens_and_client(&admin).await;
    oauth::check(&admin).await;
    setup_links::check(&admin).await;
    check_schemas(&admin).await;
    check_resource_types_and_packs(&admin).await;
    check_mapping(&admin).await;
    resources::check(&admin).await;
}

async fn check_tokens_and_client(admin: &Admin<'_>) {
    let tokens = format!("{TENANT}/tokens");
    let wanted = json!({ "scope": "scim", "label": "Entra", "expiresInDays": 1 });
    let issued = admin.send("POST", &tokens, &["acme"], &wanted).await.expect(201);
    let _ = admin.send("POST", &tokens, &["acme"], &json!({ "scope": "all" })).await.expect(400);
    let token = format!("{tokens}/{{token}}");
    let rotation = format!("{token}/rotation");
    let id = issued.id();
    let _ = admin.send("POST", &rotation, &["acme", &id], &json!({ "label": "next" })).await.expect(201);
    let _ = admin.send("POST", &rotation, &["acme", &id], &json!({})).await.expect(409);
    let _ = admin.send("POST", &rotation, &["acme", "none"], &json!({})).await.expect(404);
    let _ = admin.send("PATCH", &rotation, &["acme", &id], &json!({ "state": "pending" })).await.expect(400);
    let _ = admin.send("PATCH", &rotation, &["acme", &id], &json!({ "state": "cancelled" })).await.expect(204);
    let _ = admin.send("PATCH", &rotation, &["acme", &id], &json!({ "state": "completed" })).await.expect(409);
    let _ = admin.delete(&token, &["acme", &issued.id()]).await.expect(204);
    let _ = admin.delete(&token, &["acme", "7"]).await.expect(404);
    let listed = admin.get(&tokens, &["acme"]).await.expect(200);
    assert_eq!(listed.body["tokens"][0]["state"], "revoked");
    assert!(listed.body["tokens"][0].get("secret").is_none());
    let client = format!("{TENANT}/client");
    let _ = admin.send("PATCH", &client, &["acme"], &json!({ "profile": "okta" })).await.expect(200);
    let _ = admin.send("PATCH", &client, &["acme"], &json!({ "profile": "none" })).await.expect(400);
    let _ = admin.send("PATCH", &client, &["acme"], &json!({ "profile": "auto" })).await.expect(200);
    let (_, secret) = admin.gateway.token("acme", "scim").await;
    let scim = admin.gateway.anonymous().with(&secret);
    let entra = Request::new("GET", "/Users?aadOptscim062020").header("user-agent", "Microsoft-Entra");
    let _ = scim.send(entra).await.expect(200);
    let mut lenient = user("ada");
    lenient["active"] = "True".into();
    let _ = scim.post("/Users", &lenient).await.expect(201);
    let shown = admin.get(&client, &["acme"]).await.expect(200);
    assert_eq!(shown.body["recognised"]["profile"], "entra");
    assert_eq!(shown.body["used"][0]["leniency"], "string-boolean");
}

async fn check_schemas(admin: &Admin<'_>) {
    let (list, one) = (format!("{TENANT}/schemas"), format!("{TENANT}/schemas/{{urn}}"));
    let badge =
        |kind: &str| json!({ "schema": { "id": "urn:acme:badge", "attributes": [{ "name": "floor", "type": kind }] } });
    let job = format!("{TENANT}/jobs/{{kind}}");
    let _ = admin.get(&job, &["acme", "reconcile"]).await.expect(200);
    let _ = admin.get(&job, &["acme", "nothing"]).await.expect(404);
    let _ = admin.send("PATCH", &job, &["acme", "reconcile"], &json!({ "state": "cancelled" })).await.expect(409);
    let _ = admin.send("POST", &list, &["acme"], &badge("integer")).await.expect(201);
    let _ = admin.send("POST", &list, &["acme"], &badge("integer")).await.expect(200);
    let _ = admin.send("POST", &list, &["acme"], &badge("colour")).await.expect(400);
    let (_, secret) = admin.gateway.token("acme", "scim").await;
    let mut ben = user("ben");
    ben["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:User", "urn:acme:badge"]);
    ben["urn:acme:badge"] = json!({ "floor": 7 });
    let _ = admin.gateway.anonymous().with(&secret).post("/Users", &ben).await.expect(201);
    let conflict = admin.delete(&one, &["acme", "urn:acme:badge"]).await.expect(409);
    assert_eq!(conflict.body["count"], 1);
    assert_eq!(conflict.body["examples"].as_array().unwrap().len(), 1);
    let _ = admin.send("POST", &list, &["acme"], &json!({ "pack": "ws1b" })).await.expect(201);
    let _ = admin.get(&list, &["acme"]).await.expect(200);
    let _ = admin.get(&one, &["acme", WS1B]).await.expect(200);
    let _ = admin.delete(&one, &["acme", WS1B]).await.expect(204);
    let _ = admin.get(&one, &["acme", WS1B]).await.expect(404);
    let progress = admin.get(&job, &["acme", "reconcile"]).await.expect(200);
    assert!(progress.body["rejected"]["examples"].is_array(), "{}", progress.text);
}

async fn check_resource_types_and_packs(admin: &Admin<'_>) {
    let (list, one) = (format!("{TENANT}/resource-types"), format!("{TENANT}/resource-types/{{name}}"));
    let _ = admin.send("POST", &list, &["acme"], &device()).await.expect(201);
    let _ = admin.send("POST", &list, &["acme"], &device()).await.expect(200);
    let _ = admin.send("POST", &list, &["acme"], &json!({ "name": "User" })).await.expect(400);
    let _ = admin.get(&list, &["acme"]).await.expect(200);
    let _ = admin.get(&one, &["acme", "Device"]).await.expect(200);
    let _ = admin.delete(&one, &["acme", "Device"]).await.expect(204);
    let _ = admin.delete(&one, &["acme", "Device"]).await.expect(404);
    let packs = admin.get("/admin/v1/schema-packs", &[]).await.expect(200);
    assert!(packs.body["packs"].as_array().unwrap().len() > 2);
    let add = format!("{TENANT}/schema-packs");
    let _ = admin.send("POST", &add, &["acme"], &json!({ "pack": "okta" })).await.expect(200);
    let _ = admin.send("POST", &add, &["acme"], &json!({ "pack": "enterprise" })).await.expect(409);
    let _ = admin.send("POST", &add, &["acme"], &json!({ "pack": "none" })).await.expect(404);
    let search = format!("{TENANT}/search-attributes");
    let _ = admin.get(&search, &["acme"]).await.expect(200);
    let attributes = json!({ "attributes": ["emails.value", "title"] });
    let _ = admin.send("PUT", &search, &["acme"], &attributes).await.expect(200);
    let _ = admin.send("PUT", &search, &["acme"], &json!({ "attributes": ["active"] })).await.expect(400);
}

async fn check_mapping(admin: &Admin<'_>) {
    const PLUGINS: &str = "/admin/v1/plugins";
    let upload = |bytes: Vec<u8>| Request::new("POST", "/plugins").body("application/wasm", bytes);
    for (bytes, status) in
        [(scimgate_tests::plugin("tutorial"), 201), (scimgate_tests::plugin("tutorial"), 200), (b"text".to_vec(), 400)]
    {
        let answer = admin.gateway.operator.send(upload(bytes)).await.expect(status);
        admin.document.check(PLUGINS, &answer);
    }
    let _ = admin.get(PLUGINS, &[]).await.expect(200);
    let pull = format!("{PLUGINS}/pull");
    let _ = admin.send("POST", &pull, &[], &json!({ "reference": "ghcr.io/acme/house:1.0.0" })).await.expect(400);
    let release = format!("{PLUGINS}/{{plugin}}/{{version}}");
    let tutorial = ["tutorial", "0.1.0"];
    let _ = admin.get(&release, &tutorial).await.expect(200);
    let _ = admin.get(&release, &["tutorial", "0.2.0"]).await.expect(404);
    for yanked in [true, false] {
        let _ = admin.send("PATCH", &release, &tutorial, &json!({ "yanked": yanked })).await.expect(200);
    }
    let _ = admin.send("PATCH", &release, &tutorial, &json!({})).await.expect(400);
    let mapping = format!("{TENANT}/mapping");
    let none = admin.get(&mapping, &["acme"]).await.expect(200);
    assert_eq!((&none.body["revision"], none.body.get("createdAt")), (&json!(0), Some(&Value::Null)));
    let steps = json!([{ "plugin": "tutorial", "config": { "lowerCaseMail": true } }]);
    let put = json!({ "onFailure": "keep", "steps": steps });
    let put = admin.send("PUT", &mapping, &["acme"], &put).await.expect(200);
    assert_eq!(put.body["onFailure"], "keep");
    // What was read can be sent back.
    let read = admin.get(&mapping, &["acme"]).await.expect(200).body;
    let _ = admin.send("PUT", &mapping, &["acme"], &read).await.expect(200);
    let _ = admin.send("PUT", &mapping, &["acme"], &json!({ "steps": [] })).await.expect(400);
    let counts = admin.get(&format!("{mapping}/documents"), &["acme"]).await.expect(200);
    assert!(counts.body["documents"].as_array().is_some_and(|lines| !lines.is_empty()), "{}", counts.text);
    let job = format!("{TENANT}/jobs/{{kind}}");
    let remap = admin.get(&job, &["acme", "remap"]).await.expect(200);
    assert!(remap.body["total"].is_number(), "{}", remap.text);
    let _ = admin.send("PATCH", &job, &["acme", "reconcile"], &json!({ "state": "running" })).await.expect(409);
    revisions::check(admin, &mapping, &read).await;
    let uses = admin.get(&format!("{release}/uses"), &tutorial).await.expect(200);
    assert!(uses.body["uses"].as_array().is_some_and(|uses| !uses.is_empty()), "{}", uses.text);
    let _ = admin.delete(&release, &tutorial).await.expect(409);
    let _ = admin.delete(&mapping, &["acme"]).await.expect(204);
}

async fn replies_of_the_directory_fit_their_schemas(gateway: &TestGateway) {
    let acme = gateway.tenant("acme").await;
    let ada = acme.user("ada").await;
    let _ = acme.user("ben").await;
    let group = json!({ "displayName": "crew", "members": [{ "value": ada }] });
    let _ = acme.post("/Groups", &group).await.expect(201);
    let _ = acme.events().await;
    let document = Document::directory(&acme.directory).await;
    let list = "/directory/v1/{endpoint}";
    let one = "/directory/v1/{endpoint}/{id}";
    let events = "/directory/v1/events";
    for (route, path, status) in [
        (list, "/users?limit=1", 200),
        (list, "/groups", 200),
        (list, "/users?limit=0", 400),
        (list, "/users?cursor=x", 400),
        (list, "/users?ssoSubject=x", 400),
        (list, "/users?limit=1&limit=2", 400),
        (list, "/devices", 404),
        (one, &format!("/users/{ada}"), 200),
        (one, "/users/7", 404),
        (events, "/events?after=1&limit=2", 200),
        (events, "/events?after=-1", 400),
        ("/directory/v1/openapi.json", "/openapi.json", 200),
    ] {
        document.check(route, &acme.directory(path).await.expect(status));
    }
    let first = acme.directory("/users?limit=1").await.body["nextCursor"].clone();
    let second = acme.directory(&format!("/users?cursor={}", first.as_str().unwrap())).await.expect(200);
    document.check(list, &second);
    assert_eq!(second.body["nextCursor"], Value::Null);
    let types: BTreeSet<String> = acme.directory("/events?limit=1000").await.body["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    assert!(types.contains("membership.added") && types.contains("user.created"), "{types:?}");
    gateway.clock.advance(std::time::Duration::from_hours(31 * 24));
    let job = json!({ "state": "running" });
    let _ = gateway.operator.patch("/tenants/acme/jobs/retention", &job).await.expect(200);
    let gone = scimgate_tests::poll("events are purged", async || {
        Some(acme.directory("/events").await).filter(|answer| answer.status == 410)
    });
    document.check(events, &gone.await);
    let _ = gateway.operator.patch("/tenants/acme", &json!({ "state": "suspended" })).await.expect(200);
    document.check(events, &acme.directory("/events").await.expect(403));
}
