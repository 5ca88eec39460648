//! The page over HTTP: what makes a token and what does not, and what every reply has.

use std::time::Duration;

use base64::Engine as _;
use futures_util::future::join_all;
use scimgate::auth::token::{Kind, Token};
use scimgate::work::last_used;
use scimgate_tests::harness::block_on;
use scimgate_tests::{Answer, Database, Request, TestGateway, log, on_both, on_postgres, poll};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{cookie, create, form, listed, open, press, public, value};

on_both!(
    a_link_makes_one_token_that_works,
    many_presses_at_once_make_one_token,
    a_link_makes_an_oauth_client_with_a_secret,
    a_read_by_a_scanner_changes_nothing,
    a_closed_link_says_so_and_makes_nothing,
    names_and_values_are_escaped,
    every_reply_has_the_headers_of_a_page,
    a_form_of_another_site_is_refused,
);
on_postgres!(an_address_has_so_many_unknown_links, secrets_of_links_are_neither_logged_nor_stored);

async fn tokens(gateway: &TestGateway) -> usize {
    gateway.operator.get("/tenants/acme/tokens").await.expect(200).body["tokens"].as_array().unwrap().len()
}

async fn a_link_makes_one_token_that_works(gateway: &TestGateway) {
    let _ = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
    let link = create(gateway, "acme", &json!({ "provider": "okta", "label": "Okta, Acme" })).await;
    let before = tokens(gateway).await;
    let page = open(gateway, &link, None).await.expect(200);
    assert_eq!(value(&page, "url"), Some(format!("http://{}/t/acme/scim/v2", gateway.public)));
    assert!(page.text.contains("Show my token") && value(&page, "token").is_none(), "{}", page.text);
    let made = press(gateway, &link).await.expect(200);
    let secret = value(&made, "token").unwrap();
    let scim = gateway.anonymous().with(&secret).at(value(&made, "url").unwrap());
    let _ = scim.get("/Users").await.expect(200);
    let _ = scim.at(format!("http://{}/t/globex/scim/v2", gateway.public)).get("/Users").await.expect(401);

    let own = cookie(&made);
    for sent in [Some(own.as_str()), None] {
        let again = public(gateway).send(form(&link.path, &[], sent)).await.expect(409);
        let read = open(gateway, &link, sent).await.expect(200);
        for page in [&again, &read] {
            assert!(!page.text.contains(&secret) && value(page, "token").is_none(), "{}", page.text);
            assert_eq!(page.text.contains("in another browser"), sent.is_none(), "{}", page.text);
            assert_eq!(page.text.contains("in this browser"), sent.is_some(), "{}", page.text);
            assert!(!page.text.contains("<form"), "there is no button any more");
        }
        assert_eq!(again.header("set-cookie"), "");
    }
    assert_eq!(tokens(gateway).await, before + 1);
    let stored = listed(gateway, "acme", &link).await;
    let all = gateway.operator.get("/tenants/acme/tokens").await.body["tokens"].as_array().unwrap().clone();
    let token = all.iter().find(|token| token["id"] == stored["credential"]).unwrap();
    assert_eq!(token["createdBy"], format!("setup link {}", link.id));
    assert_eq!(token["label"], "Okta, Acme");
    assert_eq!(token["expiresAt"], "2027-05-01T09:00:00.000Z", "a year");
    let audit = gateway.operator.get("/audit?tenant=acme").await.expect(200).body;
    let of_link = audit["changes"].as_array().unwrap().iter().filter(|it| it["actor"] == token["createdBy"]);
    let actions: Vec<_> = of_link.map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["token.issue"]);
}

async fn many_presses_at_once_make_one_token(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let before = tokens(gateway).await;
    let link = create(gateway, "acme", &json!({})).await;
    let answers = join_all((0..8).map(|_| press(gateway, &link))).await;
    let made: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(made.len(), 1);
    let others = answers.iter().filter(|answer| answer.status == 409 && value(answer, "token").is_none());
    assert_eq!(others.count(), 7);
    assert_eq!(tokens(gateway).await, before + 1);
    let _ = gateway.anonymous().with(&value(made[0], "token").unwrap()).get("/Users").await.expect(200);
}

async fn a_link_makes_an_oauth_client_with_a_secret(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let wanted = json!({ "provider": "entra", "method": "client", "credentialDays": 30 });
    let link = create(gateway, "acme", &wanted).await;
    let answers = join_all((0..4).map(|_| press(gateway, &link))).await;
    let clients = gateway.operator.get("/tenants/acme/oauth-clients").await.expect(200).body["oauthClients"].clone();
    assert_eq!(clients.as_array().unwrap().len(), 1);
    assert_eq!(clients[0]["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(clients[0]["secrets"][0]["expiresAt"], "2026-05-31T09:00:00.000Z");
    let made = answers.into_iter().find(|answer| answer.status == 200).unwrap();
    let [url, token_url, id, secret] = ["url", "token-url", "client", "secret"].map(|it| value(&made, it).unwrap());
    assert_eq!(clients[0]["clientId"], id.as_str());
    let parameters = [("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", &secret)];
    let path = token_url.split_once(&gateway.public.to_string()).unwrap().1;
    let token = public(gateway).send(form(path, &parameters, None)).await.expect(200);
    let scim = gateway.anonymous().with(token.body["access_token"].as_str().unwrap());
    let _ = scim.at(url.trim_end_matches('/').to_owned()).get("/Users").await.expect(200);
    let read = open(gateway, &link, Some(&cookie(&made))).await.expect(200);
    assert_eq!((value(&read, "client"), value(&read, "secret")), (Some(id), None));
}

/// Mail scanners and chat clients open what they find in a message.
async fn a_read_by_a_scanner_changes_nothing(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let link = create(gateway, "acme", &json!({})).await;
    // The use of the operator's key is stored meanwhile.
    last_used::write(&gateway.gateway).await.unwrap();
    let before = gateway.row_digests().await;
    for method in ["GET", "HEAD"] {
        for agent in
            ["Slackbot-LinkExpanding 1.0", "Mozilla/5.0 (Windows NT 10.0) SafeLinks", "facebookexternalhit/1.1"]
        {
            for path in [link.path.clone(), format!("{}/", link.path), format!("{}/status", link.path)] {
                let answer =
                    public(gateway).send(Request::new(method, &path).header("user-agent", agent)).await.expect(200);
                assert_eq!(answer.header("set-cookie"), "");
                assert!(method == "GET" || answer.text.is_empty());
            }
        }
    }
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS"] {
        let _ = public(gateway).send(Request::new(method, &link.path)).await.expect(405);
    }
    assert_eq!(gateway.row_digests().await, before, "nothing is written");
    assert_eq!(listed(gateway, "acme", &link).await["state"], "open");
    assert!(value(&press(gateway, &link).await.expect(200), "token").is_some(), "it can still be used");
}

async fn a_closed_link_says_so_and_makes_nothing(gateway: &TestGateway) {
    let _ = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
    let [revoked, expired, suspended] = [
        create(gateway, "acme", &json!({})).await,
        create(gateway, "acme", &json!({ "expiresInHours": 1 })).await,
        create(gateway, "globex", &json!({})).await,
    ];
    let before = tokens(gateway).await;
    let secret = &revoked.path["/setup/".len()..];
    let tenant = Token::parse(secret).unwrap().tenant;
    let unknown = Token::generate(Kind::Setup, tenant).reveal().to_owned();
    let other_kind = Token::generate(Kind::Scim, tenant).reveal().to_owned();
    let mut tampered = secret.to_owned();
    let last = tampered.pop().unwrap();
    tampered.push(if last == 'a' { 'b' } else { 'a' });
    let _ = gateway.operator.delete(&format!("/tenants/acme/setup-links/{}", revoked.id)).await.expect(204);
    gateway.clock.advance(Duration::from_hours(1));
    let _ = gateway.operator.patch("/tenants/globex", &json!({ "state": "suspended" })).await.expect(200);
    for (path, status, says) in [
        (revoked.path.as_str(), 410, "withdrawn"),
        (&expired.path, 410, "expired"),
        (&suspended.path, 403, "suspended"),
        (&format!("/setup/{unknown}"), 404, "not valid"),
        (&format!("/setup/{other_kind}"), 404, "not valid"),
        (&format!("/setup/{tampered}"), 404, "not valid"),
        (&format!("/setup/{}", &secret[..60]), 404, "not valid"),
        ("/setup/%ff", 404, "not valid"),
        (&format!("{}/more", revoked.path), 404, "no such page"),
    ] {
        for request in [Request::new("GET", path), form(path, &[], None)] {
            let page = public(gateway).send(request.clone()).await;
            assert_eq!(page.status, status, "{}: {}", page.asked, page.text);
            assert!(page.header("content-type").starts_with("text/html"), "{path}");
            assert!(page.text.contains(says) && !page.text.contains(secret), "{path}: {}", page.text);
            let json = public(gateway).send(request.header("accept", "application/json")).await.expect(status);
            assert_eq!(json.header("content-type"), "application/problem+json");
            assert!(json.body["detail"].as_str().unwrap().contains(says), "{}", json.text);
        }
    }
    assert_eq!(tokens(gateway).await, before);
    let states = [listed(gateway, "acme", &revoked).await, listed(gateway, "acme", &expired).await];
    assert_eq!(states.map(|it| it["state"].clone()), [json!("revoked"), json!("expired")]);
}

async fn names_and_values_are_escaped(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let hostile = "</title><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>";
    let methods =
        [("entra", "token"), ("other", "client"), ("other", "workload-identity"), ("entra", "workload-identity")];
    for (provider, method) in methods {
        let wanted = json!({ "provider": provider, "method": method, "label": hostile });
        let link = create(gateway, "acme", &wanted).await;
        let fields = ["directory", "issuer", "subject", "audience", "keys"].map(|name| (name, hostile));
        for page in [open(gateway, &link, None).await, public(gateway).send(form(&link.path, &fields, None)).await] {
            assert!(page.text.contains("alert(1)"), "it is shown");
            assert_eq!(page.text.matches("<script>").count(), 1, "{}", page.text);
            assert!(!page.text.contains("<img") && !page.text.contains("\"'&<"), "{}", page.text);
        }
    }
}

fn policy_digest(text: &str) -> String {
    format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes())))
}

async fn every_reply_has_the_headers_of_a_page(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let link = create(gateway, "acme", &json!({})).await;
    let page = open(gateway, &link, None).await.expect(200);
    let status = public(gateway).get(&format!("{}/status", link.path)).await.expect(200);
    let made = press(gateway, &link).await.expect(200);
    let refused = public(gateway).get("/setup/nothing").await.expect(404);
    let elsewhere = public(gateway).get("/setup/").await.expect(404);
    let method = public(gateway).delete(&link.path).await.expect(405);
    let long = public(gateway).send(form(&link.path, &[("issuer", &"x".repeat(20_000))], None)).await.expect(413);
    for answer in [&page, &status, &made, &refused, &elsewhere, &method, &long] {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("x-robots-tag", "noindex, nofollow"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{}", answer.asked);
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; ") && policy.ends_with("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert!(!answer.header("x-request-id").is_empty());
    }
    let part = |from: &str, to: &str| made.text.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned();
    let policy = made.header("content-security-policy");
    assert!(policy.contains(&policy_digest(&part("<style>", "</style>"))), "{policy}");
    assert!(policy.contains(&policy_digest(&part("<script>", "</script>"))), "{policy}");
    let set = made.header("set-cookie");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Max-Age=259200"), "{set}");
}

async fn a_form_of_another_site_is_refused(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let link = create(gateway, "acme", &json!({})).await;
    let before = gateway.row_counts().await;
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.test")]
    {
        let refused = public(gateway).send(Request::new("POST", &link.path).header(name, value)).await.expect(403);
        assert!(refused.text.contains("another site"), "{}", refused.text);
    }
    assert_eq!(gateway.row_counts().await, before);
    let own = format!("http://{}", gateway.public);
    let made = public(gateway).send(Request::new("POST", &link.path).header("origin", &own)).await.expect(200);
    assert!(value(&made, "token").is_some(), "a browser that sends the origin alone");
}

async fn an_address_has_so_many_unknown_links(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let (link, other) = (create(gateway, "acme", &json!({})).await, create(gateway, "acme", &json!({})).await);
    let _ = open(gateway, &link, None).await.expect(200);
    let tenant = Token::parse(&link.path["/setup/".len()..]).unwrap().tenant;
    let guess = || format!("/setup/{}", Token::generate(Kind::Setup, tenant).reveal());
    for _ in 0..100 {
        let _ = public(gateway).get(&guess()).await.expect(404);
    }
    let refused = public(gateway).get(&guess()).await.expect(429);
    assert_eq!(refused.header("retry-after"), "60");
    assert!(refused.header("content-type").starts_with("text/html"), "{}", refused.text);
    let _ = open(gateway, &link, None).await.expect(200);
    let _ = open(gateway, &other, None).await.expect(429);
    assert!(value(&press(gateway, &link).await.expect(200), "token").is_some(), "a known one is opened all the same");
}

async fn secrets_of_links_are_neither_logged_nor_stored(gateway: &TestGateway) {
    log::keep();
    let _ = gateway.plain_tenant("acme").await;
    let link = create(gateway, "acme", &json!({})).await;
    let _ = open(gateway, &link, None).await.expect(200);
    let made = press(gateway, &link).await.expect(200);
    let _ = public(gateway).get(&format!("{}/more", link.path)).await.expect(404);
    let token = value(&made, "token").unwrap();
    let cookie = cookie(&made);
    let secrets = [&link.path["/setup/".len() + 26..], &token[26..], cookie.split_once('=').unwrap().1];
    let log = log::text();
    assert!(log.contains("token issued by a setup link") && log.contains("/setup/…"), "{log}");
    let owner = gateway.store().await;
    for secret in secrets {
        assert!(!log.contains(secret), "it is logged");
        for table in ["setup_link", "credential", "audit"] {
            for row in owner.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap() {
                assert!(!row.get::<_, String>(0).contains(secret), "{table}");
            }
        }
    }
}

/// Used at one replica and revoked at the other, each within a second, give or take the test's own requests.
#[test]
fn replicas_agree_on_a_link() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let other = gateway.replica().await;
        for _ in 0..5 {
            let link = create(&gateway, "acme", &json!({})).await;
            let _ = (open(&gateway, &link, None).await.expect(200), open(&other, &link, None).await.expect(200));
            let (here, there) = tokio::join!(press(&gateway, &link), press(&other, &link));
            let mut statuses = [here.status, there.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 409]);
            let _ = other.operator.delete(&format!("/tenants/acme/setup-links/{}", link.id)).await.expect(204);
            let _ = open(&other, &link, None).await.expect(410);
            let begun = std::time::Instant::now();
            poll("the other replica closes it", async || {
                (open(&gateway, &link, None).await.status == 410).then_some(())
            })
            .await;
            eprintln!("closed at the other replica after {:?}", begun.elapsed());
        }
        other.end().await;
        gateway.end().await;
    });
}
