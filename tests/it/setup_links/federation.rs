//! Workload identity: the form, its correction, and the assertions that it lets in.

use scimgate_tests::harness::block_on;
use scimgate_tests::issuer::{Issuer, Reply};
use scimgate_tests::jwt::{SigningKey, key_set};
use scimgate_tests::{Answer, Database, TestGateway, on_both, poll};
use serde_json::json;

use super::{Link, cookie, create, form, listed, mark, open, public, refused_once, says, value};

on_both!(entras_values_are_checked_field_by_field, values_are_corrected_in_the_same_browser_until_the_first_request);

const DIRECTORY: &str = "11111111-2222-4333-8444-555555555555";
const OBJECT: &str = "aaaaaaaa-2222-4333-8444-555555555555";
const APPLICATION: &str = "api://99999999-2222-4333-8444-555555555555";

/// Sends the form of Entra's page.
async fn send(gateway: &TestGateway, link: &Link, values: [&str; 3], cookie: Option<&str>) -> Answer {
    let fields: Vec<_> = ["directory", "subject", "audience"].into_iter().zip(values).collect();
    public(gateway).send(form(&link.path, &fields, cookie)).await
}

async fn clients(gateway: &TestGateway) -> Vec<serde_json::Value> {
    gateway.operator.get("/tenants/acme/oauth-clients").await.expect(200).body["oauthClients"]
        .as_array()
        .unwrap()
        .clone()
}

async fn entras_values_are_checked_field_by_field(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let link = create(gateway, "acme", &json!({ "provider": "entra", "method": "workload-identity" })).await;
    for (values, fields, says) in [
        (["", "", ""], vec!["directory", "subject", "audience"], "Fill this in."),
        (["contoso.onmicrosoft.com", OBJECT, APPLICATION], vec!["directory"], "Tenant ID"),
        ([DIRECTORY, DIRECTORY, APPLICATION], vec!["subject"], "directory id once more"),
        ([DIRECTORY, &APPLICATION[6..], APPLICATION], vec!["subject"], "application id"),
    ] {
        let page = send(gateway, &link, values, None).await.expect(400);
        let wrong: Vec<&str> = ["directory", "subject", "audience"]
            .into_iter()
            .filter(|name| page.text.contains(&format!("id=\"{name}-complaint\"")))
            .collect();
        assert_eq!(wrong, fields, "{}", page.text);
        assert!(page.text.contains(says), "{}", page.text);
        assert_eq!(page.text.matches("aria-invalid").count(), fields.len());
        assert!(page.text.contains(&format!("value=\"{}\"", values[2])), "what was entered is kept");
    }
    assert!(clients(gateway).await.is_empty());
    let made = send(gateway, &link, [DIRECTORY, OBJECT, APPLICATION], None).await.expect(200);
    let found = &clients(gateway).await[0];
    assert_eq!(value(&made, "client").as_deref(), found["clientId"].as_str());
    assert_eq!(found["assertion"]["issuer"], format!("https://login.microsoftonline.com/{DIRECTORY}/v2.0"));
    assert_eq!(
        found["assertion"]["jwksUri"],
        format!("https://login.microsoftonline.com/{DIRECTORY}/discovery/v2.0/keys")
    );
    assert!(found["secrets"].as_array().unwrap().is_empty() && value(&made, "secret").is_none());
    // Another link with the same values: the tenant has that client.
    let second = create(gateway, "acme", &json!({ "provider": "entra", "method": "workload-identity" })).await;
    let page = send(gateway, &second, [DIRECTORY, OBJECT, APPLICATION], None).await.expect(400);
    assert!(page.text.contains("entered before"), "{}", page.text);
    assert_eq!(listed(gateway, "acme", &second).await["state"], "open", "it can still be used");
}

async fn values_are_corrected_in_the_same_browser_until_the_first_request(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let link = create(gateway, "acme", &json!({ "provider": "entra", "method": "workload-identity" })).await;
    let made = send(gateway, &link, [DIRECTORY, OBJECT, APPLICATION], None).await.expect(200);
    let (own, id) = (cookie(&made), value(&made, "client"));
    let other = "bbbbbbbb-2222-4333-8444-555555555555";
    let page = open(gateway, &link, Some(&own)).await.expect(200);
    assert!(
        page.text.contains(&format!("value=\"{OBJECT}\"")) && page.text.contains("Correct the values"),
        "{}",
        page.text
    );
    for foreign in [None, Some("setup-x=y")] {
        let refused = send(gateway, &link, [DIRECTORY, other, APPLICATION], foreign).await.expect(409);
        assert!(!refused.text.contains(OBJECT), "another browser does not see what was entered");
    }
    assert_eq!(clients(gateway).await[0]["assertion"]["subject"], OBJECT);
    let corrected = send(gateway, &link, [DIRECTORY, other, APPLICATION], Some(&own)).await.expect(200);
    assert_eq!(value(&corrected, "client"), id, "the client stays");
    assert_eq!(clients(gateway).await[0]["assertion"]["subject"], other);
    let audit = gateway.operator.get("/audit?tenant=acme").await.expect(200).body;
    let recorded = audit["changes"].as_array().unwrap().iter().filter(|it| it["action"] == "oauth-client.correct");
    assert_eq!(recorded.count(), 1);
    let tenant = gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap().id;
    let stored = gateway.gateway.store.tenant(tenant);
    stored.note_first_use(link.id.parse().unwrap(), Some("entra"), gateway.clock.now()).await.unwrap();
    let refused = send(gateway, &link, [DIRECTORY, OBJECT, APPLICATION], Some(&own)).await.expect(409);
    assert!(!refused.text.contains("Correct the values"), "{}", refused.text);
    assert_eq!(clients(gateway).await[0]["assertion"]["subject"], other);
}

/// A wrong subject turns the mark yellow with the reason; corrected, the provider's assertion is let in and turns it green.
#[test]
fn an_assertion_that_differs_is_named_and_the_corrected_one_is_let_in() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let key = SigningKey::ec("1");
        let issuer = Issuer::start(Reply::Keys(key_set(&[&key]))).await;
        issuer.trust(&gateway);
        let link = create(&gateway, "acme", &json!({ "method": "workload-identity" })).await;
        let enter = async |subject: &str, cookie: Option<&str>| {
            let keys = issuer.uri();
            let fields =
                [("issuer", "https://issuer.test"), ("subject", subject), ("audience", "scim"), ("keys", &keys)];
            public(&gateway).send(form(&link.path, &fields, cookie)).await.expect(200)
        };
        let made = enter("wrong", None).await;
        let id = value(&made, "client").unwrap();
        let now = gateway.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let ask = async |jti: &str| {
            let claims =
                json!({ "iss": "https://issuer.test", "sub": "worker", "aud": "scim", "exp": now + 60, "jti": jti });
            let assertion = key.sign(&claims);
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            let fields = [
                ("grant_type", "client_credentials"),
                ("client_id", &id),
                ("client_assertion_type", kind),
                ("client_assertion", &assertion),
            ];
            public(&gateway).send(form("/t/acme/oauth2/token", &fields, None)).await
        };
        refused_once(&gateway, &gateway, &link).await;
        let _ = ask("wrong").await.expect(401);
        says(&gateway, &link, "its subject is another one").await;
        let _ = enter("worker", Some(&cookie(&made))).await;
        assert_eq!(mark(&gateway, &link).await["state"], "waiting", "what was refused is forgotten");
        let token = ask("right").await.expect(200).body["access_token"].as_str().unwrap().to_owned();
        let _ = gateway.anonymous().with(&token).get("/Users").await.expect(200);
        poll("connected", async || (mark(&gateway, &link).await["state"] == "connected").then_some(())).await;
        gateway.end().await;
    });
}
