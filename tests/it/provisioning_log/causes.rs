//! The catalogue of causes: for each of them a request that has it, whose row says so.

use std::collections::BTreeSet;
use std::time::Duration;

use scimgate::auth::token::{Kind, Token};
use scimgate::config::Limits;
use scimgate::operation::provisioning_log::causes;
use scimgate::operation::request_facts::{Facts, Refusal};
use scimgate::operation::{Error, list};
use scimgate::store::tenant::credential::Scope;
use scimgate_scim::error::ScimError;
use scimgate_tests::harness::{block_on, poll};
use scimgate_tests::tenant::{device, group, patch, user};
use scimgate_tests::{Answer, Client, Database, Request, Tenant, TestGateway};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::page;

const NOBODY: &str = "0198f000-0000-7000-8000-000000000000";

/// Requests, each with the cause that its row must have.
struct Made<'g> {
    gateway: &'g TestGateway,
    acme: Tenant,
    codes: BTreeSet<String>,
}

impl<'g> Made<'g> {
    async fn at(gateway: &'g TestGateway) -> Self {
        Self { gateway, acme: gateway.plain_tenant("acme").await, codes: BTreeSet::new() }
    }

    /// Sends a request, and finds its cause in the log.
    async fn make(&mut self, code: &str, client: &Client, request: Request) -> Answer {
        let id = format!("cause-{code}-{}", self.codes.len());
        let answer = client.send(request.header("x-request-id", &id)).await;
        assert!(answer.status >= 400, "{code}: {}", answer.text);
        self.find(code, &id, i64::from(answer.status)).await;
        answer
    }

    async fn by(&mut self, code: &str, request: Request) -> Answer {
        let client = self.acme.scim.clone();
        self.make(code, &client, request).await
    }

    async fn find(&mut self, code: &str, request: &str, status: i64) {
        let what = format!("the row of {code}");
        let rows = poll(&what, async || {
            let rows =
                page(self.gateway, "acme", &format!("requestId={request}")).await["rows"].as_array().unwrap().clone();
            (!rows.is_empty()).then_some(rows)
        });
        let rows = rows.await;
        let row = rows.iter().find(|row| row["cause"]["code"] == code).unwrap_or_else(|| panic!("{code}: {rows:#?}"));
        assert!(row["cause"]["remedy"].as_str().unwrap().ends_with('.'), "{row:#}");
        assert!(status == 200 || row["status"] == status, "{row:#}");
        self.codes.insert(code.to_owned());
    }

    async fn issue(&self, restriction: Value) -> Client {
        let issued = self.gateway.operator.post("/tenants/acme/tokens", &restriction).await.expect(201);
        self.acme.scim.with(issued.body["secret"].as_str().unwrap())
    }

    async fn set(&self, path: &str, body: Value) {
        let path = format!("/tenants/acme{path}");
        let answer = match path.as_str() {
            "/tenants/acme" | "/tenants/acme/client" => self.gateway.operator.patch(&path, &body).await,
            _ => self.gateway.operator.put(&path, &body).await,
        };
        assert!(answer.status < 300, "{path}: {}", answer.text);
    }
}

fn get(path: &str) -> Request {
    Request::new("GET", path)
}

fn post(path: &str, body: &Value) -> Request {
    Request::new("POST", path).json(body)
}

#[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
fn change(path: &str, operation: Value) -> Request {
    Request::new("PATCH", path).json(&patch(json!([operation])))
}

#[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
fn bulk(operations: Value) -> Request {
    let schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    post("/Bulk", &json!({ "schemas": [schema], "Operations": operations }))
}

#[test]
fn each_cause_of_the_catalogue_is_in_the_row_of_a_request_that_has_it() {
    block_on(async {
        let mut codes = plain_requests().await;
        codes.extend(with_short_limits().await);
        codes.extend(while_the_database_is_away().await);
        codes.extend(by_their_kinds().await);
        let all: BTreeSet<String> = causes::all().iter().map(|cause| cause.code.clone()).collect();
        assert_eq!(codes, all, "left: made here; right: the catalogue");
    });
}

async fn plain_requests() -> BTreeSet<String> {
    let gateway = TestGateway::start(Database::Postgres).await;
    let mut it = Made::at(&gateway).await;
    credentials(&mut it).await;
    addresses_and_bodies(&mut it).await;
    resources(&mut it).await;
    queries(&mut it).await;
    mappings(&mut it).await;
    it.set("", json!({ "limits": { "rate": "1/1" } })).await;
    let _ = it.acme.get("/Users").await;
    let _ = it.by("tenant-rate", get("/Users")).await;
    it.set("", json!({ "limits": {} })).await;
    it.set("", json!({ "state": "suspended" })).await;
    let _ = it.by("tenant-suspended", get("/Users")).await;
    let tenant = gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap().id;
    // The last one: afterwards no unknown credential of this address is looked at.
    let unknown = || it.acme.scim.with(Token::generate(Kind::Scim, tenant).reveal());
    for _ in 0..110 {
        let _ = unknown().get("/Users").await;
    }
    let client = unknown();
    // Only so many refused credentials of a minute have rows, and the minute is that in which they are written.
    poll("the rows so far are written", async || (gateway.gateway.provisioning_log.waiting() == 0).then_some(())).await;
    gateway.clock.advance(Duration::from_secs(61));
    let _ = it.make("too-many-unknown-tokens", &client, get("/Users")).await;
    let codes = it.codes;
    gateway.end().await;
    codes
}

async fn credentials(it: &mut Made<'_>) {
    let own = it.acme.scim.at(format!("http://{}/t/acme/scim/v2", it.gateway.public)).with("nonsense");
    let _ = it.make("token-not-accepted", &own, get("/Users")).await;
    let far = it.issue(json!({ "scope": "scim", "networks": ["192.0.2.0/24"] })).await;
    let _ = it.make("address-not-allowed", &far, get("/Users")).await;
    let reader = it.issue(json!({ "scope": "scim", "readOnly": true })).await;
    let _ = it.make("token-read-only", &reader, post("/Users", &user("ada"))).await;
    let users = it.issue(json!({ "scope": "scim", "resourceType": "User" })).await;
    let _ = it.make("token-of-other-type", &users, get("/Groups")).await;
}

async fn addresses_and_bodies(it: &mut Made<'_>) {
    let _ = it.by("wrong-address", get("/Userz")).await;
    let _ = it.by("method-not-allowed", post(&format!("/Users/{NOBODY}"), &user("ada"))).await;
    let _ = it.by("not-implemented", get("/Me")).await;
    let _ = it.by("refused", get("/Users/%ff")).await;
    let long = Request::new("POST", "/Users").body("application/scim+json", vec![b' '; (1 << 20) + 1]);
    let _ = it.by("body-too-long", long).await;
    let _ = it.by("not-json-type", Request::new("POST", "/Users").body("text/xml", "<user/>")).await;
    let _ = it.by("not-json", Request::new("POST", "/Users").body("application/scim+json", "{")).await;
    it.set("/client", json!({ "profile": "strict" })).await;
    let _ = it.by("accept-not-supported", get("/Users").header("accept", "text/html")).await;
    let mut unknown = user("ada");
    unknown["shoeSize"] = 44.into();
    let _ = it.by("unknown-attribute", post("/Users", &unknown)).await;
    let several = json!({ "schemas": user("ada")["schemas"], "userName": "ada", "title": ["a", "b"] });
    let _ = it.by("several-values", post("/Users", &several)).await;
    let mut crew = group("crew");
    crew["members"] = json!([{ "value": NOBODY }]);
    let _ = it.by("reference-unknown", post("/Groups", &crew)).await;
    it.set("/client", json!({ "profile": "auto" })).await;
}

async fn resources(it: &mut Made<'_>) {
    let types = it.gateway.operator.post("/tenants/acme/resource-types", &device()).await;
    assert!(types.status < 300, "{}", types.text);
    let ada = format!("/Users/{}", it.acme.user("ada").await);
    let _ = it.by("value-in-use", post("/Users", &user("ada"))).await;
    let _ = it.by("object-not-found", get(&format!("/Users/{NOBODY}"))).await;
    let old = change(&ada, json!({ "op": "replace", "path": "title", "value": "x" })).header("if-match", "W/\"99\"");
    let _ = it.by("version-changed", old).await;
    let _ = it.by("required-missing", post("/Users", &json!({ "schemas": user("ada")["schemas"] }))).await;
    let mut wrong = user("bob");
    wrong["active"] = "perhaps".into();
    let _ = it.by("wrong-value", post("/Users", &wrong)).await;
    let _ = it
        .by("path-not-understood", change(&ada, json!({ "op": "replace", "path": "title..value", "value": "x" })))
        .await;
    let _ = it.by("nothing-at-path", change(&ada, json!({ "op": "remove" }))).await;
    let _ = it.by("not-changeable", change(&ada, json!({ "op": "remove", "path": "userName" }))).await;
    let needs = json!([
        { "method": "POST", "path": "/Users", "bulkId": "a", "data": user("ada") },
        { "method": "POST", "path": "/Groups", "bulkId": "g", "data": {
            "schemas": group("crew")["schemas"], "displayName": "crew", "members": [{ "value": "bulkId:a" }] } },
    ]);
    let request = bulk(needs).header("x-request-id", "cause-dependency");
    let _ = it.acme.scim.send(request).await.expect(200);
    it.find("dependency-failed", "cause-dependency", 200).await;
    // What is stored cannot be read.
    let owner = it.gateway.store().await;
    owner.execute("UPDATE resource SET source = '{' WHERE name_key LIKE 'ada%'", &[]).await.unwrap();
    it.gateway.gateway.forget_all_tenants();
    let read = change(&ada, json!({ "op": "replace", "path": "nickName", "value": "x" }));
    let _ = it.acme.scim.send(read).await;
    let _ = it.by("gateway-failed", get(&format!("{ada}?attributes=userName"))).await;
    let _ = it.acme.delete(&ada).await;
    owner.execute("DELETE FROM resource WHERE name_key LIKE 'ada%'", &[]).await.unwrap();
}

async fn queries(it: &mut Made<'_>) {
    let _ = it.by("filter-not-understood", get("/Users?filter=shoeSize+eq+44")).await;
    let _ = it.by("cursor-wrong", get("/Users?cursor=nonsense")).await;
    for name in ["cyd", "dan"] {
        let _ = it.acme.user(name).await;
    }
    let first = it.acme.get("/Users?cursor=&count=1").await.expect(200).body;
    it.gateway.clock.advance(list::CURSOR_TTL + Duration::from_secs(1));
    let _ =
        it.by("cursor-expired", get(&format!("/Users?count=1&cursor={}", first["nextCursor"].as_str().unwrap()))).await;
}

async fn mappings(it: &mut Made<'_>) {
    let reject = json!({ "rejectWhere": { "path": "userName", "equals": "eve@corp.test" } });
    let _ = it.gateway.map("acme", "tutorial", &reject, "refuse").await;
    let _ = it.by("rejected-by-mapping", post("/Users", &user("eve"))).await;
    let rule = json!([{ "resourceType": "User", "path": "title", "required": true }]);
    it.set("/directory-schema", json!({ "rules": rule })).await;
    let _ = it.by("not-compliant", post("/Users", &user("fay"))).await;
    it.set("/directory-schema", json!({ "rules": [] })).await;
    let _ = it.gateway.map("acme", "hostile", &json!({ "do": "fail" }), "refuse").await;
    let _ = it.by("mapping-failed", post("/Users", &user("eve"))).await;
    let _ = it.gateway.map("acme", "hostile", &json!({ "do": "spin" }), "refuse").await;
    for number in 0..40 {
        let answer = it.acme.post("/Users", &user(&format!("spin{number}"))).await;
        if answer.text.contains("is called again") {
            break;
        }
    }
    let _ = it.by("mapping-paused", post("/Users", &user("eve"))).await;
    let _ = it.gateway.operator.delete("/tenants/acme/mapping").await;
}

/// What takes too long, or stops in the middle.
async fn with_short_limits() -> BTreeSet<String> {
    let limits = Limits { body: Duration::from_millis(300), handler: Duration::from_secs(5), ..Limits::default() };
    let gateway = TestGateway::with_limits(limits, 4).await;
    let mut it = Made::at(&gateway).await;
    let address = gateway.public.to_string();
    let token = it.acme.scim.authorization.as_ref().unwrap().to_str().unwrap().to_owned();
    let begin = async |id: &str| {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST /scim/v2/Users HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\nX-Request-Id: {id}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: 1000\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let stalled = begin("cause-stalled").await;
    it.find("upload-stalled", "cause-stalled", 408).await;
    drop(stalled);
    let request = bulk(json!([{ "method": "POST", "path": "/Users", "bulkId": "a", "data": user("ada") }]));
    let request = request.header("x-request-id", "cause-not-started");
    let _ = it.acme.scim.send(request).await.expect(200);
    it.find("not-started", "cause-not-started", 503).await;
    let codes = it.codes;
    gateway.end().await;
    codes
}

async fn while_the_database_is_away() -> BTreeSet<String> {
    let (gateway, proxy) = TestGateway::behind_proxy().await;
    let mut it = Made::at(&gateway).await;
    let ada = format!("/Users/{}", it.acme.user("ada").await);
    proxy.cut();
    let request = get(&ada).header("x-request-id", "cause-database");
    let _ = it.acme.scim.send(request).await.expect(503);
    proxy.restore();
    it.find("database-unavailable", "cause-database", 503).await;
    // A client that does not stay for its reply, which the database delays.
    let before = proxy.times_sent(b"FROM resource");
    proxy.slow(Duration::from_millis(500));
    let token = it.acme.scim.authorization.as_ref().unwrap().to_str().unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(gateway.public).await.unwrap();
    let head =
        format!("GET /scim/v2{ada} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nX-Request-Id: cause-gone\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    poll("the request is in progress", async || (proxy.times_sent(b"FROM resource") > before).then_some(())).await;
    drop(stream);
    it.find("client-gone", "cause-gone", 499).await;
    let codes = it.codes;
    gateway.end().await;
    codes
}

/// Those that need a race, an issuer that is away, or a full server: their facts, with the kinds that such errors have.
async fn by_their_kinds() -> BTreeSet<String> {
    let gateway = TestGateway::start(Database::Postgres).await;
    let mut it = Made::at(&gateway).await;
    let secret =
        it.acme.scim.authorization.as_ref().unwrap().to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    let verified = gateway.gateway.auth.verify(&secret, Scope::Scim, || None).await.unwrap();
    assert_eq!((Error::Contended.kind(), Error::TimedOut.kind()), ("contended", "timed_out"));
    for (code, kind, error) in [
        ("issuer-keys-unavailable", "issuer_keys", ScimError::new(503, "x")),
        ("memory-in-use", "memory", ScimError::new(429, "x")),
        ("reply-too-long", "too_long", ScimError::new(400, "x")),
        ("mapping-busy", "mappings", ScimError::new(503, "x")),
        ("database-busy", "connections", ScimError::new(503, "x")),
        ("contended", "contended", ScimError::new(503, "x")),
        ("schemas-changing", "schemas_changing", ScimError::new(503, "x")),
        ("too-slow", "timed_out", ScimError::new(503, "x")),
        ("too-many-results", "refused", ScimError::bad_request(scimgate_scim::error::ScimType::TooMany, "x")),
    ] {
        let (request_id, status) = (format!("kind-{code}"), error.status);
        let refusal = Refusal { error, kind, limit: None, failure: None, is_unavailable: false };
        let mut facts = Facts::default();
        (facts.request_id, facts.credential) = (request_id.clone(), Some(verified.clone()));
        (facts.status, facts.refusal) = (Some(status), Some(refusal));
        gateway.gateway.provisioning_log.take(facts);
        it.find(code, &request_id, i64::from(status)).await;
    }
    let codes = it.codes;
    gateway.end().await;
    codes
}

#[test]
fn the_page_has_the_catalogue() {
    let page = std::fs::read_to_string(scimgate_tests::root().join("docs/provisioning-log.md")).unwrap();
    let mut codes = BTreeSet::new();
    for cause in causes::all().iter().filter(|cause| codes.insert(&cause.code)) {
        let line = format!("| `{}` | {} | {} | {} |", cause.code, cause.cause, cause.remedy, cause.entra.join(", "));
        assert!(page.lines().any(|known| known == line), "docs/provisioning-log.md lacks:\n{line}");
    }
    assert_eq!(
        page.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 5).count(),
        codes.len()
    );
}
