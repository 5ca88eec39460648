//! The limits of a bulk request, from both sides.

use std::time::Duration;

use scimgate::config::Limits;
use scimgate_tests::harness::block_on;
use scimgate_tests::{Request, TestGateway, on_both};
use serde_json::{Value, json};

use super::{REQUEST, bulk, detail, post_user, request, results, send, statuses, total};

on_both!(
    one_operation_over_the_limit_is_refused,
    one_byte_over_the_limit_is_refused,
    one_value_over_the_limit_is_refused,
    concurrent_bulk_requests_all_succeed,
);

const MOST: usize = 1000;
const LONGEST: usize = 8 * 1024 * 1024;

async fn one_operation_over_the_limit_is_refused(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let operations = |count: usize| Value::from(vec![json!({ "method": "DELETE", "path": "/Users/none" }); count]);
    assert_eq!(bulk(&tenant, &operations(MOST)).await.len(), MOST);
    let refused = send(&tenant, &operations(MOST + 1)).await.expect(413);
    assert!(refused.body["detail"].as_str().unwrap().contains("maxOperations is 1000"), "{}", refused.text);
}

async fn one_byte_over_the_limit_is_refused(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let body = |length: usize| {
        let body = request(&json!([post_user("ada", "")])).to_string();
        Request::new("POST", "/Bulk").body("application/scim+json", body.clone() + &" ".repeat(length - body.len()))
    };
    let refused = tenant.send(body(LONGEST + 1)).await.expect(413);
    assert!(refused.body["detail"].as_str().unwrap().contains("8388608 bytes, the maxPayloadSize"), "{}", refused.text);
    assert_eq!(total(&tenant, "/Users?count=0").await, 0);
    assert_eq!(statuses(&results(&tenant.send(body(LONGEST)).await.expect(200))), ["201"]);
    // The limit of a single resource holds within, too.
    let mut long = post_user("bob", "");
    long["data"]["title"] = "x".repeat(1024 * 1024).into();
    assert_eq!(statuses(&bulk(&tenant, &json!([long, post_user("cleo", "")])).await), ["413", "201"]);
}

async fn one_value_over_the_limit_is_refused(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let around = 6;
    let text = |zeros: usize| {
        let zeros = vec!["0"; zeros].join(",");
        let text = format!("{{\"schemas\":[\"{REQUEST}\"],\"Operations\":[{{\"x\":[{zeros}]}}]}}");
        Request::new("POST", "/Bulk").body("application/scim+json", text)
    };
    let most = 500_000 - around;
    assert_eq!(statuses(&results(&tenant.send(text(most)).await.expect(200))), ["400"]);
    let refused = tenant.send(text(most + 1)).await.expect(413);
    assert!(refused.text.contains("more than 500000 values"), "{}", refused.text);
}

/// More than have a place, of one tenant and of several: the others wait for theirs.
async fn concurrent_bulk_requests_all_succeed(gateway: &TestGateway) {
    let tenants = [gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await];
    let sent = (0..24).map(|number| {
        let tenant = tenants[number % 2].clone();
        async move {
            bulk(&tenant, &json!([post_user(&format!("a{number}"), ""), post_user(&format!("b{number}"), "")])).await
        }
    });
    for results in futures_util::future::join_all(sent).await {
        assert_eq!(statuses(&results), ["201", "201"]);
    }
    for tenant in tenants {
        assert_eq!(total(&tenant, "/Users?count=0").await, 24);
    }
}

/// Where the time of a request is nearly up, nothing is begun, and each operation is told so by itself.
#[test]
fn operations_not_started_before_the_deadline_get_503() {
    block_on(async {
        let gateway =
            TestGateway::with_limits(Limits { handler: Duration::from_secs(9), ..Limits::default() }, 4).await;
        let tenant = gateway.plain_tenant("acme").await;
        let operations = json!([post_user("ada", ""), post_user("bob", "bulkId:ada"), { "method": "DELETE", "path": "/Users/none" }]);
        let results = bulk(&tenant, &operations).await;
        assert_eq!(statuses(&results), ["503"; 3]);
        assert!(results.iter().all(|result| detail(result).contains("Send this operation again")), "{results:#?}");
        let counted = json!({ "schemas": [REQUEST], "failOnErrors": 1, "Operations": operations });
        assert_eq!(tenant.post("/Bulk", &counted).await.expect(200).body["Operations"].as_array().unwrap().len(), 1);
        assert_eq!(total(&tenant, "/Users?count=0").await, 0);
        gateway.end().await;
    });
}
