//! Clients with secrets.

use std::time::{Duration, Instant};

use scimgate_tests::harness::block_on;
use scimgate_tests::{Request, TestGateway, jwt, log, on_both, on_postgres, poll};
use serde_json::json;

use super::{OauthClient, ask, by_secret, check_refusal, create, form, public, token, with_secret};

on_both!(a_client_gets_an_access_token_and_uses_it);
on_postgres!(
    every_other_request_gets_the_code_of_the_standard,
    secrets_overlap_and_are_revoked_one_by_one,
    a_deleted_client_and_a_suspended_tenant_have_no_access,
    the_life_of_tokens_and_secrets_is_set_and_bounded,
    an_address_has_so_many_wrong_secrets,
    secrets_are_neither_logged_nor_stored,
);

/// What is wrong, the form, the status and the error.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a str);

async fn a_client_gets_an_access_token_and_uses_it(gateway: &TestGateway) {
    let (acme, _globex) = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
    let OauthClient { id, secret } = &with_secret(gateway, "acme").await;
    let grant = ("grant_type", "client_credentials");
    let basic = {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
        form("/oauth2/token", &[grant, ("scope", "scim")]).header("authorization", &format!("Basic {text}"))
    };
    let post = form("/oauth2/token", &[grant, ("client_id", id), ("client_secret", secret)]);
    let own = form("/t/acme/oauth2/token", &[grant, ("client_id", id), ("client_secret", secret)]);
    for request in [basic, post, own] {
        let answer = public(gateway).send(request).await.expect(200);
        assert_eq!(answer.header("cache-control"), "no-store");
        let fields = [&answer.body["token_type"], &answer.body["expires_in"], &answer.body["scope"]];
        assert_eq!(fields, [&json!("Bearer"), &json!(3600), &json!("scim")]);
        let token = token(answer);
        let scim = gateway.anonymous().with(&token);
        let _ = scim.get("/Users").await.expect(200);
        let at = |name: &str| scim.at(format!("http://{}/t/{name}/scim/v2", gateway.public));
        let _ = at("acme").get("/Users").await.expect(200);
        let _ = at("globex").get("/Users").await.expect(401);
        let _ = gateway.directory(&token).get("/users").await.expect(401);
        let _ = gateway.operator.with(&token).get("/tenants").await.expect(401);
        assert_eq!(jwt::part(&token, 0)["typ"], "at+jwt");
    }
    // Its writes are the client's.
    let token = token(by_secret(gateway, &OauthClient { id: id.clone(), secret: secret.clone() }).await);
    let user = scimgate_tests::tenant::user("ada");
    let _ = gateway.anonymous().with(&token).post("/Users", &user).await.expect(201);
    assert_eq!(acme.events().await[0]["actor"], json!(id));
    gateway.clock.advance(Duration::from_secs(3599));
    let _ = gateway.anonymous().with(&token).get("/Users").await.expect(200);
    gateway.clock.advance(Duration::from_secs(1));
    let _ = gateway.anonymous().with(&token).get("/Users").await.expect(401);
}

async fn every_other_request_gets_the_code_of_the_standard(gateway: &TestGateway) {
    let _ = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
    let client = with_secret(gateway, "acme").await;
    let other = with_secret(gateway, "globex").await;
    let (id, secret) = (client.id.as_str(), client.secret.as_str());
    let grant = ("grant_type", "client_credentials");
    let unknown = uuid::Uuid::from_u128(7).to_string();
    let cases: &[Case<'_>] = &[
        ("no parameters", &[], 400, "invalid_request"),
        ("another grant", &[("grant_type", "password")], 400, "unsupported_grant_type"),
        ("no client", &[grant], 401, "invalid_client"),
        ("no secret", &[grant, ("client_id", id)], 401, "invalid_client"),
        ("an unknown client", &[grant, ("client_id", &unknown), ("client_secret", secret)], 401, "invalid_client"),
        ("no id", &[grant, ("client_id", "Entra"), ("client_secret", secret)], 401, "invalid_client"),
        ("another's secret", &[grant, ("client_id", id), ("client_secret", &other.secret)], 401, "invalid_client"),
        ("a wrong secret", &[grant, ("client_id", id), ("client_secret", "secret")], 401, "invalid_client"),
        ("an empty secret", &[grant, ("client_id", id), ("client_secret", "")], 401, "invalid_client"),
        ("a parameter twice", &[grant, grant, ("client_id", id), ("client_secret", secret)], 400, "invalid_request"),
        (
            "another scope",
            &[grant, ("client_id", id), ("client_secret", secret), ("scope", "admin")],
            400,
            "invalid_scope",
        ),
    ];
    let mut unauthorized = Vec::new();
    for (what, parameters, status, code) in cases {
        let answer = ask(gateway, parameters).await;
        assert_eq!(answer.status, *status, "{what}: {}", answer.text);
        check_refusal(&answer, *status, code);
        if *status == 401 {
            unauthorized.push(answer.text);
        }
    }
    let own = form("/t/globex/oauth2/token", &[grant, ("client_id", id), ("client_secret", secret)]);
    let answer = public(gateway).send(own).await;
    check_refusal(&answer, 401, "invalid_client");
    unauthorized.push(answer.text);
    assert!(unauthorized.iter().all(|text| *text == unauthorized[0]), "{unauthorized:?}");
    let json = Request::new("POST", "/oauth2/token").json(&json!({ "grant_type": "client_credentials" }));
    check_refusal(&public(gateway).send(json).await, 400, "invalid_request");
    let long = form("/oauth2/token", &[grant, ("client_secret", &"a".repeat(40_000))]);
    check_refusal(&public(gateway).send(long).await, 413, "invalid_request");
    check_refusal(&public(gateway).get("/oauth2/token").await, 405, "invalid_request");
    let many = ask(gateway, &[grant, ("client_id", id), ("client_secret", secret), ("scope", "openid scim")]).await;
    assert_eq!(many.expect(200).body["scope"], "scim", "the scope that is granted is stated");
}

async fn secrets_overlap_and_are_revoked_one_by_one(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let first = with_secret(gateway, "acme").await;
    let base = format!("/tenants/acme/oauth-clients/{}/secrets", first.id);
    let added = gateway.operator.post(&base, &json!({})).await.expect(201);
    assert_eq!(added.header("cache-control"), "no-store");
    let second = OauthClient { id: first.id.clone(), secret: added.body["clientSecret"].as_str().unwrap().to_owned() };
    let of_first = token(by_secret(gateway, &first).await);
    let of_second = token(by_secret(gateway, &second).await);
    let listed = gateway.operator.get("/tenants/acme/oauth-clients").await.expect(200);
    assert!(!listed.text.contains(&first.secret) && !listed.text.contains(&second.secret), "a secret is shown once");
    let secrets = listed.body["oauthClients"][0]["secrets"].as_array().unwrap().clone();
    assert_eq!(secrets.len(), 2);
    let revoke = format!("{base}/{}/revoke", secrets[0]["id"].as_str().unwrap());
    let _ = gateway.operator.post(&revoke, &json!({})).await.expect(204);
    check_refusal(&by_secret(gateway, &first).await, 401, "invalid_client");
    let get = async |token: &str| gateway.anonymous().with(token).get("/Users").await.status;
    assert_eq!((get(&of_first).await, get(&of_second).await), (200, 200), "what it got before expires by itself");
    let _ = gateway.operator.post(&revoke, &json!({ "withTokens": true })).await.expect(204);
    assert_eq!((get(&of_first).await, get(&of_second).await), (401, 200));
    let _ = token(by_secret(gateway, &second).await);
    let listed = gateway.operator.get("/tenants/acme/oauth-clients").await.expect(200);
    let states = ["/oauthClients/0/secrets/0/state", "/oauthClients/0/secrets/1/state"];
    assert_eq!(states.map(|state| listed.body.pointer(state).unwrap().clone()), [json!("revoked"), json!("active")]);
    for path in [format!("{base}/{}/revoke", first.id), format!("{base}/x/revoke")] {
        let _ = gateway.operator.post(&path, &json!({})).await.expect(404);
    }
}

async fn a_deleted_client_and_a_suspended_tenant_have_no_access(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let (client, other) = (with_secret(gateway, "acme").await, with_secret(gateway, "acme").await);
    let (deleted, kept) = (token(by_secret(gateway, &client).await), token(by_secret(gateway, &other).await));
    let get = async |token: &str| gateway.anonymous().with(token).get("/Users").await.status;
    assert_eq!(get(&deleted).await, 200);
    let path = format!("/tenants/acme/oauth-clients/{}", client.id);
    let _ = gateway.operator.delete(&path).await.expect(204);
    assert_eq!((get(&deleted).await, get(&kept).await), (401, 200));
    check_refusal(&by_secret(gateway, &client).await, 401, "invalid_client");
    let _ = gateway.operator.delete(&path).await.expect(404);
    let _ = gateway.operator.post(&format!("{path}/secrets"), &json!({})).await.expect(404);
    let _ = gateway.operator.patch("/tenants/acme", &json!({ "state": "suspended" })).await.expect(200);
    assert_eq!(get(&kept).await, 403);
    check_refusal(&by_secret(gateway, &other).await, 403, "unauthorized_client");
    let _ = gateway.operator.patch("/tenants/acme", &json!({ "state": "active" })).await.expect(200);
    assert_eq!(get(&kept).await, 200);
    let _ = gateway.operator.delete("/tenants/acme").await.expect(204);
    assert_eq!(get(&kept).await, 401);
    check_refusal(&by_secret(gateway, &other).await, 401, "invalid_client");
}

async fn the_life_of_tokens_and_secrets_is_set_and_bounded(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    for seconds in [300, 21_600] {
        let created = create(gateway, "acme", &json!({ "tokenSeconds": seconds })).await;
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        let client = OauthClient { id: text("clientId"), secret: text("clientSecret") };
        assert_eq!(by_secret(gateway, &client).await.expect(200).body["expires_in"], seconds);
    }
    let path = "/tenants/acme/oauth-clients";
    for wrong in [json!({ "tokenSeconds": 299 }), json!({ "tokenSeconds": 21_601 }), json!({ "label": "two\nlines" })] {
        let _ = gateway.operator.post(path, &wrong).await.expect(400);
    }
    let client = with_secret(gateway, "acme").await;
    let secrets = format!("{path}/{}/secrets", client.id);
    for days in [0, 1_097] {
        let _ = gateway.operator.post(&secrets, &json!({ "expiresInDays": days })).await.expect(400);
    }
    let short = gateway.operator.post(&secrets, &json!({ "expiresInDays": 1 })).await.expect(201);
    let short = OauthClient { id: client.id.clone(), secret: short.body["clientSecret"].as_str().unwrap().to_owned() };
    gateway.clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    let _ = token(by_secret(gateway, &short).await);
    gateway.clock.advance(Duration::from_secs(1));
    check_refusal(&by_secret(gateway, &short).await, 401, "invalid_client");
    for _ in 0..9 {
        let _ = gateway.operator.post(&secrets, &json!({})).await.expect(201);
    }
    let refused = gateway.operator.post(&secrets, &json!({})).await.expect(409);
    assert!(refused.text.contains("10 valid secrets"), "{}", refused.text);
}

/// A secret that was valid is still accepted from an address that guesses.
async fn an_address_has_so_many_wrong_secrets(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let client = with_secret(gateway, "acme").await;
    let _ = token(by_secret(gateway, &client).await);
    let tenant = scimgate::auth::token::Token::parse(&client.secret).unwrap().tenant;
    let guess = || {
        let secret = scimgate::auth::token::Token::generate(scimgate::auth::token::Kind::Client, tenant);
        OauthClient { id: client.id.clone(), secret: secret.reveal().to_owned() }
    };
    for _ in 0..100 {
        check_refusal(&by_secret(gateway, &guess()).await, 401, "invalid_client");
    }
    let refused = by_secret(gateway, &guess()).await;
    check_refusal(&refused, 429, "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), "60");
    // An access token that nobody signed costs no look-up either.
    let forged = jwt::SigningKey::ed("x").sign(&json!({ "sub": "x" }));
    let _ = gateway.anonymous().with(&forged).get("/Users").await.expect(429);
    // A new access token is accepted all the same.
    let new = token(by_secret(gateway, &client).await);
    let _ = gateway.anonymous().with(&new).get("/Users").await.expect(200);
}

async fn secrets_are_neither_logged_nor_stored(gateway: &TestGateway) {
    log::keep();
    let _ = gateway.plain_tenant("acme").await;
    let client = with_secret(gateway, "acme").await;
    let token = token(by_secret(gateway, &client).await);
    let _ = gateway.anonymous().with(&token).get("/Users").await.expect(200);
    let wrong = OauthClient { id: client.id.clone(), secret: format!("{}x", client.secret) };
    let _ = by_secret(gateway, &wrong).await.expect(401);
    let log = log::text();
    assert!(log.contains(&client.id), "that the client was created is logged");
    let signature = token.rsplit('.').next().unwrap();
    let random = &client.secret[26..60];
    assert!(!log.contains(random) && !log.contains(signature));
    let owner = gateway.store().await;
    for table in ["oauth_client", "oauth_secret", "signing_key"] {
        let rows = owner.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap();
        assert!(!rows.is_empty());
        for row in rows {
            let text: String = row.get(0);
            assert!(!text.contains(random), "{table}");
            // An Ed25519 key in PKCS #8 begins like this.
            assert!(
                !text.contains("302e020100300506032b6570") && !text.contains("3051020101300506032b6570"),
                "{table}"
            );
        }
    }
}

/// Deletes a client at one replica, or revokes its secret with its tokens, and returns the time until the other refuses its token.
async fn refused_after(gateway: &TestGateway, other: &TestGateway, client: &OauthClient, by_secret: bool) -> Duration {
    let token = token(super::by_secret(other, client).await);
    let (here, there) = (gateway.anonymous().with(&token), other.anonymous().with(&token));
    let _ = (here.get("/Users").await.expect(200), there.get("/Users").await.expect(200));
    let path = format!("/tenants/acme/oauth-clients/{}", client.id);
    if by_secret {
        let listed = gateway.operator.get("/tenants/acme/oauth-clients").await.expect(200);
        let clients = listed.body["oauthClients"].as_array().unwrap();
        let own = clients.iter().find(|it| it["clientId"] == client.id.as_str()).unwrap();
        let revoke = format!("{path}/secrets/{}/revoke", own["secrets"][0]["id"].as_str().unwrap());
        let _ = gateway.operator.post(&revoke, &json!({ "withTokens": true })).await.expect(204);
    } else {
        let _ = gateway.operator.delete(&path).await.expect(204);
    }
    let begun = Instant::now();
    assert_eq!(here.get("/Users").await.status, 401);
    poll("the other replica refuses it", async || (there.get("/Users").await.status == 401).then_some(())).await;
    begun.elapsed()
}

/// Fewer than an address may have looked up of unknown ones.
#[test]
fn what_is_revoked_at_one_replica_is_refused_by_the_other() {
    block_on(async {
        let gateway = TestGateway::start(scimgate_tests::Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let other = gateway.replica().await;
        let mut clients = Vec::new();
        for _ in 0..90 {
            clients.push(with_secret(&gateway, "acme").await);
        }
        let mut times = Vec::new();
        for (number, ten) in clients.chunks(10).enumerate() {
            let each = ten.iter().map(|client| refused_after(&gateway, &other, client, number % 2 == 0));
            times.extend(futures_util::future::join_all(each).await);
        }
        times.sort_unstable();
        eprintln!(
            "{} revoked access tokens refused by the other replica: {:?} in the middle, {:?} at most",
            times.len(),
            times[times.len() / 2],
            times[times.len() - 1]
        );
        other.end().await;
        gateway.end().await;
    });
}
