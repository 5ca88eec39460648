//! The statements of schemas and their changes.

use std::time::Duration;

use scimgate::store::resource::key::Key;
use scimgate::store::schema::change::WantedKey;
use scimgate_tests::{Tenant, TestGateway, many_users};
use serde_json::json;
use uuid::Uuid;

use super::fine;

/// A change of the schemas, and the statements of one that stored documents may contradict. Its own way takes seconds.
pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant, round: &str) {
    let path = format!("/tenants/{}/schemas", tenant.name);
    let urn = format!("urn:example:{round}:2.0:User");
    let schema =
        json!({ "schema": { "id": urn, "name": "Badge", "attributes": [{ "name": "badge", "type": "string" }] } });
    let _ = fine(gateway.operator.post(&path, &schema).await.expect(201));
    let _ = fine(gateway.operator.get(&path).await.expect(200));
    let control = gateway.gateway.store.control();
    let row = control.find_tenant(&tenant.name).await.unwrap().unwrap();
    let store = gateway.gateway.store.tenant(row.id);
    let (holder, now) = (Uuid::new_v4(), gateway.clock.now());
    let until = now + Duration::from_mins(1);
    let revision =
        store.begin_pending_change("{\"types\":[],\"schemas\":[]}", row.schema_revision, holder, until).await.unwrap();
    let _ = store.renew_pending_change(holder, until).await.unwrap();
    let _ = store.pending_change().await.unwrap();
    let ids = [many_users::id(7).parse().unwrap(), many_users::id(8).parse().unwrap()];
    let key = Key { attribute: "badge".into(), key: round.to_owned() };
    let wanted = ids.map(|id| WantedKey { id, version: 1, key: key.clone() });
    let _ = store.fill_keys("User", &wanted).await.unwrap();
    let _ = store.drop_keys(revision.unwrap(), "User", "badge").await.unwrap();
    store.cancel_pending_change(holder, now).await.unwrap();
    let _ = store.documents_by_ids("User", &ids).await.unwrap();
    let _ = store.documents_after("User", ids[0], 5).await.unwrap();
    let _ = store.keyed_attributes().await.unwrap();
    let _ = store.in_flight_writers().await.unwrap();
}
