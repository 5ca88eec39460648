//! Calls that send the statements of the health of tenants.

use std::time::Duration;

use scimgate::store::health::traffic::{Count, Counts, Slot};
use scimgate::store::health::{After, Decided, Decision};
use scimgate::tenant::TenantId;
use scimgate_tests::{Tenant, TestGateway, poll};
use uuid::Uuid;

use super::fine;

pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant) {
    let (control, now) = (gateway.gateway.store.control(), gateway.clock.now());
    let id = control.find_tenant(&tenant.name).await.unwrap().unwrap().id;
    let mut counts = Counts::default();
    counts.add(Count::Users, 2);
    let slot = Slot { begins: now, accepted: Some((now, now)), counts, total: 3 };
    control.add_traffic(&[(id, slot)]).await.unwrap();
    let since = control.traffic_since(&[(id, now)]).await.unwrap();
    assert!(
        since.iter().any(|(of, slot)| *of == id && slot.total >= 3),
        "with what the requests before it count: {since:?}"
    );
    for path in [&format!("/tenants/{}/health", tenant.name), "/health?limit=5", "/health?order=name&limit=5"] {
        let _ = fine(gateway.operator.get(path).await.expect(200));
    }
    let of_tenants = control.health_after(TenantId(Uuid::nil()), 5).await.unwrap();
    assert!(!of_tenants.is_empty());
    let _ = control.health_listed(&After::Rank(3, id), 5).await.unwrap();
    decide(gateway, id).await;
    let _ = control.claim_deliveries(&["filled".to_owned()], now, (2, Duration::ZERO)).await.unwrap();
    let claimed = control.claim_deliveries(&["sent".to_owned()], now, (2, Duration::ZERO)).await.unwrap();
    let [delivery] = &claimed[..] else { panic!("one is due: {claimed:?}") };
    control.postpone_delivery(delivery, now).await.unwrap();
    let _ = control.abandoned_deliveries(now, 2).await.unwrap();
    let store = gateway.gateway.store.tenant(id);
    assert!(store.end_delivery(delivery).await.unwrap());
    let _ = store.frequent_causes(Uuid::nil()).await.unwrap();
    store.purge_traffic(std::time::UNIX_EPOCH + Duration::from_hours(1)).await.unwrap();
    let _ = control.figures().await.unwrap();
    let page = control.health_after(TenantId(id.0), 5).await.unwrap();
    let _ = scimgate::operation::health::look::at(&gateway.gateway, page).await.unwrap();
}

/// Announces a change to a webhook. The background may decide something of the tenant at the same moment.
async fn decide(gateway: &TestGateway, tenant: TenantId) {
    let (control, now) = (gateway.gateway.store.control(), gateway.clock.now());
    poll("the decision is stored", async || {
        let row = control.health_of(tenant).await.unwrap().unwrap();
        let decided = Decided {
            revision: row.decided.map_or(0, |decided| decided.revision),
            state: "unhealthy".into(),
            rank: 5,
            since: now,
            codes: vec!["failing".into()],
            seen: "{}".into(),
        };
        let announced = Some((Uuid::new_v4(), "{}".to_owned()));
        let decision = Decision { tenant, decided, announced };
        let stored = control.decide_health(&[decision], now, &["sent".to_owned()]).await.unwrap();
        (stored == [tenant]).then_some(())
    })
    .await;
}
