//! The statements of the guard against mass deprovisioning, and of held changes.

use scimgate::store::guard::{Allowance, MembersGuard, RemovalKind};
use scimgate::store::held::HoldChange;
use scimgate::store::mapped_unique::UniqueChange;
use scimgate::store::mapping_reason::ReasonChange;
use scimgate::store::resource::content::{Content, Written};
use scimgate::store::resource::read::{MappingState, ReadOptions};
use scimgate::store::resource::update::Update;
use scimgate_tests::tenant::{group, patch};
use scimgate_tests::{Tenant, TestGateway, poll};
use serde_json::{Value, json};
use uuid::Uuid;

use super::fine;

pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant, round: &str) {
    let path = format!("/tenants/{}/guard", tenant.name);
    let protected = format!("userName eq \"{round}-held3@corp.test\"");
    let all = json!({ "users": 0, "members": 0, "percent": 0, "protected": protected });
    let _ = fine(gateway.operator.put(&path, &all).await.expect(200));
    remove(tenant, &format!("{round}-held")).await;
    decide(gateway, tenant, "rejected").await;
    remove(tenant, &format!("{round}-gone")).await;
    decide(gateway, tenant, "released").await;
    let _ = fine(gateway.operator.put(&path, &json!({ "users": 1000, "members": 1000 })).await.expect(200));
    passing(gateway, tenant, round).await;
    let _ = fine(gateway.operator.put(&path, &json!({})).await.expect(200));
    let store = gateway
        .gateway
        .store
        .tenant(gateway.gateway.store.control().find_tenant(&tenant.name).await.unwrap().unwrap().id);
    store.refund_removals(RemovalKind::User, 1, &gateway.context(&tenant.name).await.stamp()).await.unwrap();
    let batch: Uuid = "0198c0de-0002-7000-8000-000000000001".parse().unwrap();
    let _ = store.held_resources(batch, Uuid::nil(), 5).await.unwrap();
    let _ = store.held(batch).await.unwrap();
}

/// Removals that pass, and how many more would.
async fn passing(gateway: &TestGateway, tenant: &Tenant, round: &str) {
    // After a removal was held, the tenant's next ones ask first, for a while.
    let there = gateway.plain_tenant(&format!("{round}-passing")).await;
    let guard = json!({ "users": 1000, "members": 1000 });
    let _ = fine(gateway.operator.put(&format!("/tenants/{}/guard", there.name), &guard).await.expect(200));
    for tenant in [tenant, &there] {
        let last = tenant.user(&format!("{round}-passes")).await;
        let mut crew = group(&format!("{round}-passing-crew"));
        crew["members"] = json!([{ "value": last }]);
        let crew = tenant.post("/Groups", &crew).await.expect(201).id();
        let _ = fine(tenant.delete(&format!("/Groups/{crew}")).await.expect(204));
        let _ = fine(tenant.delete(&format!("/Users/{last}")).await.expect(204));
    }
    let _ = fine(gateway.operator.put(&format!("/tenants/{}/guard", there.name), &json!({ "users": 0 })).await);
    let held = there.user(&format!("{round}-held-there")).await;
    let mut crew = group(&format!("{round}-held-crew"));
    crew["members"] = json!([{ "value": held }]);
    let crew = there.post("/Groups", &crew).await.expect(201).id();
    let gone = patch(json!([{ "op": "remove", "path": "members", "value": [{ "value": held }] }]));
    let _ = fine(there.patch(&format!("/Groups/{crew}"), &gone).await);
    let set = |path: &str, value: Value| patch(json!([{ "op": "replace", "path": path, "value": value }]));
    let path = format!("/Users/{held}");
    let _ = fine(there.patch(&path, &set("active", false.into())).await.expect(200));
    stay_stale(gateway, &there, &held).await;
    let store = &gateway.context(&tenant.name).await.store;
    let allowance = Allowance { number: 10, percent: 1 };
    let _ = store.removals_left(RemovalKind::Member, allowance, gateway.clock.now()).await.unwrap();
}

/// The mapping fails on a held user.
async fn stay_stale(gateway: &TestGateway, tenant: &Tenant, id: &str) {
    let ctx = gateway.context(&tenant.name).await;
    let read = ctx.store.get("User", id.parse().unwrap(), ReadOptions::default()).await.unwrap().unwrap();
    let keys = ctx.settings.keys(&serde_json::from_str(&read.source).unwrap(), &ctx.resource_type("Users").unwrap());
    let content = Content {
        source: read.source.clone(),
        set_aside: None,
        mapped: read.mapped.clone(),
        mapping_state: MappingState::Held,
        mapping_revision: read.mapping_revision,
        schema_revision: ctx.settings.schema_revision,
        key_layout: ctx.settings.search.layout,
        awaits_references: ctx.settings.awaits_references,
        keys: keys.clone(),
        event: None,
        reason: ReasonChange::None,
        hold: HoldChange::Stale,
        unique: UniqueChange::None,
        has_ruled_names: false,
        origin: None,
    };
    let update = Update {
        members_guard: &MembersGuard::Off,
        resource_type: "User",
        id: read.id,
        row: read.row_version(),
        member_changes: None,
        before: &keys,
        content: &content,
        members: None,
        reads_groups: false,
    };
    let (written, ..) = ctx.store.update(&update, &ctx.stamp()).await.unwrap();
    assert_eq!(written, Written::Done(read.own_version + 1));
}

/// What an operator asks about a resource.
pub(super) async fn explanations(gateway: &TestGateway, tenant: &Tenant, ada: &str) {
    let own = format!("/tenants/{}", tenant.name);
    for name in [ada, "u7@corp.test", "x7", "g9", "gone1"] {
        let _ = fine(gateway.operator.get(&format!("{own}/explanation?resource={name}")).await);
    }
    let _ = fine(gateway.operator.get(&format!("{own}/unmapped?state=excluded&limit=5")).await.expect(200));
}

/// Removals of every kind, all of which are held.
async fn remove(tenant: &Tenant, name: &str) {
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(tenant.user(&format!("{name}{number}")).await);
    }
    let mut crew = group(&format!("{name}-crew"));
    crew["members"] = ids.iter().map(|id| json!({ "value": id })).collect();
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let mut gone = group(&format!("{name}-gone-crew"));
    gone["members"] = json!([{ "value": ids[4] }, { "value": format!("{name}-later") }]);
    let gone = tenant.post("/Groups", &gone).await.expect(201).id();
    let _ = fine(tenant.delete(&format!("/Groups/{gone}")).await.expect(204));
    let set = |active: bool| patch(json!([{ "op": "replace", "path": "active", "value": active }]));
    for active in [false, true, false] {
        let _ = fine(tenant.patch(&format!("/Users/{}", ids[0]), &set(active)).await.expect(200));
    }
    for id in [&ids[1], &ids[3]] {
        let _ = fine(tenant.delete(&format!("/Users/{id}")).await.expect(204));
    }
    let path = format!("/Groups/{crew}");
    for operation in [
        json!({ "op": "remove", "path": "members", "value": [{ "value": ids[2] }] }),
        json!({ "op": "replace", "path": "members", "value": [] }),
    ] {
        let _ = fine(tenant.patch(&path, &patch(json!([operation]))).await);
    }
    let _ = fine(tenant.directory("/users?limit=5").await.expect(200));
    let _ = fine(tenant.directory(&path.to_lowercase()).await.expect(200));
}

/// Decides on every open batch, and waits for the job.
async fn decide(gateway: &TestGateway, tenant: &Tenant, state: &str) {
    let path = format!("/tenants/{}/held", tenant.name);
    for batch in gateway.operator.get(&path).await.expect(200).body["batches"].as_array().unwrap() {
        if batch["state"] == "open" {
            let one = format!("{path}/{}", batch["id"].as_str().unwrap());
            let _ = fine(gateway.operator.get(&one).await.expect(200));
            let _ = fine(gateway.operator.patch(&one, &json!({ "state": state })).await.expect(200));
        }
    }
    poll("the verdicts are carried out", async || {
        let batches = gateway.operator.get(&path).await.expect(200).body["batches"].clone();
        let open = |batch: &Value| batch["state"].as_str().unwrap().ends_with("ing") || batch["state"] == "open";
        (!batches.as_array().unwrap().iter().any(open)).then_some(())
    })
    .await;
}
