//! Plans: what a revision would do to the stored documents, before it is activated. Nothing but the plan is written, and what it says
//! is what activation does.

mod random;

use scimgate_tests::tenant::{group, user};
use scimgate_tests::{Answer, Tenant, TestGateway, on_both, on_postgres, poll, rows};
use serde_json::{Value, json};

on_both!(a_plan_counts_and_exemplifies_what_would_change, a_plan_is_of_a_sample_or_of_all_and_can_be_cancelled,);
on_postgres!(
    a_revision_by_whose_plan_users_would_vanish_must_be_confirmed,
    the_number_from_which_an_activation_is_confirmed_is_a_setting_of_the_tenant,
    a_plan_says_what_the_guard_would_hold,
    preview_plan_and_shadow_write_nothing,
    a_plan_that_was_interrupted_continues,
);

pub(crate) async fn digest(gateway: &TestGateway, plugin: &str) -> Value {
    gateway.upload(scimgate_tests::plugin(plugin)).await.body["digest"].clone()
}

/// Stores a draft for users; returns its number.
pub(crate) async fn draft(gateway: &TestGateway, steps: &[(&str, Value)]) -> i64 {
    stored(gateway, &[digest(gateway, "tutorial").await, digest(gateway, "hostile").await], steps).await
}

async fn stored(gateway: &TestGateway, [tutorial, hostile]: &[Value; 2], steps: &[(&str, Value)]) -> i64 {
    let digest = |plugin: &str| if plugin == "tutorial" { tutorial } else { hostile };
    let step = |(plugin, config): &(&str, Value)| json!({ "plugin": digest(plugin), "config": config, "resourceTypes": ["User"] });
    let body = json!({ "onFailure": "keep", "steps": steps.iter().map(step).collect::<Vec<_>>() });
    let path = "/tenants/acme/mapping/revisions?dryRun=false";
    gateway.operator.post(path, &body).await.expect(201).body["revision"].as_i64().unwrap()
}

fn path(revision: i64) -> String {
    format!("/tenants/acme/mapping/revisions/{revision}/plan")
}

async fn begin(gateway: &TestGateway, revision: i64, body: &Value) -> Answer {
    gateway.operator.post(&path(revision), body).await.expect(202)
}

async fn complete(gateway: &TestGateway, revision: i64) -> Value {
    poll("the plan is complete", async || {
        let plan = gateway.operator.get(&path(revision)).await.expect(200).body;
        (plan["state"] == "finished").then_some(plan)
    })
    .await
}

async fn activate(gateway: &TestGateway, revision: i64, accept: bool) -> Answer {
    let path = format!("/tenants/acme/mapping/revisions/{revision}/activate");
    gateway.operator.post(&path, &json!({ "dryRun": false, "acceptVanishing": accept })).await
}

async fn contractor(tenant: &Tenant, name: &str) -> String {
    let mut contractor = user(name);
    contractor["userType"] = "Contractor".into();
    tenant.post("/Users", &contractor).await.expect(201).id()
}

fn exclude_contractors() -> Value {
    json!({ "buildDisplayName": true, "excludeWhere": { "path": "userType", "equals": "Contractor" } })
}

async fn a_plan_counts_and_exemplifies_what_would_change(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let (ada, eve) = (tenant.user("Ada").await, contractor(&tenant, "eve").await);
    let mut named = user("bob");
    named["displayName"] = "Bob".into();
    let _ = tenant.post("/Users", &named).await.expect(201);
    let _ = tenant.group("Crew").await;
    let before = tenant.everything().await;
    let revision =
        draft(gateway, &[("tutorial", exclude_contractors()), ("hostile", json!({ "do": "fail", "for": "zoe" }))])
            .await;
    let _ = gateway.operator.get(&path(revision)).await.expect(404);
    let begun = begin(gateway, revision, &json!({})).await;
    assert_eq!((&begun.body["state"], &begun.body["total"]), (&json!("running"), &json!(4)));
    let plan = complete(gateway, revision).await;
    let counts =
        ["examined", "unchanged", "changed", "newlyExcluded", "vanishingUsers", "newlyIncluded", "rejected", "failed"];
    assert_eq!(counts.map(|name| plan[name].as_i64().unwrap()), [4, 2, 1, 1, 1, 0, 0, 0], "{plan}");
    assert_eq!(plan["attributes"], json!({ "User": { "displayName": 1 } }));
    assert_eq!((&plan["sample"], &plan["outdated"], &plan["baseRevision"]), (&Value::Null, &json!(false), &json!(0)));
    assert!(plan["remapSeconds"].as_u64().is_some_and(|seconds| seconds > 0), "{plan}");
    let examples = plan["examples"].as_array().unwrap();
    let of = |id: &str| examples.iter().find(|example| example["id"] == id).unwrap().clone();
    assert_eq!(examples.len(), 2);
    assert_eq!(of(&ada)["differences"], json!([{ "path": "displayName", "before": null, "after": "\"Ada Byron\"" }]));
    assert_eq!((&of(&ada)["change"], &of(&ada)["name"]), (&json!("changed"), &json!("Ada@corp.test")));
    assert_eq!(
        (&of(&eve)["change"], &of(&eve)["reason"]),
        (&json!("newly-excluded"), &json!("userType is \"Contractor\"."))
    );
    assert_eq!(tenant.everything().await, before);

    // What is activated by then makes it a plan of another time.
    gateway.map("acme", "hostile", &json!({ "do": "nothing" }), "keep").await;
    assert_eq!(gateway.operator.get(&path(revision)).await.expect(200).body["outdated"], true);
}

async fn a_revision_by_whose_plan_users_would_vanish_must_be_confirmed(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let eve = contractor(&tenant, "eve").await;
    let revision = draft(gateway, &[("tutorial", exclude_contractors())]).await;
    begin(gateway, revision, &json!({})).await;
    let _ = complete(gateway, revision).await;
    let refused = activate(gateway, revision, false).await.expect(409);
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("1 users would vanish") && detail.contains("--yes"), "{detail}");
    let _ = tenant.directory(&format!("/users/{eve}")).await.expect(200);
    let _ = activate(gateway, revision, true).await.expect(200);
    poll("she has vanished", async || (tenant.directory(&format!("/users/{eve}")).await.status == 404).then_some(()))
        .await;
}

async fn the_number_from_which_an_activation_is_confirmed_is_a_setting_of_the_tenant(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = contractor(&tenant, "eve").await;
    let revision = draft(gateway, &[("tutorial", exclude_contractors())]).await;
    begin(gateway, revision, &json!({})).await;
    assert_eq!(complete(gateway, revision).await["needsConfirmation"], true);
    for (from, needed) in [(1, true), (2, false)] {
        let guard = json!({ "users": 1000, "confirmFrom": from });
        let set = gateway.operator.put("/tenants/acme/guard", &guard).await.expect(200);
        assert_eq!(set.body["confirmFrom"], from);
        assert_eq!(complete(gateway, revision).await["needsConfirmation"], needed);
    }
    let _ = activate(gateway, revision, false).await.expect(200);
    // Left out, it is one again.
    let guard = gateway.operator.put("/tenants/acme/guard", &json!({ "users": 1000 })).await.expect(200);
    assert_eq!(guard.body["confirmFrom"], 1);
}

/// What the plan says that the guard would hold is what it holds.
async fn a_plan_says_what_the_guard_would_hold(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let guard = json!({ "users": 3, "members": 1, "protected": "title eq \"Director\"" });
    let _ = gateway.operator.put("/tenants/acme/guard", &guard).await.expect(200);
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(contractor(&tenant, &format!("c{number}")).await);
    }
    let mut director = user("director");
    (director["title"], director["userType"]) = ("Director".into(), "Contractor".into());
    let _ = tenant.post("/Users", &director).await.expect(201);
    let _ = tenant.user("ada").await;
    let mut crew = group("Crew");
    crew["members"] = ids.iter().map(|id| json!({ "value": id })).collect();
    let _ = tenant.post("/Groups", &crew).await.expect(201);
    // One has left within the hour.
    let _ = tenant.delete(&format!("/Users/{}", ids[0])).await.expect(204);

    let revision = draft(gateway, &[("tutorial", exclude_contractors())]).await;
    begin(gateway, revision, &json!({})).await;
    let plan = complete(gateway, revision).await;
    let expected = json!({ "removed": { "users": 7, "memberships": 0, "protected": 1 },
        "held": { "users": 5, "memberships": 0, "protected": 1 } });
    assert_eq!(plan["guard"], expected);
    let _ = activate(gateway, revision, true).await.expect(200);
    poll("the remap has finished", async || {
        let job = gateway.operator.get("/tenants/acme/jobs/remap").await.expect(200).body;
        (job["state"] == "finished").then_some(())
    })
    .await;
    let held = gateway.operator.get("/tenants/acme/held").await.expect(200).body;
    let batches = held["batches"].as_array().unwrap().iter();
    let mut batches: Vec<(&str, i64)> =
        batches.map(|it| (it["cause"].as_str().unwrap(), it["resources"].as_i64().unwrap())).collect();
    batches.sort_unstable();
    assert_eq!(batches, [("protected", 1), ("threshold", 5)]);
    // While a batch is open, everything would be held; what is held already is not counted again.
    let all = json!([{ "plugin": digest(gateway, "hostile").await, "config": { "do": "exclude" } }]);
    let body = json!({ "onFailure": "keep", "steps": all });
    let path = "/tenants/acme/mapping/revisions?dryRun=false";
    let revision = gateway.operator.post(path, &body).await.expect(201).body["revision"].as_i64().unwrap();
    begin(gateway, revision, &json!({})).await;
    let plan = complete(gateway, revision).await;
    let expected = json!({ "users": 1, "memberships": 7, "protected": 0 });
    assert_eq!((&plan["guard"]["removed"], &plan["guard"]["held"]), (&expected, &expected), "{plan}");
}

async fn a_plan_is_of_a_sample_or_of_all_and_can_be_cancelled(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    for number in 0..40 {
        let _ = tenant.user(&format!("u{number}")).await;
    }
    let revision = draft(gateway, &[("hostile", json!({ "do": "count" }))]).await;
    let _ = gateway.operator.post(&path(revision), &json!({ "sample": 0 })).await.expect(400);
    let mut found = Vec::new();
    for seed in [7, 7, 8] {
        begin(gateway, revision, &json!({ "sample": 20, "seed": seed })).await;
        let plan = complete(gateway, revision).await;
        assert_eq!(plan["sample"], 20);
        found.push((plan["examined"].as_i64().unwrap(), plan["examples"][0]["id"].clone()));
    }
    assert!(found.iter().all(|(examined, _)| (5..36).contains(examined)), "{found:?}");
    assert_eq!(found[0], found[1], "the same seed, the same documents");
    begin(gateway, revision, &json!({ "sample": 4_000 })).await;
    let all = complete(gateway, revision).await;
    assert_eq!((&all["examined"], &all["changed"], &all["sample"]), (&json!(40), &json!(40), &Value::Null));

    let held = gateway.gateway.job_rounds.clone().acquire_owned().await.unwrap();
    begin(gateway, revision, &json!({})).await;
    let _ = gateway.operator.patch("/tenants/acme/jobs/plan", &json!({ "state": "cancelled" })).await.expect(200);
    drop(held);
    assert_eq!(gateway.operator.get(&path(revision)).await.expect(200).body["state"], "incomplete");
    let _ = gateway.operator.patch("/tenants/acme/jobs/plan", &json!({ "state": "running" })).await.expect(409);
}

/// A digest of each table, but those in which plans, shadows, jobs and the audit of their beginning have their rows.
async fn digests(gateway: &TestGateway) -> Vec<(String, String)> {
    const OWN: [&str; 7] =
        ["mapping_plan", "planned_unique", "planned_conflict", "mapping_shadow", "job", "lease", "audit"];
    let owner = gateway.store().await;
    rows::numbered(&owner).await;
    let sql = "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
      AND c.relname <> ALL($1) ORDER BY 1";
    let tables = owner.query(sql, &[&OWN.as_slice()]).await.unwrap();
    let mut digests = Vec::new();
    for table in tables.iter().map(|row| row.get::<_, String>(0)) {
        let sql = format!(
            "SELECT count(*) || coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '') FROM \"{table}\" t"
        );
        let digest = owner.query_one(&sql, &[]).await.unwrap().get(0);
        digests.push((table, digest));
    }
    assert!(digests.len() > 20, "{digests:?}");
    digests
}

/// Neither for the documents that it changes, nor for those that it excludes, rejects or fails on.
async fn preview_plan_and_shadow_write_nothing(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let (ada, eve) = (tenant.user("ada").await, contractor(&tenant, "eve").await);
    let config = json!({ "buildDisplayName": true, "excludeWhere": { "path": "userType", "equals": "Contractor" },
        "rejectWhere": { "path": "userName", "equals": "bob@corp.test" } });
    let _ = (tenant.user("bob").await, tenant.user("zoe").await);
    let steps = [("tutorial", config), ("hostile", json!({ "do": "fail", "for": "zoe" }))];
    let revision = draft(gateway, &steps).await;
    let before = digests(gateway).await;
    for resource in ["ada", "bob", "eve", "zoe"] {
        let resource = format!("{resource}@corp.test");
        let preview = json!({ "resourceType": "User", "resource": resource, "revision": revision });
        let _ = gateway.operator.post("/tenants/acme/mapping/preview", &preview).await.expect(200);
    }
    begin(gateway, revision, &json!({})).await;
    let plan = complete(gateway, revision).await;
    let found = ["changed", "newlyExcluded", "rejected", "failed"].map(|name| plan[name].as_i64().unwrap());
    assert_eq!(found, [1, 1, 1, 1], "{plan}");
    assert_eq!(digests(gateway).await, before);

    // The same writes with a shadow and without one leave the same rows.
    let write = async |title: &str| {
        let change = scimgate_tests::tenant::patch(json!([{ "op": "replace", "path": "title", "value": title }]));
        for id in [&ada, &eve] {
            let _ = tenant.patch(&format!("/Users/{id}"), &change).await.expect(200);
        }
        rows::numbered(&gateway.store().await).await;
        gateway.store().await
    };
    let counts = async |owner: &tokio_postgres::Client| {
        let sql = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM resource WHERE mapping_revision <> 0),
          (SELECT count(*) FROM resource WHERE mapped IS NOT NULL), (SELECT count(*) FROM mapping_reason)";
        let row = owner.query_one(sql, &[]).await.unwrap();
        [0, 1, 2, 3].map(|column| row.get::<_, i64>(column))
    };
    let without = counts(&write("without").await).await;
    let _ = gateway.operator.put("/tenants/acme/mapping/shadow", &json!({ "revision": revision })).await.expect(200);
    let with = counts(&write("with").await).await;
    assert_eq!(with, [without[0] + 2, 0, 0, 0]);
    poll("the shadow has mapped both writes", async || {
        let report = gateway.operator.get("/tenants/acme/mapping/shadow").await.expect(200).body;
        (report["examined"] == 2).then_some(())
    })
    .await;
    assert_eq!(counts(&gateway.store().await).await, with);
}

/// The report of the batches before is saved with the run's progress.
async fn a_plan_that_was_interrupted_continues(gateway: &TestGateway) {
    use scimgate_tests::many_users;
    let _ = gateway.plain_tenant("acme").await;
    let owner = gateway.store().await;
    many_users::fill(&owner, "acme", 1_200).await;
    let revision = draft(gateway, &[("hostile", json!({ "do": "count" }))]).await;
    let held = gateway.gateway.job_rounds.clone().acquire_owned().await.unwrap();
    begin(gateway, revision, &json!({})).await;
    let runner = scimgate::operation::job::runner::Runner::default();
    let _ = runner.run_due(&gateway.gateway).await.unwrap();
    let some = gateway.operator.get(&path(revision)).await.expect(200).body;
    let examined = some["examined"].as_i64().unwrap();
    assert!(examined > 0 && examined < 1_400 && some["state"] == "running", "{some}");
    // A killed process leaves its lease; the next one continues from the saved progress.
    let again = "UPDATE job SET resume_at = now(), leased_until = now() - interval '1 s', holder = gen_random_uuid() WHERE kind = 'plan'";
    let _ = owner.execute(again, &[]).await.unwrap();
    drop(held);
    let plan = complete(gateway, revision).await;
    assert_eq!((&plan["examined"], &plan["changed"]), (&json!(1_400), &json!(1_200)), "{plan}");
}
