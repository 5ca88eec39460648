//! What operators do with links: bounds, states, how many are kept.

use std::time::Duration;

use scimgate_tests::{TestGateway, on_both, on_postgres};
use serde_json::json;

use super::{create, listed, open, press};

on_both!(what_cannot_be_a_link_is_refused, a_revoked_link_leaves_its_token);
on_postgres!(a_tenant_has_so_many_links);

const LINKS: &str = "/tenants/acme/setup-links";

async fn what_cannot_be_a_link_is_refused(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    for (wanted, says) in [
        (json!({ "provider": "okta", "method": "client" }), "its method is token"),
        (json!({ "provider": "google", "method": "workload-identity" }), "its method is token"),
        (json!({ "provider": "entra", "method": "workload-identity", "credentialDays": 30 }), "credentialDays"),
        (json!({ "method": "client", "credentialDays": 1_097 }), "1096"),
        (json!({ "credentialDays": 0 }), "credentialDays"),
        (json!({ "expiresInHours": 0 }), "expiresInHours"),
        (json!({ "expiresInHours": 721 }), "720"),
        (json!({ "label": "two\nlines" }), "line breaks"),
        (json!({ "provider": "entra2" }), "unknown variant"),
        (json!({ "expires": 3 }), "unknown field"),
    ] {
        let refused = gateway.operator.post(LINKS, &wanted).await.expect(400);
        assert!(refused.body["detail"].as_str().unwrap().contains(says), "{}", refused.text);
    }
    assert_eq!(gateway.operator.get(LINKS).await.expect(200).body["setupLinks"], json!([]));
    let _ = gateway.operator.post("/tenants/globex/setup-links", &json!({})).await.expect(404);
    let _ = gateway.operator.delete(&format!("{LINKS}/none")).await.expect(404);
    let _ = gateway.operator.delete(&format!("{LINKS}/{}", uuid::Uuid::from_u128(7))).await.expect(404);
}

async fn a_revoked_link_leaves_its_token(gateway: &TestGateway) {
    let _ = (gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await);
    let link = create(gateway, "acme", &json!({ "provider": "entra", "label": "Entra" })).await;
    let stored = listed(gateway, "acme", &link).await;
    assert_eq!(
        (&stored["state"], &stored["usedAt"], &stored["credential"]),
        (&json!("open"), &json!(null), &json!(null))
    );
    let token = super::value(&press(gateway, &link).await.expect(200), "token").unwrap();
    assert_eq!(listed(gateway, "acme", &link).await["state"], "used");
    let path = format!("/setup-links/{}", link.id);
    let _ = gateway.operator.delete(&format!("/tenants/globex{path}")).await.expect(404);
    for _ in 0..2 {
        let _ = gateway.operator.delete(&format!("/tenants/acme{path}")).await.expect(204);
    }
    let _ = open(gateway, &link, None).await.expect(410);
    assert_eq!(listed(gateway, "acme", &link).await["state"], "revoked");
    let _ = gateway.anonymous().with(&token).get("/Users").await.expect(200);
    let audit = gateway.operator.get("/audit?tenant=acme").await.expect(200).body;
    let revocations = audit["changes"].as_array().unwrap().iter().filter(|it| it["action"] == "setup-link.revoke");
    assert_eq!(revocations.count(), 1, "what changes nothing is not recorded");
}

async fn a_tenant_has_so_many_links(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let one = json!({ "expiresInHours": 1 });
    for round in 0..2 {
        for _ in 0..100 {
            let _ = create(gateway, "acme", &one).await;
        }
        let refused = gateway.operator.post(LINKS, &one).await.expect(409);
        assert!(refused.text.contains("100 setup links"), "{round}: {}", refused.text);
        gateway.clock.advance(Duration::from_hours(1));
    }
    // Each new one removes up to twenty of those that expired before the latest hundred.
    for left in [181, 162, 143, 124, 105, 106] {
        let latest = create(gateway, "acme", &one).await;
        let all = gateway.operator.get(LINKS).await.expect(200).body["setupLinks"].as_array().unwrap().clone();
        assert_eq!((all.len(), all.last().unwrap()["id"].as_str()), (left, Some(latest.id.as_str())));
    }
}
