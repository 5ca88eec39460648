//! Calls that send the statements of an erasure, of a purge, and of names.

use std::time::Duration;

use scimgate::store::retention::ReaderPosition;
use scimgate_tests::tenant::user;
use scimgate_tests::{Tenant, TestGateway};
use serde_json::json;
use uuid::Uuid;

use super::fine;

pub(super) async fn send(gateway: &TestGateway, round: &str) {
    let (operator, name) = (&gateway.operator, format!("e{round}"));
    let gone = gateway.plain_tenant(&name).await;
    let _ = fine(gone.post("/Users", &user("ada")).await.expect(201));
    let (control, now) = (gateway.gateway.store.control(), gateway.clock.now());
    let id = control.find_tenant(&name).await.unwrap().unwrap().id;
    let _ = fine(operator.delete(&format!("/tenants/{name}")).await.expect(204));
    assert_eq!(control.deleted_tenants_called(&name).await.unwrap().len(), 1);
    assert!(control.deleted_tenant(id).await.unwrap().is_some());
    let _ = fine(operator.get("/deleted-tenants").await.expect(200));
    // The gateway's own runner does not get at it.
    let _jobs = gateway.gateway.job_rounds.acquire().await;
    let begun = operator.post(&format!("/tenants/{name}/erasure"), &json!({ "confirm": name })).await;
    let _ = fine(begun.expect(202));
    let (holder, store) = (Uuid::new_v4(), gateway.gateway.store.tenant(id));
    assert!(control.due_erasures(holder).await.unwrap().contains(&id));
    let mut erasure = control.claim_erasure(id, holder, Duration::from_secs(30)).await.unwrap().unwrap();
    store.count_for_erasure().await.unwrap();
    for table in store.tenant_tables().await.unwrap() {
        while store.erase_rows(&table, 100).await.unwrap().is_some() {}
    }
    control.delete_all_unreleased().await.unwrap();
    while let Some(last) = control.reduce_audit(id, erasure.audit_after, 100).await.unwrap() {
        erasure.audit_after = last;
    }
    control.release_erasure(&erasure, holder, (Duration::ZERO, now)).await.unwrap();
    let _ = control.claim_erasure(id, holder, Duration::from_secs(30)).await.unwrap().unwrap();
    let _ = store.in_flight_writers_of_all_tables().await.unwrap();
    assert_eq!(store.search_for_rows().await.unwrap(), 0);
    assert!(!control.reduce_rest_of_audit(id).await.unwrap());
    assert!(control.finish_erasure(id, holder, now).await.unwrap());
    let _ = fine(operator.get("/erasures").await.expect(200));
    let _ = fine(operator.get(&format!("/erasures/{id}")).await.expect(200));
}

/// Of a tenant with many tombstones and events, none of which is old enough, and of one with old ones.
pub(super) async fn names_and_purges(gateway: &TestGateway, tenant: &Tenant, round: &str) {
    let (operator, name) = (&gateway.operator, format!("p{round}"));
    let young = gateway.plain_tenant(&name).await;
    let ada = young.post("/Users", &user("ada")).await.expect(201).id();
    let _ = fine(young.delete(&format!("/Users/{ada}")).await.expect(204));
    let (control, now) = (gateway.gateway.store.control(), gateway.clock.now());
    let _jobs = gateway.gateway.job_rounds.acquire().await;
    let _ = control.tenants_to_purge(Duration::from_hours(6)).await.unwrap();
    for name in [&tenant.name, &name] {
        let store = gateway.gateway.store.tenant(control.find_tenant(name).await.unwrap().unwrap().id);
        let position = ReaderPosition { reader: Uuid::new_v4(), after: 1 };
        store.keep_reader_positions(&[position], now).await.unwrap();
        for before in [now - Duration::from_hours(1_000), now] {
            let _ = store.purge_tombstones(before, 5).await.unwrap();
            let _ = store.purge_events(before, now, 5).await.unwrap();
        }
        store.forget_readers(now).await.unwrap();
        let _ = store.begin_purge(now).await.unwrap();
        let _ = store.cancel_job(scimgate::store::job::JobKind::Retention, now).await.unwrap();
    }
    let own = format!("/tenants/{name}");
    let _ = fine(operator.patch(&own, &json!({ "retention": { "eventDays": 9 } })).await.expect(200));
    let other = format!("{name}-x");
    let _ = fine(operator.patch(&own, &json!({ "name": other })).await.expect(200));
    let _ = fine(operator.get(&own).await.expect(404));
    let _ = fine(operator.delete(&format!("/tenants/{other}/former-names/{name}")).await.expect(200));
}
