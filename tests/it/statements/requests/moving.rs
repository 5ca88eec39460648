//! What only an export and an import send.

use scimgate_tests::{Request, Tenant, TestGateway};
use serde_json::json;
use uuid::Uuid;

use super::fine;

/// A part of an export, and the import of a user and of members.
pub(super) async fn send(gateway: &TestGateway, tenant: &Tenant, round: &str) {
    let control = gateway.gateway.store.control();
    let store = gateway.gateway.store.tenant(control.find_tenant(&tenant.name).await.unwrap().unwrap().id);
    let _ = store.memberships_after((Uuid::nil(), Uuid::nil()), 5).await.unwrap();
    let _ = store.references_after((Uuid::nil(), ""), 5).await.unwrap();
    let (id, group) = (gateway.clock.new_id().to_string(), tenant.group(&format!("moved {round}")).await);
    let user = json!({ "resource": {
        "id": id, "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": format!("moved {round}"),
        "meta": {
            "resourceType": "User", "created": "2026-01-01T00:00:00Z", "lastModified": "2026-01-01T00:00:00Z", "version": "W/\"7\"",
        },
    }});
    let lines = [
        user,
        json!({ "members": { "group": group, "ids": [id] } }),
        json!({ "members": { "group": group, "pending": [round] } }),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    let path = format!("/tenants/{}/import", tenant.name);
    let request = Request::new("POST", &path).body("application/x-ndjson", text);
    let report = fine(gateway.operator.send(request).await.expect(200)).body;
    assert_eq!(report["problems"], json!([]), "{report}");
}
