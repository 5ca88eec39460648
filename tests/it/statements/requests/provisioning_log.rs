//! Calls that send the statements of the provisioning log.

use scimgate::operation::provisioning_log::row_id::{first_id, numbered_id};
use scimgate::store::provisioning_log::LogRow;
use scimgate::store::provisioning_log::search::Range;
use scimgate::work::provisioning_log::keep_days;
use scimgate_tests::{Tenant, TestGateway};
use serde_json::json;
use uuid::Uuid;

use super::fine;

pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant, user: &str) {
    let (control, now) = (gateway.gateway.store.control(), gateway.clock.now());
    let id = control.find_tenant(&tenant.name).await.unwrap().unwrap().id;
    let named = control.tenants_by_names(&[&tenant.name, "nobody"]).await.unwrap();
    assert_eq!(named.into_iter().collect::<Vec<_>>(), [(tenant.name.clone(), id)]);
    let row = LogRow { id: numbered_id(now, 7), operation: "get".into(), status: 404, ..LogRow::default() };
    for again in [false, true] {
        control.add_to_provisioning_log(&[(id, row.clone())], again).await.unwrap();
    }
    let path = format!("/tenants/{}/provisioning-log?limit=5", tenant.name);
    for query in ["", "&operation=patch", "&requestId=none", "&status=failed", &format!("&user={user}")] {
        let _ = fine(gateway.operator.get(&format!("{path}{query}")).await.expect(200));
    }
    // Few of many, by each index.
    let store = gateway.gateway.store.tenant(id);
    let range = Range { before: Uuid::max(), from: Uuid::nil(), limit: 5 };
    // At first there are none.
    assert!(store.log_of_failures(range).await.unwrap().rows.len() <= 5);
    let some: Vec<Uuid> = [5, 9].map(|n| format!("0198c0de-0000-7000-8000-{n:012x}").parse().unwrap()).to_vec();
    let _ = store.log_of_resources(&some, range).await.unwrap();
    let _ = store.log_by_time(range, (None, true), None).await.unwrap();
    let purged = store.purge_log(first_id(std::time::UNIX_EPOCH), 100).await.unwrap();
    assert_eq!(purged.rows, 0);
    let purged = store.purge_log(Uuid::max(), 10).await.unwrap();
    assert!(purged.rows <= 10);
    keep_days(&gateway.gateway).await.unwrap();
    let own = format!("/tenants/{}", tenant.name);
    let _ = fine(gateway.operator.patch(&own, &json!({ "logRedaction": ["title"] })).await.expect(200));
}
