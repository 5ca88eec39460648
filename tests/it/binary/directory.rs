//! `directory-schema` and `group-rules`: what the directory shows, set and looked at by commands.

use scimgate_tests::Tenant;
use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::{group, user};
use serde_json::{Value, json};

use super::commands::Shell;
use super::serve::{Home, Served};

/// The lines of a table, with single spaces.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

async fn with_acme(body: impl AsyncFnOnce(&Shell, &Tenant)) {
    let home = Home::new().await;
    let operator_key = home.furnish().await;
    let served: Served = home.serve().await;
    let shell = Shell::new(&served.internal, operator_key);
    let tenant = Tenant::plain(&shell.operator(), "acme", (&served.public, &served.internal)).await;
    body(&shell, &tenant).await;
    served.running.kill().await;
    home.drop().await;
}

async fn check_directory_schema(shell: &Shell, tenant: &Tenant) {
    for (name, kind) in [("ada", "Employee"), ("bob", "Robot")] {
        let mut body = user(name);
        body["userType"] = kind.into();
        let _ = tenant.post("/Users", &body).await.expect(201);
    }
    let show = ["directory-schema", "show", "acme"];
    assert_eq!(shell.says(&show).await, "There are no rules beyond the schemas.");
    let rules = json!([{ "path": "userType", "allowed": ["Employee"] }, { "path": "title", "unique": true }]);
    let file = shell.file("schema.json", &json!({ "rules": rules }));
    let report = shell.says(&["directory-schema", "check", "acme", &file, "--wait"]).await;
    for words in [
        "Check of 2 mapped documents by the rules.",
        "1  do not comply",
        "0  have a value that another one has",
        "1  userType",
        "userType must be \"Employee\", and is \"Robot\".",
    ] {
        assert!(report.contains(words), "{words} is missing: {report}");
    }
    assert_eq!(shell.says(&show).await, "There are no rules beyond the schemas.", "a check sets nothing");
    let set = shell.says(&["directory-schema", "set", "acme", &file]).await;
    assert!(set.ends_with("`scimgate directory-schema check acme --show` shows how stored documents comply."), "{set}");
    assert_eq!(
        lines(&shell.says(&show).await),
        [
            "RESOURCE TYPE PATH TYPE REQUIRED UNIQUE ALLOWED",
            "User userType - false false Employee",
            "User title - false true -",
        ]
    );
    // What is shown as JSON can be set again.
    let file = shell.file("again.json", &shell.json(&show).await);
    let report = shell.says(&["directory-schema", "set", "acme", &file, "--wait"]).await;
    assert!(report.contains("Check of 2 mapped documents by the directory schema."), "{report}");
    let report = shell.json(&["directory-schema", "check", "acme", "--show"]).await;
    assert_eq!(
        (&report["state"], &report["applies"], &report["nonCompliant"]),
        (&json!("finished"), &json!(true), &json!(1))
    );
    let wrong = shell.file("wrong.json", &json!({ "rules": [{ "path": "badge", "required": true }] }));
    let refused = shell.refused(&["directory-schema", "set", "acme", &wrong]).await;
    assert!(refused.contains("Rule 1: badge is not an attribute of User"), "{refused}");
    let none = shell.file("none.json", &json!({ "rules": [] }));
    let _ = shell.says(&["directory-schema", "set", "acme", &none, "--wait"]).await;
    assert_eq!(shell.says(&show).await, "There are no rules beyond the schemas.");
}

async fn check_group_rules(shell: &Shell, tenant: &Tenant) {
    let ada = tenant.user("ada").await;
    let mut crew = group("Crew");
    crew["members"] = json!([{ "value": ada }]);
    let _ = tenant.post("/Groups", &crew).await.expect(201);
    let show = ["group-rules", "show", "acme"];
    assert_eq!(shell.says(&show).await, "There are no group rules.");
    let rules = json!([
        { "group": { "displayName": "Crew" }, "role": { "value": "admin", "display": "Administrator" } },
        { "group": { "externalId": "nobody" }, "entitlement": { "value": "seat", "type": "license" } },
    ]);
    let file = shell.file("rules.json", &json!({ "rules": rules }));
    let set = shell.says(&["group-rules", "set", "acme", &file, "--wait"]).await;
    let table = [
        "MEMBERS OF GROUPS HAVE DISPLAY TYPE PRIMARY",
        "displayName Crew 1 role admin Administrator - false",
        "externalId nobody 0 entitlement seat - license false",
    ];
    assert_eq!(lines(&set), table);
    let events = tenant.directory("/events?limit=1000").await.expect(200).body;
    let last = events["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["type"], &last["resourceId"]), (&json!("user.updated"), &Value::from(ada.clone())));
    let explained = shell.says(&["explain", "acme", "ada"]).await;
    assert!(explained.contains("By group rule 1 it has the role admin, as a member of the group"), "{explained}");
    let seen = tenant.directory(&format!("/users/{ada}")).await.expect(200).body;
    assert_eq!(seen["roles"], json!([{ "value": "admin", "display": "Administrator", "byGroup": true }]));
    let job = shell.says(&["job", "show", "acme", "group-rules"]).await;
    assert!(job.contains("running"), "{job}");
    let file = shell.file("again.json", &shell.json(&show).await);
    assert_eq!(lines(&shell.says(&["group-rules", "set", "acme", &file, "--wait"]).await), table);
    let wrong = shell.file("wrong.json", &json!({ "rules": [{ "group": {}, "role": { "value": "a" } }] }));
    let refused = shell.refused(&["group-rules", "set", "acme", &wrong]).await;
    assert!(refused.contains("Rule 1: group has exactly one of id, externalId and displayName."), "{refused}");
    assert_eq!(shell.says(&["group-rules", "off", "acme", "--wait"]).await, "There are no group rules.");
    let seen = tenant.directory(&format!("/users/{ada}")).await.expect(200).body;
    assert_eq!(seen["roles"], Value::Null);
}

#[test]
fn a_directory_schema_is_checked_and_set_by_commands() {
    block_on(with_acme(check_directory_schema));
}

#[test]
fn group_rules_are_set_and_removed_by_commands() {
    block_on(with_acme(check_group_rules));
}
