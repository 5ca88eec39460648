//! The provisioning log: each SCIM request and each operation of a bulk request leaves a row, which is found again.

mod causes;
mod kept;

use std::time::Duration;

use scimgate::config::Limits;
use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Request, Tenant, TestGateway, on_both, poll};
use serde_json::{Value, json};

on_both!(
    each_request_and_each_bulk_operation_has_a_row,
    what_is_redacted_and_what_is_secret_is_not_in_the_log,
    rows_are_found_by_what_they_are_about,
    refused_credentials_have_rows_at_the_tenant_that_they_name,
);

/// A page of a tenant's log.
async fn page(gateway: &TestGateway, tenant: &str, query: &str) -> Value {
    gateway.operator.get(&format!("/tenants/{tenant}/provisioning-log?limit=500&{query}")).await.expect(200).body
}

/// Rows of a tenant's log, once there are so many; the oldest first.
async fn rows(gateway: &TestGateway, tenant: &str, query: &str, count: usize) -> Vec<Value> {
    let what = format!("{count} rows of {tenant} for {query:?}");
    let found = poll(&what, async || {
        let found = page(gateway, tenant, query).await["rows"].as_array().unwrap().clone();
        (found.len() >= count).then_some(found)
    });
    let mut found = found.await;
    assert_eq!(found.len(), count, "{found:#?}");
    found.reverse();
    found
}

/// What rows say, in a line each.
fn lines(rows: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |row: &Value| {
        format!(
            "{} {} {} {} {}",
            text(&row["operation"]),
            row["status"],
            text(&row["resourceType"]),
            text(&row["name"]),
            text(if row["cause"].is_null() { &row["effect"] } else { &row["cause"]["code"] })
        )
    };
    rows.iter().map(line).collect()
}

/// Sends a request of every kind, and returns the id of the user ada.
async fn send_every_kind(gateway: &TestGateway, acme: &Tenant) -> String {
    // A clock that stands still would put reads that were written together at the place of the last one.
    let tick = || gateway.clock.advance(Duration::from_millis(1));
    let mut body = user("ada");
    body["active"] = "True".into();
    let ada = acme.post("/Users", &body).await.expect(201).id();
    tick();
    let path = format!("/Users/{ada}");
    let _ = acme.get(&path).await.expect(200);
    tick();
    let _ = acme.get("/Users?filter=userName+eq+%22ada@corp.test%22&count=5").await.expect(200);
    tick();
    let title = patch(json!([{ "op": "replace", "path": "title", "value": "Countess" }]));
    for _ in 0..2 {
        let _ = acme.patch(&path, &title).await.expect(200);
        tick();
    }
    let _ = acme.post("/Users", &user("ada")).await.expect(409);
    tick();
    let crew = acme.post("/Groups", &group("crew")).await.expect(201).id();
    tick();
    let members = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]));
    let _ = acme.patch(&format!("/Groups/{crew}"), &members).await.expect(200);
    tick();
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "b", "data": user("bob") },
        { "method": "POST", "path": "/Users", "bulkId": "e", "data": user("ada") },
        { "method": "DELETE", "path": path },
    ] });
    let _ = acme.post("/Bulk", &bulk).await.expect(200);
    tick();
    let _ = acme.get("/ServiceProviderConfig").await.expect(200);
    tick();
    let _ = acme.get("/Nothing").await.expect(404);
    tick();
    ada
}

async fn each_request_and_each_bulk_operation_has_a_row(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let ada = send_every_kind(gateway, &acme).await;
    let rows = rows(gateway, "acme", "", 14).await;
    let expected = [
        "create 201 User ada@corp.test created",
        "get 200 User - -",
        "list 200 User - -",
        "patch 200 User ada@corp.test updated",
        "patch 200 User - unchanged",
        "create 409 User ada@corp.test value-in-use",
        "create 201 Group crew created",
        "patch 200 Group - members-changed",
        "create 201 User bob@corp.test created",
        "create 409 User ada@corp.test value-in-use",
        "delete 204 User ada@corp.test deleted",
        "bulk 200 - - -",
        "discovery 200 - - -",
        "list 404 - - wrong-address",
    ];
    assert_eq!(lines(&rows), expected);
    for row in &rows {
        assert!(row["requestId"].is_string() && row["credential"].is_string(), "{row}");
        assert!(row["durationMs"].as_f64().unwrap() > 0.0 && row["address"] == "127.0.0.1", "{row}");
    }
    let numbers: Vec<&Value> = rows[8..12].iter().map(|row| &row["number"]).collect();
    assert_eq!(json!(numbers), json!([1, 2, 3, null]));
    assert_eq!(rows[11]["details"]["operations"], 3);
    check_details(&rows, &ada);
}

/// What the requests say of themselves.
fn check_details(rows: &[Value], ada: &str) {
    let created = &rows[0]["details"];
    assert_eq!(created["warnings"], json!([{ "leniency": "string-boolean", "attribute": "active" }]));
    let change = |path: &str| {
        let changes = created["changes"].as_array().unwrap();
        changes.iter().find(|change| change["path"] == path).unwrap_or_else(|| panic!("{path}: {changes:#?}")).clone()
    };
    assert_eq!(change("active"), json!({ "path": "active", "before": null, "after": true, "redacted": false }));
    assert_eq!(change("name.givenName")["after"], "ada");
    assert_eq!(rows[1]["resourceId"], ada);
    let list = &rows[2]["details"];
    assert_eq!(list["query"], "filter=userName eq \"ada@corp.test\", count=5");
    assert_eq!(list["page"], json!({ "startIndex": 1, "returned": 1, "total": 1 }));
    let change = json!([{ "path": "title", "before": null, "after": "Countess", "redacted": false }]);
    assert_eq!(rows[3]["details"]["changes"], change);
    assert_eq!(rows[4]["details"]["changes"], json!([]));
    assert_eq!(rows[5]["scimType"], "uniqueness");
    assert!(rows[5]["detail"].as_str().unwrap().contains("userName"));
    assert_eq!(rows[5]["cause"]["entraCodes"], json!(["EntryConflict", "Conflict", "DuplicateTargetEntries"]));
    let members = json!({ "replacedAll": false, "addedCount": 1, "removedCount": 0, "added": [ada], "removed": [] });
    assert_eq!(rows[7]["details"]["members"], members);
    let removed = rows[10]["details"]["changes"].as_array().unwrap();
    let user_name = removed.iter().find(|change| change["path"] == "userName").unwrap();
    assert_eq!((&user_name["before"], &user_name["after"]), (&json!("ada@corp.test"), &Value::Null));
    assert_eq!(rows[13]["detail"].as_str().unwrap().split('.').next(), Some("There is nothing at /Nothing"));
}

async fn what_is_redacted_and_what_is_secret_is_not_in_the_log(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let device = gateway.operator.post("/tenants/acme/resource-types", &scimgate_tests::tenant::device()).await;
    assert!(device.status < 300, "{}", device.text);
    let set =
        async |attributes: Value| gateway.operator.patch("/tenants/acme", &json!({ "logRedaction": attributes })).await;
    let tenant = set(json!(["NAME.familyname", "emails", "userName"])).await.expect(200).body;
    assert_eq!(tenant["logRedaction"], json!(["emails", "name.familyName", "userName"]));
    let _ = set(json!(["nothing"])).await.expect(400);
    let mut body = user("ada");
    body["password"] = "Secret-Password-1".into();
    let ada = acme.post("/Users", &body).await.expect(201).id();
    let _ = acme.get("/Users?filter=userName+eq+%22ada@corp.test%22").await.expect(200);
    let _ = acme.get("/Users?filter=password+eq+%22Secret-Password-1%22").await.expect(400);
    let machine = json!({ "displayName": "m", "pin": "Secret-Pin", "owner": { "value": ada } });
    let _ = acme.post("/Devices", &machine).await.expect(201);
    let first = rows(gateway, "acme", "", 4).await;
    let text = json!(first).to_string();
    for secret in ["Byron", "ada@corp.test", "ada@Corp.Test", "Secret-Password", "Secret-Pin"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let changes = first[0]["details"]["changes"].as_array().unwrap();
    let of = |path: &str| changes.iter().find(|change| change["path"] == path).unwrap().clone();
    assert_eq!(
        of("name.familyName"),
        json!({ "path": "name.familyName", "before": null, "after": null, "redacted": true })
    );
    assert_eq!(of("name.givenName")["after"], "ada");
    assert_eq!(of("emails")["redacted"], true);
    assert_eq!(first[0]["name"], Value::Null);
    assert_eq!(first[1]["details"]["query"], "filter=userName eq …");

    // With all of it redacted nothing that a plugin says is there, either.
    let _ = set(json!(["*"])).await.expect(200);
    let exclude = json!({ "do": "log", "size": 9 });
    let _ = gateway.map("acme", "hostile", &exclude, "refuse").await;
    let _ = acme.post("/Users", &user("bob")).await.expect(201);
    let _ = set(json!([])).await.expect(200);
    let _ = acme.post("/Users", &user("cyd")).await.expect(201);
    let all = rows(gateway, "acme", "operation=create", 4).await;
    assert!(!json!(all[2]).to_string().contains("bob"), "{:#}", all[2]);
    let step = &all[2]["details"]["steps"][0];
    assert_eq!((&step["result"], &step["log"]), (&json!("mapped"), &json!([])));
    let step = &all[3]["details"]["steps"][0];
    assert_eq!(step["log"], json!([{ "level": "warn", "message": "xxxxxxxxx" }]));
    assert!(all[3]["mappingRevision"].as_i64().unwrap() > 0 && step["plugin"].as_str().unwrap().contains("hostile@"));
}

async fn rows_are_found_by_what_they_are_about(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let _ = gateway.plain_tenant("globex").await;
    let ada = acme.user("ada").await;
    let crew = acme.post("/Groups", &group("crew")).await.expect(201).id();
    let _ = acme.get(&format!("/Users/{ada}")).await.expect(200);
    let _ = rows(gateway, "acme", "", 3).await;
    gateway.clock.advance(Duration::from_hours(1));
    let nameless = json!({ "userName": "nobody", "active": "perhaps" });
    let _ = acme.post("/Users", &nameless).await.expect(400);
    let title = patch(json!([{ "op": "replace", "path": "title", "value": "x" }]));
    let request = Request::new("PATCH", &format!("/Users/{ada}")).json(&title).header("x-request-id", "of-ada");
    let _ = acme.scim.send(request).await.expect(200);
    for _ in 0..3 {
        let request = Request::new("GET", &format!("/Users/{ada}")).header("x-request-id", "read-ada");
        let _ = acme.scim.send(request).await.expect(200);
    }
    let _ = acme.delete(&format!("/Groups/{crew}")).await.expect(204);
    let all = rows(gateway, "acme", "", 9).await;
    let since = "2026-05-01T10:00:00Z";
    for (query, count) in [
        ("user=ada@corp.test".to_owned(), 2),
        ("user=ADA@corp.test&operation=patch".to_owned(), 1),
        (format!("user={ada}&since={since}"), 1),
        ("user=nobody".to_owned(), 1),
        ("user=nobody&status=ok".to_owned(), 0),
        ("user=stranger".to_owned(), 0),
        (format!("group={crew}"), 2),
        (format!("resource={crew}&operation=delete"), 1),
        ("status=failed".to_owned(), 1),
        ("status=400".to_owned(), 1),
        ("status=200".to_owned(), 5),
        ("status=ok".to_owned(), 8),
        ("cause=wrong-value".to_owned(), 1),
        ("requestId=of-ada".to_owned(), 1),
        ("requestId=read-ada".to_owned(), 3),
        ("operation=get".to_owned(), 4),
        (format!("until={since}"), 3),
        (format!("since={since}"), 6),
        (format!("since={since}&until={since}"), 0),
    ] {
        let _ = rows(gateway, "acme", &query, count).await;
    }
    // Pages of any length have the same rows in the same order, and say where to go on.
    for limit in [1, 2, 4] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/tenants/acme/provisioning-log?limit={limit}{cursor}");
            let page = gateway.operator.get(&path).await.expect(200).body;
            found.extend(page["rows"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        found.reverse();
        assert_eq!(found, all, "by {limit}");
    }
    assert_eq!(page(gateway, "globex", "").await["rows"], json!([]));
    for wrong in ["status=bad", "status=99", "since=yesterday", "cursor=x", "limit=501", "user=a&group=b"] {
        let _ = gateway.operator.get(&format!("/tenants/acme/provisioning-log?{wrong}")).await.expect(400);
    }
    let _ = gateway.operator.get("/tenants/nobody/provisioning-log").await.expect(404);
}

async fn refused_credentials_have_rows_at_the_tenant_that_they_name(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let globex = gateway.plain_tenant("globex").await;
    let (id, secret) = gateway.token("acme", "scim").await;
    let _ = gateway.operator.delete(&format!("/tenants/acme/tokens/{id}")).await.expect(204);
    let own = acme.scim.at(format!("http://{}/t/acme/scim/v2", gateway.public));
    // By the revoked credential's own tenant, by the address, and by the tenant of the credential that came to a wrong address.
    let _ = acme.scim.with(&secret).get("/Users").await.expect(401);
    let _ = own.with("nonsense").post("/Users", &user("ada")).await.expect(401);
    let foreign = globex.scim.at(own.base.clone());
    let _ = foreign.get("/Users").await.expect(401);
    let _ = own.with("nonsense").at(own.base.replace("acme", "nobody")).get("/Users").await.expect(401);
    let _ = gateway.operator.patch("/tenants/acme", &json!({ "state": "suspended" })).await.expect(200);
    let _ = acme.get("/Users").await.expect(403);
    let found = rows(gateway, "acme", "", 3).await;
    let expected =
        ["list 401 - - token-not-accepted", "create 401 - - token-not-accepted", "list 403 - - tenant-suspended"];
    assert_eq!(lines(&found), expected);
    let credentials: Vec<bool> = found.iter().map(|row| row["credential"].is_string()).collect();
    assert_eq!(credentials, [false, false, true]);
    assert_eq!(lines(&rows(gateway, "globex", "", 1).await), ["list 401 - - token-not-accepted"]);
}

#[test]
fn strangers_cannot_fill_the_log_of_a_tenant() {
    block_on(async {
        let limits = Limits::default();
        let gateway = TestGateway::with_limits(limits, 4).await;
        let _ = gateway.plain_tenant("acme").await;
        let own = gateway.anonymous().at(format!("http://{}/t/acme/scim/v2", gateway.public));
        for _ in 0..70 {
            let _ = own.with("nonsense").get("/Users").await.expect(401);
        }
        let lost = poll("the others are counted", async || {
            let found = page(&gateway, "acme", "").await["rows"].as_array().unwrap().clone();
            let lost = found.iter().filter_map(|row| row["lostRows"].as_i64()).sum::<i64>();
            (found.iter().filter(|row| row["operation"] == "list").count() == 60 && lost == 10).then_some(lost)
        });
        assert_eq!(lost.await, 10);
        let log = &gateway.gateway.provisioning_log;
        assert_eq!((log.left_out(), log.lost()), (10, 0));
        gateway.end().await;
    });
}
