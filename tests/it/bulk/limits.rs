//! The limits of a bulk request, from both sides.

use std::time::Duration;

use insta::assert_snapshot;
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

const MAX_OPERATIONS: usize = 1000;
const MAX_PAYLOAD_BYTES: usize = 8 * 1024 * 1024;

async fn one_operation_over_the_limit_is_refused(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let operations = |count: usize| Value::from(vec![json!({ "method": "DELETE", "path": "/Users/none" }); count]);
    assert_eq!(bulk(&tenant, &operations(MAX_OPERATIONS)).await.len(), MAX_OPERATIONS);
    let refused = send(&tenant, &operations(MAX_OPERATIONS + 1)).await.expect(413);
    assert_snapshot!(refused.redacted(), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:api:messages:2.0:Error"
      ],
      "status": "413",
      "detail": "The request has 1001 operations; maxOperations is 1000. Send them in several requests."
    }
    "#);
}

async fn one_byte_over_the_limit_is_refused(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let body = |length: usize| {
        let body = request(&json!([post_user("ada", "")])).to_string();
        Request::new("POST", "/Bulk").body("application/scim+json", body.clone() + &" ".repeat(length - body.len()))
    };
    let refused = tenant.send(body(MAX_PAYLOAD_BYTES + 1)).await.expect(413);
    assert!(refused.body["detail"].as_str().unwrap().contains("8388608 bytes, the maxPayloadSize"), "{}", refused.text);
    assert_eq!(total(&tenant, "/Users?count=0").await, 0);
    assert_eq!(statuses(&results(&tenant.send(body(MAX_PAYLOAD_BYTES)).await.expect(200))), ["201"]);
    // The limit of a single resource applies, too.
    let mut long = post_user("bob", "");
    long["data"]["title"] = "x".repeat(1024 * 1024).into();
    assert_eq!(statuses(&bulk(&tenant, &json!([long, post_user("cleo", "")])).await), ["413", "201"]);
}

async fn one_value_over_the_limit_is_refused(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let other_values = 6;
    let text = |zeros: usize| {
        let zeros = vec!["0"; zeros].join(",");
        let text = format!("{{\"schemas\":[\"{REQUEST}\"],\"Operations\":[{{\"x\":[{zeros}]}}]}}");
        Request::new("POST", "/Bulk").body("application/scim+json", text)
    };
    let max = 500_000 - other_values;
    assert_eq!(statuses(&results(&tenant.send(text(max)).await.expect(200))), ["400"]);
    let refused = tenant.send(text(max + 1)).await.expect(413);
    assert!(refused.text.contains("more than 500000 values"), "{}", refused.text);
}

/// More than the admission limits, of one tenant and of all: the others wait.
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

/// Shortly before the deadline no operation is started, and each gets its own result.
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
