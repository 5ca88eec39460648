//! The upgrade of a filled database from the version with other keys: under load, with a replica of that version beside the
//! new one, until the last step.

mod older;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pglite_oxide::PgliteServer;
use scimgate::config::Pooler;
use scimgate::store;
use scimgate::store::postgres::migrate::{MIGRATIONS, in_transaction};
use scimgate::store::postgres::upgrade::Finished;
use scimgate_tests::database::{Fresh, owner};
use scimgate_tests::harness::{block_on, in_own_process, poll};
use scimgate_tests::tenant::{patch, user};
use scimgate_tests::{Client, TestGateway, rows};
use serde_json::json;
use uuid::Uuid;

use older::{FILL, Older};

/// The last version with the older keys.
const BEFORE: i32 = 12;
const USERS: i64 = 20_000;
const TENANT: &str = "0198c0de-aaaa-7000-8000-00000000000a";

fn fill(users: i64) -> String {
    let before = MIGRATIONS.iter().filter(|(version, ..)| *version <= BEFORE);
    let history = before
        .clone()
        .map(|(version, name, _)| format!("INSERT INTO schema_history (version, name) VALUES ({version}, '{name}');"));
    let schema: String = before.clone().map(|(_, _, sql)| in_transaction(sql)).collect();
    let table = "CREATE TABLE schema_history (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());";
    let rows = FILL.replace("{USERS}", &users.to_string()).replace("{TENANT}", TENANT);
    format!("{schema}{table}{}{rows}", history.collect::<String>())
}

/// What a load of the older version did until it was stopped.
#[derive(Default)]
struct Written {
    living: Vec<(Uuid, String)>,
    moved: Vec<(Uuid, String)>,
    deleted: Vec<String>,
}

/// Creates users, changes the mail address of some and deletes others, and numbers the events.
async fn load(older: Older, stop: Arc<AtomicBool>) -> Written {
    let mut written = Written::default();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let (name, mail) = (format!("older{number}@corp.test"), format!("older{number}@mail.test"));
        let id = older.create(&name, &mail).await.unwrap();
        match number % 3 {
            0 => {
                let moved = format!("moved{number}@mail.test");
                older.change_mail(id, &name, (&mail, &moved)).await;
                written.moved.push((id, moved));
            }
            1 => {
                older.delete(id).await;
                written.deleted.push(mail);
            }
            _ => written.living.push((id, mail)),
        }
        if number % 5 == 0 {
            older.number().await;
        }
    }
    written
}

/// The ids of the users that a filter finds.
async fn found(scim: &Client, filter: &str) -> Vec<Uuid> {
    let path = format!("/Users?filter={}", filter.replace(' ', "%20").replace('"', "%22"));
    let body = scim.get(&path).await.expect(200).body;
    assert_eq!(body["totalResults"], body["Resources"].as_array().unwrap().len(), "{filter}");
    let ids = body["Resources"].as_array().unwrap().iter();
    ids.map(|it| it["id"].as_str().unwrap().parse().unwrap()).collect()
}

async fn by_mail(scim: &Client, mail: &str) -> Vec<Uuid> {
    found(scim, &format!("emails.value eq \"{mail}\"")).await
}

/// Until the job has completed the search keys.
async fn keys_are_complete(gateway: &TestGateway) {
    poll("the search keys are complete", async || {
        let job = gateway.operator.get("/tenants/acme/jobs/search-keys").await.expect(200);
        (job.body["state"] == "finished").then_some(())
    })
    .await;
}

/// Until the last step, in both directions, and names are unique across both.
async fn each_version_finds_what_the_other_writes(scim: &Client, reader: &Older) {
    // What the new version writes, the older one finds.
    let ada = scim.post("/Users", &user("ada")).await.expect(201).id();
    let ada_id: Uuid = ada.parse().unwrap();
    assert_eq!(reader.by_mail("ada@corp.test").await, [ada_id]);
    assert_eq!(reader.by_name("ada@corp.test").await, [ada_id]);
    assert_eq!(by_mail(scim, "ada@corp.test").await, [ada_id]);
    assert_eq!(reader.create("ada@corp.test", "other@corp.test").await, None, "the name is taken");
    let mail = patch(json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@corp.test" }]));
    let _ = scim.patch(&format!("/Users/{ada}"), &mail).await.expect(200);
    assert_eq!((reader.by_mail("new@corp.test").await, reader.by_mail("ada@corp.test").await), (vec![ada_id], vec![]));
    // And what the older one writes, the new one.
    let bob = reader.create("bob@corp.test", "bob@corp.test").await.unwrap();
    assert_eq!(by_mail(scim, "bob@corp.test").await, [bob]);
    assert_eq!(found(scim, "userName eq \"bob@corp.test\"").await, [bob]);
    let _ = scim.post("/Users", &user("bob")).await.expect(409);
    let _ = scim.delete(&format!("/Users/{ada}")).await.expect(204);
    assert_eq!((reader.by_name("ada@corp.test").await, by_mail(scim, "new@corp.test").await), (vec![], vec![]));
}

/// Migrates as the command does, not through a pooler in transaction mode; returns the versions that were applied.
async fn migrate(url: &str) -> Vec<i32> {
    store::connect(url, 2, Pooler::Session, &[]).unwrap().migrate().await.unwrap()
}

#[test]
fn both_versions_write_one_database_until_the_upgrade_is_finished() {
    block_on(async {
        let fresh = Fresh::empty().await;
        fresh.owner().await.batch_execute(&fill(USERS)).await.unwrap();
        let tenant: Uuid = TENANT.parse().unwrap();
        let older = async || Older::new(owner(&fresh.url).await, tenant).await;

        // The migration does not wait for writers, nor they for it.
        let stop = Arc::new(AtomicBool::new(false));
        let writing = tokio::spawn(load(older().await, Arc::clone(&stop)));
        let reader = older().await;
        assert_eq!(migrate(&fresh.url).await.first(), Some(&(BEFORE + 1)));
        let gateway = TestGateway::on(fresh.clone()).await;
        let scim = gateway.anonymous().with(&gateway.token("acme", "scim").await.1);
        // A tenant of the time between.
        let newer = gateway.plain_tenant("globex").await;
        let zoe: Uuid = newer.user("zoe").await.parse().unwrap();
        assert_eq!(by_mail(&newer.scim, "zoe@corp.test").await, [zoe]);
        // The last step refuses as long as the job is not done, and continues one that was cancelled.
        let cancelled = json!({ "state": "cancelled" });
        let _ = gateway.operator.patch("/tenants/acme/jobs/search-keys", &cancelled).await.expect(200);
        let unready = gateway.gateway.store.finish_upgrade(Duration::ZERO).await.unwrap();
        assert_eq!(unready, Finished::Unready(vec!["acme".to_owned()]));
        let attributes = json!({ "attributes": ["emails.value"] });
        let _ = gateway.operator.put("/tenants/acme/search-attributes", &attributes).await.expect(409);

        each_version_finds_what_the_other_writes(&scim, &reader).await;

        // Users from before the upgrade, while the job runs and after it.
        let old: Uuid = "0198c0de-0000-7000-8000-000000000309".parse().unwrap();
        assert_eq!(by_mail(&scim, "m777@corp.test").await, [old]);
        keys_are_complete(&gateway).await;
        assert_eq!(by_mail(&scim, "m777@corp.test").await, [old]);
        assert_eq!(by_mail(&scim, "m770@corp.test").await, Vec::<Uuid>::new(), "it is deleted");

        stop.store(true, Ordering::Relaxed);
        let written = writing.await.unwrap();
        assert!(written.living.len() > 20 && written.moved.len() > 20, "the older version wrote meanwhile");
        assert_eq!(gateway.gateway.store.finish_upgrade(Duration::from_secs(2)).await.unwrap(), Finished::Done(2));
        assert_eq!(gateway.gateway.store.finish_upgrade(Duration::from_secs(2)).await.unwrap(), Finished::Done(0));
        assert_eq!(by_mail(&newer.scim, "zoe@corp.test").await, [zoe]);
        let eve = scim.post("/Users", &user("eve")).await.expect(201).id();
        assert_eq!(by_mail(&scim, "eve@corp.test").await, [eve.parse::<Uuid>().unwrap()]);
        assert_eq!(reader.by_mail("eve@corp.test").await, Vec::<Uuid>::new(), "no longer written for it");
        let _ = scim.post("/Users", &user("bob")).await.expect(409);
        for (id, mail) in written.living.iter().chain(&written.moved).step_by(7) {
            assert_eq!(by_mail(&scim, mail).await, [*id], "{mail}");
        }
        for mail in written.deleted.iter().step_by(7) {
            assert_eq!(by_mail(&scim, mail).await, Vec::<Uuid>::new(), "{mail}");
        }
        let store = gateway.store().await;
        rows::numbered(&store).await;
        let total = scim.get("/Users?count=0").await.expect(200).body["totalResults"].as_i64().unwrap();
        let living = format!("SELECT count(*) FROM resource WHERE deleted_at IS NULL AND tenant_id = '{TENANT}'");
        assert_eq!(store.query_one(&living, &[]).await.unwrap().get::<_, i64>(0), total);
        assert_eq!(reader.total().await, total);
        gateway.end().await;
    });
}

#[test]
fn the_embedded_database_is_upgraded() {
    in_own_process(|| {
        block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("data");
            let server = PgliteServer::builder().path(&path).start().unwrap();
            let client = owner(&server.database_url()).await;
            client.batch_execute(&fill(500)).await.unwrap();
            drop(client);
            tokio::task::spawn_blocking(move || drop(server)).await.unwrap();

            let gateway = TestGateway::on_directory(&path).await;
            let scim = gateway.anonymous().with(&gateway.token("acme", "scim").await.1);
            let ada: Uuid = scim.post("/Users", &user("ada")).await.expect(201).id().parse().unwrap();
            keys_are_complete(&gateway).await;
            assert_eq!(gateway.gateway.store.finish_upgrade(Duration::from_secs(2)).await.unwrap(), Finished::Done(1));
            let old: Uuid = "0198c0de-0000-7000-8000-000000000003".parse().unwrap();
            assert_eq!(by_mail(&scim, "m3@corp.test").await, [old]);
            assert_eq!(by_mail(&scim, "ada@corp.test").await, [ada]);
            let _ = scim.post("/Users", &user("u3")).await.expect(409);
            let total = scim.get("/Users?count=0").await.expect(200);
            assert_eq!(total.body["totalResults"], 451);
            gateway.end().await;
        });
    });
}
