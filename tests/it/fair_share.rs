//! What one tenant, or a stranger, can take of the server: every limit, and that the others do not notice.

use std::time::Duration;

use futures_util::future::join_all;
use scimgate::auth::token::{Kind, Token};
use scimgate::operation::stretch;
use scimgate::tenant::TenantId;
use scimgate_tests::attacks::{self, Attack};
use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Answer, Client, Request, Tenant, TestGateway, on_both, poll};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

/// Users `large1` and so on, each with a title of so many bytes.
async fn large_users(gateway: &TestGateway, tenant: &str, users: u32, bytes: usize) {
    let fill = format!(
        "INSERT INTO resource (tenant_id, id, resource_type, name_key, active, source, mapping_state, mapping_revision,
            version, created_at, modified_at)
        SELECT t.id, ('0198c0de-0002-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'User', 'large' || n, true,
          json_build_object('schemas', ARRAY['urn:ietf:params:scim:schemas:core:2.0:User'], 'userName', 'large' || n,
            'title', repeat(md5(n::text), {bytes} / 32))::text, 'same', 0, 1, now(), now()
        FROM tenant t, generate_series(1, {users}) n WHERE t.name = '{tenant}';
        INSERT INTO resource_count SELECT id, 'User', 0, {users} FROM tenant WHERE name = '{tenant}'"
    );
    gateway.store().await.batch_execute(&fill).await.unwrap();
}

async fn set_limits(gateway: &TestGateway, tenant: &str, limits: serde_json::Value) -> Answer {
    gateway.operator.patch(&format!("/tenants/{tenant}"), &json!({ "limits": limits })).await
}

/// A request whose body never comes to its end, on a connection of its own.
async fn stalled_upload(tenant: &Tenant) -> tokio::net::TcpStream {
    let address = tenant.scim.base.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let token = tenant.scim.authorization.as_ref().unwrap().to_str().unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\nContent-Type: application/scim+json\r\n\
         Content-Length: 1000\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

fn assert_asks_to_wait(answer: &Answer) {
    assert_eq!(answer.body["status"], "429", "{}", answer.text);
    assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1, "{:?}", answer.headers);
}

#[test]
fn a_tenant_waits_for_its_own_requests_and_the_others_do_not() {
    block_on(async {
        let gateway = TestGateway::start(scimgate_tests::Database::Postgres).await;
        let [acme, globex] = [gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await];
        let tenant = set_limits(&gateway, "acme", json!({ "requests": 2 })).await.expect(200);
        assert_eq!(tenant.body["limits"], json!({ "requests": 2 }));
        let uploads = [stalled_upload(&acme).await, stalled_upload(&acme).await];
        // Both have their place before their bodies are read.
        let busy =
            poll("the uploads have begun", async || Some(acme.get("/Users").await).filter(|it| it.status == 429)).await;
        assert_asks_to_wait(&busy);
        assert!(busy.body["detail"].as_str().unwrap().contains("2 requests are in progress"), "{}", busy.text);
        let _ = globex.get("/Users").await.expect(200);
        let _ = acme.directory("/Users").await.expect(200);
        drop(uploads);
        let _ =
            poll("the uploads have ended", async || Some(acme.get("/Users").await).filter(|it| it.status == 200)).await;
        let _ = set_limits(&gateway, "acme", json!({})).await.expect(200);
        assert_eq!(gateway.operator.get("/tenants/acme").await.expect(200).body["limits"], json!({}));
        for (limits, named) in [
            (json!({ "requests": 0 }), "requests must be 1 to 100000"),
            (json!({ "rate": "50" }), "is not a rate"),
            (json!({ "rate": "5/4" }), "is not a rate"),
        ] {
            let refused = set_limits(&gateway, "acme", limits).await.expect(400);
            assert!(refused.text.contains(named), "{}", refused.text);
        }
        gateway.end().await;
    });
}

#[test]
fn a_tenant_keeps_to_its_rate() {
    block_on(async {
        let gateway = TestGateway::start(scimgate_tests::Database::Postgres).await;
        let [acme, globex] = [gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await];
        let _ = set_limits(&gateway, "acme", json!({ "rate": "1/5" })).await.expect(200);
        let answers = join_all((0..40).map(|_| acme.get("/Users?count=0"))).await;
        let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert!(served.len() >= 5, "the burst");
        for answer in &refused {
            assert_asks_to_wait(answer);
        }
        assert!(refused.iter().any(|answer| answer.text.contains("more than 1 request a second, after a burst of 5")));
        for answer in join_all((0..40).map(|_| globex.get("/Users?count=0"))).await {
            let _ = answer.expect(200);
        }
        gateway.end().await;
    });
}

/// Pages, filters that are examined, sorted lists and the product's pages.
#[test]
fn a_reply_is_no_longer_than_the_longest_page() {
    block_on(async {
        let gateway = TestGateway::start(scimgate_tests::Database::Postgres).await;
        let acme = gateway.plain_tenant("acme").await;
        large_users(&gateway, "acme", 40, 900 << 10).await;
        for query in [
            "?count=40",
            "?count=40&filter=title pr",
            "?count=40&sortBy=title",
            "?count=40&cursor=",
            "?count=40&sortBy=userName",
        ] {
            let refused = acme.get(&format!("/Users{query}")).await.expect(400);
            assert_eq!(refused.body["scimType"], "tooMany", "{query}: {}", refused.text);
            let detail = refused.body["detail"].as_str().unwrap();
            let fit = detail.split("at most ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
            let whole = query.contains("sortBy=title") || query.contains("title pr");
            assert_eq!(fit, if whole { "18" } else { "17" }, "{query}: {detail}");
            let page = acme.get(&format!("/Users{}", query.replace("40", "17"))).await.expect(200);
            assert_eq!(page.body["Resources"].as_array().unwrap().len(), 17, "{query}");
        }
        // Without `count` the page is as long as fits, and the next one goes on.
        let page = acme.get("/Users").await.expect(200);
        assert_eq!((page.body["itemsPerPage"].as_u64(), page.body["totalResults"].as_u64()), (Some(17), Some(40)));
        let rest = acme.get("/Users?startIndex=18").await.expect(200);
        assert_eq!(rest.body["Resources"][0]["userName"], "large18");
        let refused = acme.directory("/Users?limit=40").await.expect(400);
        assert!(refused.text.contains("at most 17 resources"), "{}", refused.text);
        let _ = acme.directory("/Users?limit=17").await.expect(200);
        // Large documents are examined in smaller batches.
        let found = acme.get("/Users?filter=title ew \"0\"&attributes=userName").await.expect(200);
        assert!(found.body["totalResults"].as_u64().unwrap() < 10, "{}", found.text);
        gateway.end().await;
    });
}

/// Its requests are computed one at a time; every one of them succeeds.
#[test]
fn large_requests_of_one_tenant_take_turns() {
    block_on(async {
        let gateway = TestGateway::start(scimgate_tests::Database::Postgres).await;
        let [acme, globex] = [gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await];
        let title = "x".repeat(400 << 10);
        let create = |tenant: Tenant, number: u32| {
            let mut body = user(&format!("u{number}@corp.test"));
            body["title"] = json!(title);
            async move { tenant.post("/Users", &body).await.expect(201).id() }
        };
        let ids =
            join_all((0..12).map(|number| create(if number % 2 == 0 { acme.clone() } else { globex.clone() }, number)))
                .await;
        let change = patch(json!([{ "op": "replace", "path": "displayName", "value": "Ada" }]));
        let changed = ids.iter().step_by(2).map(async |id| acme.patch(&format!("/Users/{id}"), &change).await);
        for answer in join_all(changed).await {
            assert_eq!(answer.expect(200).body["displayName"], "Ada");
        }
        gateway.end().await;
    });
}

#[test]
fn an_address_with_unknown_tokens_is_limited() {
    block_on(async {
        let gateway = TestGateway::start(scimgate_tests::Database::Postgres).await;
        let acme = gateway.plain_tenant("acme").await;
        let (_, second) = gateway.token("acme", "scim").await;
        let _ = acme.get("/Users").await.expect(200);
        let unknown = |kind| Token::generate(kind, TenantId(uuid::Uuid::now_v7())).reveal().to_owned();
        let ask = async |client: Client, secret: String| client.with(&secret).get("/Users").await.status;
        let mut statuses = Vec::new();
        for _ in 0..130 {
            statuses.push(ask(gateway.anonymous(), unknown(Kind::Scim)).await);
        }
        let refused = statuses.iter().filter(|status| **status == 401).count();
        assert_eq!((refused, statuses.iter().filter(|status| **status == 429).count()), (100, 30));
        let _ = acme.get("/Users").await.expect(200);
        let uncached = gateway.anonymous().with(&second).get("/Users").await;
        assert_asks_to_wait(&uncached);
        let operator = gateway.operator.with(&unknown(Kind::Operator));
        assert_eq!(operator.get("/tenants").await.status, 429);
        assert_eq!(gateway.operator.get("/tenants").await.status, 200);
        gateway.end().await;
    });
}

/// The limits apply to the client's address behind a trusted proxy, not to the proxy's.
#[test]
fn behind_a_proxy_each_client_has_its_own_limit() {
    block_on(async {
        let gateway = TestGateway::with_trusted_proxies(&["127.0.0.1"]).await;
        let ask = async |address: &str| {
            let secret = Token::generate(Kind::Scim, TenantId(uuid::Uuid::now_v7()));
            let request = Request::new("GET", "/Users").header("x-forwarded-for", address);
            gateway.anonymous().with(secret.reveal()).send(request).await.status
        };
        for _ in 0..100 {
            assert_eq!(ask("198.51.100.1").await, 401);
        }
        assert_eq!(ask("198.51.100.1").await, 429);
        assert_eq!(ask("10.9.9.9, 198.51.100.1").await, 429, "what the client wrote in front does not count");
        assert_eq!(ask("198.51.100.2").await, 401);
        gateway.end().await;
    });
}

/// Each is answered, alone, within a limit that a refusal names. `benches/fair_share.rs` measures what they cost others.
#[test]
fn attacks_are_bounded_by_named_limits() {
    block_on(async {
        let gateway = TestGateway::start(scimgate_tests::Database::Postgres).await;
        let acme = gateway.plain_tenant("acme").await;
        attacks::fill(&gateway.store().await, &acme, 40).await;
        let mut wrong = Vec::new();
        for Attack { what, request, answers, says, .. } in attacks::attacks() {
            for round in ["first", "second"] {
                let answer = acme.send(request.clone()).await;
                let is_refused = answer.status >= 400 && answer.status != 409;
                if !answers.contains(&answer.status) || is_refused && !answer.text.contains(says) {
                    wrong.push(format!("{what}, {round}: {} {:.300}", answer.status, answer.text));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let _ = acme.get("/Users?count=1").await.expect(200);
        let longest = stretch::longest();
        assert!(longest < MAX_STRETCH, "a request held a thread that others wait for: {longest:?}");
        gateway.end().await;
    });
}

/// The longest computing between two waits, in CPU time, of this unoptimised build, which takes up to twenty times as long as an
/// optimised one.
const MAX_STRETCH: Duration = Duration::from_millis(40);

on_both!(large_changes_of_one_tenant_fail_no_request_of_another);

/// Also on the embedded database, with its one connection.
async fn large_changes_of_one_tenant_fail_no_request_of_another(gateway: &TestGateway) {
    let [acme, globex] = [gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await];
    let group = acme.group("Everybody").await;
    let id = globex.user("ada").await;
    let users: Vec<_> = (0..1000).map(|n| json!({ "value": format!("later{n}") })).collect();
    let operation = |op| patch(json!([{ "op": op, "path": "members", "value": users }]));
    let (add, remove) = (operation("add"), operation("remove"));
    let changes = (0..4).map(async |_| {
        for body in [&add, &remove, &add] {
            let changed = acme.patch(&format!("/Groups/{group}"), body).await;
            assert!(changed.status < 300, "{}", changed.text);
        }
    });
    let others = async {
        for number in 0..60 {
            let _ = globex.get(&format!("/Users/{id}")).await.expect(200);
            let title = patch(json!([{ "op": "replace", "path": "title", "value": number.to_string() }]));
            let _ = globex.patch(&format!("/Users/{id}"), &title).await.expect(200);
        }
    };
    let _ = futures_util::future::join(join_all(changes), others).await;
}

/// Once this process has seen which tenants exist, tokens of others cost no look-up, so their number has no limit.
#[test]
fn tokens_of_tenants_that_do_not_exist_are_refused_without_a_look_up() {
    block_on(async {
        let gateway = TestGateway::start(scimgate_tests::Database::Postgres).await;
        let acme = gateway.plain_tenant("acme").await;
        let _ = acme.get("/Users").await.expect(200);
        let ask = async |at: u64| {
            let id = uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, at, 0));
            let secret = Token::generate(Kind::Scim, TenantId(id));
            gateway.anonymous().with(secret.reveal()).get("/Users").await.status
        };
        poll("this process knows its tenants", async || gateway.gateway.auth.knows_tenants().then_some(())).await;
        for _ in 0..300 {
            assert_eq!(ask(1_700_000_000).await, 401);
        }
        let now = gateway.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut young = Vec::new();
        for _ in 0..101 {
            young.push(ask(now).await);
        }
        assert_eq!(
            (young[99], young[100]),
            (401, 429),
            "a new tenant may be unknown here, so its tokens are looked up"
        );
        let _ = acme.get("/Users").await.expect(200);
        gateway.end().await;
    });
}
