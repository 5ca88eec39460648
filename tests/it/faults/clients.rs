//! Clients that disconnect at every point of a write. The write is stored completely or not at all, and the next request on
//! the same database connection runs under its own tenant.

use std::time::Duration;

use futures_util::future::join_all;
use scimgate::config::{Limits, TenantLimits};
use scimgate::store::tenant::credential::Scope;
use scimgate_tests::harness::block_on;
use scimgate_tests::raw::{Raw, request};
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Request, Tenant, TestGateway, event_feed, poll, rows};
use serde_json::json;
use tokio::time::timeout;

const ROUNDS: usize = 20;

/// The sessions that are not idle.
const BUSY: &str =
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";

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
        poll("every session is idle", async || owner.query(BUSY, &[]).await.unwrap().is_empty().then_some(())).await;
        assert_eq!(event_feed::check(&globex).await.users.len(), ROUNDS);
        let state = event_feed::check(&acme).await;
        assert!(state.users.contains_key(&ada) && state.users.len() <= 1 + ROUNDS);
        rows::check(&owner).await;
        gateway.end().await;
    });
}

/// Clients of both tenants, and the requests of each.
const WORKERS: usize = 24;
const REQUESTS: usize = 420;

/// Sends the requests of a client, which waits for some of the answers. An answer has nothing of the other tenant.
async fn send(tenant: Tenant, id: String, worker: usize) {
    let mut random = worker as u64 + 1;
    for number in 0..REQUESTS {
        // Numerical Recipes' generator: the same requests in every run.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Every fourth client waits for its answer.
        let waits = number % 4 == 0;
        let patience = if waits { Duration::MAX } else { Duration::from_micros((random >> 33) % 6000) };
        let request = match (random >> 40) % 3 {
            0 => Request::new("GET", &format!("/Users/{id}")),
            1 => Request::new("POST", "/Users").json(&user(&format!("{}-{worker}-{number}", tenant.name))),
            _ => Request::new("GET", "/Users?filter=userName sw \"acme\"&count=3"),
        };
        let is_list = request.path.contains("filter");
        // The server ends a connection on which most requests are cancelled; the next one is on another.
        let Ok(Ok(answer)) = timeout(patience, tenant.scim.try_send(request)).await else { continue };
        assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, answer.text);
        let shown = if is_list { answer.body["Resources"][0].clone() } else { answer.body.clone() };
        let name = shown["userName"].as_str();
        assert!(name.is_none_or(|name| name.starts_with(&tenant.name)), "another tenant's: {}", answer.text);
        assert!(!is_list || tenant.name == "acme" || answer.body["totalResults"] == 0, "{}", answer.text);
    }
}

/// Requests of two tenants on two connections, of which most clients go away at any moment.
#[test]
fn clients_that_go_away_mix_up_no_tenants_and_leave_no_place_taken() {
    block_on(async {
        let gateway = TestGateway::with_limits(Limits::default(), 2).await;
        let tenants = [gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await];
        let ids = [tenants[0].user("acme-ada").await, tenants[1].user("globex-ada").await];
        let work = (0..WORKERS).map(|worker| {
            let (mut tenant, id) = (tenants[worker % 2].clone(), ids[worker % 2].clone());
            // Half of them cancel requests on a connection that they keep, the others close theirs.
            if worker % 4 >= 2 {
                tenant.scim = tenant.scim.on_http2();
            }
            send(tenant, id, worker)
        });
        join_all(work).await;
        let everybody = tenants.iter().flat_map(|tenant| (0..32).map(|_| tenant.get("/Users?count=1")));
        for answer in join_all(everybody).await {
            let _ = answer.expect(200);
        }
        // What was cancelled may still be stored; when all places are free, nothing is.
        let own = TenantLimits::default();
        for tenant in &tenants {
            let id = gateway.gateway.store.control().find_tenant(&tenant.name).await.unwrap().unwrap().id;
            poll("all places are free", async || {
                let places = (0..32).map(|_| gateway.gateway.admission.admit(id, Scope::Scim, &own));
                join_all(places).await.iter().all(Result::is_ok).then_some(())
            })
            .await;
        }
        let owner = gateway.store().await;
        for tenant in &tenants {
            assert!(event_feed::check(tenant).await.users.len() <= 1 + WORKERS / 2 * REQUESTS);
        }
        rows::check(&owner).await;
        gateway.end().await;
    });
}
