//! Two replicas upload, use, yank and remove at the same moment: keys and foreign keys decide.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use scimgate_tests::plugins::Plain;
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::json;
use tokio::join;

use super::{draft, push, text};

on_postgres!(
    of_concurrent_uploads_of_a_version_one_is_released,
    a_plugin_is_either_used_or_removed,
    the_same_bytes_are_pushed_and_removed_at_once,
);

/// Attempts at a race.
const ROUNDS: usize = 15;

async fn of_concurrent_uploads_of_a_version_one_is_released(gateway: &TestGateway) {
    let replica = gateway.replica().await;
    for round in 0..ROUNDS {
        let version = format!("1.0.{round}");
        let salts: Vec<String> = (0..4).map(|number| number.to_string()).collect();
        // Each of four plugins twice, on both replicas.
        let uploads = salts.iter().chain(&salts).enumerate().map(|(index, salt)| {
            let at = if index % 2 == 0 { gateway } else { &replica };
            let plugin = Plain::new("house", &version, salt);
            async move { push(at, &plugin, "").await }
        });
        let answers = join_all(uploads).await;
        let released = gateway.operator.get(&format!("/plugins/house/{version}")).await.expect(200);
        let digest = text(&released, "digest");
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "one is the first");
        for answer in &answers {
            match answer.status {
                201 | 200 => assert_eq!(text(answer, "digest"), digest),
                409 => assert!(text(answer, "detail").contains(digest), "{}", answer.text),
                _ => panic!("{}", answer.text),
            }
        }
    }
    let owner = gateway.store().await;
    let orphans =
        "SELECT count(*) FROM plugin p WHERE NOT EXISTS (SELECT 1 FROM plugin_release r WHERE r.digest = p.digest)";
    assert_eq!(
        owner.query_one(orphans, &[]).await.unwrap().get::<_, i64>(0),
        0,
        "no bytes are left of those that were refused"
    );
    replica.end().await;
}

async fn a_plugin_is_either_used_or_removed(gateway: &TestGateway) {
    let replica = gateway.replica().await;
    let _ = gateway.plain_tenant("acme").await;
    let mut outcomes = BTreeSet::new();
    for round in 0..ROUNDS {
        let version = format!("1.0.{round}");
        let pushed = push(gateway, &Plain::new("house", &version, ""), "").await;
        let digest = text(&pushed.expect(201), "digest").to_owned();
        let (title, path) = (format!("house@{version}"), format!("/plugins/house/{version}"));
        let (drafted, removed) = join!(draft(gateway, "acme", &title), async {
            // At another point of the draft in each round.
            tokio::time::sleep(std::time::Duration::from_micros(700) * u32::try_from(round).unwrap()).await;
            replica.operator.delete(&path).await
        });
        outcomes.insert((drafted.status, removed.status));
        match (drafted.status, removed.status) {
            (201, 409) => {
                assert_eq!(drafted.body["steps"][0]["plugin"], digest.as_str());
                assert!(text(&removed, "detail").contains("in use: revision"), "{}", removed.text);
            }
            (400, 204) => assert!(text(&drafted, "detail").contains("there is no such plugin"), "{}", drafted.text),
            _ => panic!("{}\n{}", drafted.text, removed.text),
        }
    }
    eprintln!("drafts and removals: {outcomes:?}");
    // Whatever came first, each revision has its plugin.
    let owner = gateway.store().await;
    let lost = "SELECT count(*) FROM mapping_revision m, json_array_elements(m.steps::json) s
        WHERE NOT EXISTS (SELECT 1 FROM plugin p WHERE p.digest = s ->> 'plugin')";
    assert_eq!(owner.query_one(lost, &[]).await.unwrap().get::<_, i64>(0), 0);
    // And what is decided on a statement's snapshot alone: a draft that was checked before the plugin was yanked.
    let _ = push(gateway, &Plain::new("hut", "1.0.0", ""), "").await.expect(201);
    let yanked = json!({ "yanked": true });
    let (drafted, _) =
        join!(draft(gateway, "acme", "hut@1.0.0"), replica.operator.patch("/plugins/hut/1.0.0", &yanked));
    assert!(matches!(drafted.status, 201 | 409), "{}", drafted.text);
    let _ = draft(gateway, "acme", "hut@1.0.0").await.expect(409);
    replica.end().await;
}

async fn the_same_bytes_are_pushed_and_removed_at_once(gateway: &TestGateway) {
    let replica = gateway.replica().await;
    for tenant in ["acme", "globex"] {
        let _ = gateway.plain_tenant(tenant).await;
    }
    let plugin = Plain::new("house", "1.0.0", "");
    let path = "/plugins/house/1.0.0";
    for _ in 0..ROUNDS {
        let _ = push(gateway, &plugin, "?tenant=acme").await.expect(201);
        // The last release of the bytes goes while another of them comes.
        let gone = format!("{path}?tenant=acme");
        let (removed, pushed) = join!(gateway.operator.delete(&gone), push(&replica, &plugin, "?tenant=globex"));
        let _ = (removed.expect(204), pushed.expect(201));
        let digest =
            text(&gateway.operator.get(&format!("{path}?tenant=globex")).await.expect(200), "digest").to_owned();
        assert!(gateway.gateway.store.control().plugin_wasm(&digest).await.unwrap().is_some());
        let _ = gateway.operator.delete(&format!("{path}?tenant=globex")).await.expect(204);
    }
    replica.end().await;
}
