//! Addresses in replies behind reverse proxies: only the headers of trusted proxies count.

use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::user;
use scimgate_tests::{Request, Tenant, TestGateway};

/// The address in a reply to a request with these headers.
async fn location(tenant: &Tenant, headers: &[(&str, &str)]) -> String {
    let request = Request::new("GET", "/Users?count=1");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    let listed = tenant.send(request).await.expect(200).body;
    let location = listed["Resources"][0]["meta"]["location"].as_str().unwrap();
    location.split_once("/scim/v2/Users/").unwrap().0.to_owned()
}

const FORWARDED: [(&str, &str); 1] = [("forwarded", "for=192.0.2.7;proto=https;host=\"scim.test:8443\"")];
const X_FORWARDED: [(&str, &str); 3] =
    [("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.test, scim.test"), ("x-forwarded-prefix", "/gate")];

#[test]
fn a_trusted_proxy_sets_the_addresses_in_replies() {
    block_on(async {
        let gateway = TestGateway::with_trusted_proxies(&["127.0.0.0/8"]).await;
        let tenant = gateway.plain_tenant("acme").await;
        let _ = tenant.user("ada").await;
        let own = format!("http://{}", gateway.public);
        assert_eq!(location(&tenant, &[]).await, own, "a proxy without headers");
        assert_eq!(location(&tenant, &FORWARDED).await, "https://scim.test:8443");
        assert_eq!(location(&tenant, &X_FORWARDED).await, "https://scim.test/gate");
        assert_eq!(
            location(&tenant, &[("forwarded", "host=\"[2001:db8::1]:81\";proto=http")]).await,
            "http://[2001:db8::1]:81"
        );
        assert_eq!(location(&tenant, &[("x-forwarded-host", "no host")]).await, own);
        let made = Request::new("POST", "/Users").json(&user("bob")).header("x-forwarded-host", "scim.test");
        let made = tenant.send(made).await.expect(201);
        assert_eq!(made.header("location"), format!("http://scim.test/scim/v2/Users/{}", made.id()));
        let named = tenant.scim.at(format!("http://{}/t/acme/scim/v2", gateway.public));
        let read =
            named.send(Request::new("GET", &format!("/Users/{}", made.id())).header("x-forwarded-host", "scim.test"));
        assert!(read.await.header("location").starts_with("http://scim.test/t/acme/scim/v2/Users/"));
        gateway.end().await;
    });
}

#[test]
fn untrusted_proxies_are_ignored() {
    block_on(async {
        for trusted in [&[][..], &["192.0.2.0/24", "::1"]] {
            let gateway = TestGateway::with_trusted_proxies(trusted).await;
            let tenant = gateway.plain_tenant("acme").await;
            let _ = tenant.user("ada").await;
            let own = format!("http://{}", gateway.public);
            assert_eq!(location(&tenant, &FORWARDED).await, own);
            assert_eq!(location(&tenant, &X_FORWARDED).await, own);
            gateway.end().await;
        }
    });
}
