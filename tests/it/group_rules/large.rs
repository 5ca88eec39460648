//! A group with thousands of members: each of them is announced once, whatever happens to it.

use scimgate_tests::{TestGateway, many_users, on_postgres};
use serde_json::json;
use tokio_postgres::Client;

use super::{PATH, announced, role, set_rules};
use crate::remap::helpers::finished;

on_postgres!(each_member_of_a_large_group_is_announced_once);

const USERS: u32 = 3_000;
/// The group in which all users are, by its number.
const CREW: &str = "0198c0de-0001-7000-8000-0000000000c8";
const ALL_IN_ONE: &str = "
INSERT INTO membership SELECT tenant_id, $1::text::uuid, id, 'User', now() FROM resource WHERE resource_type = 'User' ON CONFLICT DO NOTHING";

/// How many users have how many events of the rules.
async fn counts(owner: &Client) -> Vec<(i64, i64)> {
    let sql =
        "SELECT n, count(*) FROM (SELECT count(*) AS n FROM event WHERE actor = 'group-rules' AND type = 'user.updated'
      GROUP BY resource_id) e GROUP BY n ORDER BY n";
    owner.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn each_member_of_a_large_group_is_announced_once(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let owner = gateway.store().await;
    many_users::fill(&owner, "acme", USERS).await;
    let _ = owner.execute(ALL_IN_ONE, &[&CREW]).await.unwrap();
    let all = i64::from(USERS);
    set_rules(gateway, &[role("g200", "admin")]).await;
    announced(gateway).await;
    assert_eq!(counts(&owner).await, [(1, all)], "the rule");
    let rename =
        |name: &str| scimgate_tests::tenant::patch(json!([{ "op": "replace", "path": "displayName", "value": name }]));
    let path = format!("/Groups/{CREW}");
    let _ = tenant.patch(&path, &rename("other")).await.expect(204);
    announced(gateway).await;
    assert_eq!(counts(&owner).await, [(2, all)], "the name");
    let _ = tenant.patch(&path, &rename("g200")).await.expect(204);
    announced(gateway).await;
    assert_eq!(counts(&owner).await, [(3, all)], "the name again");
    let digest = gateway.upload(scimgate_tests::plugin("hostile")).await.body["digest"].clone();
    let step = json!({ "plugin": digest, "config": { "do": "exclude" }, "resourceTypes": ["Group"] });
    let mapping = json!({ "onFailure": "refuse", "steps": [step] });
    let _ = gateway.operator.put("/tenants/acme/mapping?dryRun=false", &mapping).await.expect(200);
    let _ = finished(gateway, &tenant).await;
    announced(gateway).await;
    assert_eq!(counts(&owner).await, [(4, all)], "hidden");
    let _ = gateway.operator.delete("/tenants/acme/mapping").await.expect(204);
    let _ = finished(gateway, &tenant).await;
    announced(gateway).await;
    assert_eq!(counts(&owner).await, [(5, all)], "shown");
    let _ = tenant.delete(&path).await.expect(204);
    announced(gateway).await;
    assert_eq!(counts(&owner).await, [(6, all)], "deleted");
    let left = "SELECT (SELECT count(*) FROM announced_grant) + (SELECT count(*) FROM announced_group)";
    assert_eq!(owner.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0, "nothing of it is left");
    let _ = gateway.operator.delete(PATH).await.expect(200);
    announced(gateway).await;
    assert_eq!(counts(&owner).await, [(6, all)]);
}
