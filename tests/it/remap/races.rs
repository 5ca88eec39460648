//! A remap beside live writes, other replicas and other activations.

use futures_util::future::join3;
use scimgate::store::resource::content::Written;
use scimgate::store::resource::delete::Delete;
use scimgate::store::resource::read::ReadOptions;
use scimgate_tests::tenant::patch;
use scimgate_tests::{Tenant, TestGateway, on_both, on_postgres, rows};
use serde_json::{Value, json};

use super::helpers::{counts, finished, map};
use super::{fill, newest};

on_both!(a_write_that_was_computed_before_a_remap_is_refused, the_last_of_several_activations_maps_every_document);
on_postgres!(two_replicas_run_one_remap_beside_writers, an_activation_holds_at_once_at_every_replica);

async fn a_write_that_was_computed_before_a_remap_is_refused(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let id = tenant.user("ada").await;
    let read = {
        let ctx = gateway.context("acme").await;
        ctx.store.get("User", id.parse().unwrap(), ReadOptions::default()).await.unwrap().unwrap()
    };
    map(gateway, "hostile", &json!({ "do": "exclude" }), "refuse").await;
    let _ = finished(gateway, &tenant).await;
    let ctx = gateway.context("acme").await;
    let keys = ctx.settings.keys(&serde_json::from_str(&read.source).unwrap(), &ctx.resource_type("Users").unwrap());
    let delete = Delete {
        resource_type: "User",
        id: read.id,
        row: read.row_version(),
        member_changes: None,
        visible: true,
        hold: scimgate::store::held::HoldChange::None,
        frees_unique: false,
        has_reason: false,
        keys: &keys,
        key_layout: ctx.settings.search.layout,
    };
    let refused = ctx.store.delete(&delete, &ctx.stamp()).await.unwrap();
    assert_eq!(refused, Written::Lost, "the product would be told twice that it is gone");
    let _ = tenant.delete(&format!("/Users/{id}")).await.expect(204);
    let events = tenant.events().await;
    let deleted = events.iter().filter(|event| event["type"] == "user.deleted").count();
    assert_eq!(deleted, 1);
}

async fn the_last_of_several_activations_maps_every_document(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    fill(&tenant, 30).await;
    let mut last = 0;
    for round in 0..6 {
        let config = json!({ "do": "write", "size": round + 1, "path": "title" });
        last = map(gateway, "hostile", &config, "refuse").await;
        if round % 2 == 0 {
            let _ = finished(gateway, &tenant).await;
        }
    }
    let _ = finished(gateway, &tenant).await;
    assert_eq!(counts(gateway, &tenant).await, [format!("{last} mapped 30")]);
    check_titles(&tenant, "xxxxxx").await;
}

async fn check_titles(tenant: &Tenant, title: &str) {
    let listed = tenant.directory("/users?limit=1000").await.expect(200).body;
    let titles = listed["resources"].as_array().unwrap().iter().filter(|it| it["title"] != title).count();
    assert_eq!(titles, 0, "{listed}");
}

/// Users are changed and created during a remap that one of two replicas runs. The events of each user end with what the product
/// sees, and no document is of an older revision.
async fn two_replicas_run_one_remap_beside_writers(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    fill(&tenant, 40).await;
    let replica = gateway.replica().await;
    let there = tenant.at((&format!("http://{}", replica.public), &format!("http://{}", replica.internal)));
    let seq = newest(&tenant).await;
    let ids: Vec<String> = listed(&tenant).await;
    let write = async |tenant: &Tenant, prefix: &str| {
        for (number, id) in ids.iter().enumerate() {
            let change = patch(json!([{ "op": "replace", "path": "nickName", "value": format!("{prefix}{number}") }]));
            let _ = tenant.patch(&format!("/Users/{id}"), &change).await.expect(200);
            let _ = tenant.user(&format!("{prefix}{number}")).await;
        }
    };
    let activate = async {
        let mut last = 0;
        for size in 1..=4 {
            let config = json!({ "do": "write", "size": size, "path": "title" });
            last = map(&replica, "hostile", &config, "refuse").await;
        }
        last
    };
    let (last, (), ()) = join3(activate, write(&tenant, "here"), write(&there, "there")).await;
    let progress = finished(gateway, &tenant).await;
    assert_eq!(progress["revision"], last);
    assert_eq!(counts(gateway, &tenant).await, [format!("{last} mapped 120")]);
    check_titles(&tenant, "xxxx").await;
    let events = tenant.events().await;
    for (id, changes) in &by_user(&events, seq) {
        assert!(!changes.is_empty() && changes.iter().skip(1).all(|kind| kind == "user.updated"), "{id}: {changes:?}");
    }
    replica.end().await;
    rows::check(&gateway.store().await).await;
}

/// The other replica has not heard of it by then: its write is refused by the database, and done again.
async fn an_activation_holds_at_once_at_every_replica(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let id = tenant.user("ada").await;
    let replica = gateway.replica().await;
    for size in 1..=20 {
        let title = "x".repeat(size);
        let config = json!({ "do": "write", "size": size, "path": "title" });
        let revision = map(&replica, "hostile", &config, "refuse").await;
        let change = patch(json!([{ "op": "replace", "path": "nickName", "value": title }]));
        let _ = tenant.patch(&format!("/Users/{id}"), &change).await.expect(200);
        let created = tenant.user(&format!("u{size}")).await;
        for id in [&id, &created] {
            let seen = tenant.directory(&format!("/users/{id}")).await.expect(200).body;
            assert_eq!(seen["title"], title, "revision {revision}");
        }
    }
    let _ = finished(gateway, &tenant).await;
    check_titles(&tenant, &"x".repeat(20)).await;
    replica.end().await;
}

async fn listed(tenant: &Tenant) -> Vec<String> {
    let listed = tenant.get("/Users?count=1000").await.expect(200).body;
    listed["Resources"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

fn by_user(events: &[Value], after: usize) -> std::collections::BTreeMap<String, Vec<String>> {
    let mut found = std::collections::BTreeMap::<_, Vec<String>>::new();
    for event in events.iter().filter(|event| event["seq"].as_u64().unwrap() > u64::try_from(after).unwrap()) {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        found.entry(text("resourceId")).or_default().push(text("type"));
    }
    found
}
