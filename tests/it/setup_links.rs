//! Setup links: what operators do with them, their page over HTTP, and their page in a real browser.

mod browser;
mod federation;
mod mark;
mod operators;
mod page;

use regex::Regex;
use reqwest::Url;
use scimgate::auth::token::{Kind, Token};
use scimgate_tests::{Answer, Client, Request, TestGateway, poll};
use serde_json::Value;

/// A setup link as the operator gets it.
struct Link {
    id: String,
    /// The whole address.
    url: String,
    /// Its path.
    path: String,
}

/// Creates a link of a tenant.
async fn create(gateway: &TestGateway, tenant: &str, wanted: &Value) -> Link {
    let path = format!("/tenants/{tenant}/setup-links");
    let created = gateway.operator.post(&path, wanted).await.expect(201);
    assert_eq!(created.header("cache-control"), "no-store");
    let url = created.body["url"].as_str().unwrap().to_owned();
    let path = Url::parse(&url).unwrap().path().to_owned();
    Link { id: created.id(), url, path }
}

/// A link of a tenant as it is listed.
async fn listed(gateway: &TestGateway, tenant: &str, link: &Link) -> Value {
    let all = gateway.operator.get(&format!("/tenants/{tenant}/setup-links")).await.expect(200).body;
    let found = all["setupLinks"].as_array().unwrap().iter().find(|it| it["id"] == link.id.as_str());
    found.unwrap().clone()
}

/// The public listener, without credentials.
fn public(gateway: &TestGateway) -> Client {
    Client::new(format!("http://{}", gateway.public))
}

/// A form as a browser sends it from the page itself, with or without the link's cookie.
fn form(path: &str, fields: &[(&str, &str)], cookie: Option<&str>) -> Request {
    let url = Url::parse_with_params("http://form.test", fields).unwrap();
    let body = url.query().unwrap_or_default().to_owned();
    let request = Request::new("POST", path).body("application/x-www-form-urlencoded", body);
    let request = request.header("sec-fetch-site", "same-origin").header("origin", "null");
    match cookie {
        Some(cookie) => request.header("cookie", cookie),
        None => request,
    }
}

/// Presses the button of a link.
async fn press(gateway: &TestGateway, link: &Link) -> Answer {
    public(gateway).send(form(&link.path, &[], None)).await
}

/// Opens a link, with or without its cookie.
async fn open(gateway: &TestGateway, link: &Link, cookie: Option<&str>) -> Answer {
    let request = Request::new("GET", &link.path);
    public(gateway).send(cookie.map_or(request.clone(), |cookie| request.header("cookie", cookie))).await
}

/// The mark of a link as its page reads it.
async fn mark(gateway: &TestGateway, link: &Link) -> Value {
    let request = Request::new("GET", &format!("{}/status", link.path)).header("accept", "application/json");
    public(gateway).send(request).await.expect(200).body
}

/// Sends incomplete tokens, which cost no look-up, until the mark of a used link says so: a process notes refusals only of tenants that
/// its poll for changes has read.
async fn refused_once(gateway: &TestGateway, sender: &TestGateway, link: &Link) {
    let tenant = Token::parse(&link.path["/setup/".len()..]).unwrap().tenant;
    let token = Token::generate(Kind::Scim, tenant);
    poll("the refused request is shown", async || {
        let _ = sender.anonymous().with(&token.reveal()[..70]).get("/Users").await.expect(401);
        mark(gateway, link).await["detail"].as_str().unwrap().contains("incomplete or mistyped").then_some(())
    })
    .await;
}

/// Waits until the mark of a link says something.
async fn says(gateway: &TestGateway, link: &Link, text: &str) {
    let found = async || mark(gateway, link).await["detail"].as_str().unwrap().contains(text).then_some(());
    poll(text, found).await;
}

/// The value that a page shows at a place.
fn value(page: &Answer, id: &str) -> Option<String> {
    let shown = Regex::new(&format!("<code id=\"{id}\">([^<]*)</code>")).unwrap();
    shown.captures(&page.text).map(|found| found[1].to_owned())
}

/// The cookie that a reply sets, as a browser sends it.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}
