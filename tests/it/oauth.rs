//! The token endpoint: OAuth clients with secrets and with assertions, the access tokens that they get, and the keys that sign
//! these.

mod assertions;
mod authorization_server;
mod clients;
mod issuers;
mod keys;
mod rotation;

use reqwest::Url;
use scimgate_tests::{Answer, Client, Request, TestGateway, assertion};
use serde_json::{Value, json};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An OAuth client.
pub(crate) struct OauthClient {
    pub(crate) id: String,
    secret: String,
}

/// Creates a client of a tenant.
async fn create(gateway: &TestGateway, tenant: &str, wanted: &Value) -> Value {
    gateway.operator.post(&format!("/tenants/{tenant}/oauth-clients"), wanted).await.expect(201).body
}

/// Creates a client with a secret.
pub(crate) async fn with_secret(gateway: &TestGateway, tenant: &str) -> OauthClient {
    let created = create(gateway, tenant, &json!({ "label": "Entra" })).await;
    let text = |name: &str| created[name].as_str().unwrap().to_owned();
    OauthClient { id: text("clientId"), secret: text("clientSecret") }
}

/// The public listener, without credentials.
fn public(gateway: &TestGateway) -> Client {
    Client::new(format!("http://{}", gateway.public))
}

/// A request to a token endpoint with these parameters.
fn form(path: &str, parameters: &[(&str, &str)]) -> Request {
    let url = Url::parse_with_params("http://form.test", parameters).unwrap();
    let body = url.query().unwrap_or_default().to_owned();
    Request::new("POST", path).body("application/x-www-form-urlencoded", body)
}

/// Sends parameters to the token endpoint for all tenants.
async fn ask(gateway: &TestGateway, parameters: &[(&str, &str)]) -> Answer {
    public(gateway).send(form("/oauth2/token", parameters)).await
}

/// Asks by a secret.
pub(crate) async fn by_secret(gateway: &TestGateway, client: &OauthClient) -> Answer {
    let OauthClient { id, secret } = client;
    let parameters = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    ask(gateway, &parameters).await
}

/// Asks by an assertion, with or without a `client_id`.
async fn by_assertion(gateway: &TestGateway, path: &str, client: Option<&str>, assertion: &str) -> Answer {
    let mut parameters = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    parameters.extend(client.map(|id| ("client_id", id)));
    public(gateway).send(form(path, &parameters)).await
}

/// The access token in a reply.
#[track_caller]
pub(crate) fn token(answer: Answer) -> String {
    answer.expect(200).body["access_token"].as_str().unwrap().to_owned()
}

/// Seconds since 1970 by the gateway's clock.
fn now(gateway: &TestGateway) -> u64 {
    gateway.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Claims of the issuer's assertion at this time, valid for an hour.
fn claims(gateway: &TestGateway) -> Value {
    assertion::claims(now(gateway))
}

/// Asserts a refusal of the token endpoint: JSON with a code, which no cache keeps.
#[track_caller]
fn check_refusal(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.body["error"]), (status, &json!(code)), "{}: {}", answer.asked, answer.text);
    assert!(answer.body["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{}", answer.text);
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/json", "no-store"));
    assert_eq!(answer.header("www-authenticate").is_empty(), status != 401, "{}", answer.asked);
}
