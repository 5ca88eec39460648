//! The statements of directory schemas, and of values that must be unique.

use std::time::Duration;

use scimgate::store::directory_schema::NewCheck;
use scimgate::store::job::{JobKind, JobLease, JobProgress};
use scimgate::store::mapped_unique::Filled;
use scimgate::store::planned_unique::PlannedWrite;
use scimgate::store::resource::key::Key;
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Tenant, TestGateway};
use serde_json::json;
use uuid::Uuid;

use super::fine;

pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant, round: &str) {
    // The job is at work only where its statements are sent one by one.
    let jobs = gateway.gateway.job_rounds.acquire().await;
    let path = format!("/tenants/{}/directory-schema", tenant.name);
    let rules = json!([{ "path": "title", "unique": true }]);
    let _ = fine(gateway.operator.put(&path, &json!({ "rules": rules })).await.expect(200));
    let _ = fine(gateway.operator.get(&path).await.expect(200));
    writes(gateway, tenant, round).await;
    let ctx = gateway.context(&tenant.name).await;
    let (store, now) = (&ctx.store, gateway.clock.now());
    let entry = ctx.settings.rules("User").unwrap().entries().next().unwrap().clone();
    let key = |value: &str| Key { attribute: entry.clone(), key: value.to_owned() };

    let (kind, holder, ttl) = (JobKind::DirectoryCheck, Uuid::new_v4(), Duration::from_secs(30));
    let job = store.claim_job(kind, holder, ttl).await.unwrap().unwrap();
    let lease = JobLease { kind, id: job.id, holder, ttl };
    // Many tombstones have ids before those of the users.
    let read = store.visible_after("0198c0de-0000-7000-8000-000000000000".parse().unwrap(), 50).await.unwrap();
    let stored: Vec<_> = read.into_iter().filter_map(|it| it.stored).take(10).collect();
    let ids: Vec<Uuid> = stored.iter().map(|it| it.id).collect();
    let filled = stored.iter().map(|it| Filled {
        id: it.id,
        row: it.row_version(),
        keys: vec![(key(&format!("{round}{}", it.id)), true, true)],
    });
    let filled: Vec<Filled> = filled.collect();
    store.fill_mapped_unique(&filled).await.unwrap();
    let _ = store.held_next(&ids).await.unwrap();
    if !ids.is_empty() {
        assert!(!store.unique_values_of(&ids).await.unwrap().is_empty());
    }
    let typed = ("User".to_owned(), key(&format!("{round}-dr")));
    let _ = store.unique_holders(std::slice::from_ref(&typed)).await.unwrap();
    let mut planned = PlannedWrite::default();
    planned.claim(&typed, None);
    assert!(store.directory_check().await.unwrap().is_some_and(|check| check.id == job.id));
    let progress = JobProgress::default();
    assert!(store.save_directory_check(&lease, "{}", &progress, &planned, (true, now)).await.unwrap());
    let _ = store.cancel_job(kind, now).await.unwrap();
    let new = NewCheck { rules: "[]", schema_revision: ctx.settings.schema_revision, total: 1, report: "{}" };
    assert!(store.begin_directory_check(&new, now).await.unwrap());
    let _ = store.cancel_job(kind, now).await.unwrap();

    let _ = fine(gateway.operator.put(&path, &json!({ "rules": [] })).await.expect(200));
    let _ = store.cancel_job(kind, now).await.unwrap();
    let entered = store.entered_attributes().await.unwrap();
    assert!(entered.iter().any(|(_, attribute)| **attribute == *entry), "{entered:?}");
    assert!(store.forget_unique("User", &entry).await.unwrap());
    while store.forget_unique("User", &entry).await.unwrap() {}
    drop(jobs);
}

/// Every write of a user with such a value.
async fn writes(gateway: &TestGateway, tenant: &Tenant, round: &str) {
    let titled = |name: &str, title: &str| {
        let mut body = user(&format!("{round}-{name}"));
        body["title"] = format!("{round}-{title}").into();
        body
    };
    let ada = tenant.post("/Users", &titled("unique", "dr")).await.expect(201).id();
    let _ = fine(tenant.post("/Users", &titled("second", "DR")).await.expect(409));
    let set = |title: &str| patch(json!([{ "op": "replace", "path": "title", "value": title }]));
    let _ = fine(tenant.patch(&format!("/Users/{ada}"), &set("prof")).await.expect(200));
    let guard = format!("/tenants/{}/guard", tenant.name);
    let _ = fine(gateway.operator.put(&guard, &json!({ "users": 0, "members": 0, "percent": 0 })).await.expect(200));
    let off = patch(json!([{ "op": "replace", "value": { "active": false, "title": "eng" } }]));
    let _ = fine(tenant.patch(&format!("/Users/{ada}"), &off).await.expect(200));
    let _ = fine(tenant.patch(&format!("/Users/{ada}"), &set("chief")).await.expect(200));
    let _ = fine(gateway.operator.put(&guard, &json!({})).await.expect(200));
    let on = patch(json!([{ "op": "replace", "value": { "active": true } }]));
    let _ = fine(tenant.patch(&format!("/Users/{ada}"), &on).await.expect(200));
    let _ = fine(tenant.delete(&format!("/Users/{ada}")).await.expect(204));
}
