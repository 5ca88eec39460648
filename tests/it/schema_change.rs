//! Schema changes that conflict with stored data are refused with a count and examples, also where the conflict arises during
//! the check. Those without conflicts are made.

use std::time::Duration;

use futures_util::future::join_all;
use insta::assert_snapshot;
use scimgate_tests::tenant::{device, patch};
use scimgate_tests::{Answer, Tenant, TestGateway, on_both, on_postgres, poll, rows};
use serde_json::{Value, json};

on_both!(
    a_change_that_conflicts_with_data_is_refused_with_examples,
    a_change_without_conflicts_is_made,
    unique_keys_follow_the_uniqueness_of_an_attribute,
    mapped_documents_are_checked_too,
    an_abandoned_change_is_rolled_back,
    concurrent_writers_and_changes_leave_no_conflict,
);
on_postgres!(a_change_waits_for_in_flight_writers, writes_must_fit_both_schemas_while_a_change_is_checked);

const TYPES: &str = "/tenants/acme/resource-types";

async fn with_devices(gateway: &TestGateway) -> Tenant {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = gateway.operator.post(TYPES, &device()).await.expect(201);
    tenant
}

/// The definition with other characteristics of one attribute.
fn device_with(attribute: &str, characteristics: &Value) -> Value {
    let mut definition = device();
    let attributes = definition["schema"]["attributes"].as_array_mut().unwrap();
    let found = attributes.iter_mut().find(|it| it["name"] == attribute).unwrap();
    for (key, value) in characteristics.as_object().unwrap() {
        found[key] = value.clone();
    }
    definition
}

fn device_without(attribute: &str) -> Value {
    let mut definition = device();
    definition["schema"]["attributes"].as_array_mut().unwrap().retain(|it| it["name"] != attribute);
    definition
}

async fn create(tenant: &Tenant, body: &Value) -> String {
    tenant.post("/Devices", body).await.expect(201).id()
}

fn check_refused(answer: &Answer, ids: &[String], reason: &str) {
    let problem = &answer.body;
    assert_eq!((answer.status, &problem["count"]), (409, &json!(ids.len())), "{}", answer.text);
    let examples = problem["examples"].as_array().unwrap();
    assert_eq!(examples.len(), ids.len().min(5), "{}", answer.text);
    for (example, id) in examples.iter().zip(ids) {
        assert_eq!(example["id"], id.as_str(), "{}", answer.text);
        assert!(example["reason"].as_str().unwrap().contains(reason), "{reason}: {}", answer.text);
    }
    assert!(problem["detail"].as_str().unwrap().contains(reason));
}

async fn a_change_that_conflicts_with_data_is_refused_with_examples(gateway: &TestGateway) {
    let tenant = with_devices(gateway).await;
    let mut ids = Vec::new();
    for number in 0..7 {
        let body =
            json!({ "displayName": "Ink", "tags": ["a", "b"], "model": format!("M{number}"), "inventory": number });
        ids.push(create(&tenant, &body).await);
    }
    let plain = create(&tenant, &json!({ "displayName": "Plain", "checked": "2026-05-01T09:00:00Z" })).await;
    for (change, found, reason) in [
        (device_without("model"), &ids[..], "model is not an attribute of Device."),
        (device_with("model", &json!({ "type": "integer" })), &ids[..], "model must be a whole number."),
        (device_with("tags", &json!({ "multiValued": false })), &ids[..], "tags must be a text."),
        (device_with("model", &json!({ "multiValued": true })), &ids[..], "model must be an array."),
        (device_with("model", &json!({ "canonicalValues": ["X"] })), &ids[..], "none of its canonicalValues."),
        (device_with("model", &json!({ "returned": "never" })), &ids[..], "never returned is not kept."),
        (
            device_with("inventory", &json!({ "required": true })),
            std::slice::from_ref(&plain),
            "inventory is required.",
        ),
        (device_with("displayName", &json!({ "uniqueness": "server" })), &ids[1..], "the same displayName."),
    ] {
        let answer = gateway.operator.post(TYPES, &change).await;
        check_refused(&answer, found, reason);
    }
    check_removal(gateway).await;
    check_extension(gateway, &tenant, std::slice::from_ref(&plain)).await;
    // Nothing changed: the refused parts are missing, and writes work as before.
    let stored = gateway.operator.get(&format!("{TYPES}/Device")).await.expect(200).body;
    assert_eq!(stored["schema"]["attributes"].as_array().unwrap().len(), 11);
    let change = patch(json!([{ "op": "replace", "path": "tags", "value": ["c", "d"] }]));
    let _ = tenant.patch(&format!("/Devices/{}", ids[0]), &change).await.expect(200);
}

/// A type with resources cannot be removed.
async fn check_removal(gateway: &TestGateway) {
    let removed = gateway.operator.delete(&format!("{TYPES}/Device")).await.expect(409);
    assert_snapshot!(removed.redacted(), @r#"
    {
      "title": "Conflict",
      "status": 409,
      "detail": "8 stored resources contradict this change. Nothing was changed. Device [id 1]: It is a Device. Device [id 2]: It is a Device. Device [id 3]: It is a Device. Device [id 4]: It is a Device. Device [id 5]: It is a Device.",
      "count": 8,
      "examples": [
        {
          "id": "[id 1]",
          "resourceType": "Device",
          "reason": "It is a Device."
        },
        {
          "id": "[id 2]",
          "resourceType": "Device",
          "reason": "It is a Device."
        },
        {
          "id": "[id 3]",
          "resourceType": "Device",
          "reason": "It is a Device."
        },
        {
          "id": "[id 4]",
          "resourceType": "Device",
          "reason": "It is a Device."
        },
        {
          "id": "[id 5]",
          "resourceType": "Device",
          "reason": "It is a Device."
        }
      ]
    }
    "#);
}

/// An extension cannot be required of resources without it, nor removed from one that has it.
async fn check_extension(gateway: &TestGateway, tenant: &Tenant, plain: &[String]) {
    let lab = |required: bool| {
        json!({ "resourceType": "Device", "required": required, "schema": {
            "id": "urn:acme:lab", "attributes": [{ "name": "room", "type": "string" }] } })
    };
    let answer = gateway.operator.post("/tenants/acme/schemas", &lab(true)).await;
    assert_eq!(answer.body["count"], 8, "{}", answer.text);
    let _ = gateway.operator.post("/tenants/acme/schemas", &lab(false)).await.expect(201);
    let room = patch(json!([{ "op": "add", "path": "urn:acme:lab:room", "value": "B 12" }]));
    let _ = tenant.patch(&format!("/Devices/{}", plain[0]), &room).await.expect(200);
    let removed = gateway.operator.delete("/tenants/acme/schemas/urn:acme:lab").await;
    check_refused(&removed, plain, "urn:acme:lab");
}

async fn a_change_without_conflicts_is_made(gateway: &TestGateway) {
    let tenant = with_devices(gateway).await;
    let id = create(&tenant, &json!({ "displayName": "Ink", "serial": "S-1" })).await;
    let narrower = [
        device_without("model"),
        device_with("serial", &json!({ "required": true })),
        device_with("tags", &json!({ "multiValued": false })),
    ];
    for change in &narrower {
        let _ = gateway.operator.post(TYPES, change).await.expect(200);
        let _ = gateway.operator.post(TYPES, &device()).await.expect(200);
    }
    let _ = gateway.operator.post(TYPES, &narrower[1]).await.expect(200);
    let _ = tenant.post("/Devices", &json!({ "displayName": "Laser" })).await.expect(400);
    let remove = patch(json!([{ "op": "remove", "path": "serial" }]));
    let _ = tenant.patch(&format!("/Devices/{id}"), &remove).await.expect(400);
    assert_eq!(tenant.get("/Schemas/urn:acme:schemas:2.0:Device").await.body["attributes"][1]["required"], true);
}

async fn unique_keys_follow_the_uniqueness_of_an_attribute(gateway: &TestGateway) {
    let tenant = with_devices(gateway).await;
    let unique = device_with("model", &json!({ "uniqueness": "server" }));
    let mut ids = Vec::new();
    for number in 0..120 {
        ids.push(create(&tenant, &json!({ "displayName": format!("D{number}"), "model": format!("M{number}") })).await);
    }
    let twin = create(&tenant, &json!({ "displayName": "Twin", "model": "m7" })).await;
    check_refused(&gateway.operator.post(TYPES, &unique).await, std::slice::from_ref(&twin), "the same model.");
    let _ = tenant.delete(&format!("/Devices/{twin}")).await.expect(204);
    let _ = gateway.operator.post(TYPES, &unique).await.expect(200);
    for number in [0, 99, 119] {
        let body = json!({ "displayName": "Late", "model": format!("m{number}") });
        assert_eq!(tenant.post("/Devices", &body).await.expect(409).body["scimType"], "uniqueness");
        let found = tenant.get(&format!("/Devices?filter=model eq \"M{number}\"")).await.expect(200).body;
        assert_eq!((&found["totalResults"], &found["Resources"][0]["id"]), (&json!(1), &json!(ids[number])));
    }
    let _ = tenant.delete(&format!("/Devices/{}", ids[0])).await.expect(204);
    let _ = create(&tenant, &json!({ "displayName": "Late", "model": "m0" })).await;
    let _ = gateway.operator.post(TYPES, &device()).await.expect(200);
    poll("the keys are deleted", async || {
        let answer = tenant.post("/Devices", &json!({ "displayName": "Twin", "model": "M1" })).await;
        (answer.status == 201).then_some(())
    })
    .await;
    let found = tenant.get("/Devices?filter=model eq \"m1\"").await.expect(200).body;
    assert_eq!(found["totalResults"], 2);
}

async fn mapped_documents_are_checked_too(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let mut body = scimgate_tests::tenant::user("ada");
    body[scimgate_tests::tenant::WS1B] = json!({ "customAttribute1": "B-1815" });
    let ada = tenant.post("/Users", &body).await.expect(201).id();
    let product = scimgate_tests::tenant::PRODUCT;
    let narrower =
        json!({ "directoryOnly": true, "schema": { "id": product, "attributes": [{ "name": "building" }] } });
    let answer = gateway.operator.post("/tenants/acme/schemas", &narrower).await;
    check_refused(&answer, &[ada], "badgeNumber");
}

async fn an_abandoned_change_is_rolled_back(gateway: &TestGateway) {
    let tenant = with_devices(gateway).await;
    let row = gateway.gateway.store.control().find_tenant("acme").await.unwrap().unwrap();
    let store = gateway.gateway.store.tenant(row.id);
    let until = gateway.clock.now() + Duration::from_mins(1);
    let nothing = "{\"types\":[],\"schemas\":[]}";
    let pending = store.begin_pending_change(nothing, row.schema_revision, uuid::Uuid::new_v4(), until).await.unwrap();
    assert_eq!(pending, Some(row.schema_revision + 1));
    let answer = gateway.operator.post(TYPES, &device_without("model")).await.expect(409);
    assert!(answer.body["detail"].as_str().unwrap().contains("Another change"), "{}", answer.text);
    gateway.clock.advance(Duration::from_secs(61));
    gateway.gateway.schemas_changed.notify_one();
    poll("it is rolled back", async || store.pending_change().await.unwrap().is_none().then_some(())).await;
    let _ = create(&tenant, &json!({ "displayName": "Ink" })).await;
    let _ = gateway.operator.post(TYPES, &device_without("model")).await.expect(200);
}

/// Sixteen clients write what the change forbids, and revert it, while the change is requested repeatedly.
async fn concurrent_writers_and_changes_leave_no_conflict(gateway: &TestGateway) {
    let tenant = with_devices(gateway).await;
    let narrower = device_with("inventory", &json!({ "required": true }));
    let mut ids = Vec::new();
    for number in 0..16 {
        ids.push(create(&tenant, &json!({ "displayName": "Ink", "inventory": number })).await);
    }
    let writers = ids.iter().enumerate().map(|(number, id)| {
        let (tenant, path) = (tenant.clone(), format!("/Devices/{id}"));
        tokio::spawn(async move {
            for _ in 0..12 {
                for operation in [
                    json!({ "op": "remove", "path": "inventory" }),
                    json!({ "op": "add", "path": "inventory", "value": number }),
                ] {
                    let answer = tenant.patch(&path, &patch(json!([operation]))).await;
                    assert!(matches!(answer.status, 200 | 400 | 503), "{}", answer.text);
                }
            }
        })
    });
    let changes = async {
        for _ in 0..12 {
            let answer = gateway.operator.post(TYPES, &narrower).await;
            assert!(matches!(answer.status, 200 | 409 | 503), "{}", answer.text);
            if answer.status == 200 {
                // All stored data fits the schema now.
                let without = tenant.get("/Devices?filter=not (inventory pr)").await.expect(200).body;
                assert_eq!(without["totalResults"], 0, "no conflicting write was stored");
                let _ = gateway.operator.post(TYPES, &device()).await.expect(200);
            }
        }
    };
    let (done, ()) = tokio::join!(join_all(writers), changes);
    done.into_iter().for_each(Result::unwrap);
    let _ = gateway.operator.post(TYPES, &narrower).await.expect(200);
    let without = tenant.get("/Devices?filter=not (inventory pr)").await.expect(200).body;
    assert_eq!(without["totalResults"], 0);
    if gateway.database() == scimgate_tests::Database::Postgres {
        let _ = tenant.events().await;
        rows::check(&gateway.store().await).await;
    }
}

/// Inserts a device without an inventory number in a transaction that stays open.
async fn open_write(gateway: &TestGateway) -> tokio_postgres::Client {
    let writer = gateway.store().await;
    writer
        .batch_execute(
            "BEGIN; INSERT INTO resource (tenant_id, id, resource_type, name_key, source, mapping_state, mapping_revision, version,
               created_at, modified_at)
             SELECT id, '01980000-0000-7000-8000-000000000001', 'Device', 'late',
               '{\"schemas\":[\"urn:acme:schemas:2.0:Device\"],\"displayName\":\"Late\"}', 'same', 0, 1, now(), now() FROM tenant",
        )
        .await
        .unwrap();
    writer
}

async fn is_pending(gateway: &TestGateway) {
    let owner = gateway.store().await;
    poll("the change is pending", async || {
        owner.query_opt("SELECT 1 FROM schema_change", &[]).await.unwrap().map(drop)
    })
    .await;
}

/// The write began before the change and is committed after the first check: only the second check can find it.
async fn a_change_waits_for_in_flight_writers(gateway: &TestGateway) {
    let tenant = with_devices(gateway).await;
    let _ = create(&tenant, &json!({ "displayName": "Ink", "inventory": 1 })).await;
    let narrower = device_with("inventory", &json!({ "required": true }));
    let writer = open_write(gateway).await;
    let (answer, ()) = tokio::join!(gateway.operator.post(TYPES, &narrower), async {
        is_pending(gateway).await;
        writer.batch_execute("COMMIT").await.unwrap();
    });
    check_refused(&answer, &["01980000-0000-7000-8000-000000000001".to_owned()], "inventory is required.");
    let _ = create(&tenant, &json!({ "displayName": "Laser" })).await;
}

async fn writes_must_fit_both_schemas_while_a_change_is_checked(gateway: &TestGateway) {
    let tenant = with_devices(gateway).await;
    let mut changed = device_with("inventory", &json!({ "required": true }));
    changed["schema"]["attributes"].as_array_mut().unwrap().push(json!({ "name": "colour", "type": "string" }));
    let writer = open_write(gateway).await;
    let (answer, ()) = tokio::join!(gateway.operator.post(TYPES, &changed), async {
        is_pending(gateway).await;
        let refused = tenant.post("/Devices", &json!({ "displayName": "Ink" })).await.expect(503);
        assert_eq!(refused.header("retry-after"), "2");
        let body = json!({ "displayName": "Laser", "inventory": 2, "colour": "red" });
        let laser = tenant.post("/Devices", &body).await.expect(201);
        assert!(laser.body.get("colour").is_none(), "the new attribute does not exist yet");
        let second = gateway.operator.post(TYPES, &device_without("model")).await.expect(409);
        assert!(second.body["detail"].as_str().unwrap().contains("Another change"), "{}", second.text);
        writer.batch_execute("ROLLBACK").await.unwrap();
    });
    let _ = answer.expect(200);
    let _ = tenant.post("/Devices", &json!({ "displayName": "Ink" })).await.expect(400);
    poll("the unknown attribute is reconciled", async || {
        let found = tenant.get("/Devices?filter=colour eq \"red\"").await.expect(200).body;
        (found["totalResults"] == 1).then_some(())
    })
    .await;
}
