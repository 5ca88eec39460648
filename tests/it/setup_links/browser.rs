//! The page in a real browser.

use scimgate_tests::browser::{Browser, Look};
use scimgate_tests::{Request, TestGateway, on_postgres, poll};
use serde_json::{Value, json};

use super::{create, listed};

on_postgres!(
    an_administrator_gets_a_token_and_sees_the_mark_turn_green,
    a_form_says_what_is_wrong_beside_the_field,
    every_page_fits_a_phone,
    a_page_works_without_javascript,
    hostile_names_are_text,
);

/// Everything that there can be a page for.
const PAGES: [(&str, &str); 11] = [
    ("entra", "token"),
    ("entra", "client"),
    ("entra", "workload-identity"),
    ("okta", "token"),
    ("onelogin", "token"),
    ("jumpcloud", "token"),
    ("ping", "token"),
    ("google", "token"),
    ("other", "token"),
    ("other", "client"),
    ("other", "workload-identity"),
];

async fn an_administrator_gets_a_token_and_sees_the_mark_turn_green(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let link = create(gateway, "acme", &json!({ "provider": "entra", "label": "Acme Corporation" })).await;
    let (browser, other) =
        (Browser::start(Look::default()).await, Browser::start(Look { dark: true, ..Look::default() }).await);
    browser.open(&link.url).await;
    other.open(&link.url).await;
    assert_eq!(browser.text("h1").await, "Connect Microsoft Entra ID to acme");
    assert_eq!(browser.text("#mark .title").await, "Not connected yet");
    let _ = browser.picture("token-open").await;
    browser.press("button.primary").await;
    browser.wait_for("#token").await;
    let (url, secret) = (browser.text("#url").await, browser.text("#token").await);
    let _ = browser.picture("token-shown").await;
    // The other browser had the page open before.
    other.press("button.primary").await;
    other.wait_for(".notice").await;
    assert_eq!(other.count("#token").await, 0);
    assert!(other.text(".notice").await.contains("in another browser"));
    let _ = other.picture("token-foreign-dark").await;

    let _ = browser.script("window.before = true").await;
    let scim = gateway.anonymous().with(&secret).at(url.trim_end_matches('/').to_owned());
    poll("the refused request is shown", async || {
        let _ = gateway.anonymous().with(&secret[..70]).get("/Users").await.expect(401);
        (browser.count("#mark.refused").await > 0).then_some(())
    })
    .await;
    assert!(browser.text("#mark .detail").await.contains("incomplete or mistyped"));
    let _ = browser.picture("token-refused").await;
    let test =
        Request::new("GET", "/Users?filter=userName%20eq%20%22none%22").header("user-agent", "Microsoft Azure AD SCIM");
    let _ = scim.send(test).await.expect(200);
    browser.wait_for("#mark.connected").await;
    other.wait_for("#mark.connected").await;
    assert_eq!(browser.script("return window.before").await, Value::Bool(true), "without a reload");
    assert_eq!(browser.text("#token").await, secret, "the token stays until the page is left");
    assert_eq!(browser.text("#mark .title").await, "We have seen your Test Connection");
    assert!(browser.text("#mark .detail").await.ends_with("from Microsoft Entra ID."));
    let _ = browser.picture("token-connected").await;
    browser.open(&link.url).await;
    assert_eq!(browser.count("#token").await, 0);
    assert!(browser.text(".notice").await.contains("in this browser"));
    assert_eq!(listed(gateway, "acme", &link).await["state"], "connected");
    browser.end().await;
    other.end().await;
}

async fn a_form_says_what_is_wrong_beside_the_field(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let link = create(gateway, "acme", &json!({ "provider": "entra", "method": "workload-identity" })).await;
    let browser = Browser::start(Look::default()).await;
    browser.open(&link.url).await;
    let (directory, object) = ("11111111-2222-4333-8444-555555555555", "aaaaaaaa-2222-4333-8444-555555555555");
    browser.enter("#directory", "contoso.onmicrosoft.com").await;
    browser.enter("#subject", object).await;
    browser.enter("#audience", "api://99999999-2222-4333-8444-555555555555").await;
    browser.press("button.primary").await;
    browser.wait_for("#directory-complaint").await;
    assert_eq!(browser.count(".complaint").await, 1);
    assert!(browser.text("#directory-complaint").await.contains("Tenant ID"));
    let below = "const [a, b] = ['directory', 'directory-complaint'].map(id => document.getElementById(id).getBoundingClientRect());
        return b.top - a.bottom >= 0 && b.top - a.bottom < 20";
    assert_eq!(browser.script(below).await, true, "the complaint stands below its field");
    assert_eq!(browser.script("return document.getElementById('subject').value").await, object);
    let _ = browser.picture("form-wrong").await;
    browser.enter("#directory", directory).await;
    browser.press("button.primary").await;
    browser.wait_for("#client").await;
    assert_eq!(listed(gateway, "acme", &link).await["credential"], browser.text("#client").await);
    let _ = browser.picture("form-entered").await;
    browser.open(&link.url).await;
    assert_eq!(browser.text("button.primary").await, "Correct the values");
    browser.end().await;
}

async fn every_page_fits_a_phone(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let browser = Browser::start(Look { phone: true, ..Look::default() }).await;
    for (provider, method) in PAGES {
        let label = "Long-name-without-a-space-".repeat(4);
        let wanted = json!({ "provider": provider, "method": method, "label": label });
        let link = create(gateway, "acme", &wanted).await;
        browser.open(&link.url).await;
        let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.script(overflow).await, 0, "{provider} {method} is wider than the screen");
        assert_eq!(browser.script("return document.documentElement.clientWidth").await, 375);
        let _ = browser.picture(&format!("phone-{provider}-{method}")).await;
        if method != "workload-identity" {
            browser.press("button.primary").await;
            browser.wait_for(".secret code").await;
            assert_eq!(
                browser.script(overflow).await,
                0,
                "{provider} {method} with its secret is wider than the screen"
            );
            let _ = browser.picture(&format!("phone-{provider}-{method}-shown")).await;
        }
        // The style and the script are those of the policy.
        assert_eq!(browser.script("return document.querySelectorAll('button.copy[hidden]').length").await, 0);
        assert_ne!(browser.script("return getComputedStyle(document.body).backgroundColor").await, "rgba(0, 0, 0, 0)");
    }
    browser.end().await;
}

async fn a_page_works_without_javascript(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let link = create(gateway, "acme", &json!({})).await;
    let browser = Browser::start(Look { without_script: true, ..Look::default() }).await;
    browser.open(&link.url).await;
    browser.press("button.primary").await;
    browser.wait_for("#token").await;
    let secret = browser.text("#token").await;
    assert_eq!(browser.count("meta[http-equiv=refresh]").await, 0, "the token is not reloaded away");
    // Opened again, the page loads itself until the mark is green.
    browser.open(&link.url).await;
    assert_eq!(browser.count("#mark.waiting").await, 1);
    let _ = gateway.anonymous().with(&secret).get("/Users").await.expect(200);
    browser.wait_for("#mark.connected").await;
    browser.end().await;
}

async fn hostile_names_are_text(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let label = "</title></style><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">";
    let link = create(gateway, "acme", &json!({ "label": label })).await;
    let browser = Browser::start(Look::default()).await;
    browser.open(&link.url).await;
    assert!(browser.text(".eyebrow").await.ends_with(label));
    assert_eq!(browser.script("return document.title").await, "Set up your identity provider for acme");
    assert_eq!((browser.count("img").await, browser.count("script").await), (0, 1));
    // What another script would do, the policy refuses.
    let injected = "const added = document.createElement('script'); added.textContent = 'window.taken = 1';
        document.body.append(added); return window.taken === undefined";
    assert_eq!(browser.script(injected).await, true);
    browser.end().await;
}
