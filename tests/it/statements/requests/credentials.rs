//! Operator keys, the audit, and what is stored of credentials in batches.

use scimgate::operation::admin::operator_keys::secret;
use scimgate::store::audit::{Actor, Entry, Page};
use scimgate::store::job::JobKind;
use scimgate::store::mapping::NewRevision;
use scimgate::store::operator_key::{OperatorKey, OperatorScope};
use scimgate::store::reminder::{Kind, Reminder};
use scimgate_tests::{Tenant, TestGateway};
use serde_json::json;
use uuid::Uuid;

use super::fine;

fn key(gateway: &TestGateway, bootstrap: bool) -> OperatorKey {
    OperatorKey {
        id: gateway.clock.new_id(),
        label: "test".into(),
        scopes: vec![OperatorScope::Everything],
        last_four: "last".into(),
        bootstrap,
        created_at: gateway.clock.now(),
        created_by: None,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant) {
    let (operator, control, now) = (&gateway.operator, gateway.gateway.store.control(), gateway.clock.now());
    let issued = fine(operator.post("/operator-keys", &json!({ "scopes": ["read"] })).await.expect(201));
    let _ = fine(operator.get("/operator-keys").await.expect(200));
    let _ = fine(operator.delete(&format!("/operator-keys/{}", issued.id())).await.expect(204));
    let replaced = key(gateway, true);
    control.replace_bootstrap_key(&replaced, &secret().digest(), false).await.unwrap();
    control.mark_operator_keys_used(&[(replaced.id, now)]).await.unwrap();
    let id = gateway.gateway.store.control().find_tenant(&tenant.name).await.unwrap().unwrap().id;
    let (token, _) = gateway.token(&tenant.name, "scim").await;
    control.mark_credentials_used(&[((id, token.parse().unwrap()), now)]).await.unwrap();
    let rotation = format!("/tenants/{}/tokens/{token}/rotation", tenant.name);
    for state in ["cancelled", "completed"] {
        let _ = fine(operator.post(&rotation, &json!({})).await.expect(201));
        let end = json!({ "state": state, "confirm": true });
        let _ = fine(operator.patch(&rotation, &end).await.expect(204));
    }
    let _ = control.figures().await.unwrap();
    for kind in Kind::ALL {
        let found = control.expiring_after(kind, [Uuid::nil(); 3], 5).await.unwrap();
        let due: Vec<Reminder> = found.iter().map(|it| Reminder { place: it.place, days: 30 }).collect();
        let _ = control.mark_reminded(kind, &due, "test", now).await.unwrap();
    }
    let actor = Actor { name: "test".into(), key: None, request_id: "test".into(), address: None };
    let entry = || Entry::new((gateway.clock.new_id(), now), actor.clone(), "test", &"test").of(id);
    control.record(entry()).await.unwrap();
    let store = gateway.gateway.store.tenant(id);
    let new = NewRevision { on_failure: "keep", steps: "[]", author: "test", note: None };
    let _ = store.clone().audited(entry().of_new_revision()).insert_draft(&new, now).await.unwrap();
    store.clone().audited(entry()).deactivate_mapping(now).await.unwrap();
    let _ = store.audited(entry().if_job_changes()).cancel_job(JobKind::Held, now).await.unwrap();
    for tenant in [None, Some(id)] {
        for latest_first in [true, false] {
            let page = Page { tenant, after: Uuid::nil(), before: Uuid::max(), latest_first, limit: 5 };
            assert!(!control.recorded(&page).await.unwrap().is_empty());
        }
    }
}
