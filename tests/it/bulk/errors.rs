//! Failed operations, those that depend on them, and `failOnErrors`.

use insta::assert_snapshot;
use scimgate_tests::tenant::user;
use scimgate_tests::{TestGateway, on_both};
use serde_json::{Value, json};

use super::{REQUEST, bulk, detail, members, post, post_group, post_user, results, send, sorted, statuses, total};

on_both!(
    a_failed_operation_does_not_affect_others,
    dependents_of_a_failed_operation_name_it,
    fail_on_errors_counts_every_error,
    one_failure_in_a_batch_does_not_affect_others,
    another_tenants_resources_are_not_found,
    malformed_bulk_requests_are_refused,
);

async fn a_failed_operation_does_not_affect_others(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let missing = "01960000-0000-7000-8000-000000000000";
    let operations = json!([
        { "method": "POST", "path": "/Users", "data": user("bob") },
        { "method": "GET", "path": format!("/Users/{ada}") },
        { "method": "PUT", "path": "/Users", "data": user("ada") },
        { "method": "POST", "path": "/Devices", "bulkId": "d", "data": {} },
        { "method": "POST", "path": "/Bulk", "bulkId": "b", "data": { "schemas": [REQUEST], "Operations": [] } },
        { "method": "PATCH", "path": format!("/Users/{ada}") },
        { "method": "PATCH", "path": format!("/Users/{ada}"), "data": [{ "op": "add", "path": "active", "value": "perhaps" }] },
        { "method": "DELETE", "path": format!("/Users/{missing}") },
        { "method": "DELETE", "path": format!("/Groups/{ada}") },
        { "method": "DELETE", "path": "/Users/bulkId:none" },
        post("/Users", "twin", &user("ADA")),
        post_group("g", &["bulkId:none"]),
        post_user("bob", ""),
    ]);
    let results = bulk(&tenant, &operations).await;
    let expected = ["400", "400", "405", "404", "400", "400", "400", "404", "404", "400", "409", "400", "201"];
    assert_eq!(statuses(&results), expected, "{results:#?}");
    assert!(detail(&results[0]).contains("bulkId"), "{}", results[0]);
    assert_eq!(results[1]["method"], "GET");
    assert_eq!(results[7]["location"], format!("{}/Users/{missing}", tenant.scim.base));
    assert_eq!(results[10]["response"]["scimType"], "uniqueness");
    assert!(detail(&results[11]).contains("bulkId:none"), "{}", results[11]);
    assert_eq!(total(&tenant, "/Users?count=0").await, 2);
    assert_eq!(tenant.get(&format!("/Users/{ada}")).await.expect(200).version(), 1);
}

async fn dependents_of_a_failed_operation_name_it(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let crew = tenant.group("crew").await;
    let mut wrong = user("wrong");
    wrong["active"] = "perhaps".into();
    let operations = json!([
        post_group("both", &["bulkId:good", "bulkId:bad"]),
        post_user("below", "bulkId:bad"),
        post_group("far", &["bulkId:below"]),
        { "method": "PATCH", "path": "/Users/bulkId:bad", "data": [{ "op": "add", "path": "title", "value": "x" }] },
        { "method": "PATCH", "path": format!("/Groups/{crew}"), "data": [{ "op": "add", "path": "members", "value": [{ "value": "bulkId:bad" }] }] },
        post("/Users", "bad", &wrong),
        post_user("good", ""),
    ]);
    let results = bulk(&tenant, &operations).await;
    assert_eq!(statuses(&results), ["409", "409", "409", "409", "409", "400", "201"], "{results:#?}");
    let details: Vec<&str> = results[..6].iter().map(detail).collect();
    assert_snapshot!(details.join("\n"), @r"
    Not done: it depends on bulkId bad, which failed: active must be true or false, not this text.
    Not done: it depends on bulkId bad, which failed: active must be true or false, not this text.
    Not done: it depends on bulkId below, which was not done because bulkId bad failed: active must be true or false, not this text.
    Not done: it depends on bulkId bad, which failed: active must be true or false, not this text.
    Not done: it depends on bulkId bad, which failed: active must be true or false, not this text.
    active must be true or false, not this text.
    ");
    // A resource that was not created has no location.
    assert_eq!((results[3].get("location"), results[4]["location"].is_string()), (None, true));
    assert_eq!((total(&tenant, "/Users?count=0").await, total(&tenant, "/Groups?count=0").await), (1, 1));
    assert_eq!(members(&tenant, &crew).await, Vec::<String>::new());
}

async fn fail_on_errors_counts_every_error(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let bad = |name: &str| json!({ "method": "DELETE", "path": "/Users/none", "bulkId": name });
    // Good, bad, good, bad, good, bad, good.
    let operations = |round: &str| -> Vec<Value> {
        let one = |place: usize| {
            if place % 2 == 1 { bad(&format!("b{place}")) } else { post_user(&format!("{round}{place}"), "") }
        };
        (0..7).map(one).collect()
    };
    for (limit, expected) in [(1, 2), (2, 4), (3, 6), (4, 7), (1000, 7)] {
        let round = format!("r{limit}x");
        let before = total(&tenant, "/Users?count=0").await;
        let body = json!({ "schemas": [REQUEST], "failOnErrors": limit, "Operations": operations(&round) });
        let results = results(&tenant.post("/Bulk", &body).await.expect(200));
        let all = ["201", "404", "201", "404", "201", "404", "201"];
        assert_eq!(statuses(&results), all[..expected], "failOnErrors {limit}");
        let made = i64::try_from(expected.div_ceil(2)).unwrap();
        assert_eq!(total(&tenant, "/Users?count=0").await, before + made, "operations without a result are not done");
    }
    // Each operation of a failed circle counts, and no later operation is started.
    let mut wrong = post_user("bob", "bulkId:ada");
    wrong["data"]["active"] = "perhaps".into();
    let circle = [post_user("ada", "bulkId:bob"), wrong, post_user("later", "")];
    let body = json!({ "schemas": [REQUEST], "failOnErrors": 2, "Operations": circle });
    assert_eq!(statuses(&results(&tenant.post("/Bulk", &body).await.expect(200))), ["409", "400"]);
    let none = tenant.get("/Users?filter=userName eq \"later@corp.test\"").await.expect(200);
    assert_eq!(none.body["totalResults"], 0);
}

/// Many POSTs are tried as one batch; a refused one must not affect the others.
async fn one_failure_in_a_batch_does_not_affect_others(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let operations = |round: &str| -> Vec<Value> {
        let one = |place: usize| {
            let mut operation = post_user(&format!("{round}{place}"), if place % 10 == 9 { "bulkId:x" } else { "" });
            match place {
                21 => operation["data"]["userName"] = user(&format!("{round}3"))["userName"].clone(),
                25 => operation["data"]["active"] = "perhaps".into(),
                27 => operation = post_group("crew", &["bulkId:r0", "nobody"]),
                _ => {}
            }
            if place == 0 {
                operation["bulkId"] = "x".into();
            }
            if place == 1 {
                operation["bulkId"] = "r0".into();
            }
            operation
        };
        (0..40).map(one).collect()
    };
    let results = bulk(&tenant, &json!(operations("a"))).await;
    let failed: Vec<(usize, &str)> =
        statuses(&results).into_iter().enumerate().filter(|(_, status)| *status != "201").collect();
    assert_eq!(failed, [(21, "409"), (25, "400")]);
    assert_eq!(results[21]["response"]["scimType"], "uniqueness");
    assert_eq!(members(&tenant, &super::id(&results[27])).await, sorted([super::id(&results[1]), "nobody".to_owned()]));
    assert_eq!(total(&tenant, "/Users?count=0").await, 37);
    let body = json!({ "schemas": [REQUEST], "failOnErrors": 1, "Operations": operations("b") });
    let results = super::results(&tenant.post("/Bulk", &body).await.expect(200));
    assert_eq!((results.len(), statuses(&results)[21]), (22, "409"), "no operation after the error");
    assert_eq!(total(&tenant, "/Users?count=0").await, 37 + 21);
    let kinds: Vec<Value> = tenant.events().await.into_iter().map(|event| event["type"].clone()).collect();
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "user.created").count(),
        37 + 21,
        "a rolled back batch has no events"
    );
}

async fn another_tenants_resources_are_not_found(gateway: &TestGateway) {
    let (acme, globex) = (gateway.tenant("acme").await, gateway.tenant("globex").await);
    let (ada, crew) = (acme.user("ada").await, acme.group("crew").await);
    let before = acme.everything().await;
    let operations = json!([
        { "method": "PUT", "path": format!("/Users/{ada}"), "data": user("mallory") },
        { "method": "PATCH", "path": format!("/Users/{ada}"), "data": [{ "op": "add", "path": "title", "value": "x" }] },
        { "method": "PATCH", "path": format!("/Groups/{crew}"), "data": [{ "op": "add", "path": "members", "value": [{ "value": "bulkId:own" }] }] },
        { "method": "DELETE", "path": format!("/Users/{ada}") },
        { "method": "DELETE", "path": format!("{}/Groups/{crew}", globex.scim.base) },
        post_group("g", &["bulkId:own", &ada]),
        post_user("own", ""),
    ]);
    let results = bulk(&globex, &operations).await;
    assert_eq!(statuses(&results), ["404", "404", "404", "404", "404", "201", "201"], "{results:#?}");
    assert_eq!(acme.everything().await, before);
    // The other tenant's id is a reference to no resource.
    let group = globex.get(&format!("/Groups/{}", super::id(&results[5]))).await.expect(200);
    let stranger = group.body["members"].as_array().unwrap().iter().find(|member| member["value"] == ada.as_str());
    assert_eq!(stranger, Some(&json!({ "value": ada })));
    assert_eq!(acme.events().await.len(), 2);
}

async fn malformed_bulk_requests_are_refused(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let twice =
        json!([post_user("ada", ""), post_user("bob", ""), post("/Groups", "ada", &json!({ "displayName": "g" }))]);
    let refused = send(&tenant, &twice).await.expect(400);
    assert!(refused.text.contains("Two operations have the bulkId ada"), "{}", refused.text);
    for body in [json!([]), json!({ "schemas": [REQUEST] }), json!({ "schemas": [REQUEST], "Operations": "all" })] {
        let _ = tenant.post("/Bulk", &body).await.expect(400);
    }
    let zero = json!({ "schemas": [REQUEST], "failOnErrors": 0, "Operations": [post_user("ada", "")] });
    assert!(tenant.post("/Bulk", &zero).await.expect(400).text.contains("failOnErrors"));
    assert_eq!(total(&tenant, "/Users?count=0").await, 0, "no operation was started");
    assert_eq!(bulk(&tenant, &json!([])).await, Vec::<Value>::new());
}
