//! PingFederate before servers whose PUT is not whole, and whose list of groups is not.

use scimgate_tests::broken::{Asked, Reply};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::{Value, json};

use super::Player;
use super::stage::{Answering, Asking, Stage, assert_named, is};

on_postgres!(a_put_that_merges_is_named, a_list_that_leaves_out_a_group_is_named);

async fn a_put_that_merges_is_named(gateway: &TestGateway) {
    let merges = |asked: &mut Asked| {
        if is(asked, "PUT", "/Users") {
            let mut value = asked.body.take();
            value.as_object_mut().unwrap().retain(|name, _| !["id", "schemas"].contains(&name.as_str()));
            asked.method = "PATCH".parse().unwrap();
            let patch = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
            asked.body = json!({ "schemas": [patch], "Operations": [{ "op": "replace", "value": value }] });
        }
    };
    let report = Stage::new(gateway).await.of(Player::Ping, Asking(merges)).await;
    assert_named(&report, &["put-not-whole"]);
    assert!(report.findings.iter().all(|finding| finding.attribute == "title"), "{:#?}", report.findings);
}

async fn a_list_that_leaves_out_a_group_is_named(gateway: &TestGateway) {
    let leaves_out = |asked: &Asked, reply: &mut Reply| {
        if is(asked, "GET", "/Groups?") {
            reply.edit(|body| {
                let groups = body["Resources"].as_array_mut().map_or(0, |groups| {
                    groups.pop();
                    groups.len()
                });
                (body["totalResults"], body["itemsPerPage"]) = (Value::from(groups), Value::from(groups));
            });
        }
    };
    assert_named(&Stage::new(gateway).await.of(Player::Ping, Answering(leaves_out)).await, &["missing-from-list"]);
}
