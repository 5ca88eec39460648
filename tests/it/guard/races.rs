//! The limit under concurrent removals.

use futures_util::future::join_all;
use scimgate_tests::{Tenant, TestGateway, on_both, on_postgres};
use serde_json::json;

use super::{batch, check_rows, deactivate, decide, events, guarded, listed, seen, users};

on_both!(sixteen_writers_pass_exactly_the_limit);
on_postgres!(writers_of_two_replicas_pass_exactly_the_limit, a_release_beside_writers_loses_nothing);

const WRITERS: usize = 16;
const LIMIT: usize = 5;

async fn check(gateway: &TestGateway, tenants: &[Tenant]) {
    let tenant = &tenants[0];
    let ids = users(tenant, WRITERS).await;
    let writers = ids.iter().enumerate().map(|(number, id)| {
        let tenant = &tenants[number % tenants.len()];
        async move {
            if number % 4 < 2 {
                deactivate(tenant, id).await;
            } else {
                let _ = tenant.delete(&format!("/Users/{id}")).await.expect(204);
            }
        }
    });
    join_all(writers).await;
    let passed = events(tenant, WRITERS).await;
    assert_eq!(passed.len(), LIMIT, "{passed:?}");
    assert_eq!(batch(gateway).await["batch"]["resources"], WRITERS - LIMIT);
    let deleted = passed.iter().filter(|(kind, _)| kind == "user.deleted").count();
    assert_eq!(listed(tenant).await.len(), WRITERS - deleted);
    assert_eq!(decide(gateway, "released").await, "released");
    assert_eq!(events(tenant, WRITERS).await.len(), WRITERS);
    assert_eq!(listed(tenant).await.len(), WRITERS / 2);
    check_rows(gateway).await;
}

async fn sixteen_writers_pass_exactly_the_limit(gateway: &TestGateway) {
    let tenant = guarded(gateway, i64::try_from(LIMIT).unwrap(), 0).await;
    check(gateway, &[tenant]).await;
}

async fn writers_of_two_replicas_pass_exactly_the_limit(gateway: &TestGateway) {
    let tenant = guarded(gateway, i64::try_from(LIMIT).unwrap(), 0).await;
    let replica = gateway.replica().await;
    let (public, internal) = (format!("http://{}", replica.public), format!("http://{}", replica.internal));
    let other = tenant.at((&public, &internal));
    check(gateway, &[tenant, other]).await;
    replica.end().await;
}

/// While a batch is released, its users are reactivated and deactivated again: at the end the product sees what the source says.
async fn a_release_beside_writers_loses_nothing(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    let ids = users(&tenant, WRITERS).await;
    for id in &ids {
        deactivate(&tenant, id).await;
    }
    let releasing = decide(gateway, "released");
    let writing = join_all(ids.iter().enumerate().map(|(number, id)| {
        let tenant = &tenant;
        async move {
            for round in 0..4 {
                super::set(tenant, id, "active", json!(round % 2 == 0 && number % 2 == 0)).await;
            }
            super::set(tenant, id, "active", json!(number % 2 == 0)).await;
        }
    }));
    futures_util::future::join(releasing, writing).await;
    while super::batches(gateway).await.iter().any(|batch| batch["state"] == "open") {
        let _ = decide(gateway, "released").await;
    }
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(super::source(&tenant, id).await["active"], number % 2 == 0);
        assert_eq!(seen(&tenant, id).await["active"], number % 2 == 0, "{number}");
        assert_eq!(seen(&tenant, id).await["mappingState"], "same");
    }
    // What the product was sent adds up to what it sees.
    let mut active = vec![true; WRITERS];
    for (kind, id) in events(&tenant, WRITERS).await {
        let at = ids.iter().position(|known| *known == id).unwrap();
        assert!(kind != "user.deactivated" || active[at], "a user is deactivated once: {id}");
        active[at] = kind != "user.deactivated";
    }
    let expected: Vec<bool> = (0..WRITERS).map(|number| number % 2 == 0).collect();
    assert_eq!(active, expected);
}
