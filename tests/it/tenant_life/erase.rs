//! Erasing a tenant with every kind of data: nothing of it is found afterwards, and nobody else's is touched.

use std::time::Duration;

use scimgate_tests::harness::block_on;
use scimgate_tests::plugins::Plain;
use scimgate_tests::tenant::{device, group, patch, user};
use scimgate_tests::{Client, Database, Request, Tenant, TestGateway, on_both, plugin, poll};
use serde_json::{Value, json};

use super::{assert_no_rows, begin, dump, finished};

on_both!(an_erased_tenant_leaves_nothing, an_erasure_must_be_confirmed, a_deleted_tenant_can_be_erased);

/// In every name and value of the tenant that is erased. As bytes of text it would be written in hexadecimal.
const MARKER: &str = "zaphod";

fn marked(name: &str) -> String {
    format!("{MARKER}-{name}")
}

/// Gives the tenant rows of every kind that requests make, each with the marker where it can have text.
async fn fill(gateway: &TestGateway, tenant: &Tenant) {
    let operator = &gateway.operator;
    let own = format!("/tenants/{}", tenant.name);
    let users = [tenant.user(&marked("ada")).await, tenant.user(&marked("bob")).await];
    let mut crew = group(&marked("crew"));
    crew["members"] = json!([{ "value": users[0] }, { "value": marked("pending") }]);
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let unknown = json!([{ "op": "add", "path": "members", "value": [{ "value": users[1] }] }]);
    let _ = tenant.patch(&format!("/Groups/{crew}"), &patch(unknown)).await;
    let mut odd = user(&marked("odd"));
    (odd["shoeSize"], odd["active"]) = (marked("size").into(), "True".into());
    let lax = Request::new("POST", "/Users").header("user-agent", "Okta SCIM Client 1.0.0");
    let _ = tenant.send(lax.json(&odd)).await;
    let gone = tenant.user(&marked("gone")).await;
    let _ = tenant.delete(&format!("/Users/{gone}")).await.expect(204);
    let _ = tenant.get("/Users?count=1").await.expect(200);
    let rules = json!({ "rules": [{ "path": "title", "unique": true }] });
    let _ = operator.put(&format!("{own}/directory-schema"), &rules).await.expect(200);
    let mut dr = user(&marked("titled"));
    dr["title"] = marked("title").into();
    let _ = tenant.post("/Users", &dr).await.expect(201);
    let _ = operator.post(&format!("{own}/resource-types"), &device()).await;
    let client = json!({ "label": marked("client"), "issuer": "https://issuer.test", "subject": marked("subject"),
        "jwksUri": "https://issuer.test/jwks" });
    let _ = operator.post(&format!("{own}/oauth-clients"), &client).await;
    let made = operator.post(&format!("{own}/oauth-clients"), &json!({ "label": marked("secret") })).await.expect(201);
    assert!(made.body["clientId"].is_string());
    let token = json!({ "scope": "scim", "label": marked("token") });
    let _ = operator.post(&format!("{own}/tokens"), &token).await.expect(201);
    let _ = tenant.directory("/events?after=0").await.expect(200);
    mapping(gateway, tenant).await;
    held(gateway, tenant, &users).await;
}

/// A plugin of the tenant's own, a draft with a note, and a plan with examples.
async fn mapping(gateway: &TestGateway, tenant: &Tenant) {
    let operator = &gateway.operator;
    let own = format!("/tenants/{}", tenant.name);
    let wasm = Plain::new(&marked("plugin"), "1.0.0", "").wasm();
    let path = format!("/plugins?tenant={}", tenant.name);
    let _ = operator.send(Request::new("POST", &path).body("application/wasm", wasm)).await.expect(201);
    let draft = json!({ "onFailure": "keep", "note": marked("note"),
        "steps": [{ "plugin": "tutorial", "config": { "lowerCaseMail": false } }] });
    let draft = operator.post(&format!("{own}/mapping/revisions"), &draft).await.expect(201).body;
    let plan = format!("{own}/mapping/revisions/{}/plan", draft["revision"]);
    let _ = operator.post(&plan, &json!({})).await;
    poll("the plan has ended", async || {
        let job = operator.get(&format!("{own}/jobs/plan")).await.expect(200).body;
        (job["state"] != "running").then_some(())
    })
    .await;
}

/// A guard that holds a removal.
async fn held(gateway: &TestGateway, tenant: &Tenant, users: &[String; 2]) {
    let guard = json!({ "users": 0, "members": 0, "percent": 0, "protected": format!("userName sw \"{MARKER}\"") });
    let _ = gateway.operator.put(&format!("/tenants/{}/guard", tenant.name), &guard).await.expect(200);
    let _ = tenant.delete(&format!("/Users/{}", users[1])).await.expect(204);
}

async fn an_erased_tenant_leaves_nothing(gateway: &TestGateway) {
    let (acme, globex) = (gateway.tenant("acme").await, gateway.tenant("globex").await);
    let _ = (globex.user("eve").await, globex.group("others").await);
    fill(gateway, &acme).await;
    let (before, events) = (globex.everything().await, globex.events().await);
    let id = begin(gateway, "acme").await;
    for refused in [acme.get("/Users").await, acme.directory("/users").await] {
        assert_eq!(refused.status, 401, "its credentials are refused at once: {}", refused.text);
    }
    let erasure = finished(gateway, &id).await;
    assert_eq!(erasure["proof"]["rows"], 0, "{erasure:#}");
    assert!(
        erasure["proof"]["tables"].as_u64().unwrap() > 35 && erasure["erased"].as_i64().unwrap() > 30,
        "{erasure:#}"
    );
    assert_eq!((&erasure["name"], &erasure["total"]), (&Value::Null, &erasure["erased"]), "{erasure:#}");
    assert_eq!((globex.everything().await, globex.events().await), (before, events), "another tenant is untouched");
    check_audit(gateway, &id).await;
    if gateway.database() == Database::Postgres {
        let owner = gateway.store().await;
        let _ = assert_no_rows(&owner, &id).await;
        let (text, hexadecimal) = (MARKER, MARKER.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
        for (table, rows) in dump(&owner).await {
            assert!(!rows.contains(text) && !rows.contains(&hexadecimal), "{table} has a value of the erased tenant");
            let keeps_ids = ["audit", "erasure", "erasure_table"].contains(&table.as_str());
            assert!(keeps_ids || !rows.contains(&id), "{table} has the erased tenant's id");
        }
    }
    // The name is free.
    let again = gateway.tenant("acme").await;
    let _ = again.user("ada").await;
    assert_eq!(again.get("/Users").await.expect(200).body["totalResults"], 1);
}

/// What was done to the erased tenant, when and by which key stays, and nothing else.
async fn check_audit(gateway: &TestGateway, id: &str) {
    let audit = gateway.operator.get(&format!("/audit?tenant={id}&limit=500")).await.expect(200).body;
    let changes = audit["changes"].as_array().unwrap();
    assert!(changes.len() > 10 && changes[0]["action"] == "tenant.erase", "{audit:#}");
    for change in changes {
        assert!(change["at"].is_string() && change["key"].is_string() && change["requestId"] != "", "{change}");
        assert_eq!((&change["actor"], &change["subject"]), (&json!(""), &json!("")), "{change}");
        assert_eq!([&change["before"], &change["after"], &change["address"]], [&Value::Null; 3], "{change}");
    }
}

async fn an_erasure_must_be_confirmed(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let operator = &gateway.operator;
    let refused = operator.post("/tenants/acme/erasure", &json!({ "confirm": "globex" })).await.expect(400);
    assert!(refused.text.contains("must be the tenant's name, acme"), "{}", refused.text);
    let _ = operator.post("/tenants/acme/erasure", &json!({})).await.expect(400);
    let _ = operator.post("/tenants/none/erasure", &json!({ "confirm": "none" })).await.expect(404);
    let _ = operator.get("/erasures/acme").await.expect(404);
    let nobody = uuid::Uuid::nil();
    let _ = operator.get(&format!("/erasures/{nobody}")).await.expect(404);
    let unknown = json!({ "confirm": nobody.to_string() });
    let _ = operator.post(&format!("/tenants/{nobody}/erasure"), &unknown).await.expect(404);
    let _ = acme.get("/Users").await.expect(200);
    assert_eq!(operator.get("/erasures").await.expect(200).body["erasures"], json!([]));
}

async fn a_deleted_tenant_can_be_erased(gateway: &TestGateway) {
    let operator = &gateway.operator;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let acme = gateway.plain_tenant("acme").await;
        ids.push(operator.get("/tenants/acme").await.expect(200).id());
        let _ = acme.user("ada").await;
        let _ = operator.delete("/tenants/acme").await.expect(204);
    }
    let listed = operator.get("/deleted-tenants").await.expect(200).body;
    let names: Vec<&Value> = listed["tenants"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["acme", "acme"]);
    let confirm = json!({ "confirm": "acme" });
    let refused = operator.post("/tenants/acme/erasure", &confirm).await.expect(409);
    assert!(refused.text.contains("tenant list --deleted"), "{}", refused.text);
    let _ = operator.post(&format!("/tenants/{}/erasure", ids[0]), &confirm).await.expect(202);
    let _ = finished(gateway, &ids[0]).await;
    // The only one by now; asked for twice, it is one erasure.
    let [first, second] = [begin(gateway, "acme").await, operator.post("/tenants/acme/erasure", &confirm).await.text];
    assert!(first == ids[1] && (second.contains(&first) || second.contains("no tenant")), "{second}");
    let erasure = finished(gateway, &first).await;
    assert_eq!(erasure["proof"]["rows"], 0);
    assert_eq!(operator.get("/deleted-tenants").await.expect(200).body["tenants"], json!([]));
    assert_eq!(operator.get("/erasures").await.expect(200).body["erasures"].as_array().unwrap().len(), 2);
}

/// A replica has the tenant's token and settings in its caches. An erasure may be finished before it polls again: it finds by the
/// erasure that the tenant is gone.
#[test]
fn the_credentials_of_an_erased_tenant_are_refused_by_every_replica() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let replica = gateway.replica().await;
        let acme = gateway.plain_tenant("acme").await;
        let there = acme.at((&format!("http://{}", replica.public), &format!("http://{}", replica.internal)));
        for tenant in [&acme, &there] {
            let _ = tenant.get("/Users").await.expect(200);
        }
        let id = begin(&gateway, "acme").await;
        let _ = finished(&gateway, &id).await;
        poll("the replica refuses the token", async || (there.get("/Users").await.status == 401).then_some(())).await;
        let _ = acme.get("/Users").await.expect(401);
        replica.end().await;
        gateway.end().await;
    });
}

/// The tenant's own release goes, and its bytes if nobody else has released them.
#[test]
fn plugins_that_nobody_else_has_released_are_erased() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
        let own = Plain::new("own", "1.0.0", "").wasm();
        let shared = Plain::new("shared", "1.0.0", "").wasm();
        for (tenant, wasm) in [("acme", &own), ("acme", &shared), ("globex", &shared)] {
            let upload = Request::new("POST", &format!("/plugins?tenant={tenant}"));
            let _ = gateway.operator.send(upload.body("application/wasm", wasm.clone())).await.expect(201);
        }
        let _ = gateway.upload(plugin("tutorial")).await.expect(201);
        let owner = gateway.store().await;
        let names = async || {
            let rows = owner.query("SELECT name FROM plugin ORDER BY name", &[]).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
        };
        assert_eq!(names().await, ["own", "shared", "tutorial"]);
        let id = begin(&gateway, "acme").await;
        let _ = finished(&gateway, &id).await;
        assert_eq!(names().await, ["shared", "tutorial"]);
        let _ = gateway.operator.get("/plugins/shared/1.0.0?tenant=globex").await.expect(200);
        gateway.end().await;
    });
}

/// Neither suspended tenants nor those with a running job are spared.
#[test]
fn a_suspended_tenant_with_a_running_job_is_erased() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let acme = gateway.tenant("acme").await;
        let _ = acme.user("ada").await;
        let _ = gateway.operator.patch("/tenants/acme/jobs/remap", &json!({ "state": "running" })).await;
        let _ = gateway.operator.patch("/tenants/acme", &json!({ "state": "suspended" })).await.expect(200);
        let owner = gateway.store().await;
        let begin_again =
            "UPDATE job SET state = 'running', holder = tenant_id, leased_until = now() + interval '1 hour'";
        let _ = owner.execute(begin_again, &[]).await.unwrap();
        let id = begin(&gateway, "acme").await;
        assert_eq!(finished(&gateway, &id).await["proof"]["rows"], 0);
        gateway.clock.advance(Duration::from_secs(1));
        let _ = gateway.anonymous().with("sgs_none").get("/Users").await.expect(401);
        gateway.end().await;
    });
}

/// Not by the name, which may be another tenant's by now.
#[test]
fn a_finished_erasure_is_found_by_the_id_alone() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let id = begin(&gateway, "acme").await;
        let _ = finished(&gateway, &id).await;
        let _ = gateway.plain_tenant("acme").await;
        let other: Client = gateway.operator.clone();
        let wrong = other.post(&format!("/tenants/{id}/erasure"), &json!({ "confirm": id })).await;
        assert_eq!(wrong.status, 404, "{}", wrong.text);
        let _ = other.get("/tenants/acme").await.expect(200);
        gateway.end().await;
    });
}
