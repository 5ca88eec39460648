//! A replica of the version before, which knows no held changes, writes a held resource.

use scimgate_tests::{TestGateway, on_postgres};

use super::{Value, batch, deactivate, decide, events, guarded, json, seen, source};

on_postgres!(
    a_release_leaves_alone_what_an_older_replica_has_written,
    a_release_sends_no_second_event_of_what_an_older_replica_has_deleted,
);

async fn a_release_leaves_alone_what_an_older_replica_has_written(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    let (ada, bob) = (tenant.user("ada").await, tenant.user("bob").await);
    for id in [&ada, &bob] {
        deactivate(&tenant, id).await;
    }
    // For it the user was stale, and is mapped and active again: nothing to tell the product.
    let reactivated = "UPDATE resource SET source = replace(source, '\"active\":false', '\"active\":true'), active = true, mapped = NULL,
      mapping_state = 'same', version = version + 1 WHERE name_key = 'ada@corp.test'";
    assert_eq!(gateway.store().await.execute(reactivated, &[]).await.unwrap(), 1);
    assert_eq!(decide(gateway, "released").await, "released");
    assert_eq!(events(&tenant, 2).await, [("user.deactivated".to_owned(), bob.clone())]);
    for (id, active) in [(&ada, true), (&bob, false)] {
        assert_eq!(source(&tenant, id).await["active"], active);
        assert_eq!(
            (&seen(&tenant, id).await["active"], &json!("same")),
            (&json!(active), &seen(&tenant, id).await["mappingState"])
        );
    }
    assert_eq!(batch(gateway).await["batch"]["resources"], 0);
    // It can be held again.
    deactivate(&tenant, &ada).await;
    assert_eq!(seen(&tenant, &ada).await["mappingState"], "held");
}

async fn a_release_sends_no_second_event_of_what_an_older_replica_has_deleted(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    let (ada, bob) = (tenant.user("ada").await, tenant.user("bob").await);
    deactivate(&tenant, &ada).await;
    let _ = tenant.delete(&format!("/Users/{bob}")).await.expect(204);
    let owner = gateway.store().await;
    // It deletes the one, sends its event, and restores the other.
    owner
        .batch_execute(
            "UPDATE resource SET deleted_at = now(), version = version + 1 WHERE name_key = 'ada@corp.test';
             DELETE FROM unique_key k USING resource r WHERE r.id = k.id AND r.deleted_at IS NOT NULL;
             UPDATE resource SET deleted_at = NULL, mapped = NULL, mapping_state = 'same', version = version + 1
             WHERE name_key = 'bob@corp.test'",
        )
        .await
        .unwrap();
    assert_eq!(decide(gateway, "released").await, "released");
    assert_eq!(events(&tenant, 2).await, [], "it has sent them");
    let _ = tenant.directory(&format!("/users/{ada}")).await.expect(404);
    assert_eq!(seen(&tenant, &bob).await["active"], Value::Bool(true));
    assert_eq!(batch(gateway).await["batch"]["resources"], 0);
}
