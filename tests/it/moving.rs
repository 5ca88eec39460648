//! Export and import of tenants: a round trip between the two databases, lines that are refused, repeated imports, dry runs.

mod population;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt as _;
use scimgate_tests::harness::{block_on, in_own_process};
use scimgate_tests::rows;
use scimgate_tests::tenant::patch;
use scimgate_tests::{Answer, Database, Request, Tenant, TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

use population::Population;

on_both!(
    an_import_can_be_repeated_and_changes_nothing_that_is_stored,
    lines_that_cannot_be_imported_are_reported_and_the_others_stored,
    a_dry_run_says_what_would_be_done_and_stores_nothing,
    members_that_are_not_there_stay_pending_until_they_are_imported,
);
on_postgres!(an_export_holds_no_connection_while_the_client_reads, only_keys_for_tenants_move_tenants);

/// The lines of a tenant's export.
pub(super) async fn export(gateway: &TestGateway, tenant: &str) -> Vec<String> {
    let answer = gateway.operator.get(&format!("/tenants/{tenant}/export")).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert!(answer.text.ends_with("}\n"), "the last line is complete");
    answer.text.lines().map(str::to_owned).collect()
}

async fn send(gateway: &TestGateway, tenant: &str, query: &str, lines: &[String]) -> Answer {
    let path = format!("/tenants/{tenant}/import{query}");
    gateway.operator.send(Request::new("POST", &path).body("application/x-ndjson", lines.join("\n"))).await
}

/// Imports lines in batches, until all have been read; adds the reports up.
async fn import(gateway: &TestGateway, tenant: &str, lines: &[String]) -> Value {
    let (mut sent, mut sum, mut problems) = (0, BTreeMap::new(), Vec::new());
    while sent < lines.len() {
        let batch = &lines[sent..lines.len().min(sent + 400)];
        let report = send(gateway, tenant, &format!("?firstLine={}", sent + 1), batch).await.expect(200).body;
        for name in ["created", "unchanged", "members"] {
            *sum.entry(name).or_insert(0) += report[name].as_u64().unwrap();
        }
        problems.extend(report["problems"].as_array().unwrap().iter().cloned());
        let read = usize::try_from(report["lines"].as_u64().unwrap()).unwrap();
        assert!(read > 0);
        sent += read;
    }
    json!({ "created": sum["created"], "unchanged": sum["unchanged"], "members": sum["members"], "problems": problems })
}

/// An export without what differs from tenant to tenant: the header, addresses, and the versions of groups, which count member changes.
fn comparable(lines: &[String]) -> Vec<String> {
    let shown = |line: &String| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if let Some(meta) = line.pointer_mut("/resource/meta").and_then(Value::as_object_mut) {
            assert!(meta["location"].as_str().unwrap().contains("/scim/v2/"));
            meta.shift_remove("location");
            if meta["resourceType"] == "Group" {
                meta.shift_remove("version");
            }
        }
        line.to_string()
    };
    lines[1..].iter().map(shown).collect()
}

/// Gives a tenant the schemas and the profile of another one.
async fn furnish(gateway: &TestGateway, tenant: &str, header: &Value) {
    let settings = &header["header"]["settings"];
    let operator = &gateway.operator;
    for definition in settings["resourceTypes"].as_array().unwrap() {
        let _ = operator.post(&format!("/tenants/{tenant}/resource-types"), definition).await.expect(201);
    }
    for schema in settings["schemas"].as_array().unwrap() {
        let mut schema = schema.clone();
        schema.as_object_mut().unwrap().shift_remove("id");
        let _ = operator.post(&format!("/tenants/{tenant}/schemas"), &schema).await.expect(201);
    }
    let profile = json!({ "profile": settings["client"]["profile"] });
    let _ = operator.patch(&format!("/tenants/{tenant}/client"), &profile).await.expect(200);
}

/// Imports an export into a new tenant, exports that, and compares the two.
async fn moves(gateway: &TestGateway, name: &str, lines: &[String]) -> Vec<String> {
    let tenant = gateway.plain_tenant(name).await;
    furnish(gateway, name, &serde_json::from_str(&lines[0]).unwrap()).await;
    gateway.clock.advance(std::time::Duration::from_hours(5));
    let report = import(gateway, name, lines).await;
    assert_eq!(report["problems"], json!([]), "{report}");
    let again = export(gateway, name).await;
    let (before, after) = (comparable(lines), comparable(&again));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    let users = tenant.get("/Users?count=0").await.expect(200).body["totalResults"].as_u64().unwrap();
    assert!(users > 600, "the resources are counted: {users}");
    // A resource that is imported is a new one for the product.
    let events = tenant.events().await;
    assert_eq!(events.iter().filter(|event| event["type"] == "user.created").count() as u64, users);
    assert!(events.iter().filter(|event| event["type"] == "membership.added").count() > 600);
    if gateway.database() == Database::Postgres {
        rows::check(&gateway.store().await).await;
    }
    again
}

#[test]
fn a_tenant_moves_from_database_to_database_and_back() {
    in_own_process(|| {
        block_on(async {
            // Before anything that creates a plugin engine.
            let embedded = TestGateway::start(Database::Embedded).await;
            let server = TestGateway::start(Database::Postgres).await;
            let body = async {
                let population = Population::new();
                population.fill(&embedded, "acme").await;
                let first = export(&embedded, "acme").await;
                population.check(&first);
                let second = moves(&server, "globex", &first).await;
                let _ = moves(&embedded, "initech", &second).await;
            };
            let outcome = AssertUnwindSafe(body).catch_unwind().await;
            server.end().await;
            embedded.end().await;
            outcome.unwrap_or_else(|panic| resume_unwind(panic));
        });
    });
}

/// Ada, Bob, and a group of both; and the export.
async fn small(gateway: &TestGateway) -> (Tenant, Vec<String>) {
    let tenant = gateway.plain_tenant("acme").await;
    let (ada, bob, crew) = (tenant.user("ada").await, tenant.user("bob").await, tenant.group("crew").await);
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }, { "value": bob }] }]);
    let answer = tenant.patch(&format!("/Groups/{crew}"), &patch(add)).await;
    assert!(answer.status < 300, "{}", answer.text);
    let lines = export(gateway, "acme").await;
    assert_eq!(lines.len(), 6, "{lines:#?}");
    (tenant, lines)
}

async fn an_import_can_be_repeated_and_changes_nothing_that_is_stored(gateway: &TestGateway) {
    let (_, lines) = small(gateway).await;
    let other = gateway.plain_tenant("globex").await;
    // Its own gateway does not know the tenant's resources: the same ids may be in two tenants.
    assert_eq!(
        import(gateway, "globex", &lines).await,
        json!({ "created": 3, "unchanged": 0, "members": 2, "problems": [] })
    );
    let before = (other.everything().await, gateway.row_counts().await);
    assert_eq!(
        import(gateway, "globex", &lines).await,
        json!({ "created": 0, "unchanged": 3, "members": 2, "problems": [] })
    );
    assert_eq!((other.everything().await, gateway.row_counts().await), before);

    let line = |index: usize| serde_json::from_str::<Value>(&lines[index]).unwrap();
    let (ada, bob) = (
        line(1)["resource"]["id"].as_str().unwrap().to_owned(),
        line(2)["resource"]["id"].as_str().unwrap().to_owned(),
    );
    let title = json!([{ "op": "add", "path": "title", "value": "Countess" }, { "op": "add", "path": "favouriteColour", "value": "blue" }]);
    let changed = other.patch(&format!("/Users/{ada}"), &patch(title)).await.expect(200).text;
    let _ = other.delete(&format!("/Users/{bob}")).await.expect(204);
    let report = import(gateway, "globex", &lines).await;
    let said = |index: usize| report["problems"][index]["reason"].as_str().unwrap_or_default().to_owned();
    assert_eq!((&report["problems"][0]["line"], &report["problems"][0]["id"]), (&json!(2), &json!(ada)), "{report:#}");
    assert!(said(0).contains("differs in title, unknown attributes"), "{report:#}");
    assert_eq!(report["problems"][1]["id"], json!(bob));
    assert!(said(1).contains("was deleted from this tenant"), "{report:#}");
    assert!(said(2).contains("1 of the members are not in this tenant") && said(2).contains(&bob), "{report:#}");
    assert_eq!(other.get(&format!("/Users/{ada}")).await.expect(200).text, changed);
}

/// A line with one thing changed.
fn with(line: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut line: Value = serde_json::from_str(line).unwrap();
    change(&mut line);
    line.to_string()
}

const NOBODY: &str = "0198c0de-0000-7000-8000-000000000009";

/// Lines that cannot be imported, each with a part of the reason.
fn wrong(lines: &[String]) -> Vec<(String, &'static str)> {
    let (ada, crew) = (&lines[1], &lines[3]);
    let set = |pointer: &'static str, value: Value| with(ada, |line| *line.pointer_mut(pointer).unwrap() = value);
    let long = with(ada, |line| {
        line["resource"]["id"] = NOBODY.into();
        line["resource"]["userName"] = "long".into();
        line["resource"]["title"] = "x".repeat(1 << 20).into();
    });
    let members = |key: &str, values: Value| json!({ "members": { "group": id(crew), key: values } }).to_string();
    vec![
        ("nonsense".into(), "not a line of an export"),
        ("[]".into(), "not a JSON object"),
        ("{}".into(), "one of header, resource, members and end"),
        (r#"{"resource":{},"end":{}}"#.into(), "one of header, resource, members and end"),
        (r#"{"user":{}}"#.into(), "user is none of header"),
        (set("/resource/id", json!(NOBODY)), "has this userName already"),
        (set("/resource/id", json!("ada")), "no id, or one that is not a UUID"),
        (set("/resource/userName", json!(7)), "userName"),
        (set("/resource/userName", json!("")), "userName"),
        (set("/resource/meta/resourceType", json!("Robot")), "no resource type \"Robot\""),
        (set("/resource/meta/resourceType", json!("Group")), ""),
        (set("/resource/meta/created", json!("yesterday")), "meta.created"),
        (set("/resource/meta/lastModified", json!(null)), "meta.lastModified"),
        (set("/resource/meta/version", json!("1")), "meta.version"),
        (set("/resource/meta/version", json!("W/\"0\"")), "meta.version"),
        (
            with(ada, |line| line["resource"]["favouriteColour"] = "blue".into()),
            "No schema of this tenant defines favouriteColour",
        ),
        (with(ada, |line| line["unknown"] = json!("x")), "unknown attributes"),
        (with(crew, |line| line["resource"]["members"] = json!([{ "value": NOBODY }])), "in lines of their own"),
        (with(crew, |line| line["resource"]["id"] = id(ada).into()), "is that of a User"),
        (members("values", json!([NOBODY])), "members cannot be read"),
        (members("ids", json!(["ada"])), "not a UUID"),
        (members("pending", json!(["x".repeat(513)])), "1 to 512 bytes"),
        (members("pending", vec!["x"; 501].into()), "at most 500 members"),
        (
            json!({ "members": { "group": NOBODY, "ids": [id(ada)] } }).to_string(),
            "is not in this tenant, so it gets no members",
        ),
        (
            set("/resource/title", json!(null)).replace("null", &format!("\"{}\"", "x".repeat(2 << 20))),
            "longer than 2097152 bytes",
        ),
        (long, "longer than 1048576 bytes"),
        (format!("{{\"resource\":{}{}}}", "[".repeat(40), "]".repeat(40)), "nests deeper"),
    ]
}

fn id(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap();
    line["resource"]["id"].as_str().unwrap().to_owned()
}

async fn lines_that_cannot_be_imported_are_reported_and_the_others_stored(gateway: &TestGateway) {
    let (tenant, _) = small(gateway).await;
    let ada = tenant.get("/Users?filter=userName%20eq%20%22ada@corp.test%22").await.body["Resources"][0]["id"].clone();
    let title = json!([{ "op": "add", "path": "title", "value": "Countess" }]);
    let _ = tenant.patch(&format!("/Users/{}", ada.as_str().unwrap()), &patch(title)).await.expect(200);
    let lines = export(gateway, "acme").await;
    let other = gateway.plain_tenant("globex").await;
    // Strict, so that what a leniency would make of a line is refused.
    let _ = import(gateway, "globex", &lines[..2]).await;
    for (line, reason) in wrong(&lines) {
        let shown: String = line.chars().take(200).collect();
        let sent = [line, lines[2].clone(), lines[3].clone()];
        let answer = send(gateway, "globex", "?firstLine=7", &sent).await.expect(200);
        let problems = answer.body["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 1, "{shown}: {}", answer.text);
        assert_eq!(problems[0]["line"], 7);
        let said = problems[0]["reason"].as_str().unwrap();
        assert!(said.contains(reason), "{shown}: {said}");
        assert_eq!(answer.body["lines"], 3);
    }
    assert_eq!(other.get("/Users?count=0").await.expect(200).body["totalResults"], 2);
    for (query, lines, status) in [
        ("", vec![with(&lines[0], |line| line["header"]["version"] = 2.into())], 400),
        ("", vec![with(&lines[0], |line| line["header"]["format"] = "x".into())], 400),
        ("", vec!["\n".to_owned(); 600], 400),
        ("", vec!["x".repeat(4 << 20), "x".to_owned()], 413),
        ("?firstLine=0", vec![lines[1].clone()], 400),
        ("?dryRun=maybe", vec![lines[1].clone()], 400),
    ] {
        let _ = send(gateway, "globex", query, &lines).await.expect(status);
    }
    let _ = send(gateway, "nobody", "", &lines).await.expect(404);
    let _ = gateway.operator.get("/tenants/nobody/export").await.expect(404);
}

async fn a_dry_run_says_what_would_be_done_and_stores_nothing(gateway: &TestGateway) {
    let (_, lines) = small(gateway).await;
    let other = gateway.plain_tenant("globex").await;
    let _ = import(gateway, "globex", &lines[..2]).await;
    let _ = other.user("eve").await;
    let bob = with(&lines[2], |line| line["resource"]["id"] = NOBODY.into());
    let taken = with(&lines[2], |line| {
        line["resource"]["userName"] = "EVE@corp.test".into();
        line["resource"]["id"] = "0198c0de-0000-7000-8000-000000000008".into();
    });
    let before = (other.everything().await, gateway.row_counts().await);
    let sent = [&lines[..], &[bob, taken]].concat();
    let report = send(gateway, "globex", "?dryRun=true", &sent).await.expect(200).body;
    assert_eq!(
        (&report["created"], &report["unchanged"], &report["members"]),
        (&json!(2), &json!(1), &json!(2)),
        "{report:#}"
    );
    let said = |index: usize| report["problems"][index]["reason"].as_str().unwrap().to_owned();
    assert_eq!(report["problems"].as_array().unwrap().len(), 2, "{report:#}");
    assert!(said(0).contains("Another User of the file has this userName"), "{report:#}");
    assert!(said(1).contains("has this userName already"), "{report:#}");
    assert_eq!((other.everything().await, gateway.row_counts().await), before);
    let audit = gateway.operator.get("/audit?tenant=globex&limit=100").await.expect(200).body;
    let imports = audit["changes"].as_array().unwrap().iter().filter(|change| change["action"] == "tenant.import");
    assert_eq!(imports.count(), 1, "a dry run is no change");
}

async fn members_that_are_not_there_stay_pending_until_they_are_imported(gateway: &TestGateway) {
    let (_, lines) = small(gateway).await;
    let other = gateway.plain_tenant("globex").await;
    // The group and its members, and then the users.
    let report = import(gateway, "globex", &lines[3..5]).await;
    assert!(
        report["problems"][0]["reason"].as_str().unwrap().contains("2 of the members are not in this tenant"),
        "{report:#}"
    );
    let group = format!("/Groups/{}", id(&lines[3]));
    assert_eq!(other.get(&group).await.expect(200).body["members"].as_array().unwrap().len(), 2);
    assert_eq!(import(gateway, "globex", &lines[1..3]).await["created"], 2);
    assert_eq!(import(gateway, "globex", &lines).await["problems"], json!([]));
    let members = other.get(&group).await.expect(200).body["members"].clone();
    assert!(members.as_array().unwrap().iter().all(|member| member["type"] == "User"), "{members}");
}

/// The one connection of the pool serves others while a client reads slowly.
async fn an_export_holds_no_connection_while_the_client_reads(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let owner = gateway.store().await;
    scimgate_tests::many_users::fill(&owner, "acme", 20_000).await;
    let key = gateway.operator.authorization.clone().unwrap();
    let mut stream = tokio::net::TcpStream::connect(gateway.internal).await.unwrap();
    let request = format!(
        "GET /admin/v1/tenants/acme/export HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\r\n",
        key.to_str().unwrap()
    );
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let mut before = None;
    scimgate_tests::poll("the export waits for its client", async || {
        // Nothing is read any more, and no statement is in progress.
        let sql = "SELECT count(*)::int8 FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()";
        let busy: i64 = owner.query_one(sql, &[]).await.unwrap().get(0);
        let calm = busy == 0 && before == Some(0);
        before = Some(busy);
        calm.then_some(())
    })
    .await;
    let _ = tenant.user("ada").await;
    drop(stream);
}

async fn only_keys_for_tenants_move_tenants(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    for (scope, status) in [("read", 403), ("plugins", 403), ("tenants", 200)] {
        let wanted = json!({ "label": scope, "scopes": [scope], "expiresInDays": 1 });
        let issued = gateway.operator.post("/operator-keys", &wanted).await.expect(201);
        let client = gateway.operator.with(issued.body["secret"].as_str().unwrap());
        let _ = client.get("/tenants/acme/export").await.expect(status);
        let _ = client
            .send(Request::new("POST", "/tenants/acme/import").body("application/x-ndjson", "\n"))
            .await
            .expect(status);
    }
    let audit = gateway.operator.get("/audit?tenant=acme&limit=100").await.expect(200).body;
    let exports = audit["changes"].as_array().unwrap().iter().filter(|change| change["action"] == "tenant.export");
    assert_eq!(exports.count(), 1);
    let text = gateway.operator.get("/tenants/acme/export").await.expect(200).text;
    assert!(!text.contains("secret") && !text.contains("sgt_") && !text.contains("digest"), "{text}");
}
