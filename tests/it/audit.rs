//! The audit: every change of the admin API is recorded with its actor, in the transaction of the change, without a secret.

use std::collections::BTreeSet;
use std::time::Duration;

use scimgate_tests::harness::block_on;
use scimgate_tests::plugins::Plain;
use scimgate_tests::tenant::{WS1B, device, group, user};
use scimgate_tests::{Answer, Database, Request, TestGateway, on_both, plugin, poll};
use serde_json::{Value, json};

on_both!(every_changing_route_is_recorded_without_a_secret, a_refused_change_is_not_recorded);

/// Routes that change nothing, whatever their method.
const READS: [&str; 1] = ["POST /admin/v1/tenants/{tenant}/mapping/preview"];

/// Sends changes, each as a request with an id of its own, and notes by which route.
struct Operator<'g> {
    gateway: &'g TestGateway,
    routes: BTreeSet<String>,
    sent: Vec<(String, &'static str)>,
    secrets: Vec<String>,
}

impl Operator<'_> {
    /// Sends a request by a route of the tenant `acme`, with the parts of its path that come after the tenant.
    async fn send(&mut self, (route, rest): (&str, &[&str]), body: &Value, action: &'static str) -> Answer {
        let (method, template) = route.split_once(' ').unwrap();
        let mut path = template.replace("{tenant}", "acme");
        for part in rest {
            let (from, to) = (path.find('{').unwrap(), path.find('}').unwrap());
            path.replace_range(from..=to, part);
        }
        let id = format!("audited-{}", self.sent.len());
        let mut request = Request::new(method, &path).header("x-request-id", &id);
        request = match template {
            "/plugins" => request.body("application/wasm", plugin("tutorial")),
            _ => request.json(body),
        };
        let answer = self.gateway.operator.send(request).await;
        assert!(answer.status < 300, "{route} was answered {}", answer.text);
        for name in ["secret", "clientSecret"] {
            self.secrets.extend(answer.body[name].as_str().map(str::to_owned));
        }
        self.routes.insert(format!("{method} /admin/v1{template}"));
        self.sent.push((id, action));
        answer
    }
}

async fn every_changing_route_is_recorded_without_a_secret(gateway: &TestGateway) {
    let mut it = Operator { gateway, routes: BTreeSet::new(), sent: Vec::new(), secrets: Vec::new() };
    tenants_and_credentials(&mut it).await;
    oauth(&mut it).await;
    setup_links(&mut it).await;
    schemas(&mut it).await;
    mappings(&mut it).await;
    held_changes(&mut it).await;
    let _ = it.send(("DELETE /tenants/{tenant}", &[]), &json!({}), "tenant.delete").await;
    erasure(gateway).await;
    it.routes.insert("POST /admin/v1/tenants/{tenant}/erasure".to_owned());

    let document = gateway.operator.get("/openapi.json").await.expect(200).body;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| !["get", "parameters"].contains(&key.as_str())) {
            let route = format!("{} {path}", method.to_uppercase());
            assert!(it.routes.contains(&route) || READS.contains(&route.as_str()), "{route} is not in this test");
        }
    }
    let recorded = all(gateway).await;
    for (request, action) in &it.sent {
        let of_request: Vec<&Value> =
            recorded.iter().filter(|change| change["requestId"] == request.as_str()).collect();
        assert_eq!(of_request.len(), 1, "{action}: {of_request:#?}");
        let change = of_request[0];
        assert_eq!((&change["action"], &change["actor"]), (&json!(action), &json!("test")), "{change}");
        assert!(change["key"].is_string() && change["subject"] != "" && change["address"] == "127.0.0.1", "{change}");
    }
    assert!(it.secrets.len() > 1);
    let text = serde_json::to_string(&recorded).unwrap();
    for secret in &it.secrets {
        assert!(!text.contains(&secret[4..]), "a secret is recorded");
        assert!(!text.contains(&secret[26..69]), "the random part of a secret is recorded");
    }
}

/// Of an erased tenant: recorded once, and reduced with the others at its end.
async fn erasure(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("globex").await;
    let id = crate::tenant_life::begin(gateway, "globex").await;
    let _ = crate::tenant_life::finished(gateway, &id).await;
    let recorded = all(gateway).await;
    let erased: Vec<&Value> = recorded.iter().filter(|change| change["action"] == "tenant.erase").collect();
    assert_eq!(erased.len(), 1, "{erased:#?}");
    assert_eq!((&erased[0]["tenant"], &erased[0]["subject"]), (&json!(id), &json!("")), "{}", erased[0]);
    assert!(erased[0]["key"].is_string() && erased[0]["at"].is_string(), "{}", erased[0]);
}

async fn tenants_and_credentials(it: &mut Operator<'_>) {
    let (one, tokens) = ("PATCH /tenants/{tenant}", "POST /tenants/{tenant}/tokens");
    let _ = it.send(("POST /tenants", &[]), &json!({ "name": "acme" }), "tenant.create").await;
    let _ = it.send((one, &[]), &json!({ "limits": { "requests": 9 } }), "tenant.limit").await;
    let _ = it.send((one, &[]), &json!({ "retention": { "eventDays": 60 } }), "tenant.retention").await;
    let _ = it.send((one, &[]), &json!({ "name": "other" }), "tenant.rename").await;
    let _ = it.gateway.operator.patch("/tenants/other", &json!({ "name": "acme" })).await.expect(200);
    let former = ("DELETE /tenants/{tenant}/former-names/{former}", &["other"][..]);
    let _ = it.send(former, &json!({}), "tenant.forget-name").await;
    let _ = it.send((one, &[]), &json!({ "state": "suspended" }), "tenant.suspend").await;
    let _ = it.send((one, &[]), &json!({ "state": "active" }), "tenant.resume").await;
    let _ = it.send(("PATCH /tenants/{tenant}/client", &[]), &json!({ "profile": "okta" }), "client.set").await;
    let token = it.send((tokens, &[]), &json!({ "scope": "scim", "label": "Okta" }), "token.issue").await.id();
    let (start, end) =
        ("POST /tenants/{tenant}/tokens/{token}/rotation", "PATCH /tenants/{tenant}/tokens/{token}/rotation");
    let _ = it.send((start, &[&token]), &json!({}), "token.rotate-start").await;
    let _ = it.send((end, &[&token]), &json!({ "state": "cancelled" }), "token.rotate-cancel").await;
    let _ = it.send((start, &[&token]), &json!({}), "token.rotate-start").await;
    let completed = json!({ "state": "completed", "confirm": true });
    let _ = it.send((end, &[&token]), &completed, "token.rotate-complete").await;
    let token = it.send((tokens, &[]), &json!({ "scope": "directory" }), "token.issue").await.id();
    let _ = it.send(("DELETE /tenants/{tenant}/tokens/{token}", &[&token]), &json!({}), "token.revoke").await;
    let key = it.send(("POST /operator-keys", &[]), &json!({ "scopes": ["read"] }), "operator-key.issue").await.id();
    let _ = it.send(("DELETE /operator-keys/{key}", &[&key]), &json!({}), "operator-key.revoke").await;
}

async fn oauth(it: &mut Operator<'_>) {
    let (own, none) = ("/tenants/{tenant}/oauth-clients", json!({}));
    let created = it.send((&format!("POST {own}"), &[]), &none, "oauth-client.create").await.body;
    let client = created["clientId"].as_str().unwrap();
    let (add, revoke) =
        (format!("POST {own}/{{client}}/secrets"), format!("POST {own}/{{client}}/secrets/{{secret}}/revoke"));
    let secret = it.send((&add, &[client]), &none, "oauth-client.secret-add").await.id();
    let _ = it.send((&revoke, &[client, &secret]), &none, "oauth-client.secret-revoke").await;
    let _ = it.send((&format!("DELETE {own}/{{client}}"), &[client]), &none, "oauth-client.delete").await;
    let _ = it.send(("POST /signing-keys", &[]), &none, "signing-key.rotate").await;
}

async fn setup_links(it: &mut Operator<'_>) {
    let own = "/tenants/{tenant}/setup-links";
    let created = it.send((&format!("POST {own}"), &[]), &json!({}), "setup-link.create").await;
    let secret = created.body["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    it.secrets.push(secret);
    let _ = it.send((&format!("DELETE {own}/{{link}}"), &[&created.id()]), &json!({}), "setup-link.revoke").await;
}

async fn schemas(it: &mut Operator<'_>) {
    let (own, types) = ("/tenants/{tenant}/schemas", "/tenants/{tenant}/resource-types");
    let _ = it.send((&format!("POST {own}"), &[]), &json!({ "pack": "ws1b" }), "schema.put").await;
    let _ = it.send((&format!("DELETE {own}/{{urn}}"), &[WS1B]), &json!({}), "schema.remove").await;
    let _ =
        it.send(("POST /tenants/{tenant}/schema-packs", &[]), &json!({ "pack": "agents" }), "schema-pack.add").await;
    let _ = it.send((&format!("POST {types}"), &[]), &device(), "resource-type.put").await;
    let _ = it.send((&format!("DELETE {types}/{{name}}"), &["Device"]), &json!({}), "resource-type.remove").await;
    let attributes = json!({ "attributes": ["title"] });
    let _ = it.send(("PUT /tenants/{tenant}/search-attributes", &[]), &attributes, "search-attributes.set").await;
    let redaction = json!({ "logRedaction": ["title"] });
    let _ = it.send(("PATCH /tenants/{tenant}", &[]), &redaction, "tenant.log-redaction").await;
}

async fn mappings(it: &mut Operator<'_>) {
    let own = "/tenants/{tenant}/mapping";
    let none = json!({});
    let _ = it.send(("POST /plugins", &[]), &none, "plugin.push").await;
    let _ = it.gateway.upload(Plain::new("house", "1.0.0", "").wasm()).await.expect(201);
    let (release, house) = ("/plugins/{plugin}/{version}", &["house", "1.0.0"]);
    let _ = it.send((&format!("PATCH {release}"), house), &json!({ "yanked": true }), "plugin.yank").await;
    let _ = it.send((&format!("PATCH {release}"), house), &json!({ "yanked": false }), "plugin.unyank").await;
    let _ = it.send((&format!("DELETE {release}"), house), &none, "plugin.remove").await;
    // It releases as an upload does, and needs a registry.
    it.routes.insert("POST /admin/v1/plugins/pull".to_owned());
    let mapping = json!({ "onFailure": "keep", "steps": [{ "plugin": "tutorial", "config": {} }] });
    let _ = it.send((&format!("PUT {own}"), &[]), &mapping, "mapping.put").await;
    let _ = it.send((&format!("POST {own}/revisions"), &[]), &mapping, "mapping.draft").await;
    let of_draft = format!("{own}/revisions/{{revision}}");
    let _ = it.send((&format!("POST {of_draft}/plan"), &["2"]), &none, "mapping.plan").await;
    let _ = it.send((&format!("PUT {own}/shadow"), &[]), &json!({ "revision": 2 }), "mapping.shadow-on").await;
    let _ = it.send((&format!("DELETE {own}/shadow"), &[]), &none, "mapping.shadow-off").await;
    let _ = it.send((&format!("POST {of_draft}/activate"), &["2"]), &none, "mapping.activate").await;
    let _ = it.send((&format!("POST {own}/rollback"), &[]), &none, "mapping.activate").await;
    let _ = it.send((&format!("DELETE {own}"), &[]), &none, "mapping.deactivate").await;
    let operator = &it.gateway.operator;
    poll("the remap has ended", async || {
        let job = operator.get("/tenants/acme/jobs/remap").await.expect(200).body;
        (job["state"] != "running").then_some(())
    })
    .await;
    let job = "PATCH /tenants/{tenant}/jobs/{kind}";
    let _ = it.send((job, &["remap"]), &json!({ "state": "running" }), "job.start").await;
}

async fn held_changes(it: &mut Operator<'_>) {
    let zero = json!({ "users": 0, "members": 0, "percent": 0 });
    let _ = it.send(("PUT /tenants/{tenant}/guard", &[]), &zero, "guard.set").await;
    let rules = json!({ "rules": [{ "path": "title", "unique": true }] });
    let _ = it.send(("PUT /tenants/{tenant}/directory-schema", &[]), &rules, "directory-schema.set").await;
    let _ = crate::directory_schema::checked(it.gateway).await;
    let none = json!({});
    let _ = it.send(("POST /tenants/{tenant}/directory-schema/check", &[]), &none, "directory-schema.check").await;
    let rules = json!({ "rules": [{ "group": { "displayName": "Crew" }, "role": { "value": "admin" } }] });
    let _ = it.send(("PUT /tenants/{tenant}/group-rules", &[]), &rules, "group-rules.set").await;
    let _ = it.send(("DELETE /tenants/{tenant}/group-rules", &[]), &none, "group-rules.set").await;
    let _ = crate::directory_schema::checked(it.gateway).await;
    let subject = json!({ "path": "userName" });
    let _ = it.send(("PUT /tenants/{tenant}/sso-subject", &[]), &subject, "sso-subject.set").await;
    let (_, secret) = it.gateway.token("acme", "scim").await;
    let scim = it.gateway.anonymous().with(&secret);
    it.secrets.push(secret);
    let line = json!({ "resource": {
        "id": "0198c0de-0000-7000-8000-000000000001", "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "moved",
        "meta": {
            "resourceType": "User", "created": "2026-01-01T00:00:00Z", "lastModified": "2026-01-01T00:00:00Z", "version": "W/\"1\"",
        },
    }});
    let _ = it.send(("POST /tenants/{tenant}/import", &[]), &line, "tenant.import").await;
    let ada = scim.post("/Users", &user("ada")).await.expect(201).id();
    let _ = scim.delete(&format!("/Users/{ada}")).await.expect(204);
    let held = it.gateway.operator.get("/tenants/acme/held").await.expect(200).body;
    let batch = held["batches"][0]["id"].as_str().unwrap().to_owned();
    let release = json!({ "state": "released" });
    let _ = it.send(("PATCH /tenants/{tenant}/held/{batch}", &[&batch]), &release, "held.decide").await;
}

/// The whole audit, the oldest change first, in short pages.
async fn all(gateway: &TestGateway) -> Vec<Value> {
    let mut changes = Vec::new();
    let mut after = uuid::Uuid::nil().to_string();
    loop {
        let page = gateway.operator.get(&format!("/audit?limit=7&after={after}")).await.expect(200).body;
        changes.extend(page["changes"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return changes,
        }
    }
}

async fn a_refused_change_is_not_recorded(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let before = all(gateway).await.len();
    let operator = &gateway.operator;
    let _ = operator.post("/tenants", &json!({ "name": "acme" })).await.expect(409);
    let _ = operator.patch("/tenants/acme/jobs/remap", &json!({ "state": "cancelled" })).await.expect(409);
    let _ = operator.patch("/tenants/acme/jobs/reconcile", &json!({ "state": "running" })).await.expect(409);
    let _ = operator.post("/tenants/acme/mapping/rollback", &json!({})).await.expect(409);
    let _ = operator.delete("/tenants/acme/mapping").await.expect(204);
    let _ = operator.delete("/tenants/acme/tokens/0198c0de-0000-7000-8000-000000000001").await.expect(404);
    let _ = operator.patch("/tenants/acme", &json!({})).await.expect(200);
    let _ = acme.post("/Groups", &group("staff")).await.expect(201);
    let recorded = all(gateway).await;
    // Switching a mapping off that is off is a change of the tenant's row.
    assert_eq!(recorded.len(), before + 1, "{recorded:#?}");
    let read = operator.with("sgo_none").get("/audit").await;
    assert_eq!(read.status, 401);
}

#[test]
fn the_audit_is_read_by_tenant_and_time() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        for name in ["acme", "globex"] {
            let _ = gateway.plain_tenant(name).await;
            gateway.clock.advance(Duration::from_hours(1));
        }
        let read = async |query: &str| {
            let answer = gateway.operator.get(&format!("/audit?{query}")).await.expect(200);
            let changes = answer.body["changes"].as_array().unwrap().clone();
            changes.iter().map(|it| it["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let whole = read("").await;
        let of_acme = read("tenant=acme").await;
        assert_eq!(of_acme.last().unwrap(), "tenant.create");
        assert_eq!(
            read("since=2026-05-01T10:00:00Z").await.len() + read("until=2026-05-01T10:00:00Z").await.len(),
            whole.len()
        );
        assert_eq!(read("tenant=acme&since=2026-05-01T10:00:00Z").await, Vec::<String>::new());
        let id = gateway.operator.get("/tenants/acme").await.id();
        let _ = gateway.operator.delete("/tenants/acme").await.expect(204);
        assert_eq!(read(&format!("tenant={id}")).await.len(), of_acme.len() + 1, "also of a deleted tenant");
        for (query, status) in [("tenant=acme", 404), ("since=yesterday", 400), ("limit=501", 400), ("after=1", 400)] {
            let _ = gateway.operator.get(&format!("/audit?{query}")).await.expect(status);
        }
        let refusal = gateway.store().await.batch_execute("SET ROLE scimgate_control; DELETE FROM audit").await;
        assert!(refusal.is_err(), "no role of the gateway deletes from the audit");
        gateway.end().await;
    });
}
