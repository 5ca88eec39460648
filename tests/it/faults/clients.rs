//! Clients that disconnect at every point of a write. The write is stored completely or not at all, and the next request on
//! the same database connection runs under its own tenant.

use scimgate::config::Limits;
use scimgate_tests::harness::block_on;
use scimgate_tests::raw::{Raw, request};
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{TestGateway, event_feed, poll, rows};
use serde_json::json;

const ROUNDS: usize = 20;

#[test]
fn disconnected_clients_leave_whole_writes_or_none_and_clean_connections() {
    block_on(async {
        let gateway = TestGateway::with_limits(Limits::default(), 2).await;
        let acme = gateway.tenant("acme").await;
        let globex = gateway.tenant("globex").await;
        let secret = gateway.token("acme", "scim").await.1;
        let ada = acme.user("ada").await;
        for round in 0..ROUNDS {
            let title = json!([{ "op": "replace", "path": "title", "value": format!("title {round}") }]);
            for (header, body) in [
                request("POST", "/scim/v2/Users", &secret, &user(&format!("u{round}"))),
                request("PATCH", &format!("/scim/v2/Users/{ada}"), &secret, &patch(title)),
            ] {
                for sent in [header.clone(), format!("{header}{}", &body[..body.len() / 2]), format!("{header}{body}")]
                {
                    let mut client = Raw::connect(gateway.public).await;
                    assert!(client.send(sent).await);
                    // Alternately by a reset and by a normal close.
                    if round % 2 == 0 { client.reset() } else { drop(client) }
                }
            }
            // The other tenant on the same two connections sees only its own users.
            let found = globex.get("/Users").await.expect(200).body["totalResults"].clone();
            assert_eq!(found, round, "another tenant's users");
            let _ = globex.user(&format!("g{round}")).await;
        }
        let owner = gateway.store().await;
        let busy = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
        poll("every session is idle", async || owner.query(busy, &[]).await.unwrap().is_empty().then_some(())).await;
        assert_eq!(event_feed::check(&globex).await.users.len(), ROUNDS);
        let state = event_feed::check(&acme).await;
        assert!(state.users.contains_key(&ada) && state.users.len() <= 1 + ROUNDS);
        rows::check(&owner).await;
        gateway.end().await;
    });
}
