//! The database becomes unavailable and comes back. Some identity providers stop a job at the first 401, so every request
//! gets 503 with `Retry-After` during an outage.

use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::user;
use scimgate_tests::{Answer, Client, TestGateway, poll};

use crate::oauth::{by_secret, token, with_secret};

#[track_caller]
fn check_outage(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.text);
    assert!(
        answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0),
        "{what}: Retry-After is whole seconds"
    );
    assert!(!answer.text.to_lowercase().contains("postgres"), "{what}: no internal details");
}

async fn ready(gateway: &TestGateway) -> u16 {
    Client::new(format!("http://{}", gateway.probes)).get("/readyz").await.status
}

#[test]
fn an_outage_is_503_and_never_401() {
    block_on(async {
        let (gateway, proxy) = TestGateway::behind_proxy().await;
        let acme = gateway.tenant("acme").await;
        let ada = acme.user("ada").await;
        let (_, fresh) = gateway.token("acme", "scim").await;
        let oauth = with_secret(&gateway, "acme").await;
        let [known, new] = [by_secret(&gateway, &oauth).await, by_secret(&gateway, &oauth).await].map(token);
        let _ = acme.scim.with(&known).get("/Users").await.expect(200);
        let other = with_secret(&gateway, "acme").await;
        let unread = token(by_secret(&gateway, &other).await);
        let credentials = [&fresh, &known, &new, &unread].map(|secret| acme.scim.with(secret));
        proxy.cut();
        for (what, client) in [
            "a known token",
            "a new token",
            "a known access token",
            "a new access token",
            "a new client's access token",
        ]
        .into_iter()
        .zip([acme.scim.clone()].into_iter().chain(credentials))
        {
            for path in ["/Users", &format!("/Users/{ada}")] {
                let answer = client.get(path).await;
                check_outage(what, &answer);
                answer.check_scim();
            }
            check_outage(what, &client.post("/Users", &user("ben")).await);
            check_outage(what, &client.delete(&format!("/Users/{ada}")).await);
        }
        check_outage("the directory", &acme.directory("/users").await);
        check_outage("an operator", &gateway.operator.get("/tenants").await);
        check_outage("a client that asks for a token", &by_secret(&gateway, &oauth).await);
        assert_eq!(ready(&gateway).await, 503);
        let _ = Client::new(format!("http://{}", gateway.probes)).get("/livez").await.expect(200);
        let _ = gateway.anonymous().get("/Users").await.expect(401);
        proxy.restore();
        poll("the gateway is connected again", async || (ready(&gateway).await == 200).then_some(())).await;
        let _ = acme.scim.with(&fresh).get("/Users").await.expect(200);
        assert_eq!(acme.get("/Users").await.expect(200).body["totalResults"], 1, "no write was stored in part");
        let _ = acme.user("ben").await;
        assert_eq!(acme.events().await.len(), 2);
        gateway.end().await;
    });
}

#[test]
fn a_silent_database_times_out() {
    block_on(async {
        let (gateway, proxy) = TestGateway::behind_proxy().await;
        let acme = gateway.plain_tenant("acme").await;
        let _ = acme.get("/Users").await.expect(200);
        let (_, fresh) = gateway.token("acme", "scim").await;
        proxy.stall();
        let fresh = acme.scim.with(&fresh);
        let (known, unknown) = tokio::join!(acme.scim.get("/Users"), fresh.get("/Users"));
        check_outage("a known token", &known);
        check_outage("a new token", &unknown);
        proxy.cut();
        let _ = acme.scim.get("/Users").await.expect(503);
        proxy.restore();
        poll("the gateway is connected again", async || (acme.scim.get("/Users").await.status == 200).then_some(()))
            .await;
        gateway.end().await;
    });
}
