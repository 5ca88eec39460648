//! What is refused when a mapping is drafted, and what is only a warning.

use scimgate_tests::tenant::device;
use scimgate_tests::{TestGateway, on_both, plugin};
use serde_json::{Value, json};

on_both!(
    a_mapping_that_would_refuse_every_document_is_refused,
    what_may_depend_on_the_values_is_a_warning,
    steps_are_tried_on_every_type_that_they_are_for,
    a_dry_run_leaves_no_trace_in_the_breakers,
);

const REVISIONS: &str = "/tenants/acme/mapping/revisions";

async fn prepare(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    for name in ["tutorial", "hostile"] {
        let _ = gateway.upload(plugin(name)).await;
    }
}

#[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
fn step(plugin: &str, config: Value, types: &[&str]) -> Value {
    json!({ "plugin": plugin, "config": config, "resourceTypes": types })
}

fn hostile(config: Value) -> Value {
    step("hostile", config, &["User"])
}

fn tutorial(config: Value) -> Value {
    step("tutorial", config, &[])
}

/// The reason why a draft of these steps is refused.
async fn refusal(gateway: &TestGateway, steps: &[Value]) -> String {
    let refused = gateway.operator.post(REVISIONS, &json!({ "steps": steps })).await.expect(400);
    let put = gateway.operator.put("/tenants/acme/mapping", &json!({ "steps": steps })).await.expect(400);
    assert_eq!(put.body, refused.body, "a mapping that is put is checked in the same way");
    refused.body["detail"].as_str().unwrap().to_owned()
}

async fn warnings(gateway: &TestGateway, steps: &[Value]) -> Vec<String> {
    let drafted = gateway.operator.post(REVISIONS, &json!({ "steps": steps })).await.expect(201);
    serde_json::from_value(drafted.body["warnings"].clone()).unwrap()
}

async fn a_mapping_that_would_refuse_every_document_is_refused(gateway: &TestGateway) {
    prepare(gateway).await;
    let nothing = hostile(json!({ "do": "nothing" }));
    for (wrong, expected) in [
        // Declared as a path in the plugin's schema.
        (
            tutorial(json!({ "excludeWhere": { "path": "badge", "equals": "x" } })),
            "Step 2 (tutorial@0.1.0): the configuration at /excludeWhere/path: badge is not an attribute of User; see /Schemas for those \
             there are.",
        ),
        (
            tutorial(json!({ "lift": { "title": "urn:example:product:2.0:User:badge" } })),
            "Step 2 (tutorial@0.1.0): the configuration at /lift/title: urn:example:product:2.0:User:badge is not an attribute of User; see \
             /Schemas for those there are.",
        ),
        // Not declared: only a call shows it.
        (
            hostile(json!({ "do": "write", "path": "badge" })),
            "Step 2 (hostile@0.1.0) fails on a User with every attribute, since it cannot write badge: badge is not an attribute of User; see \
             /Schemas for those there are. Correct the path in the step's configuration, or add the attribute to the tenant's schemas.",
        ),
        (
            hostile(json!({ "do": "write", "path": "emails[type eq" })),
            "Step 2 (hostile@0.1.0) fails on a User with every attribute, since it cannot write emails[type eq: ",
        ),
        (
            hostile(json!({ "do": "write", "path": "meta.created" })),
            "Step 2 (hostile@0.1.0) fails on a User with every attribute, since it cannot write meta.created: meta.created is read-only \
             here.",
        ),
        (
            hostile(json!({ "do": "trap" })),
            "Step 2 (hostile@0.1.0) fails on a User with every attribute: The plugin panicked; its log may say why.",
        ),
        (hostile(json!({ "do": "panic" })), "It logged: "),
        (
            hostile(json!({ "do": "allocate", "size": 64 << 20 })),
            "fails on a User with every attribute: The plugin asked for more memory than it may have (16 MiB).",
        ),
        (hostile(json!({ "do": "spin" })), "The plugin used more than its 20ms of CPU time."),
        (hostile(json!({ "do": "fail" })), "Step 2 (hostile@0.1.0) fails on every example User: I would rather not."),
        // No step fails, but what they make is not one of the directory's documents.
        (
            tutorial(json!({ "lift": { "userName": "nickName" } })),
            "The mapping fails on every example User: the result does not match the directory's schemas: userName is required.",
        ),
    ] {
        let why = refusal(gateway, &[nothing.clone(), wrong.clone()]).await;
        assert!(why.contains(expected), "{wrong}: {why}");
        let in_vain = why.contains("the configuration at");
        assert_eq!(why.ends_with("(dryRun=false, --no-dry-run)."), !in_vain, "what can be overridden says how: {why}");
        let path = format!("{REVISIONS}?dryRun=false");
        let _ =
            gateway.operator.post(&path, &json!({ "steps": [wrong] })).await.expect(if in_vain { 400 } else { 201 });
    }
    // A later step is reached even if an earlier one excludes the example.
    let exclude = hostile(json!({ "do": "exclude" }));
    let why = refusal(gateway, &[exclude, hostile(json!({ "do": "trap" }))]).await;
    assert!(why.starts_with("Step 2 (hostile@0.1.0) fails on a User"), "{why}");
}

async fn what_may_depend_on_the_values_is_a_warning(gateway: &TestGateway) {
    prepare(gateway).await;
    let rule = |path: &str, equals: Value| json!({ "path": path, "equals": equals });
    let cases = [
        (tutorial(json!({ "lowerCaseMail": true, "excludeWhere": rule("userType", "Contractor".into()) })), None),
        (hostile(json!({ "do": "trap", "for": "zoe" })), None),
        // Every example has a userName, and only the full one a userType.
        (
            tutorial(json!({ "rejectWhere": rule("userName", "ada@example.com".into()) })),
            Some("Step 1 (tutorial@0.1.0) rejects every example User: userName must not be \"ada@example.com\"."),
        ),
        (
            tutorial(json!({ "rejectWhere": rule("userType", "Employee".into()) })),
            Some("Step 1 (tutorial@0.1.0) rejects an example User: userType must not be \"Employee\"."),
        ),
        (tutorial(json!({ "excludeWhere": rule("userType", "Employee".into()) })), None),
        (hostile(json!({ "do": "exclude" })), Some("Step 1 (hostile@0.1.0) excludes every example User: x.")),
        // The attribute is a boolean; the value that is moved there is a text.
        (
            tutorial(json!({ "lift": { "title": "active" } })),
            Some("Step 1 (tutorial@0.1.0) fails on an example User: active must be true or false"),
        ),
    ];
    for (step, expected) in cases {
        let found = warnings(gateway, std::slice::from_ref(&step)).await;
        match expected {
            None => assert_eq!(found, Vec::<String>::new(), "{step}"),
            Some(expected) => {
                assert!(found.len() == 1 && found[0].starts_with(expected), "{step}: {found:?}");
            }
        }
    }
    let read = gateway.operator.get(&format!("{REVISIONS}/1")).await.expect(200).body;
    assert_eq!(read["warnings"], json!([]), "they are of the check, not of the revision");
}

async fn steps_are_tried_on_every_type_that_they_are_for(gateway: &TestGateway) {
    prepare(gateway).await;
    let _ = gateway.operator.post("/tenants/acme/resource-types", &device()).await.expect(201);
    let read = json!({ "do": "read" });
    let why = refusal(gateway, &[step("hostile", read.clone(), &[])]).await;
    let expected = "Step 1 (hostile@0.1.0) fails on a Group with every attribute, since it cannot read userName: ";
    assert!(why.starts_with(expected), "{why}");
    let why = refusal(gateway, &[step("hostile", read.clone(), &["User", "Device"])]).await;
    assert!(why.starts_with(&expected.replace("Group", "Device")), "{why}");
    assert_eq!(warnings(gateway, &[step("hostile", read, &["User"])]).await, Vec::<String>::new());
    let write = |path: &str| step("hostile", json!({ "do": "write", "path": path }), &["Device"]);
    assert_eq!(warnings(gateway, &[write("ports[type eq \"usb\"].value")]).await, Vec::<String>::new());
    let why = refusal(gateway, &[write("ports[type eq \"usb\"].volume")]).await;
    assert!(why.contains("cannot write ports[type eq \"usb\"].volume: "), "{why}");
}

/// A draft that keeps failing is no reason to refuse the writes of the active revision, though the step is the same.
async fn a_dry_run_leaves_no_trace_in_the_breakers(gateway: &TestGateway) {
    prepare(gateway).await;
    let tenant = scimgate_tests::Tenant::clone(&gateway.plain_tenant("globex").await);
    let config = json!({ "do": "spin", "for": "ada@example" });
    gateway.map("globex", "hostile", &config, "refuse").await;
    let preview = json!({ "document": { "userName": "ada@example.com", "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"] } });
    let mut reasons = Vec::new();
    for _ in 0..8 {
        let shown = gateway.operator.post("/tenants/globex/mapping/preview", &preview).await.expect(200);
        assert_eq!(shown.body["outcome"], "failed", "{}", shown.text);
        reasons.push(shown.body["reason"].as_str().unwrap().to_owned());
    }
    assert!(reasons.iter().all(|why| why.contains("more than its 20ms of CPU time")), "each call is made: {reasons:?}");
    let _ = tenant.user("bob").await;
}
