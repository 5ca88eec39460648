//! The health of a tenant: the cycle that its provider is in, what is wrong with it, and each change announced once.

mod announced;

use std::time::Duration;

use scimgate::work;
use scimgate_simulate::{BaseUrl, Dialect, NoProgress, Options, Pace, Secret, Size};
use scimgate_tests::binary::{command, finish};
use scimgate_tests::tenant::{patch, token, user};
use scimgate_tests::{Database, Tenant, TestGateway, on_both, on_postgres, poll};
use serde_json::{Value, json};

on_both!(what_is_wrong_is_found_with_what_to_do, what_is_not_recorded_is_not_known);
on_postgres!(
    the_first_cycle_of_entra_is_initial_and_the_next_one_incremental,
    tenants_are_listed_in_pages_and_those_in_trouble_first,
);

const HOUR: Duration = Duration::from_hours(1);

/// The health of a tenant.
async fn health(gateway: &TestGateway, tenant: &str) -> Value {
    gateway.operator.get(&format!("/tenants/{tenant}/health")).await.expect(200).body
}

/// The health, once it has this: what was sent is in it after some seconds.
async fn health_with(gateway: &TestGateway, tenant: &str, pointer: &str, expected: Value) -> Value {
    let what = format!("{pointer} of {tenant} is {expected}");
    poll(&what, async || {
        let health = health(gateway, tenant).await;
        (health.pointer(pointer) == Some(&expected)).then_some(health)
    })
    .await
}

/// The health, and the codes of what was found.
fn found(health: &Value) -> Value {
    let codes: Vec<&Value> = health["findings"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    json!([health["health"], codes])
}

/// Lets the requests that were sent so far count.
async fn counted(gateway: &TestGateway, tenant: &str, requests: i64) -> Value {
    health_with(gateway, tenant, "/traffic/lastDay/requests", json!(requests)).await
}

/// Tests the connection as Entra does.
async fn probe(tenant: &Tenant) {
    let path = "/Users?filter=userName+eq+%225b2a0b52-6a0b-4f4f-8d5c-6f0f9d5d2c5e%22";
    let _ = tenant.get(path).await.expect(200);
}

async fn set_title(tenant: &Tenant, id: &str, title: &str) {
    let body = patch(json!([{ "op": "replace", "path": "title", "value": title }]));
    let _ = tenant.patch(&format!("/Users/{id}"), &body).await.expect(200);
}

async fn the_first_cycle_of_entra_is_initial_and_the_next_one_incremental(gateway: &TestGateway) {
    let acme = gateway.tenant("acme").await;
    assert_eq!(found(&health(gateway, "acme").await), json!(["not-connected", []]));
    probe(&acme).await;
    let tested = counted(gateway, "acme", 1).await;
    assert_eq!((&tested["health"], &tested["traffic"]["cycle"]["kind"]), (&json!("healthy"), &json!("probe")));
    gateway.clock.advance(HOUR);
    let header = acme.scim.authorization.as_ref().unwrap().to_str().unwrap();
    let options = Options {
        base_url: BaseUrl::parse(&acme.scim.base).unwrap(),
        token: Secret::from(header.strip_prefix("Bearer ").unwrap().to_owned()),
        directory: None,
        dialect: Dialect::Default,
        size: Size { users: 6, groups: 2, members_per_group: 3, cycles: 1 },
        pace: Pace { rate: None, concurrency: 2 },
        seed: 1,
        match_external_id: false,
        lost_percent: 0,
        keep: true,
    };
    assert!(scimgate_simulate::entra(&options, &NoProgress).await.unwrap().green);
    let stored = acme.get("/Users?count=0").await.expect(200).body["totalResults"].clone();
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let now = poll("the cycle is counted", async || {
        let now = health(gateway, "acme").await;
        let (sent, pages) = (&now["traffic"]["cycle"]["sent"], &now["traffic"]["cycle"]["pages"]);
        let users = now["resources"].as_array().unwrap().iter().find(|it| it["resourceType"] == "User");
        let is_counted = number(pages) > 0 && number(&sent["usersCreated"]) >= 6 && number(&sent["groupsCreated"]) >= 2;
        (is_counted && users.is_some_and(|users| users["count"] == stored)).then_some(now)
    })
    .await;
    let cycle = &now["traffic"]["cycle"];
    assert_eq!((&cycle["kind"], &cycle["number"], &cycle["isRunning"]), (&json!("initial"), &json!(1), &json!(true)));
    assert!(number(&cycle["sent"]["lookups"]) > 8, "{cycle}");
    assert_eq!(now["client"], json!({ "profile": "auto", "recognised": "entra" }));

    // The next look of the provider, 40 minutes later.
    gateway.clock.advance(40 * HOUR / 60);
    let ada = acme.post("/Users", &user("ada")).await.expect(201).id();
    set_title(&acme, &ada, "Countess").await;
    for start in [1, 5] {
        let _ = acme.get(&format!("/Users?startIndex={start}&count=4")).await.expect(200);
    }
    let now = health_with(gateway, "acme", "/traffic/cycle/pages", json!(2)).await;
    let cycle = &now["traffic"]["cycle"];
    assert_eq!((&cycle["kind"], &cycle["number"]), (&json!("incremental"), &json!(2)));
    let sent = json!({ "requests": 4, "lookups": 2, "usersCreated": 1, "groupsCreated": 0, "othersCreated": 0,
        "changed": 1, "deleted": 0, "failed": 0 });
    assert_eq!(cycle["sent"], sent);
    let all = stored.as_i64().map(|count| count + 1);
    assert_eq!((cycle["listed"].as_i64(), cycle["listedOf"].as_i64()), (all, all));
    // What the background stores of it says the same afterwards.
    let _ = work::health::once(&gateway.gateway).await.unwrap();
    gateway.clock.advance(HOUR);
    let _ = work::health::once(&gateway.gateway).await.unwrap();
    let later = health(gateway, "acme").await;
    assert_eq!(later["traffic"]["cycle"]["sent"], cycle["sent"]);
    assert_eq!(later["traffic"]["cycle"]["isRunning"], false);
}

async fn what_is_wrong_is_found_with_what_to_do(gateway: &TestGateway) {
    // No remap: each resource is mapped by its next write.
    let _rounds = gateway.gateway.job_rounds.acquire().await;
    let acme = gateway.tenant("acme").await;
    probe(&acme).await;
    let _ = counted(gateway, "acme", 1).await;
    gateway.clock.advance(25 * HOUR);
    assert_eq!(found(&health(gateway, "acme").await), json!(["attention", ["not-started"]]));

    // Its mapping begins to fail, and the guard holds a removal.
    let (ada, bob) = (acme.user("ada").await, acme.user("bob").await);
    gateway.map("acme", "hostile", &json!({ "do": "fail" }), "keep").await;
    set_title(&acme, &ada, "Countess").await;
    let _ = acme.user("eve").await;
    let guard = json!({ "users": 0, "members": 9, "percent": 0 });
    let _ = gateway.operator.put("/tenants/acme/guard", &guard).await.expect(200);
    let _ = acme.delete(&format!("/Users/{bob}")).await.expect(204);
    let now = poll("what is wrong is found", async || {
        let now = counted(gateway, "acme", 5).await;
        (found(&now) == json!(["attention", ["removals-held", "not-mapped"]])).then_some(now)
    })
    .await;
    assert_eq!(now["unseen"], json!({ "held": 1, "stale": 1, "never": 1 }));

    // The token in use expires soon, and then has expired; the other one was never used.
    let body = json!({ "scope": "scim", "expiresInDays": 20 });
    let issued = gateway.operator.post("/tenants/acme/tokens", &body).await.expect(201);
    let scim = acme.scim.with(issued.body["secret"].as_str().unwrap());
    gateway.clock.advance(HOUR);
    let _ = scim.get(&format!("/Users/{ada}")).await.expect(200);
    work::last_used::write(&gateway.gateway).await.unwrap();
    let now = health(gateway, "acme").await;
    assert_eq!(found(&now), json!(["attention", ["credential-expires", "removals-held", "not-mapped"]]));
    let what = now["findings"][0]["what"].as_str().unwrap();
    assert!(what.starts_with(&format!("The token {} expires in 19 days, at ", issued.id())), "{what}");
    gateway.clock.advance(20 * 24 * HOUR);
    let now = health(gateway, "acme").await;
    assert_eq!(now["findings"][0]["code"], "credential-expired");
    // The provider goes on sending the expired token.
    for _ in 0..3 {
        let _ = scim.get("/Users").await.expect(401);
    }
    let now = health_with(gateway, "acme", "/findings/0/code", json!("credential-refused")).await;
    assert_eq!((&now["health"], &now["traffic"]["lastHour"]["refusedCredentials"]), (&json!("unhealthy"), &json!(3)));
    for found in now["findings"].as_array().unwrap() {
        assert!(
            found["what"].as_str().unwrap().ends_with('.') && found["remedy"].as_str().unwrap().ends_with('.'),
            "{found}"
        );
    }
    if gateway.database() == Database::Postgres {
        says_what_to_do(gateway).await;
    }
    let suspend = json!({ "state": "suspended" });
    let _ = gateway.operator.patch("/tenants/acme", &suspend).await.expect(200);
    assert_eq!(found(&health(gateway, "acme").await), json!(["suspended", []]));
    let _ = gateway.operator.get("/tenants/nobody/health").await.expect(404);
}

/// The command has the sentences of the reply.
async fn says_what_to_do(gateway: &TestGateway) {
    let key = gateway.operator.authorization.as_ref().unwrap().to_str().unwrap();
    let status = async |arguments: &[&str]| {
        let mut command = command(&[&["status"], arguments].concat());
        command.env("SCIMGATE_ADMIN_URL", format!("http://{}", gateway.internal));
        command.env("SCIMGATE_OPERATOR_KEY", key.strip_prefix("Bearer ").unwrap());
        let output = finish(command).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let in_one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = in_one_line(status(&["acme"]).await);
    for part in [
        "health unhealthy",
        "cycle incremental (number 2), over, begun 2026-05-02T11:00:00.000Z: 1 request, 0 users and 0 groups created",
        "not seen by the product 1 held, 1 stale, 1 never mapped",
        "credential-refused: Requests come with a credential that is not accepted, 3 in the last hour.",
        "To do: Issue a new token (scimgate token issue)",
        "scimgate explain acme --state stale",
        "3 times token-not-accepted: ",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let _ = work::health::once(&gateway.gateway).await.unwrap();
    let list = in_one_line(status(&[]).await);
    assert!(list.contains("acme unhealthy 2026-05-22T11:00:00.000Z") && list.contains("credential-refused"), "{list}");
    let json: Value = serde_json::from_str(&status(&["acme", "-o", "json"]).await).unwrap();
    assert_eq!(json["health"], "unhealthy");
}

async fn what_is_not_recorded_is_not_known(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    gateway.gateway.provisioning_log.switch(false);
    let _ = acme.user("ada").await;
    let now = health_with(gateway, "acme", "/resources", json!([{ "resourceType": "User", "count": 1 }])).await;
    assert_eq!((found(&now), &now["traffic"]), (json!(["unknown", []]), &Value::Null));
    assert!(now["notKnown"][0].as_str().unwrap().contains("--provisioning-log off"), "{now}");
    gateway.gateway.provisioning_log.switch(true);
    assert_eq!(found(&health(gateway, "acme").await), json!(["not-connected", []]));
}

async fn tenants_are_listed_in_pages_and_those_in_trouble_first(gateway: &TestGateway) {
    for name in ["a", "b", "c"] {
        let _ = gateway.plain_tenant(name).await;
    }
    // The secret of b, which alone was used, has expired.
    let (id, secret) = token(&gateway.operator, "b", "scim").await;
    let scim = gateway.anonymous().with(&secret);
    let _ = scim.get("/Users").await.expect(200);
    work::last_used::write(&gateway.gateway).await.unwrap();
    let owner = gateway.store().await;
    let sql = format!("UPDATE credential SET expires_at = '2026-04-01' WHERE id = '{id}'");
    let _ = owner.execute(&sql, &[]).await.unwrap();
    let _ = work::health::once(&gateway.gateway).await.unwrap();
    let pages = async |order: &str| {
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/health?order={order}&limit=2{cursor}");
            let page = gateway.operator.get(&path).await.expect(200).body;
            let tenants = page["tenants"].as_array().unwrap();
            names.extend(tenants.iter().map(|it| format!("{} {}", it["tenant"], it["health"]).replace('"', "")));
            let Some(next) = page["next"].as_str() else { return names };
            cursor = format!("&cursor={next}");
        }
    };
    assert_eq!(pages("name").await, ["a not-connected", "b unhealthy", "c not-connected"]);
    assert_eq!(pages("health").await, ["b unhealthy", "c not-connected", "a not-connected"]);
    // Its rows go in the background.
    let _ = gateway.operator.delete("/tenants/c").await.expect(204);
    assert_eq!(pages("health").await, ["b unhealthy", "a not-connected"], "a deleted tenant ends no page");
    for query in ["order=size", "limit=0", "limit=101", "cursor=x"] {
        let _ = gateway.operator.get(&format!("/health?{query}")).await.expect(400);
    }
}
