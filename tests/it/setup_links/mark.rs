//! The mark: what turns it, at whichever replica the request arrives.

use scimgate::auth::token::{Kind, Token};
use scimgate_tests::harness::block_on;
use scimgate_tests::{Database, Request, TestGateway, on_both, on_postgres, poll};
use serde_json::{Value, json};

use super::{Link, create, listed, mark, press, public, refused_once, says, value};

on_both!(a_refused_request_turns_the_mark_yellow_and_an_accepted_one_green);
on_postgres!(a_wrong_client_secret_is_named);

/// Waits until the mark has a state.
async fn becomes(gateway: &TestGateway, link: &Link, state: &str) -> Value {
    poll(state, async || Some(mark(gateway, link).await).filter(|mark| mark["state"] == state)).await
}

async fn a_refused_request_turns_the_mark_yellow_and_an_accepted_one_green(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let link = create(gateway, "acme", &json!({ "provider": "okta" })).await;
    let unused = create(gateway, "acme", &json!({})).await;
    assert_eq!(mark(gateway, &link).await["state"], "open");
    let secret = value(&press(gateway, &link).await.expect(200), "token").unwrap();
    becomes(gateway, &link, "waiting").await;
    let tenant = Token::parse(&secret).unwrap().tenant;
    let other = Token::generate(Kind::Scim, tenant).reveal().to_owned();
    let key = Token::generate(Kind::Directory, tenant).reveal().to_owned();
    refused_once(gateway, gateway, &link).await;
    assert_eq!(mark(gateway, &link).await["state"], "refused");
    for (sent, why) in [(&other, "revoked or expired"), (&key, "for something else")] {
        let _ = gateway.anonymous().with(sent).get("/Users").await.expect(401);
        says(gateway, &link, why).await;
    }
    assert_eq!(mark(gateway, &unused).await["state"], "open", "a link that was not used shows nothing of others");
    let request = Request::new("GET", "/Users?startIndex=1&count=2").header("user-agent", "Okta SCIM Client 1.0.0");
    let _ = gateway.anonymous().with(&secret).send(request).await.expect(200);
    let green = becomes(gateway, &link, "connected").await;
    assert_eq!(
        green["detail"],
        "The first request with these credentials arrived on 1 May 2026, 09:00 UTC, from Okta."
    );
    let _ = gateway.anonymous().with(&other).get("/Users").await.expect(401);
    assert_eq!(mark(gateway, &link).await, green, "from then on nothing changes it");
    let stored = listed(gateway, "acme", &link).await;
    assert_eq!((&stored["state"], &stored["recognised"]), (&json!("connected"), &json!("okta")));
}

async fn a_wrong_client_secret_is_named(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let link = create(gateway, "acme", &json!({ "method": "client" })).await;
    let made = press(gateway, &link).await.expect(200);
    let [id, secret] = ["client", "secret"].map(|it| value(&made, it).unwrap());
    let ask = |secret: &str| {
        let fields = [("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", secret)];
        super::form("/t/acme/oauth2/token", &fields, None)
    };
    let tenant = Token::parse(&secret).unwrap().tenant;
    refused_once(gateway, gateway, &link).await;
    let _ = public(gateway).send(ask(Token::generate(Kind::Client, tenant).reveal())).await.expect(401);
    says(gateway, &link, "its client secret is not accepted").await;
    let _ = gateway.anonymous().with(&secret).get("/Users").await.expect(401);
    says(gateway, &link, "Choose OAuth client credentials").await;
    let token = public(gateway).send(ask(&secret)).await.expect(200).body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(mark(gateway, &link).await["state"], "refused", "an access token is not a request yet");
    let _ = gateway.anonymous().with(&token).get("/Users").await.expect(200);
    becomes(gateway, &link, "connected").await;
}

#[test]
fn a_request_at_one_replica_turns_the_mark_at_the_other() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let other = gateway.replica().await;
        let link = create(&gateway, "acme", &json!({})).await;
        let secret = value(&press(&gateway, &link).await.expect(200), "token").unwrap();
        refused_once(&gateway, &other, &link).await;
        let begun = std::time::Instant::now();
        let _ = other.anonymous().with(&secret).get("/Users").await.expect(200);
        becomes(&gateway, &link, "connected").await;
        eprintln!("green at the other replica after {:?}", begun.elapsed());
        other.end().await;
        gateway.end().await;
    });
}
