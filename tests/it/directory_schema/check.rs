//! How stored documents comply, with rules that are set and with others.

use scimgate_tests::{TestGateway, many_users, on_both, on_postgres};
use serde_json::json;

use super::{PATH, checked, set_rules, with};

on_both!(a_check_by_rules_that_are_not_set_writes_nothing_but_its_report, values_of_a_rule_that_is_gone_are_free);
on_postgres!(a_check_that_was_interrupted_continues);

async fn a_check_by_rules_that_are_not_set_writes_nothing_but_its_report(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = gateway.operator.get(&format!("{PATH}/check")).await.expect(404);
    let ada = tenant.post("/Users", &with("ada", &[("title", "Dr".into())])).await.expect(201).id();
    let eve = tenant
        .post("/Users", &with("eve", &[("title", "DR".into()), ("userType", "Robot".into())]))
        .await
        .expect(201)
        .id();
    let _ = tenant.post("/Users", &with("bob", &[])).await.expect(201);
    let before = tenant.everything().await;
    let rules = json!({ "rules": [
        { "path": "title", "unique": true },
        { "path": "userType", "allowed": ["Employee"] },
        { "path": "nickName", "required": true },
    ] });
    let begun = gateway.operator.post(&format!("{PATH}/check"), &rules).await.expect(202);
    assert_eq!((&begun.body["total"], &begun.body["applies"]), (&json!(3), &json!(false)));
    let check = checked(gateway).await;
    assert_eq!(
        (&check["examined"], &check["nonCompliant"], &check["conflicts"]),
        (&json!(3), &json!(3), &json!(1)),
        "{check}"
    );
    assert_eq!(check["byRule"], json!({ "User": { "nickName": 2, "title": 1, "userType": 1 } }));
    let examples = check["examples"].as_array().unwrap();
    let reason = |id: &str, path: &str| {
        let found = examples.iter().find(|it| it["id"] == id && it["path"] == path).unwrap();
        found["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason(&eve, "userType"), "userType must be \"Employee\", and is \"Robot\".");
    assert_eq!(
        reason(&eve, "title"),
        format!("User {ada} has the title \"dr\" already, which the directory schema wants to be unique.")
    );
    assert_eq!(tenant.everything().await, before);
    assert_eq!(gateway.operator.get(PATH).await.expect(200).body["rules"], json!([]));
    // Nothing is refused by it.
    let _ = tenant.post("/Users", &with("zoe", &[("title", "Dr".into())])).await.expect(201);
}

async fn values_of_a_rule_that_is_gone_are_free(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let unique = json!([{ "path": "title", "unique": true }]);
    let check = set_rules(gateway, &unique).await;
    assert_eq!(check["conflicts"], 0);
    let ada = tenant.post("/Users", &with("ada", &[("title", "Dr".into())])).await.expect(201).id();
    let _ = set_rules(gateway, &json!([])).await;
    // While nothing keeps the entries, she gives her title up.
    let _ = super::set(&tenant, &ada, "title", "Prof".into()).await.expect(200);
    let _ = set_rules(gateway, &unique).await;
    let _ = tenant.post("/Users", &with("eve", &[("title", "Dr".into())])).await.expect(201);
    let _ = tenant.post("/Users", &with("bob", &[("title", "PROF".into())])).await.expect(409);
}

async fn a_check_that_was_interrupted_continues(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let owner = gateway.store().await;
    many_users::fill(&owner, "acme", 1_200).await;
    let held = gateway.gateway.job_rounds.clone().acquire_owned().await.unwrap();
    let rules = json!({ "rules": [{ "path": "userName", "unique": true }, { "path": "nickName", "required": true }] });
    let _ = gateway.operator.put(PATH, &rules).await.expect(200);
    let runner = scimgate::operation::job::runner::Runner::default();
    let _ = runner.run_due(&gateway.gateway).await.unwrap();
    let some = gateway.operator.get(&format!("{PATH}/check")).await.expect(200).body;
    let examined = some["examined"].as_i64().unwrap();
    assert!(examined > 0 && examined < 1_400 && some["state"] == "running", "{some}");
    let refused = gateway.operator.post(&format!("{PATH}/check"), &json!({})).await.expect(409);
    assert!(refused.text.contains("being entered"), "{}", refused.text);
    let again = "UPDATE job SET resume_at = now(), leased_until = now() - interval '1 s', holder = gen_random_uuid() WHERE kind = 'directory-check'";
    let _ = owner.execute(again, &[]).await.unwrap();
    drop(held);
    let check = checked(gateway).await;
    assert_eq!((&check["examined"], &check["nonCompliant"]), (&json!(1_400), &json!(1_200)), "{check}");
    let entries = owner.query_one("SELECT count(*) FROM mapped_unique WHERE seen AND next", &[]).await.unwrap();
    assert_eq!(entries.get::<_, i64>(0), 1_200);
}
