//! Unknown members: kept, dropped or refused, in every request.

use insta::assert_snapshot;
use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Answer, Tenant, TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

use super::set;

on_both!(unknown_members_are_kept_dropped_or_refused);
on_postgres!(
    a_refused_write_changes_nothing,
    put_clears_or_keeps_omitted_attributes,
    put_without_members_keeps_them_or_empties_the_group,
);

const UNKNOWN: &str = "00000000-0000-7000-8000-000000000000";

fn with_members(name: &str, values: &[&str]) -> Value {
    let mut body = group(name);
    body["members"] = values.iter().map(|value| json!({ "value": value })).collect();
    body
}

fn members(answer: &Answer) -> Vec<String> {
    let listed = answer.body["members"].as_array().cloned().unwrap_or_default();
    let mut values: Vec<String> = listed.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect();
    values.sort();
    values
}

/// Every request that can add members, with the group's id.
async fn add_members(tenant: &Tenant, ada: &str, unknown: &str) -> Vec<(Answer, String)> {
    let mut all = Vec::new();
    let made = tenant.post("/Groups", &with_members("made", &[ada, unknown])).await;
    let id = made.body["id"].as_str().unwrap_or_default().to_owned();
    all.push((made, id));
    for (method, name) in [
        ("PUT", "put"),
        ("PUT, renamed", "put2"),
        ("PATCH", "patch"),
        ("PATCH, renamed", "mixed"),
        ("PATCH, all", "all"),
    ] {
        let id = tenant.group(name).await;
        let path = format!("/Groups/{id}");
        let values = json!([{ "value": ada }, { "value": unknown }]);
        let answer = match method {
            "PUT" => tenant.put(&path, &with_members(name, &[ada, unknown])).await,
            "PUT, renamed" => tenant.put(&path, &with_members("renamed", &[ada, unknown])).await,
            "PATCH" => tenant.patch(&path, &patch(json!([{ "op": "add", "path": "members", "value": values }]))).await,
            "PATCH, all" => {
                tenant.patch(&path, &patch(json!([{ "op": "replace", "path": "members", "value": values }]))).await
            }
            _ => {
                let rename = json!({ "op": "replace", "path": "displayName", "value": "renamed" });
                let add = json!({ "op": "add", "path": "members", "value": values });
                tenant.patch(&path, &patch(json!([rename, add]))).await
            }
        };
        all.push((answer, id));
    }
    all
}

async fn unknown_members_are_kept_dropped_or_refused(gateway: &TestGateway) {
    for (profile, kept) in
        [("auto", Some(true)), ("okta", Some(true)), ("ping", Some(false)), ("strict", None), ("sailpoint", None)]
    {
        let tenant = gateway.plain_tenant(profile).await;
        let _ = set(gateway, profile, &json!({ "profile": profile })).await.expect(200);
        let ada = tenant.user("ada").await;
        for (answer, id) in add_members(&tenant, &ada, UNKNOWN).await {
            let Some(kept) = kept else {
                let refused = answer.expect(400);
                assert_eq!(refused.body["scimType"], "invalidValue");
                assert!(refused.body["detail"].as_str().unwrap().contains(UNKNOWN), "{}", refused.text);
                continue;
            };
            assert!(answer.status < 300, "{}", answer.text);
            let read = tenant.get(&format!("/Groups/{id}")).await.expect(200);
            let expected = if kept { vec![UNKNOWN.to_owned(), ada.clone()] } else { vec![ada.clone()] };
            assert_eq!(members(&read), expected, "{profile}: {}", read.asked);
        }
        // A userName or an externalId is known, too.
        let named = with_members("named", &["ADA@corp.test", "ada"]);
        assert_eq!(members(&tenant.post("/Groups", &named).await.expect(201)), [ada]);
    }
}

async fn a_refused_write_changes_nothing(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = set(gateway, "acme", &json!({ "refuse": ["unknown-member-pending"] })).await.expect(200);
    let ada = tenant.user("ada").await;
    let before = (tenant.everything().await, gateway.row_counts().await);
    let made = tenant.post("/Groups", &with_members("made", &[&ada, "x", "y", "z", "zz"])).await.expect(400);
    assert_snapshot!(made.redacted(), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:api:messages:2.0:Error"
      ],
      "status": "400",
      "scimType": "invalidValue",
      "detail": "There is no member x, y, z and 1 more; make it before it is added."
    }
    "#);
    assert_eq!((tenant.everything().await, gateway.row_counts().await), before);
    for (answer, id) in add_members(&tenant, &ada, UNKNOWN).await {
        let _ = answer.expect(400);
        if !id.is_empty() {
            let read = tenant.get(&format!("/Groups/{id}")).await.expect(200);
            assert_eq!((members(&read).len(), read.version()), (0, 1), "{}", read.text);
            assert_ne!(read.body["displayName"], "renamed");
        }
    }
    // Only added members must be known.
    let id = tenant.post("/Groups", &with_members("crew", &[&ada])).await.expect(201).id();
    let remove = patch(json!([{ "op": "remove", "path": format!("members[value eq \"{UNKNOWN}\"]") }]));
    let _ = tenant.patch(&format!("/Groups/{id}"), &remove).await.expect(200);
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Groups", "bulkId": "g", "data": with_members("bulk", &["bulkId:u"]) },
            { "method": "POST", "path": "/Users", "bulkId": "u", "data": user("bob") },
            { "method": "POST", "path": "/Groups", "bulkId": "h", "data": with_members("none", &[UNKNOWN]) },
        ],
    });
    let done = tenant.post("/Bulk", &bulk).await.expect(200);
    let statuses: Vec<&str> =
        done.body["Operations"].as_array().unwrap().iter().map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "201", "400"], "{}", done.text);
}

async fn put_clears_or_keeps_omitted_attributes(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let mut body = user("ada");
    body["title"] = "Countess".into();
    body["nickName"] = "A".into();
    body["shoeSize"] = 37.into();
    let ada = format!("/Users/{}", tenant.post("/Users", &body).await.expect(201).id());
    let _ = set(gateway, "acme", &json!({ "allow": ["put-keeps-omitted"] })).await.expect(200);
    let partial = json!({ "schemas": body["schemas"], "displayName": "Ada", "nickName": null });
    let kept = tenant.put(&ada, &partial).await.expect(200);
    for answer in [&kept, &tenant.get(&ada).await.expect(200)] {
        let value = |name: &str| answer.body[name].clone();
        assert_eq!(
            (value("title"), value("displayName"), value("nickName")),
            (json!("Countess"), json!("Ada"), Value::Null)
        );
        assert_eq!((value("userName"), value("emails")), (body["userName"].clone(), body["emails"].clone()));
    }
    assert_eq!(
        tenant.put(&ada, &partial).await.expect(200).version(),
        kept.version(),
        "the same PUT again changes nothing"
    );
    assert_eq!(tenant.get("/Users?filter=userName eq \"ada@corp.test\"").await.expect(200).body["totalResults"], 1);
    let _ = set(gateway, "acme", &json!({ "reset": ["put-keeps-omitted"] })).await.expect(200);
    let refused = tenant.put(&ada, &partial).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidValue", "userName is required: {}", refused.text);
    let whole = json!({ "schemas": body["schemas"], "userName": body["userName"] });
    let cleared = tenant.put(&ada, &whole).await.expect(200);
    assert_eq!((&cleared.body["title"], &cleared.body["emails"]), (&Value::Null, &Value::Null));
}

async fn put_without_members_keeps_them_or_empties_the_group(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = tenant.user("ada").await;
    let crew = format!("/Groups/{}", tenant.post("/Groups", &with_members("crew", &[&ada])).await.expect(201).id());
    for (settings, left) in [
        (json!({}), vec![ada.clone()]),
        (json!({ "profile": "okta" }), vec![ada.clone()]),
        (json!({ "profile": "strict" }), vec![]),
        (json!({ "allow": ["put-keeps-members"] }), vec![ada.clone()]),
        (json!({ "reset": ["put-keeps-members"], "allow": ["put-keeps-omitted"] }), vec![ada.clone()]),
    ] {
        let _ = set(gateway, "acme", &settings).await.expect(200);
        let _ = tenant.put(&crew, &with_members("crew", &[&ada])).await.expect(200);
        let _ = tenant.put(&crew, &group("renamed")).await.expect(200);
        let read = tenant.get(&crew).await.expect(200);
        assert_eq!((members(&read), &read.body["displayName"]), (left, &json!("renamed")), "{settings}");
    }
}
