//! How a member's value is resolved: to the same member, or to none, in every request and whatever exists first.

use insta::assert_snapshot;
use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Answer, Database, Tenant, TestGateway, on_both, rows};
use serde_json::{Value, json};

use super::members;

on_both!(
    a_member_value_is_resolved_in_a_fixed_order,
    an_ambiguous_member_value_is_not_resolved,
    resolution_does_not_depend_on_creation_order,
    a_user_renamed_to_a_pending_value_becomes_a_member,
    an_ambiguous_reference_stays_pending,
    a_pending_id_matches_in_any_notation,
);

/// A user with these names.
async fn named(tenant: &Tenant, user_name: &str, external_id: &str) -> String {
    let mut body = user("x");
    body["userName"] = user_name.into();
    body["externalId"] = external_id.into();
    tenant.post("/Users", &body).await.expect(201).id()
}

async fn crew(tenant: &Tenant, values: &[&str]) -> Answer {
    let mut body = group("crew");
    body["members"] = values.iter().map(|value| json!({ "value": value })).collect();
    tenant.post("/Groups", &body).await
}

async fn add(tenant: &Tenant, crew: &str, value: &str) {
    let body = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": value }] }]));
    let _ = tenant.patch(&format!("/Groups/{crew}"), &body).await.expect(200);
}

async fn remove(tenant: &Tenant, crew: &str, value: &str) {
    let body = patch(json!([{ "op": "remove", "path": format!("members[value eq \"{value}\"]") }]));
    let _ = tenant.patch(&format!("/Groups/{crew}"), &body).await.expect(200);
}

async fn set(tenant: &Tenant, user: &str, attribute: &str, value: &str) -> Answer {
    let body = patch(json!([{ "op": "replace", "path": attribute, "value": value }]));
    tenant.patch(&format!("/Users/{user}"), &body).await.expect(200)
}

/// The membership events; also checks the rows.
async fn membership_events(gateway: &TestGateway, tenant: &Tenant) -> Vec<(Value, Value)> {
    let events = tenant.events().await;
    if gateway.database() == Database::Postgres {
        rows::check(&gateway.store().await).await;
    }
    let of_members = events.into_iter().filter(|event| event["type"].as_str().unwrap().starts_with("membership"));
    of_members.map(|event| (event["type"].clone(), event["memberId"].clone())).collect()
}

async fn a_member_value_is_resolved_in_a_fixed_order(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let by_name = named(&tenant, "amb", "a").await;
    let by_external_id = named(&tenant, "b", "amb").await;
    let id = crew(&tenant, &["amb"]).await.expect(201).id();
    assert_eq!(members(&tenant, &id).await, [&*by_external_id], "the externalId comes before the userName");
    let path = format!("/Groups/{id}");
    let put = json!({ "displayName": "crew", "members": [{ "value": "amb" }] });
    let _ = tenant.put(&path, &put).await.expect(200);
    assert_eq!(members(&tenant, &id).await, [&*by_external_id], "PUT");
    remove(&tenant, &id, "AMB").await;
    assert_eq!(members(&tenant, &id).await, [&*by_external_id], "in another case it is another user's userName");
    add(&tenant, &id, "AMB").await;
    assert_eq!(members(&tenant, &id).await, [&*by_name, &by_external_id]);
    remove(&tenant, &id, "AMB").await;
    assert_eq!(members(&tenant, &id).await, [&*by_external_id]);
    add(&tenant, &id, "AMB").await;
    remove(&tenant, &id, "amb").await;
    assert_eq!(members(&tenant, &id).await, [&*by_name]);

    // An id comes first, also if it is another user's name.
    let by_both = named(&tenant, "c", &by_name).await;
    remove(&tenant, &id, &by_name).await;
    add(&tenant, &id, &by_both).await;
    remove(&tenant, &id, &by_name).await;
    assert_eq!(members(&tenant, &id).await, [&*by_both]);
    let _ = tenant.put(&path, &json!({ "displayName": "crew", "members": [{ "value": by_name }] })).await.expect(200);
    assert_eq!(members(&tenant, &id).await, [&*by_name]);
    assert_eq!(membership_events(gateway, &tenant).await.len(), 9, "one event for each change");
}

async fn an_ambiguous_member_value_is_not_resolved(gateway: &TestGateway) {
    for (profile, kept) in [("okta", Some(true)), ("ping", Some(false)), ("strict", None)] {
        let tenant = gateway.plain_tenant(profile).await;
        let client = format!("/tenants/{profile}/client");
        let _ = gateway.operator.patch(&client, &json!({ "profile": profile })).await.expect(200);
        let (one, other) = (named(&tenant, "one", "twin").await, named(&tenant, "other", "twin").await);
        let answer = crew(&tenant, &["twin", "one"]).await;
        let Some(kept) = kept else {
            let refused = answer.expect(400);
            assert_snapshot!(refused.redacted(), @r#"
            {
              "schemas": [
                "urn:ietf:params:scim:api:messages:2.0:Error"
              ],
              "status": "400",
              "scimType": "invalidValue",
              "detail": "More than one user has the externalId twin; name the member by its id."
            }
            "#);
            continue;
        };
        let id = answer.expect(201).id();
        let expected = if kept { vec![&*one, "twin"] } else { vec![&*one] };
        assert_eq!(members(&tenant, &id).await, expected, "{profile}");
        let body = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": "twin" }] }]));
        assert!(tenant.patch(&format!("/Groups/{id}"), &body).await.status < 300);
        assert_eq!(members(&tenant, &id).await, expected, "{profile}");
        let body = patch(json!([{ "op": "remove", "path": "members[value eq \"twin\"]" }]));
        assert!(tenant.patch(&format!("/Groups/{id}"), &body).await.status < 300);
        assert_eq!(members(&tenant, &id).await, [&*one], "{profile}: the possible member stays");
        // Once it is unambiguous it is resolved, and no reference remains.
        for _ in 0..2 {
            let body = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": "twin" }] }]));
            assert!(tenant.patch(&format!("/Groups/{id}"), &body).await.status < 300);
            let _ = tenant.delete(&format!("/Users/{one}")).await;
        }
        assert_eq!(members(&tenant, &id).await, [&*other], "{profile}");
        let _ = membership_events(gateway, &tenant).await;
    }
}

async fn resolution_does_not_depend_on_creation_order(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let guid = "6f1c9a52-8a4e-4b0e-9d0e-000000000001";
    for (number, (value, user_name, external_id, matches)) in [
        ("case123", "a", "CASE123", false),
        ("CASE7", "b", "case7", false),
        ("Case9", "c", "Case9", true),
        ("DORA", "dora", "d", true),
        (guid, "e", guid, true),
        ("6F1C9A52-8A4E-4B0E-9D0E-000000000002", "f", "6F1C9A52-8A4E-4B0E-9D0E-000000000002", true),
        ("6f1c9a52-8a4e-4b0e-9d0e-000000000003", "g", "6F1C9A52-8A4E-4B0E-9D0E-000000000003", false),
        ("6f1c9a528a4e4b0e9d0e000000000004", "h", "6f1c9a528a4e4b0e9d0e000000000004", true),
        ("6F1C9A528A4E4B0E9D0E000000000005", "6f1c9a528a4e4b0e9d0e000000000005", "i", true),
    ]
    .into_iter()
    .enumerate()
    {
        let expected = |user: &str| [if matches { user } else { value }.to_owned()];
        let group_first = crew(&tenant, &[value]).await.expect(201).id();
        assert_eq!(members(&tenant, &group_first).await, [value], "the written value is returned");
        let user = named(&tenant, user_name, external_id).await;
        let user_first = crew(&tenant, &[value]).await.expect(201).id();
        assert_eq!(members(&tenant, &group_first).await, expected(&user), "{number}: the group was first");
        assert_eq!(members(&tenant, &user_first).await, expected(&user), "{number}: the user was first");
        for group in [group_first, user_first] {
            remove(&tenant, &group, value).await;
            assert_eq!(members(&tenant, &group).await, Vec::<String>::new(), "{number}");
        }
    }
    let _ = membership_events(gateway, &tenant).await;
}

async fn a_user_renamed_to_a_pending_value_becomes_a_member(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ada = named(&tenant, "ada", "a").await;
    let path = format!("/Users/{ada}");
    let groups = |answer: &Answer| answer.body["groups"].as_array().map_or(0, Vec::len);
    let mut expected = 0;
    for (method, value) in [("PATCH", "Ext-1"), ("PATCH", "Name-1"), ("PUT", "Ext-2"), ("PUT", "Name-2")] {
        let id = crew(&tenant, &[value]).await.expect(201).id();
        let before = tenant.get(&format!("/Groups/{id}")).await.expect(200).version();
        let attribute = if value.starts_with("Ext") { "externalId" } else { "userName" };
        // In another case it is another externalId, but the same userName.
        let in_other_case = set(&tenant, &ada, attribute, &value.to_uppercase()).await;
        if attribute == "externalId" {
            assert_eq!(groups(&in_other_case), expected, "{method} {value}");
            assert_eq!(members(&tenant, &id).await, [value]);
            let answer = if method == "PUT" {
                let mut body = tenant.get(&path).await.expect(200).body;
                body[attribute] = value.into();
                tenant.put(&path, &body).await.expect(200)
            } else {
                set(&tenant, &ada, attribute, value).await
            };
            assert_eq!(groups(&answer), expected + 1, "{method} {value}: {}", answer.text);
        } else if method == "PUT" {
            let mut body = tenant.get(&path).await.expect(200).body;
            body["userName"] = "somebody".into();
            let again = crew(&tenant, &["SOMEBODY"]).await.expect(201).id();
            let answer = tenant.put(&path, &body).await.expect(200);
            assert_eq!(groups(&answer), expected + 2, "{}", answer.text);
            assert_eq!(members(&tenant, &again).await, [&*ada]);
            expected += 1;
        }
        expected += 1;
        assert_eq!(members(&tenant, &id).await, [&*ada], "{method} {value}");
        let after = tenant.get(&format!("/Groups/{id}")).await.expect(200).version();
        assert_eq!(after, before + 1, "{method} {value}: the group has changed");
    }
    assert_eq!(membership_events(gateway, &tenant).await, vec![(json!("membership.added"), json!(ada)); expected]);

    // An existing member is not added again, but the reference is removed.
    let id = crew(&tenant, &["later", &ada]).await.expect(201).id();
    let before = tenant.get(&format!("/Groups/{id}")).await.expect(200).version();
    let _ = set(&tenant, &ada, "externalId", "later").await;
    assert_eq!(members(&tenant, &id).await, [&*ada]);
    assert_eq!(tenant.get(&format!("/Groups/{id}")).await.expect(200).version(), before + 1);
    // Other changes of the user change no group.
    let _ = set(&tenant, &ada, "title", "Countess").await;
    assert_eq!(tenant.get(&format!("/Groups/{id}")).await.expect(200).version(), before + 1);
    assert_eq!(membership_events(gateway, &tenant).await.len(), expected + 1);
}

async fn an_ambiguous_reference_stays_pending(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let twins = [named(&tenant, "one", "x").await, named(&tenant, "two", "x").await];
    let id = crew(&tenant, &["x"]).await.expect(201).id();
    let by_name = named(&tenant, "x", "d").await;
    assert_eq!(members(&tenant, &id).await, ["x"], "two externalIds come before a userName");
    let triplet = named(&tenant, "three", "x").await;
    assert_eq!(members(&tenant, &id).await, ["x"], "three externalIds");
    for twin in twins.iter().chain([&triplet]) {
        let _ = set(&tenant, twin, "externalId", "y").await;
    }
    let _ = set(&tenant, &by_name, "title", "Countess").await;
    assert_eq!(members(&tenant, &id).await, ["x"], "a pending reference is not resolved by unrelated changes");
    let _ = set(&tenant, &triplet, "externalId", "x").await;
    assert_eq!(members(&tenant, &id).await, [&*triplet], "the only user with that externalId now");
    assert_eq!(membership_events(gateway, &tenant).await, [(json!("membership.added"), json!(triplet))]);
}

async fn a_pending_id_matches_in_any_notation(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let allow = json!({ "allow": ["restore-deleted"] });
    let _ = gateway.operator.patch("/tenants/acme/client", &allow).await.expect(200);
    let ada = tenant.user("ada").await;
    let written = [ada.clone(), ada.to_uppercase(), ada.replace('-', "")];
    for value in &written {
        let id = crew(&tenant, &[value]).await.expect(201).id();
        assert_eq!(members(&tenant, &id).await, [&*ada], "{value}");
        remove(&tenant, &id, value).await;
        assert_eq!(members(&tenant, &id).await, Vec::<String>::new(), "{value}");
    }
    let _ = tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    let mut pending = Vec::new();
    for value in &written {
        pending.push(crew(&tenant, &[value]).await.expect(201).id());
    }
    assert_eq!(tenant.user("ada").await, ada);
    for id in pending {
        assert_eq!(members(&tenant, &id).await, [&*ada]);
    }
    let _ = membership_events(gateway, &tenant).await;
}
