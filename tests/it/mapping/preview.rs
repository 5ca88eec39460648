//! Preview: what a revision makes of one document, step by step. Nothing is written.

use scimgate::operation::leniency_use::flush;
use scimgate_tests::tenant::{PRODUCT, WS1B, group, tutorial_config, user};
use scimgate_tests::{Answer, TestGateway, on_both, plugin};
use serde_json::{Value, json};

on_both!(
    a_preview_shows_what_each_step_changes,
    a_preview_equals_what_a_write_then_makes,
    a_preview_says_why_a_document_is_not_mapped,
    a_preview_writes_nothing,
    a_mapping_that_is_not_stored_is_previewed,
    a_preview_of_nothing_is_refused,
);

const PREVIEW: &str = "/tenants/acme/mapping/preview";

async fn preview(gateway: &TestGateway, body: Value) -> Answer {
    gateway.operator.post(PREVIEW, &body).await
}

async fn draft(gateway: &TestGateway, steps: Value) -> i64 {
    for name in ["tutorial", "hostile"] {
        let _ = gateway.upload(plugin(name)).await;
    }
    let path = "/tenants/acme/mapping/revisions?dryRun=false";
    let drafted = gateway.operator.post(path, &json!({ "steps": steps })).await.expect(201);
    drafted.body["revision"].as_i64().unwrap()
}

/// A user with the tutorial's attributes.
fn ada() -> Value {
    let mut ada = user("Ada");
    ada["schemas"].as_array_mut().unwrap().push(WS1B.into());
    ada[WS1B] = json!({ "customAttribute1": "B-1815" });
    ada
}

async fn a_preview_shows_what_each_step_changes(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let id = tenant.post("/Users", &ada()).await.expect(201).id();
    let revision = draft(
        gateway,
        json!([
            { "plugin": "hostile", "config": { "do": "nothing" }, "resourceTypes": ["Group"] },
            { "plugin": "tutorial", "config": tutorial_config() },
            { "plugin": "hostile", "config": { "do": "log", "size": 3 } },
            { "plugin": "hostile", "config": { "do": "write", "path": "title", "size": 2 } },
        ]),
    )
    .await;
    let shown = preview(gateway, json!({ "resource": "aDa@corp.test", "draft": true })).await.expect(200).body;
    assert_eq!((&shown["revision"], &shown["state"], &shown["id"]), (&json!(revision), &json!("draft"), &json!(id)));
    assert_eq!((&shown["outcome"], &shown["reason"]), (&json!("mapped"), &Value::Null));
    let steps = shown["steps"].as_array().unwrap();
    let outcomes: Vec<_> =
        steps.iter().map(|it| (it["number"].as_u64().unwrap(), it["outcome"].as_str().unwrap())).collect();
    assert_eq!(outcomes, [(1, "skipped"), (2, "mapped"), (3, "same"), (4, "mapped")]);
    assert_eq!((&steps[1]["title"], &steps[0]["cpuMicros"]), (&json!("tutorial@0.1.0"), &json!(0)));
    assert!(steps[1]["cpuMicros"].as_u64().unwrap() > 0, "{shown}");
    let changes = json!([
        { "path": "emails[type eq \"work\"].value", "before": "Ada@Corp.Test", "after": "ada@corp.test" },
        { "path": format!("{WS1B}:customAttribute1"), "before": "B-1815" },
        { "path": "displayName", "after": "Ada Byron" },
        { "path": format!("{PRODUCT}:badgeNumber"), "after": "B-1815" },
    ]);
    assert_eq!(steps[1]["changes"], changes);
    assert_eq!(steps[2]["log"], json!([{ "level": "warn", "message": "xxx" }]));
    assert_eq!(steps[3]["changes"], json!([{ "path": "title", "after": "xx" }]));
    assert_eq!((&shown["source"]["userName"], &shown["source"]["title"]), (&json!("Ada@corp.test"), &Value::Null));
    assert_eq!((&shown["mapped"]["displayName"], &shown["mapped"]["title"]), (&json!("Ada Byron"), &json!("xx")));

    // The active one, by default.
    let active = preview(gateway, json!({ "resource": id })).await.expect(200).body;
    assert_eq!((&active["state"], active["steps"].as_array().unwrap().len()), (&json!("active"), 1));
    assert_eq!(active["steps"][0]["changes"], changes);

    let crew = tenant.group("Crew").await;
    let by_name = json!({ "resourceType": "group", "resource": "crew", "revision": revision });
    let shown = preview(gateway, by_name).await.expect(200).body;
    assert_eq!((&shown["resourceType"], &shown["id"]), (&json!("Group"), &json!(crew)));
    let outcomes: Vec<_> =
        shown["steps"].as_array().unwrap().iter().map(|it| it["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["same", "skipped", "same", "failed"], "a group has no title");
    let refused = &shown["steps"][3]["refusedPaths"][0];
    assert_eq!((&refused["call"], &refused["path"]), (&json!("set"), &json!("title")));
    assert!(refused["reason"].as_str().unwrap().starts_with("title is not an attribute of Group"), "{refused}");
}

/// Which documents the product then reads, without what the gateway adds to them.
async fn a_preview_equals_what_a_write_then_makes(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    for (name, mut body) in [("ada", ada()), ("plain", user("plain"))] {
        body["userName"] = name.into();
        body["active"] = "True".into();
        let shown = preview(gateway, json!({ "document": body })).await.expect(200).body;
        assert_eq!(shown["warnings"], json!(["Tolerated of this client: string-boolean (active)."]));
        let id = tenant.post("/Users", &body).await.expect(201).id();
        let mut read = tenant.directory(&format!("/users/{id}")).await.expect(200).body;
        for own in ["id", "meta", "mappingState"] {
            read.as_object_mut().unwrap().shift_remove(own);
        }
        assert_eq!(shown["mapped"], read);
        let stored = preview(gateway, json!({ "resource": name })).await.expect(200).body;
        assert_eq!((&stored["mapped"], &stored["id"]), (&shown["mapped"], &json!(id)));
        assert_eq!(stored["source"], shown["source"]);
    }
    let _ = gateway.operator.delete("/tenants/acme/mapping").await.expect(204);
    let off = preview(gateway, json!({ "document": user("eve") })).await.expect(200).body;
    assert_eq!((&off["revision"], &off["state"], &off["outcome"]), (&json!(0), &Value::Null, &json!("same")));
    assert_eq!((&off["steps"], &off["mapped"]), (&json!([]), &off["source"]));
}

async fn a_preview_says_why_a_document_is_not_mapped(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let rule = json!({ "path": "userType", "equals": "Contractor" });
    let nothing = json!({ "plugin": "hostile", "config": { "do": "nothing" } });
    for (plugin, config, outcome, reason) in [
        ("tutorial", json!({ "excludeWhere": rule }), "excluded", "userType is \"Contractor\"."),
        ("tutorial", json!({ "rejectWhere": rule }), "rejected", "userType must not be \"Contractor\"."),
        ("hostile", json!({ "do": "fail" }), "failed", "I would rather not"),
        ("hostile", json!({ "do": "panic" }), "failed", "The plugin panicked"),
    ] {
        let steps = json!([nothing, { "plugin": plugin, "config": config }, nothing]);
        let revision = draft(gateway, steps).await;
        let mut body = user("charles");
        body["userType"] = "Contractor".into();
        let shown = preview(gateway, json!({ "document": body, "revision": revision })).await.expect(200).body;
        assert_eq!((&shown["outcome"], &shown["mapped"]), (&json!(outcome), &Value::Null), "{shown}");
        assert!(shown["reason"].as_str().unwrap().contains(reason), "{shown}");
        let steps = shown["steps"].as_array().unwrap();
        assert_eq!((steps.len(), &steps[1]["outcome"]), (2, &json!(outcome)), "the run ends there: {shown}");
        assert!(steps[1]["reason"].as_str().unwrap().contains(reason), "{shown}");
        if config["do"] == "panic" {
            assert!(steps[1]["log"].to_string().contains("on purpose"), "{shown}");
        }
    }
    let revision =
        draft(gateway, json!([{ "plugin": "tutorial", "config": { "lift": { "userName": "nickName" } } }])).await;
    let shown = preview(gateway, json!({ "document": user("ada"), "revision": revision })).await.expect(200).body;
    assert_eq!((&shown["outcome"], &shown["steps"][0]["outcome"]), (&json!("failed"), &json!("mapped")));
    assert_eq!(shown["onFailure"], "refuse");
    assert!(shown["reason"].as_str().unwrap().contains("the result does not match the directory's schemas"), "{shown}");
}

async fn a_preview_writes_nothing(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let id = tenant.user("ada").await;
    let revision = draft(gateway, json!([{ "plugin": "hostile", "config": { "do": "write", "path": "title" } }])).await;
    flush::write(&gateway.gateway).await.unwrap();
    let before = (gateway.row_digests().await, tenant.everything().await);
    let mut lax = user("eve");
    lax["active"] = "True".into();
    lax["shoeSize"] = 37.into();
    for body in [
        json!({ "resource": "ada@corp.test" }),
        json!({ "resource": id, "draft": true }),
        json!({ "document": lax, "revision": revision }),
        json!({ "document": group("Crew"), "resourceType": "Group" }),
    ] {
        let _ = preview(gateway, body).await.expect(200);
    }
    flush::write(&gateway.gateway).await.unwrap();
    assert_eq!((gateway.row_digests().await, tenant.everything().await), before);
}

async fn a_mapping_that_is_not_stored_is_previewed(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let _ = gateway.upload(plugin("hostile")).await;
    let revisions = "/tenants/acme/mapping/revisions";
    let before = gateway.operator.get(revisions).await.expect(200).body;
    let mapping =
        json!({ "steps": [{ "plugin": "hostile", "config": { "do": "write", "path": "title", "size": 2 } }] });
    let shown = preview(gateway, json!({ "resource": ada, "mapping": mapping })).await.expect(200).body;
    assert_eq!((&shown["revision"], &shown["state"], &shown["outcome"]), (&json!(0), &Value::Null, &json!("mapped")));
    assert_eq!(shown["steps"][0]["changes"], json!([{ "path": "title", "after": "xx" }]));
    assert_eq!(gateway.operator.get(revisions).await.expect(200).body, before, "nothing is stored");
}

async fn a_preview_of_nothing_is_refused(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let _ = (tenant.group("Twins").await, tenant.group("twins").await);
    let deleted = tenant.user("gone").await;
    let _ = tenant.delete(&format!("/Users/{deleted}")).await.expect(204);
    for (body, status, why) in [
        (json!({ "resource": "bob" }), 404, "There is no User with the userName bob."),
        (json!({ "resource": deleted }), 404, ""),
        (json!({ "resource": "gone@corp.test" }), 404, ""),
        (json!({ "resource": "a\0" }), 404, ""),
        (json!({ "resource": ada, "resourceType": "Group" }), 404, ""),
        (
            json!({ "resource": ada, "resourceType": "Robot" }),
            404,
            "There is no resource type Robot. There are: User, Group.",
        ),
        (json!({ "resource": ada, "revision": 7 }), 404, "There is no mapping revision 7."),
        (
            json!({ "resource": ada, "draft": true }),
            404,
            "The newest revision, 1, is active. Name the revision, or make a draft.",
        ),
        (
            json!({ "resourceType": "Group", "resource": "TWINS" }),
            409,
            "Several resources are called TWINS. Give the id: ",
        ),
        (json!({}), 400, "Give either a document or a resource."),
        (json!({ "resource": ada, "document": user("eve") }), 400, "Give either a document or a resource."),
        (json!({ "resource": ada, "draft": true, "revision": 1 }), 400, "Give one of revision, draft and mapping."),
        (
            json!({ "resource": ada, "mapping": { "steps": [{ "plugin": "tutorial", "config": { "lift": { "a": "b" } } }] } }),
            400,
            "Step 1 (tutorial@0.1.0): the configuration at /lift",
        ),
        (json!({ "document": { "userName": { "is": "none" } } }), 400, "userName"),
        (json!({ "document": { "displayName": "x" } }), 400, "userName is required."),
        (json!({ "document": [] }), 400, ""),
        (json!({ "resource": ada, "extra": 1 }), 400, "unknown field"),
    ] {
        let refused = preview(gateway, body.clone()).await;
        assert_eq!(refused.status, status, "{body}: {}", refused.text);
        assert!(refused.body["detail"].as_str().unwrap().contains(why), "{body}: {}", refused.text);
    }
}
