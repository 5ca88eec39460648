//! Calls that send the statements of jobs.

use std::time::Duration;

use scimgate::store::job::{JobKind, JobLease, JobProgress};
use scimgate::store::resource::page_position::{PageKey, PagePosition};
use scimgate::store::tenant::client::RecognisedRow;
use scimgate_tests::{Tenant, TestGateway, many_users};
use uuid::Uuid;

use super::mappings;
use super::requests::fine;

pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant) {
    let control = gateway.gateway.store.control();
    let row = control.find_tenant(&tenant.name).await.unwrap().unwrap();
    let store = gateway.gateway.store.tenant(row.id);
    let now = gateway.clock.now();
    let _ = fine(gateway.operator.get(&format!("/tenants/{}/jobs/reconcile", tenant.name)).await.expect(200));
    let (holder, ttl) = (Uuid::new_v4(), Duration::from_secs(30));
    let kind = JobKind::Reconcile;
    let _ = store.claim_job(kind, holder, ttl).await.unwrap();
    let lease = JobLease { kind, id: holder, holder, ttl };
    let _ = store.renew_job(&lease).await.unwrap();
    let progress = JobProgress::default();
    store.save_job(&lease, &progress, false, (Duration::ZERO, now)).await.unwrap();
    store.adopt_job().await.unwrap();
    mappings::remap(gateway, tenant).await;
    assert!(!control.root_key(&[0; 32], now).await.unwrap().is_empty());
    let recognised =
        RecognisedRow { profile: "okta".into(), signal: "test".into(), strength: "certain".into(), at: now };
    let _ = store.recognise(&recognised, None).await.unwrap();
    let _ = store.count_members(&[many_users::id(7).parse().unwrap()], 100).await.unwrap();
    let key = PageKey { list: vec![1], start_index: 1, request_shape: 1 };
    // The session is one of those that delete expired positions.
    let position = PagePosition { session: Uuid::nil(), after: holder, total: 1 };
    store.save_page_position(&key, &position, (now, true)).await.unwrap();
    let _ = store.cancel_job(kind, now).await.unwrap();
    let _ = store.with_unknown_after(Uuid::nil(), 5).await.unwrap();
}
