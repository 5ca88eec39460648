//! Nothing is added during an erasure or after it: by writers at two replicas, and by a gateway that is killed again and again, on
//! either database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use scimgate_tests::binary::Running;
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Client, Database, Request, Tenant, TestGateway, many_users, poll, rows};
use serde_json::json;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{assert_no_rows, begin, finished};

/// Writes users, groups and members until it is stopped; counts the writes that succeeded.
fn write(tenant: Tenant, name: String, stop: &Arc<AtomicBool>, done: &Arc<AtomicUsize>) -> JoinHandle<u16> {
    let (stop, done) = (Arc::clone(stop), Arc::clone(done));
    tokio::spawn(async move {
        let mut last = 0;
        for number in 0.. {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let created = tenant.scim.post("/Users", &user(&format!("{name}-{number}"))).await;
            last = created.status;
            if created.status != 201 {
                continue;
            }
            done.fetch_add(1, Ordering::SeqCst);
            let mut crew = group(&format!("{name}-{number}"));
            crew["members"] = json!([{ "value": created.id() }, { "value": format!("{name}-later") }]);
            let crew = tenant.scim.post("/Groups", &crew).await;
            if crew.status == 201 {
                let title = patch(json!([{ "op": "replace", "path": "title", "value": "x" }]));
                let _ = tenant.scim.patch(&format!("/Users/{}", created.id()), &title).await;
                let _ = tenant.scim.delete(&format!("/Users/{}", created.id())).await;
            }
        }
        last
    })
}

#[test]
fn writers_at_two_replicas_add_nothing_to_an_erased_tenant() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let replica = gateway.replica().await;
        let acme = gateway.plain_tenant("acme").await;
        let there = acme.at((&format!("http://{}", replica.public), &format!("http://{}", replica.internal)));
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let writers: Vec<_> = (0..8)
            .map(|number| {
                let tenant = if number % 2 == 0 { acme.clone() } else { there.clone() };
                write(tenant, format!("w{number}"), &stop, &done)
            })
            .collect();
        poll("the writers have written", async || (done.load(Ordering::SeqCst) > 40).then_some(())).await;
        let id = begin(&gateway, "acme").await;
        let erasure = finished(&gateway, &id).await;
        assert_eq!(erasure["proof"]["rows"], 0);
        let owner = gateway.store().await;
        let _ = assert_no_rows(&owner, &id).await;
        poll("the replica refuses the token", async || (there.scim.get("/Users").await.status == 401).then_some(()))
            .await;
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            assert_eq!(writer.await.unwrap(), 401, "the last write is refused");
        }
        let _ = assert_no_rows(&owner, &id).await;
        assert_eq!(owner.query("SELECT 1 FROM tenant WHERE id::text = $1", &[&id]).await.unwrap().len(), 0);
        replica.end().await;
        gateway.end().await;
    });
}

async fn begin_at(operator: &Client, name: &str) -> String {
    let begun = operator.post(&format!("/tenants/{name}/erasure"), &json!({ "confirm": name })).await.expect(202);
    begun.body["tenant"].as_str().unwrap().to_owned()
}

async fn erased(operator: &Client, id: &str) -> (bool, i64) {
    let erasure = operator.get(&format!("/erasures/{id}")).await.expect(200).body;
    (erasure["state"] == "finished", erasure["erased"].as_i64().unwrap())
}

#[test]
fn kills_on_postgres_in_the_middle_of_an_erasure_lose_nothing_of_it() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let prepared = Prepared::new(&fresh.url, &[]).await;
        let owner = fresh.owner().await;
        let arguments = ["--job-share", "10"];
        let mut served = prepared.serve(&arguments).await;
        let globex = served.tenant("globex").await;
        let _ = globex.user("eve").await;
        let _ = served.tenant("acme").await;
        many_users::fill(&owner, "acme", 12_000).await;
        let id = begin_at(&served.operator, "acme").await;
        let (mut kills, mut before) = (0, 0);
        loop {
            let (is_finished, now) = poll("a batch is done", async || {
                let (is_finished, now) = erased(&served.operator, &id).await;
                (is_finished || now > before).then_some((is_finished, now))
            })
            .await;
            before = now;
            if is_finished {
                break;
            }
            if kills < 6 {
                kills += 1;
                served.running.kill().await;
                // The killed gateway's lease expires by itself, but that takes seconds.
                let _ = owner.execute("UPDATE erasure SET leased_until = NULL", &[]).await.unwrap();
                let _ = owner.execute("DELETE FROM lease", &[]).await.unwrap();
                served = prepared.serve(if kills < 6 { &arguments } else { &[] }).await;
            }
        }
        assert!(kills >= 3, "the erasure was in its middle only {kills} times");
        let erasure = served.operator.get(&format!("/erasures/{id}")).await.expect(200).body;
        assert_eq!((&erasure["proof"]["rows"], &erasure["erased"]), (&json!(0), &erasure["total"]), "{erasure:#}");
        let _ = assert_no_rows(&owner, &id).await;
        let globex = globex.at(served.addresses());
        assert_eq!(globex.get("/Users").await.expect(200).body["totalResults"], 1);
        rows::check(&owner).await;
        assert!(served.running.terminate().await.0.success());
        fresh.drop().await;
    });
}

/// `scimgate dev` on a data directory, and its admin API.
async fn start_dev(data: &std::path::Path) -> (Running, Client) {
    let (running, ready) = Running::dev(&["--data-dir", data.to_str().unwrap(), "--log", "warn"]).await;
    let text = |name: &str| ready[name].as_str().unwrap().trim_end_matches('/').to_owned();
    let operator = Client::new(text("admin_url")).with(&text("operator_key"));
    (running, operator)
}

async fn import_users(operator: &Client, tenant: &str, count: usize) {
    let mut lines = (0..count).map(|number| {
        let mut user = user(&format!("user-{number}"));
        let time = "2026-01-01T00:00:00Z";
        let meta = json!({ "resourceType": "User", "created": time, "lastModified": time, "version": "W/\"1\"" });
        (user["id"], user["meta"]) = (Uuid::now_v7().to_string().into(), meta);
        json!({ "resource": user }).to_string()
    });
    let path = format!("/tenants/{tenant}/import");
    loop {
        let batch: Vec<String> = lines.by_ref().take(200).collect();
        if batch.is_empty() {
            return;
        }
        let report = operator.send(Request::new("POST", &path).body("application/x-ndjson", batch.join("\n"))).await;
        assert_eq!(report.expect(200).body["created"], batch.len());
    }
}

#[test]
fn kills_on_the_embedded_database_in_the_middle_of_an_erasure_lose_nothing_of_it() {
    block_on(async {
        let data = tempfile::tempdir().unwrap();
        let (mut running, mut operator) = start_dev(data.path()).await;
        let _ = operator.post("/tenants", &json!({ "name": "acme" })).await.expect(201);
        import_users(&operator, "acme", 2_000).await;
        let id = begin_at(&operator, "acme").await;
        let (mut kills, mut before) = (0, 0);
        loop {
            let (is_finished, now) = poll("a batch is done", async || {
                let (is_finished, now) = erased(&operator, &id).await;
                (is_finished || now > before).then_some((is_finished, now))
            })
            .await;
            before = now;
            if is_finished {
                break;
            }
            if kills < 3 {
                kills += 1;
                running.kill().await;
                (running, operator) = start_dev(data.path()).await;
            }
        }
        assert!(kills >= 2, "the erasure was in its middle only {kills} times");
        let erasure = operator.get(&format!("/erasures/{id}")).await.expect(200).body;
        assert_eq!((&erasure["proof"]["rows"], &erasure["erased"]), (&json!(0), &erasure["total"]), "{erasure:#}");
        let demo = operator.get("/tenants/demo").await.expect(200).body;
        assert_eq!(demo["state"], "active", "{demo:#}");
        assert!(running.terminate().await.0.success());
    });
}
