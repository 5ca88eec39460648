//! Which locks removals, releases and remaps take, and in which order. A second session holds one of them, so that the order does not
//! depend on time.

use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Tenant, TestGateway, on_postgres, poll};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::remap::helpers::finished;

use super::{batch, deactivate, decide, events, feed, guarded, members, set_guard, users};

on_postgres!(
    a_removal_that_passes_does_not_lock_its_tenant,
    a_remap_locks_groups_before_their_members,
    a_release_locks_groups_before_their_members,
    a_change_of_members_beside_a_remap_tells_what_the_product_sees,
    a_member_that_is_named_beside_a_remap_of_the_group_is_announced,
    a_rejection_restores_no_membership_of_a_user_who_is_being_deleted,
    a_member_that_is_added_beside_a_write_that_shows_the_user_is_announced,
);

/// Waits until a transaction waits for a lock.
async fn blocked(owner: &Client) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    poll("a transaction waits for a lock", async || {
        (owner.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0).then_some(())
    })
    .await;
}

async fn a_removal_that_passes_does_not_lock_its_tenant(gateway: &TestGateway) {
    let tenant = guarded(gateway, 20, 200).await;
    let ids = users(&tenant, 4).await;
    let crew = crew(&tenant, &ids).await;
    let owner = gateway.store().await;
    owner.batch_execute("BEGIN; SELECT 1 FROM tenant WHERE name = 'acme' FOR UPDATE").await.unwrap();
    deactivate(&tenant, &ids[0]).await;
    let _ = tenant.delete(&format!("/Users/{}", ids[1])).await.expect(204);
    let one = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[2]) }]);
    let _ = tenant.patch(&format!("/Groups/{crew}"), &patch(one)).await.expect(200);
    let mut body = group("Crew");
    body["members"] = json!([{ "value": ids[3] }]);
    let _ = tenant.put(&format!("/Groups/{crew}"), &body).await.expect(200);
    let _ = tenant.delete(&format!("/Groups/{crew}")).await.expect(204);
    owner.batch_execute("COMMIT").await.unwrap();
    let counted =
        "SELECT kind, sum(n)::bigint FROM removal_slot CROSS JOIN LATERAL unnest(counts) x (n) GROUP BY 1 ORDER BY 1";
    let counted = owner.query(counted, &[]).await.unwrap();
    let counted: Vec<(String, i64)> = counted.iter().map(|row| (row.get(0), row.get(1))).collect();
    // The first member, who was removed; the second by the PUT; and the last with the group. The deleted user's membership ended with it.
    assert_eq!(counted, [("member".to_owned(), 3), ("user".to_owned(), 2)]);
}

async fn crew(tenant: &Tenant, ids: &[String]) -> String {
    let mut crew = group("Crew");
    crew["members"] = ids.iter().map(|id| json!({ "value": id })).collect();
    tenant.post("/Groups", &crew).await.expect(201).id()
}

/// Whether another session could lock the user while the gateway waits for the group.
async fn check_user_is_free(owner: &Client, second: &Client, id: &str) {
    blocked(second).await;
    let free = format!("SELECT 1 FROM resource WHERE id = '{id}' FOR SHARE NOWAIT");
    let locked = second.batch_execute(&free).await;
    owner.batch_execute("COMMIT").await.unwrap();
    locked.unwrap();
}

async fn hold_group(owner: &Client, crew: &str) {
    let hold = format!("BEGIN; SELECT 1 FROM resource WHERE id = '{crew}' FOR SHARE");
    owner.batch_execute(&hold).await.unwrap();
}

async fn a_remap_locks_groups_before_their_members(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let ids = users(&tenant, 1).await;
    let crew = crew(&tenant, &ids).await;
    assert!(ids[0] < crew, "in the order of ids the user is first");
    let (owner, second) = (gateway.store().await, gateway.store().await);
    hold_group(&owner, &crew).await;
    gateway.map("acme", "hostile", &json!({ "do": "exclude" }), "refuse").await;
    check_user_is_free(&owner, &second, &ids[0]).await;
    assert_eq!(finished(gateway, &tenant).await["changed"], 2);
}

async fn a_release_locks_groups_before_their_members(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    let ids = users(&tenant, 1).await;
    let crew = crew(&tenant, &ids).await;
    deactivate(&tenant, &ids[0]).await;
    let _ = tenant.delete(&format!("/Groups/{crew}")).await.expect(204);
    let (owner, second) = (gateway.store().await, gateway.store().await);
    hold_group(&owner, &crew).await;
    let released = decide(gateway, "released");
    let looks = check_user_is_free(&owner, &second, &ids[0]);
    let (state, ()) = futures_util::future::join(released, looks).await;
    assert_eq!(state, "released");
    let kinds: Vec<String> = events(&tenant, 3).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["user.deactivated", "group.deleted"]);
}

/// A remap that makes a user visible, or invisible, waits with its commit for a change of members to come first, or the change waits for
/// it: here the change always waits.
async fn a_change_of_members_beside_a_remap_tells_what_the_product_sees(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    set_guard(gateway, &json!({})).await;
    let ids = users(&tenant, 2).await;
    let (ada, bob) = (&ids[0], &ids[1]);
    let crew = crew(&tenant, std::slice::from_ref(bob)).await;
    let (owner, second) = (gateway.store().await, gateway.store().await);
    let set_state =
        |subject: &str, state: &str| format!("UPDATE resource SET mapping_state = '{state}' WHERE id = '{subject}'");
    let named = |name: &str| json!([{ "value": name }]);
    let by_id = json!({ "op": "add", "path": "members", "value": named(ada) });
    let by_name = json!({ "op": "add", "path": "members", "value": named("u0@corp.test") });
    let one = json!({ "op": "remove", "path": format!("members[value eq \"{ada}\"]") });
    let one_by_name = json!({ "op": "remove", "path": "members", "value": named("u0@corp.test") });
    let others = json!({ "op": "replace", "path": "members", "value": named(bob) });
    let (added, removed) = ("membership.added", "membership.removed");
    for (subject, before, after, operation, expected) in [
        (ada, "excluded", "same", &by_id, Some(added)),
        (ada, "excluded", "same", &one, Some(removed)),
        (ada, "excluded", "same", &by_name, Some(added)),
        (ada, "excluded", "same", &one_by_name, Some(removed)),
        (ada, "same", "excluded", &by_name, None),
        (ada, "excluded", "same", &others, Some(removed)),
        (ada, "same", "excluded", &by_id, None),
        (ada, "same", "excluded", &one, None),
        (&crew, "excluded", "same", &by_name, Some(added)),
        (&crew, "same", "excluded", &one, None),
        (&crew, "excluded", "same", &by_id, Some(added)),
        (&crew, "excluded", "same", &one_by_name, Some(removed)),
    ] {
        owner.batch_execute(&set_state(subject, before)).await.unwrap();
        let seen = feed(&tenant).await.len();
        owner.batch_execute(&format!("BEGIN; {}", set_state(subject, after))).await.unwrap();
        let body = patch(json!([operation]));
        let path = format!("/Groups/{crew}");
        let change = tenant.patch(&path, &body);
        let commit = async {
            blocked(&second).await;
            owner.batch_execute("COMMIT").await.unwrap();
        };
        let (answer, ()) = futures_util::future::join(change, commit).await;
        assert!(answer.status < 300, "{}", answer.text);
        let told: Vec<(String, String)> = events(&tenant, seen).await;
        let expected: Vec<(String, String)> = expected.map(|kind| (kind.to_owned(), ada.clone())).into_iter().collect();
        assert_eq!(told, expected, "{subject} {before} {after} {operation}");
        owner.batch_execute(&set_state(subject, "same")).await.unwrap();
    }
}

async fn a_member_that_is_named_beside_a_remap_of_the_group_is_announced(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let crew = crew(&tenant, &["u0@corp.test".to_owned()]).await;
    let (owner, second) = (gateway.store().await, gateway.store().await);
    let set_state = |state: &str| format!("UPDATE resource SET mapping_state = '{state}' WHERE id = '{crew}'");
    owner.batch_execute(&format!("{}; BEGIN; {}", set_state("excluded"), set_state("same"))).await.unwrap();
    let commit = async {
        blocked(&second).await;
        owner.batch_execute("COMMIT").await.unwrap();
    };
    let (ids, ()) = futures_util::future::join(users(&tenant, 1), commit).await;
    let told: Vec<String> = events(&tenant, 1).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(told, ["user.created", "membership.added"]);
    assert_eq!(members(&tenant, &crew).await, [ids.clone(), ids]);
}

async fn a_rejection_restores_no_membership_of_a_user_who_is_being_deleted(gateway: &TestGateway) {
    let tenant = guarded(gateway, 100, 0).await;
    let ids = users(&tenant, 2).await;
    let crew = crew(&tenant, &ids).await;
    let empty = patch(json!([{ "op": "remove", "path": "members" }]));
    let _ = tenant.patch(&format!("/Groups/{crew}"), &empty).await.expect(200);
    assert_eq!(batch(gateway).await["batch"]["memberships"], 2);
    let (owner, second) = (gateway.store().await, gateway.store().await);
    let lock = format!("BEGIN; SELECT 1 FROM resource WHERE id = '{}' FOR NO KEY UPDATE", ids[0]);
    owner.batch_execute(&lock).await.unwrap();
    let delete = async {
        blocked(&second).await;
        let delete = format!("UPDATE resource SET deleted_at = now() WHERE id = '{}'; COMMIT", ids[0]);
        owner.batch_execute(&delete).await.unwrap();
    };
    let (state, ()) = futures_util::future::join(decide(gateway, "rejected"), delete).await;
    assert_eq!(state, "rejected");
    let restored = second.query("SELECT member_id::text FROM membership", &[]).await.unwrap();
    let restored: Vec<Value> = restored.iter().map(|row| row.get::<_, String>(0).into()).collect();
    assert_eq!(restored, [json!(ids[1])]);
}

async fn a_member_that_is_added_beside_a_write_that_shows_the_user_is_announced(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let config = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    gateway.map("acme", "tutorial", &config, "refuse").await;
    let mut hidden = user("ada");
    hidden["userType"] = "Contractor".into();
    let ada = tenant.post("/Users", &hidden).await.expect(201).id();
    let crew = crew(&tenant, &[]).await;
    let (owner, second) = (gateway.store().await, gateway.store().await);
    // As another replica adds the member, which did not see the user's new state.
    let add = format!(
        "BEGIN; SELECT 1 FROM resource WHERE id = '{ada}' FOR SHARE; INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at)
         SELECT tenant_id, '{crew}', id, 'User', now() FROM resource WHERE id = '{ada}'"
    );
    owner.batch_execute(&add).await.unwrap();
    let commit = async {
        blocked(&second).await;
        owner.batch_execute("COMMIT").await.unwrap();
    };
    let ((), ()) = futures_util::future::join(super::set(&tenant, &ada, "userType", "Employee".into()), commit).await;
    let told = events(&tenant, 1).await;
    assert_eq!(told, ["user.created", "membership.added"].map(|kind| (kind.to_owned(), ada.clone())));
}
