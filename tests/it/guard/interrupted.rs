//! The gateway is killed in the middle of a remap whose exclusions are held, of their release, and of a rejection, several times each. The
//! next process continues: no event is written twice, and none is missing.

use std::time::Duration;

use scimgate_tests::database::Fresh;
use scimgate_tests::harness::{block_on, poll};
use scimgate_tests::served::{Prepared, Served};
use scimgate_tests::tenant::{group, patch};
use scimgate_tests::{Request, Tenant, many_users, plugin, rows};
use serde_json::{Value, json};
use tokio_postgres::Client;

const USERS: u32 = 6_000;
/// Users that may be removed within an hour.
const LIMIT: i64 = 100;
const KILLS_IN_REMAP: u32 = 4;
const KILLS_IN_RELEASE: u32 = 6;
const REJECTED_USERS: usize = 160;
const KILLS_IN_REJECTION: u32 = 6;
const SLOW: [&str; 2] = ["--job-share", "10"];

async fn number(owner: &Client, sql: &str) -> i64 {
    owner.query_one(sql, &[]).await.unwrap().get(0)
}

/// A job that is killed, and a query for how much of its work is left.
#[derive(Clone, Copy)]
struct Work<'a> {
    owner: &'a Client,
    kind: &'a str,
    left: &'a str,
}

impl Work<'_> {
    async fn left(&self) -> i64 {
        number(self.owner, self.left).await
    }

    /// A killed process's lease, and its pause, end by themselves, but that takes seconds.
    async fn end_lease(&self) {
        let sql = "UPDATE job SET leased_until = NULL, resume_at = now() WHERE kind = $1";
        let _ = self.owner.execute(sql, &[&self.kind]).await.unwrap();
    }

    /// Kills the server: every second time when it has stored a batch, else somewhere in a batch.
    async fn kill(&self, served: Served, kill: u32) {
        let before = self.left().await;
        if kill % 2 == 1 {
            poll("a batch is stored", async || (self.left().await < before).then_some(())).await;
        } else {
            let leased = format!("SELECT count(*) FROM job WHERE kind = '{}' AND leased_until > now()", self.kind);
            poll("a batch begins", async || {
                (number(self.owner, &leased).await > 0 || self.left().await < before).then_some(())
            })
            .await;
            tokio::time::sleep(Duration::from_millis(u64::from(kill) * 23)).await;
        }
        served.running.kill().await;
        let sessions =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        poll("its sessions end", async || (number(self.owner, sessions).await == 0).then_some(())).await;
    }

    /// Kills the server that does it, so often, and returns the one that is to finish it.
    async fn interrupt(&self, prepared: &Prepared, first: Served, kills: u32) -> Served {
        self.kill(first, 0).await;
        for kill in 1..kills {
            self.end_lease().await;
            self.kill(prepared.serve(&SLOW).await, kill).await;
        }
        assert!(self.left().await > 0, "{} was finished before the last kill", self.kind);
        self.end_lease().await;
        prepared.serve(&["--job-share", "100"]).await
    }
}

/// The only batch.
async fn batch(served: &Served) -> Value {
    let list = served.operator.get("/tenants/acme/held").await.expect(200).body;
    assert_eq!(list["batches"].as_array().unwrap().len(), 1, "{list}");
    list["batches"][0].clone()
}

async fn decide(served: &Served, state: &str) {
    let path = format!("/tenants/acme/held/{}", batch(served).await["id"].as_str().unwrap());
    let _ = served.operator.patch(&path, &json!({ "state": state })).await.expect(200);
}

async fn decided(served: &Served, state: &str) {
    poll("the verdict is carried out", async || (batch(served).await["state"] == state).then_some(())).await;
}

async fn end(served: Served, fresh: Fresh) {
    let (status, _) = served.running.terminate().await;
    assert!(status.success(), "{status}");
    fresh.drop().await;
}

#[test]
fn kills_in_a_held_remap_and_in_its_release_repeat_and_lose_nothing() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let prepared = Prepared::new(&fresh.url, &[]).await;
        let owner = fresh.owner().await;
        let served = prepared.serve(&SLOW).await;
        let _ = Tenant::plain(&served.operator, "acme", served.addresses()).await;
        many_users::fill(&owner, "acme", USERS).await;
        let guard = json!({ "users": LIMIT, "members": 0, "percent": 0 });
        let _ = served.operator.put("/tenants/acme/guard", &guard).await.expect(200);
        let hostile = Request::new("POST", "/plugins").body("application/wasm", plugin("hostile"));
        let digest = served.operator.send(hostile).await.body["digest"].clone();
        let step = json!({ "plugin": digest, "config": { "do": "exclude" }, "resourceTypes": ["User"] });
        let mapping = json!({ "onFailure": "refuse", "steps": [step] });
        let _ = served.operator.put("/tenants/acme/mapping?dryRun=false", &mapping).await.expect(200);
        let left = "SELECT count(*) FROM resource WHERE mapping_revision = 0";
        let remap = Work { owner: &owner, kind: "remap", left };
        let served = remap.interrupt(&prepared, served, KILLS_IN_REMAP).await;
        poll("the remap is finished", async || {
            let job = served.operator.get("/tenants/acme/jobs/remap").await.expect(200).body;
            (job["state"] == "finished").then_some(())
        })
        .await;
        rows::numbered(&owner).await;
        let told = "SELECT count(*) FROM event WHERE type = 'user.deleted'";
        let once = "SELECT count(DISTINCT resource_id) FROM event WHERE type = 'user.deleted'";
        let passed = number(&owner, told).await;
        // A killed batch has counted what it did not store, so fewer may pass; never more.
        assert!(passed <= LIMIT, "{passed}");
        assert_eq!(number(&owner, once).await, passed);
        let all = i64::from(USERS);
        assert_eq!(batch(&served).await["resources"], all - passed);
        let seen = "SELECT count(*) FROM resource WHERE resource_type = 'User' AND mapping_state = 'stale' AND held IS NOT NULL";
        assert_eq!(number(&owner, seen).await, all - passed, "the product sees all that are held");

        let (status, _) = served.running.terminate().await;
        assert!(status.success(), "{status}");
        let served = prepared.serve(&SLOW).await;
        decide(&served, "released").await;
        let release = Work { owner: &owner, kind: "held", left: "SELECT count(*) FROM held" };
        let served = release.interrupt(&prepared, served, KILLS_IN_RELEASE).await;
        decided(&served, "released").await;
        rows::numbered(&owner).await;
        assert_eq!((number(&owner, told).await, number(&owner, once).await), (all, all));
        let excluded = "SELECT count(*) FROM resource WHERE mapping_state = 'excluded' AND held IS NULL";
        assert_eq!(number(&owner, excluded).await, all);
        assert_eq!(number(&owner, "SELECT count(*) FROM held").await, 0);
        end(served, fresh).await;
    });
}

#[test]
fn kills_in_a_rejection_repeat_and_lose_nothing() {
    block_on(async {
        let fresh = Fresh::empty().await;
        let prepared = Prepared::new(&fresh.url, &[]).await;
        let owner = fresh.owner().await;
        let served = prepared.serve(&SLOW).await;
        let tenant = Tenant::plain(&served.operator, "acme", served.addresses()).await;
        let guard = json!({ "users": 0, "members": 0, "percent": 0 });
        let _ = served.operator.put("/tenants/acme/guard", &guard).await.expect(200);
        let mut ids = Vec::new();
        for number in 0..REJECTED_USERS {
            ids.push(tenant.user(&format!("u{number}")).await);
        }
        let mut crew = group("Crew");
        crew["members"] = ids.iter().map(|id| json!({ "value": id })).collect();
        crew["members"].as_array_mut().unwrap().push(json!({ "value": "later@corp.test" }));
        let crew = tenant.post("/Groups", &crew).await.expect(201).id();
        rows::numbered(&owner).await;
        let before = number(&owner, "SELECT count(*) FROM event").await;
        for (number, id) in ids.iter().enumerate() {
            let path = format!("/Users/{id}");
            if number % 2 == 0 {
                let body = patch(json!([{ "op": "replace", "path": "active", "value": false }]));
                let _ = tenant.patch(&path, &body).await.expect(200);
            } else {
                let _ = tenant.delete(&path).await.expect(204);
            }
        }
        let _ = tenant.delete(&format!("/Groups/{crew}")).await.expect(204);
        decide(&served, "rejected").await;
        let left = "SELECT (SELECT count(*) FROM held) + (SELECT count(*) FROM held_member) + (SELECT count(*) FROM held_reference)";
        let rejection = Work { owner: &owner, kind: "held", left };
        let served = rejection.interrupt(&prepared, served, KILLS_IN_REJECTION).await;
        decided(&served, "rejected").await;
        rows::numbered(&owner).await;
        assert_eq!(number(&owner, "SELECT count(*) FROM event").await, before, "for the product nothing happened");
        assert_eq!(number(&owner, left).await, 0);
        let tenant = tenant.at(served.addresses());
        for (path, found) in
            [("/Users", REJECTED_USERS), ("/Users?filter=active eq true", REJECTED_USERS), ("/Groups", 1)]
        {
            assert_eq!(tenant.get(path).await.expect(200).body["totalResults"], found, "{path}");
        }
        let product = tenant.directory("/users?limit=1000").await.expect(200).body;
        let product = product["resources"].as_array().unwrap();
        assert_eq!(product.len(), REJECTED_USERS);
        assert!(product.iter().all(|user| user["active"] == true && user["mappingState"] == "same"));
        // All members, and the pending reference.
        assert_eq!(number(&owner, "SELECT count(*) FROM membership").await, i64::try_from(REJECTED_USERS).unwrap());
        let _ = tenant.user("later").await;
        let members =
            tenant.get(&format!("/Groups/{crew}")).await.expect(200).body["members"].as_array().unwrap().len();
        assert_eq!(members, REJECTED_USERS + 1);
        end(served, fresh).await;
    });
}
