//! Through PgBouncer in transaction mode, where the next transaction of a client may have another's connection to the server.

use futures_util::future::join_all;
use scimgate::config::Pooler;
use scimgate::store;
use scimgate::store::postgres::pooler::CONNECTIONS;
use scimgate_tests::binary::finish;
use scimgate_tests::cycle::Cycle;
use scimgate_tests::database::{Fresh, owner, server_url};
use scimgate_tests::harness::block_on;
use scimgate_tests::pgbouncer::Pgbouncer;
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Tenant, TestGateway, event_feed, rows};
use serde_json::json;

/// What each tenant does at the same time: every kind of transaction, with many clients on few connections.
async fn work(tenant: &Tenant, number: usize) {
    let body = user(&format!("user{number}"));
    let id = tenant.post("/Users", &body).await.expect(201).id();
    let title = json!([{ "op": "replace", "path": "title", "value": tenant.name.clone() }]);
    let _ = tenant.patch(&format!("/Users/{id}"), &patch(title)).await.expect(200);
    let crew = tenant.post("/Groups", &group(&format!("crew{number}"))).await.expect(201).id();
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
    assert!(tenant.patch(&format!("/Groups/{crew}"), &patch(add)).await.status < 300);
    // A filter is planned by itself; a search key has a prepared statement.
    let found = tenant.get("/Users?filter=title%20co%20%22e%22&count=200").await.expect(200).body;
    for other in found["Resources"].as_array().unwrap() {
        assert_eq!(other["title"], tenant.name.as_str(), "another tenant's row");
    }
    let named = format!("/Users?filter=userName%20eq%20%22user{number}@corp.test%22");
    assert_eq!(tenant.get(&named).await.expect(200).body["totalResults"], 1);
}

#[test]
fn tenants_stay_apart_though_they_share_connections() {
    block_on(async {
        let pgbouncer = Pgbouncer::start(&server_url(), "transaction", 3).await;
        let gateway = TestGateway::through(&pgbouncer).await;
        let tenants = [gateway.plain_tenant("acme").await, gateway.plain_tenant("globex").await];
        join_all((0..24).map(|number| work(&tenants[number % 2], number))).await;
        for tenant in &tenants {
            assert_eq!(tenant.get("/Users?count=0").await.expect(200).body["totalResults"], 12);
            assert_eq!(event_feed::check(tenant).await.users.len(), 12);
        }
        rows::check(&gateway.fresh().owner().await).await;
        // No setting stays on the server's connections, which other clients use next.
        let name = gateway.fresh().url.clone();
        let clients = join_all((0..3).map(|_| async { owner(&pgbouncer.url(&name)).await })).await;
        for client in &clients {
            client.batch_execute("BEGIN").await.unwrap();
            let sql = "SELECT current_user::text, coalesce(current_setting('scimgate.tenant_id', true), ''),
              current_setting('statement_timeout'), current_setting('enable_seqscan')";
            let left = client.query_typed(sql, &[]).await.unwrap();
            let left: [String; 4] = [0, 1, 2, 3].map(|column| left[0].get(column));
            assert_eq!(left, ["postgres", "", "0", "on"]);
        }
        drop(clients);
        gateway.end().await;
    });
}

#[test]
fn the_binary_refuses_another_pooler_than_it_was_told() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let pgbouncer = Pgbouncer::start(&server_url(), "transaction", 5).await;
        let prepared = Prepared::new(&fresh.url, &[]).await;
        let through = prepared.at(&pgbouncer.url(&fresh.url));
        for (command, named) in
            [("serve", "SCIMGATE_POOLER"), ("bootstrap", "SCIMGATE_POOLER"), ("migrate", "the server itself")]
        {
            let refused = finish(through.command(&[command])).await;
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(
                !refused.status.success() && said.contains("transaction mode") && said.contains(named),
                "{command}: {said}"
            );
        }
        let served = through.serve(&["--pooler", "transaction"]).await;
        let tenant = served.tenant("acme").await;
        let mut cycle = Cycle::begin(&tenant).await;
        cycle.interrupt(&tenant, async || ()).await;
        cycle.check(&tenant).await;
        assert!(served.running.terminate().await.0.success());
        rows::check(&fresh.owner().await).await;
        fresh.drop().await;
    });
}

#[test]
fn a_pooler_is_found_out_by_the_mode_that_it_has() {
    block_on(async {
        let fresh = Fresh::migrated().await;
        let found =
            async |url: &str, pooler| store::connect(url, 2, pooler, &[]).unwrap().pooler(CONNECTIONS).await.unwrap();
        for (mode, expected) in [("transaction", Pooler::Transaction), ("session", Pooler::Session)] {
            // With one connection to the server nobody else gets one; with more the next client may get another one.
            for connections in [1, 2, 20] {
                let pgbouncer = Pgbouncer::start(&server_url(), mode, connections).await;
                let url = pgbouncer.url(&fresh.url);
                for pooler in [Pooler::Session, Pooler::Transaction] {
                    assert_eq!(found(&url, pooler).await, expected, "{mode}, {connections}");
                }
            }
        }
        assert_eq!(found(&fresh.url, Pooler::Session).await, Pooler::Session, "no pooler");
        fresh.drop().await;
    });
}
