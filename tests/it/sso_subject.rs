//! The single sign-on subject: a rule of the directory schema, in the directory and its look-up.

use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Answer, Tenant, TestGateway, on_both};
use serde_json::{Value, json};

use crate::directory_schema::{checked, set_rules};

on_both!(
    a_user_has_its_subject_and_is_found_by_it,
    a_write_without_a_subject_or_with_anothers_is_refused,
    case_counts_as_the_attribute_says,
    what_is_stored_is_reported_and_found_once_it_complies,
    a_change_of_the_subject_frees_the_old_one,
    it_is_what_the_mapping_makes,
    the_rules_and_the_subject_are_set_apart,
    what_cannot_be_a_subject_is_refused,
);

const PATH: &str = "/tenants/acme/sso-subject";

async fn set(gateway: &TestGateway, path: &str) -> Value {
    let wanted = json!({ "path": (path != "off").then_some(path) });
    let set = gateway.operator.put(PATH, &wanted).await.expect(200).body;
    assert_eq!(set["path"], wanted["path"]);
    assert_eq!(gateway.operator.get(PATH).await.expect(200).body, set);
    checked(gateway).await
}

async fn find(tenant: &Tenant, subject: &str) -> Answer {
    let query = reqwest::Url::parse_with_params("http://x", [("ssoSubject", subject)]).unwrap();
    tenant.directory(&format!("/users?{}", query.query().unwrap())).await
}

/// The ids of who is found.
async fn found(tenant: &Tenant, subject: &str) -> Vec<String> {
    let page = find(tenant, subject).await.expect(200).body;
    assert_eq!(page["nextCursor"], json!(null));
    page["resources"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

async fn change(tenant: &Tenant, id: &str, path: &str, value: &str) -> Answer {
    tenant.patch(&format!("/Users/{id}"), &patch(json!([{ "op": "replace", "path": path, "value": value }]))).await
}

fn named(name: &str, external_id: Option<&str>) -> Value {
    let mut body = user(name);
    body["externalId"] = json!(external_id);
    body
}

fn detail(answer: &Answer) -> &str {
    answer.body["detail"].as_str().unwrap()
}

async fn a_user_has_its_subject_and_is_found_by_it(gateway: &TestGateway) {
    let (tenant, globex) = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
    assert_eq!(gateway.operator.get(PATH).await.expect(200).body["path"], json!(null));
    let ada = tenant.post("/Users", &named("ada", Some("oid-1 +&=ä"))).await.expect(201).id();
    let shown = async || tenant.directory(&format!("/users/{ada}")).await.expect(200).body;
    assert!(shown().await.get("ssoSubject").is_none());
    let refused = find(&tenant, "oid-1 +&=ä").await.expect(400);
    assert!(detail(&refused).contains("scimgate tenant sso-subject"), "{}", refused.text);
    let check = set(gateway, "externalId").await;
    assert_eq!((&check["nonCompliant"], &check["conflicts"]), (&json!(0), &json!(0)), "{check}");
    assert_eq!(shown().await["ssoSubject"], "oid-1 +&=ä");
    let page = tenant.directory("/users").await.expect(200).body;
    assert_eq!(page["resources"][0]["ssoSubject"], "oid-1 +&=ä");
    assert_eq!(find(&tenant, "oid-1 +&=ä").await.expect(200).body["resources"][0], shown().await);
    assert_eq!(found(&tenant, "oid-2").await, Vec::<String>::new());
    // A new user at once, and one that leaves no more.
    let eve = tenant.post("/Users", &named("eve", Some("oid-2"))).await.expect(201).id();
    assert_eq!(found(&tenant, "oid-2").await, [eve.as_str()]);
    let _ = tenant.delete(&format!("/Users/{eve}")).await.expect(204);
    assert_eq!(found(&tenant, "oid-2").await, Vec::<String>::new());
    // Another tenant has a setting of its own, and groups have none.
    let _ = find(&globex, "oid-1 +&=ä").await.expect(400);
    let crew = tenant.group("crew").await;
    assert!(tenant.directory(&format!("/groups/{crew}")).await.expect(200).body.get("ssoSubject").is_none());
    for wrong in ["/groups?ssoSubject=x", "/users?ssoSubject=", "/users?ssoSubject=x&cursor=y"] {
        let _ = tenant.directory(wrong).await.expect(400);
    }
}

async fn a_write_without_a_subject_or_with_anothers_is_refused(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = set(gateway, "externalId").await;
    let refused = tenant.post("/Users", &named("ada", None)).await.expect(400);
    assert!(
        detail(&refused).ends_with("externalId is required: it is the single sign-on subject."),
        "{}",
        refused.text
    );
    let ada = tenant.post("/Users", &named("ada", Some("oid-1"))).await.expect(201).id();
    let refused = tenant.post("/Users", &named("eve", Some("oid-1"))).await.expect(409);
    assert_eq!(refused.body["scimType"], "uniqueness");
    assert!(detail(&refused).contains(&ada) && detail(&refused).contains("externalId \"oid-1\""), "{}", refused.text);
    let eve = tenant.post("/Users", &named("eve", Some("oid-2"))).await.expect(201).id();
    let _ = change(&tenant, &eve, "externalId", "oid-1").await.expect(409);
    let gone = patch(json!([{ "op": "remove", "path": "externalId" }]));
    let _ = tenant.patch(&format!("/Users/{eve}"), &gone).await.expect(400);
    assert_eq!((found(&tenant, "oid-1").await, found(&tenant, "oid-2").await), (vec![ada], vec![eve]));
}

async fn case_counts_as_the_attribute_says(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = tenant.post("/Users", &named("Ada", Some("Oid-A"))).await.expect(201).id();
    let _ = set(gateway, "externalId").await;
    assert_eq!((found(&tenant, "Oid-A").await, found(&tenant, "oid-a").await), (vec![ada.clone()], vec![]));
    let eve = tenant.post("/Users", &named("eve", Some("oid-a"))).await.expect(201).id();
    assert_eq!(found(&tenant, "oid-a").await, [eve.as_str()]);
    let _ = set(gateway, "userName").await;
    for written in ["Ada@corp.test", "ada@CORP.test"] {
        assert_eq!(found(&tenant, written).await, [ada.as_str()], "{written}");
    }
    let shown = find(&tenant, "ada@corp.test").await.expect(200).body["resources"][0]["ssoSubject"].clone();
    assert_eq!(shown, "Ada@corp.test", "as it was written");
}

async fn what_is_stored_is_reported_and_found_once_it_complies(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = tenant.post("/Users", &named("ada", Some("same"))).await.expect(201).id();
    let eve = tenant.post("/Users", &named("eve", Some("same"))).await.expect(201).id();
    let zoe = tenant.post("/Users", &named("zoe", None)).await.expect(201).id();
    // Until the values are entered, a look-up that finds nobody is refused.
    let jobs = gateway.gateway.job_rounds.acquire().await.unwrap();
    let _ = gateway.operator.put(PATH, &json!({ "path": "EXTERNALID" })).await.expect(200);
    let early = find(&tenant, "same").await.expect(503);
    assert!(!early.header("retry-after").is_empty() && detail(&early).contains("being entered"), "{}", early.text);
    drop(jobs);
    let check = checked(gateway).await;
    assert_eq!(gateway.operator.get(PATH).await.expect(200).body["path"], "externalId");
    assert_eq!((&check["nonCompliant"], &check["conflicts"]), (&json!(1), &json!(1)), "{check}");
    assert_eq!(check["byRule"]["User"]["externalId"], 2);
    let reasons: Vec<&str> =
        check["examples"].as_array().unwrap().iter().map(|it| it["reason"].as_str().unwrap()).collect();
    assert!(reasons.iter().any(|it| it.contains("single sign-on subject")), "{reasons:?}");
    // The product sees them as before: one without a subject, and of the two the one that the report names.
    let shown = tenant.directory(&format!("/users/{zoe}")).await.expect(200).body;
    assert_eq!(shown.get("ssoSubject"), Some(&json!(null)));
    let first = found(&tenant, "same").await;
    let other = if first == [ada.as_str()] { eve } else { ada };
    assert!(first.len() == 1 && reasons.iter().any(|it| it.contains(&first[0])), "{first:?} {reasons:?}");
    let _ = change(&tenant, &other, "externalId", "other").await.expect(200);
    let _ = change(&tenant, &zoe, "externalId", "third").await.expect(200);
    assert_eq!((found(&tenant, "other").await, found(&tenant, "third").await), (vec![other], vec![zoe]));
    let _ = gateway.operator.post("/tenants/acme/directory-schema/check", &json!({})).await.expect(202);
    let check = checked(gateway).await;
    assert_eq!((&check["nonCompliant"], &check["conflicts"]), (&json!(0), &json!(0)), "{check}");
}

async fn a_change_of_the_subject_frees_the_old_one(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = tenant.post("/Users", &named("ada", Some("oid-1"))).await.expect(201).id();
    let _ = set(gateway, "externalId").await;
    let mail = r#"emails[type eq "work"].value"#;
    let _ = set(gateway, mail).await;
    assert_eq!(found(&tenant, "ADA@corp.test").await, [ada.as_str()]);
    assert_eq!(found(&tenant, "oid-1").await, Vec::<String>::new());
    let mut twin = named("eve", Some("oid-1"));
    twin["emails"] = json!([{ "type": "work", "value": "eve@corp.test" }]);
    let eve = tenant.post("/Users", &twin).await.expect(201).id();
    let two = json!([{ "type": "work", "value": "eve@corp.test" }, { "type": "work", "value": "e@corp.test" }]);
    let both = patch(json!([{ "op": "replace", "path": "emails", "value": two }]));
    let refused = tenant.patch(&format!("/Users/{eve}"), &both).await.expect(400);
    assert!(detail(&refused).contains("has 2 values"), "{}", refused.text);
    let _ = set(gateway, "off").await;
    let _ = tenant.patch(&format!("/Users/{eve}"), &both).await.expect(200);
    let _ = find(&tenant, "eve@corp.test").await.expect(400);
    assert!(tenant.directory(&format!("/users/{eve}")).await.body.get("ssoSubject").is_none());
    let audit = gateway.operator.get("/audit?tenant=acme").await.expect(200).body;
    let changes = audit["changes"].as_array().unwrap().iter().filter(|it| it["action"] == "sso-subject.set");
    assert_eq!(changes.count(), 3);
}

async fn it_is_what_the_mapping_makes(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = set(gateway, "nickName").await;
    let _ = gateway.map("acme", "tutorial", &json!({ "lift": { "externalId": "nickName" } }), "keep").await;
    let ada = tenant.post("/Users", &named("ada", Some("oid-1"))).await.expect(201).id();
    assert_eq!(found(&tenant, "oid-1").await, [ada.as_str()]);
    // Without one the product keeps the last good document, and the user its subject.
    let gone = patch(json!([{ "op": "remove", "path": "externalId" }]));
    let _ = tenant.patch(&format!("/Users/{ada}"), &gone).await.expect(200);
    let seen = find(&tenant, "oid-1").await.expect(200).body["resources"][0].clone();
    assert_eq!((&seen["ssoSubject"], &seen["mappingState"]), (&json!("oid-1"), &json!("stale")));
}

async fn the_rules_and_the_subject_are_set_apart(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = tenant.post("/Users", &named("ada", Some("oid-1"))).await.expect(201).id();
    let _ = set(gateway, "externalId").await;
    let rules = json!([{ "resourceType": "User", "path": "externalId", "required": false, "unique": true }]);
    let shown = async || gateway.operator.get("/tenants/acme/directory-schema").await.expect(200).body;
    assert_eq!((&shown().await["rules"], &shown().await["ssoSubject"]), (&json!([]), &json!("externalId")));
    let _ = set_rules(gateway, &rules).await;
    assert_eq!((&shown().await["rules"], &shown().await["ssoSubject"]), (&rules, &json!("externalId")));
    let _ = tenant.post("/Users", &named("eve", None)).await.expect(400);
    assert_eq!(found(&tenant, "oid-1").await, [ada.as_str()]);
    let _ = set(gateway, "off").await;
    assert_eq!((&shown().await["rules"], &shown().await["ssoSubject"]), (&rules, &json!(null)));
    let _ = tenant.post("/Users", &named("eve", None)).await.expect(201);
    let _ = tenant.post("/Users", &named("zoe", Some("oid-1"))).await.expect(409);
    let _ = set(gateway, "externalId").await;
    let _ = set_rules(gateway, &json!([])).await;
    assert_eq!(found(&tenant, "oid-1").await, [ada.as_str()]);
    let _ = tenant.post("/Users", &named("zoe", Some("oid-1"))).await.expect(409);
}

async fn what_cannot_be_a_subject_is_refused(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    for (path, why) in [
        ("badge", "not an attribute of User"),
        ("active", "two values"),
        ("emails.value", "select one"),
        ("name", "complex"),
        ("members", "not an attribute"),
        ("", "cannot be"),
    ] {
        let refused = gateway.operator.put(PATH, &json!({ "path": path })).await.expect(400);
        assert!(detail(&refused).contains(why), "{path}: {}", refused.text);
    }
    let _ = gateway.operator.put("/tenants/none/sso-subject", &json!({ "path": null })).await.expect(404);
    // A schema that the subject needs stays.
    let schema = json!({ "id": "urn:example:acme:2.0:User", "attributes": [{ "name": "objectId", "type": "string", "caseExact": true }] });
    let _ = gateway.operator.post("/tenants/acme/schemas", &json!({ "schema": schema })).await.expect(201);
    let _ = set(gateway, "urn:example:acme:2.0:User:objectId").await;
    let refused = gateway.operator.delete("/tenants/acme/schemas/urn:example:acme:2.0:User").await.expect(409);
    assert!(detail(&refused).contains("directory schema"), "{}", refused.text);
}
