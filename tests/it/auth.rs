//! Which credentials are accepted, and that every other request gets the same answer.

use std::time::Duration;

use futures_util::future::join_all;
use scimgate::work::change_poll::{ChangePoll, POLLS_PER_SWEEP};
use scimgate_tests::harness::block_on;
use scimgate_tests::{Answer, Database, Request, TestGateway, log, on_both, poll};
use serde_json::{Value, json};

on_both!(
    every_bad_credential_gets_one_answer,
    a_tenant_in_the_path_that_cannot_be_read_is_refused,
    expired_and_revoked_tokens_get_the_answer_of_an_unknown_one,
    a_suspended_tenant_gets_403_until_it_is_resumed,
    tokens_of_a_deleted_tenant_are_unknown,
    a_bare_token_and_a_scheme_of_any_case_are_accepted,
    a_change_is_logged_with_its_operator_key_and_its_request,
);

/// The same text and headers for all, so that a reply does not show which tenants and tokens exist.
#[track_caller]
fn check_same_refusal(answers: &[(&str, Answer)]) {
    for (what, answer) in answers {
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        answer.check_scim();
        assert_eq!(answer.text, answers[0].1.text, "{what}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"scimgate\"", "{what}");
        let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(answer), names(&answers[0].1), "{what}");
    }
}

async fn every_bad_credential_gets_one_answer(gateway: &TestGateway) {
    let (acme, globex) = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
    let (revoked_id, revoked) = gateway.token("acme", "scim").await;
    let _ = gateway.operator.delete(&format!("/tenants/acme/tokens/{revoked_id}")).await.expect(204);
    let good = acme.scim.authorization.as_ref().unwrap().to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    let mut typo = good.clone();
    typo.replace_range(40..41, if &good[40..41] == "a" { "b" } else { "a" });
    let root = format!("http://{}", gateway.public);
    let named = |name: &str| format!("{root}/t/{name}/scim/v2");
    let anonymous = gateway.anonymous();
    let unknown = scimgate::auth::token::Token::generate(
        scimgate::auth::token::Kind::Scim,
        scimgate::tenant::TenantId(uuid::Uuid::from_u128(7)),
    );
    let clients = [
        ("no credential", anonymous.clone()),
        ("another tenant's token", globex.scim.at(named("acme"))),
        ("a tenant that does not exist", acme.scim.at(named("initech"))),
        ("a tenant's name in other letters", acme.scim.at(named("ACME"))),
        ("unknown", anonymous.with(unknown.reveal())),
        ("unknown, again", anonymous.with(unknown.reveal())),
        ("revoked", anonymous.with(&revoked)),
        ("a typo", anonymous.with(&typo)),
        ("too long", anonymous.with(&good.repeat(40))),
        ("only the scheme", anonymous.authorized("Bearer")),
        ("another scheme", anonymous.authorized("Basic YWRhOnNlY3JldA==")),
        ("letters beyond ASCII", anonymous.authorized(b"Bearer \xff\xfe")),
        ("a directory key", acme.directory.at(anonymous.base.clone())),
        ("an operator key", gateway.operator.at(anonymous.base.clone())),
    ];
    let mut answers = Vec::new();
    for (what, client) in clients {
        answers.push((what, client.get("/Users").await));
    }
    answers.push(("in the query", anonymous.get(&format!("/Users?access_token={good}")).await));
    answers.push(("at an address that does not exist", anonymous.get("/Nothing/at/all").await));
    check_same_refusal(&answers);
    // The router adds an Allow header, which shows nothing of a tenant.
    let wrong_method = anonymous.delete("/Users").await.expect(401);
    assert_eq!(wrong_method.text, answers[0].1.text);
    let _ = acme.scim.at(named("acme")).get("/Users").await.expect(200);
}

/// A token is accepted only at its own tenant's address, also where the tenant's name is unreadable or no handler reads it.
async fn a_tenant_in_the_path_that_cannot_be_read_is_refused(gateway: &TestGateway) {
    let (acme, globex) = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
    let root = format!("http://{}", gateway.public);
    let mut answers = vec![("no credential", gateway.anonymous().get("/Users").await)];
    let users = ["%ff", "%C3%28", "acme%ff", "%00", "acme%2F", "acme%20", "%61cme-eu", "globex"];
    for tenant in users {
        let client = acme.scim.at(format!("{root}/t/{tenant}/scim/v2"));
        answers.push((tenant, client.get("/Users").await));
        answers.push((tenant, client.get("/Users/%ff").await));
    }
    // Another tenant's address, where the path has no other parameter, or no route.
    let foreign = acme.scim.at(format!("{root}/t/globex/scim/v2"));
    for path in ["", "/Me", "/ServiceProviderConfig", "/Nothing/at/all", "/Users/%ff"] {
        answers.push((path, foreign.get(path).await));
    }
    check_same_refusal(&answers);
    let text = foreign.delete("/Users").await.expect(401).text;
    assert_eq!(text, answers[0].1.text, "a method that is not allowed");
    for tenant in ["acme", "%61cme"] {
        let client = acme.scim.at(format!("{root}/t/{tenant}/scim/v2"));
        let _ = client.get("/Users").await.expect(200);
        let _ = client.get("/Users/%ff").await.expect(400);
    }
    let _ = globex.get("/Users/%ff").await.expect(400);
    let _ = gateway.anonymous().get("/Users/%ff").await.expect(401);
}

async fn expired_and_revoked_tokens_get_the_answer_of_an_unknown_one(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let wanted = json!({ "scope": "scim", "expiresInDays": 1 });
    let short = gateway.operator.post("/tenants/acme/tokens", &wanted).await.expect(201);
    assert_eq!(short.header("cache-control"), "no-store");
    let short = acme.scim.with(short.body["secret"].as_str().unwrap());
    gateway.clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    let _ = short.get("/Users").await.expect(200);
    gateway.clock.advance(Duration::from_secs(1));
    let expired = short.get("/Users").await;
    let (id, secret) = gateway.token("acme", "scim").await;
    let revoked = acme.scim.with(&secret);
    let _ = revoked.get("/Users").await.expect(200);
    let _ = gateway.operator.delete(&format!("/tenants/acme/tokens/{id}")).await.expect(204);
    check_same_refusal(&[
        ("expired", expired),
        ("revoked", revoked.get("/Users").await),
        ("no credential", gateway.anonymous().get("/Users").await),
    ]);
    let listed = gateway.operator.get("/tenants/acme/tokens").await.expect(200);
    assert!(!listed.text.contains(&secret) && !listed.text.contains("secret"), "a secret is shown once");
    let _ = acme.get("/Users").await.expect(200);
}

async fn a_suspended_tenant_gets_403_until_it_is_resumed(gateway: &TestGateway) {
    let (acme, globex) = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
    let _ = gateway.operator.patch("/tenants/acme", &json!({ "state": "suspended" })).await.expect(200);
    let _ = acme.get("/Users").await.expect(403);
    let _ = acme.directory("/users").await.expect(403);
    let _ = globex.get("/Users").await.expect(200);
    let _ = gateway.operator.patch("/tenants/acme", &json!({ "state": "active" })).await.expect(200);
    let _ = acme.get("/Users").await.expect(200);
}

async fn tokens_of_a_deleted_tenant_are_unknown(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let _ = acme.get("/Users").await.expect(200);
    let _ = gateway.operator.delete("/tenants/acme").await.expect(204);
    check_same_refusal(&[
        ("deleted", acme.get("/Users").await),
        ("no credential", gateway.anonymous().get("/Users").await),
    ]);
    let again = gateway.plain_tenant("acme").await;
    let _ = again.get("/Users").await.expect(200);
    let _ = acme.get("/Users").await.expect(401);
}

async fn a_bare_token_and_a_scheme_of_any_case_are_accepted(gateway: &TestGateway) {
    let acme = gateway.plain_tenant("acme").await;
    let good = acme.scim.authorization.as_ref().unwrap().to_str().unwrap().to_owned();
    for value in [good.replace("Bearer ", ""), good.replace("Bearer", "bearer"), good.replace("Bearer ", "BEARER   ")] {
        let _ = acme.scim.authorized(value).get("/Users").await.expect(200);
    }
}

async fn a_change_is_logged_with_its_operator_key_and_its_request(gateway: &TestGateway) {
    log::keep();
    let create =
        Request::new("POST", "/tenants").header("x-request-id", "logged-create").json(&json!({ "name": "acme" }));
    let tenant = gateway.operator.send(create).await.expect(201).id();
    let delete = Request::new("DELETE", "/tenants/acme").header("x-request-id", "logged-delete");
    let _ = gateway.operator.send(delete).await.expect(204);
    let lines: Vec<Value> =
        log::text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take()).collect();
    for (request, message) in [("logged-create", "tenant created"), ("logged-delete", "tenant deleted")] {
        let of_request: Vec<_> = lines.iter().filter(|line| line["request.id"] == request).collect();
        assert_eq!(of_request.len(), 1, "{request}: {lines:?}");
        let line = of_request[0];
        assert_eq!((&line["message"], &line["tenant.id"]), (&json!(message), &json!(tenant)));
        assert!(line["actor"].as_str().unwrap().parse::<uuid::Uuid>().is_ok(), "{line}");
    }
}

#[test]
fn a_token_revoked_by_another_replica_stops_working() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let acme = gateway.plain_tenant("acme").await;
        let other = gateway.replica().await;
        let (id, secret) = gateway.token("acme", "scim").await;
        let there = other.anonymous().with(&secret);
        let _ = there.get("/Users").await.expect(200);
        let _ = gateway.operator.delete(&format!("/tenants/acme/tokens/{id}")).await.expect(204);
        poll("the other replica refuses it", async || (there.get("/Users").await.status == 401).then_some(())).await;
        let _ = acme.scim.at(other.anonymous().base).get("/Users").await.expect(200);
        other.end().await;
        gateway.end().await;
    });
}

/// An epoch is numbered before its commit, which may come later than those of many newer ones.
#[test]
fn a_change_with_an_old_epoch_is_found_by_a_sweep() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let acme = gateway.plain_tenant("acme").await;
        let other = gateway.plain_tenant("other").await;
        let context = gateway.context("acme").await;
        let owner = gateway.fresh().owner().await;
        let late = "UPDATE tenant SET config_epoch = config_epoch + CASE name WHEN 'other' THEN 1000 ELSE 1 END";
        let mut poll = ChangePoll::default();
        for _ in 0..POLLS_PER_SWEEP {
            poll.once(&context.gateway).await.unwrap();
        }
        owner.batch_execute(late).await.unwrap();
        poll.once(&context.gateway).await.unwrap();
        let _ = acme.scim.get("/Users").await.expect(200);
        let _ = other.scim.get("/Users").await.expect(200);
        let revoke = "UPDATE credential SET revoked_at = now() FROM tenant t WHERE t.id = tenant_id AND t.name = 'acme'; \
                      UPDATE tenant SET config_epoch = config_epoch + 1 WHERE name = 'acme'";
        owner.batch_execute(revoke).await.unwrap();
        for _ in 0..=POLLS_PER_SWEEP {
            poll.once(&context.gateway).await.unwrap();
        }
        assert_eq!(acme.scim.get("/Users").await.status, 401);
        let _ = other.scim.get("/Users").await.expect(200);
        gateway.end().await;
    });
}

/// The proxy sees every query: a token's digest is sent to the database for nothing else.
#[test]
fn concurrent_requests_with_one_token_query_the_database_once() {
    block_on(async {
        let (gateway, proxy) = TestGateway::behind_proxy().await;
        let acme = gateway.plain_tenant("acme").await;
        let (_, secret) = gateway.token("acme", "scim").await;
        let digest = scimgate::auth::token::Token::parse(&secret).unwrap().digest();
        let stored = proxy.times_sent(&digest);
        let client = acme.scim.with(&secret);
        for answer in join_all((0..64).map(|_| client.get("/Users?count=0"))).await {
            let _ = answer.expect(200);
        }
        assert_eq!(proxy.times_sent(&digest) - stored, 1);
        // Of a tenant that exists: those of others are not looked up.
        let tenant = scimgate::auth::token::Token::parse(&secret).unwrap().tenant;
        let unknown = scimgate::auth::token::Token::generate(scimgate::auth::token::Kind::Scim, tenant);
        let client = acme.scim.with(unknown.reveal());
        for answer in join_all((0..64).map(|_| client.get("/Users"))).await {
            let _ = answer.expect(401);
        }
        assert_eq!(proxy.times_sent(&unknown.digest()), 1);
        gateway.end().await;
    });
}
