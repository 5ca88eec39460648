//! Clients that disconnect during a bulk request, and concurrent bulk requests.

use std::collections::HashMap;

use futures_util::future::join_all;
use scimgate::config::Limits;
use scimgate_tests::harness::block_on;
use scimgate_tests::raw::{self, Raw};
use scimgate_tests::tenant::ENTERPRISE;
use scimgate_tests::{Database, Tenant, TestGateway, on_both, poll, rows};
use serde_json::{Value, json};

use super::{bulk, post_group, post_user, request, statuses};
use crate::remap::helpers::stop_jobs;

on_both!(a_concurrent_mapping_change_keeps_batches_whole, of_circles_with_the_same_names_one_is_created,);

/// `count` circular pairs of managers and of groups, with one independent operation after each.
fn pairs(prefix: &str, count: usize) -> Value {
    let mut operations = Vec::new();
    for number in 0..count {
        let name = |kind: &str| format!("{prefix}-{kind}{number}");
        let reference = |kind: &str| format!("bulkId:{}", name(kind));
        operations.push(post_user(&name("a"), &reference("b")));
        operations.push(post_user(&name("b"), &reference("a")));
        operations.push(post_group(&name("g"), &[&reference("h"), &reference("a")]));
        operations.push(post_group(&name("h"), &[&reference("g"), &reference("b")]));
        operations.push(post_user(&name("alone"), ""));
    }
    operations.into()
}

/// All of a type by id.
async fn all(tenant: &Tenant, path: &str) -> HashMap<String, Value> {
    let page = tenant.get(&format!("{path}?count=1000")).await.expect(200);
    let listed = page.body["Resources"].as_array().cloned().unwrap_or_default();
    listed.into_iter().map(|it| (it["id"].as_str().unwrap().to_owned(), it)).collect()
}

/// Checks that every pair is complete; returns the number of users and groups.
async fn check_pairs(tenant: &Tenant) -> (usize, usize) {
    let (users, groups) = (all(tenant, "/Users").await, all(tenant, "/Groups").await);
    for (id, user) in &users {
        let Some(boss) = user[ENTERPRISE]["manager"]["value"].as_str() else { continue };
        assert_eq!(users.get(boss).map(|boss| &boss[ENTERPRISE]["manager"]["value"]), Some(&json!(id)), "half a pair");
    }
    for (id, group) in &groups {
        let members = group["members"].as_array().unwrap();
        assert_eq!(members.len(), 2, "{group}");
        let partner = members.iter().find_map(|member| groups.get(member["value"].as_str().unwrap()));
        let partner = partner.unwrap_or_else(|| panic!("half a pair: {group}"));
        assert!(
            partner["members"].as_array().unwrap().iter().any(|member| member["value"] == id.as_str()),
            "{partner}"
        );
    }
    (users.len(), groups.len())
}

/// Checks that the events are those of the stored resources.
async fn check_events(tenant: &Tenant) {
    let events = tenant.events().await;
    let count = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    let (users, groups) = check_pairs(tenant).await;
    assert_eq!((count("user.created"), count("group.created"), count("membership.added")), (users, groups, groups * 2));
    assert_eq!(events.len(), users + groups * 3);
}

#[test]
fn disconnected_clients_leave_whole_sets_or_none() {
    block_on(async {
        let gateway = TestGateway::with_limits(Limits::default(), 2).await;
        let tenant = gateway.tenant("acme").await;
        let secret = gateway.token("acme", "scim").await.1;
        for round in 0..8_usize {
            let (header, body) =
                raw::request("POST", "/scim/v2/Bulk", &secret, &request(&pairs(&format!("r{round}"), 6)));
            let half = body[..body.len() / 2].to_owned();
            for sent in [format!("{header}{half}"), format!("{header}{body}")] {
                let mut client = Raw::connect(gateway.public).await;
                assert!(client.send(sent).await);
                if round % 2 == 0 { client.reset() } else { drop(client) }
            }
            check_pairs(&tenant).await;
        }
        let owner = gateway.store().await;
        let busy = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
        poll("every session is idle", async || owner.query(busy, &[]).await.unwrap().is_empty().then_some(())).await;
        check_events(&tenant).await;
        rows::check(&owner).await;
        gateway.end().await;
    });
}

/// An operator changes the mapping during bulk requests: every pair is complete, and mapped by one revision.
async fn a_concurrent_mapping_change_keeps_batches_whole(gateway: &TestGateway) {
    // Remaps would add events for what each of the mappings changes.
    let _stopped = stop_jobs(gateway).await;
    let tenant = gateway.tenant("acme").await;
    let writers = join_all((0..4).map(|number| {
        let tenant = tenant.clone();
        async move { bulk(&tenant, &pairs(&format!("w{number}"), 5)).await }
    }));
    let operator = async {
        for round in 0..6 {
            let config = json!({ "lowerCaseMail": round % 2 == 0, "buildDisplayName": true });
            gateway.map("acme", "tutorial", &config, "refuse").await;
        }
    };
    let (results, ()) = futures_util::future::join(writers, operator).await;
    for results in results {
        assert!(statuses(&results).iter().all(|status| *status == "201"), "{results:#?}");
    }
    assert_eq!(check_pairs(&tenant).await, (4 * 5 * 3, 4 * 5 * 2));
    check_events(&tenant).await;
    if gateway.database() == Database::Postgres {
        rows::check(&gateway.store().await).await;
    }
}

/// Every request creates the same two names, every second one in the other order.
async fn of_circles_with_the_same_names_one_is_created(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    for round in 0..3 {
        let (ada, bob) = (format!("ada{round}"), format!("bob{round}"));
        let answers = join_all((0..8).map(|number| {
            let pair = [post_user(&ada, &format!("bulkId:{bob}")), post_user(&bob, &format!("bulkId:{ada}"))];
            let mut operations = pair.to_vec();
            if number % 2 == 1 {
                operations.reverse();
            }
            let tenant = tenant.clone();
            async move { bulk(&tenant, &json!(operations)).await }
        }))
        .await;
        let made = answers.iter().filter(|results| statuses(results) == ["201", "201"]).count();
        let refused = answers.iter().filter(|results| statuses(results) == ["409", "409"]).count();
        assert_eq!((made, refused), (1, 7), "{answers:#?}");
        assert_eq!(check_pairs(&tenant).await, (2 * (round + 1), 0));
    }
    check_events(&tenant).await;
    if gateway.database() == Database::Postgres {
        rows::check(&gateway.store().await).await;
    }
}
