//! SailPoint before servers that miss a document of discovery, or leave somebody out of an aggregation.

use scimgate_tests::broken::{Asked, Reply};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::Value;

use super::Player;
use super::stage::{Answering, Asking, Stage, assert_named, is};

on_postgres!(a_document_that_is_missing_is_named, a_user_left_out_of_the_aggregation_is_named);

async fn a_document_that_is_missing_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    for single in
        ["/ResourceTypes/User", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "/ServiceProviderConfig"]
    {
        let misses = move |asked: &mut Asked| {
            if asked.path.ends_with(single) {
                asked.path.push_str("-nowhere");
            }
        };
        let report = stage.of(Player::SailPoint, Asking(misses)).await;
        assert_named(&report, &["discovery-missing"]);
        assert_eq!(report.findings.len(), 1, "{:#?}", report.findings);
        assert_eq!(report.findings[0].resource, single);
    }
}

async fn a_user_left_out_of_the_aggregation_is_named(gateway: &TestGateway) {
    let leaves_out = |asked: &Asked, reply: &mut Reply| {
        if is(asked, "GET", "/Users?startIndex=1&count=100") {
            reply.edit(|body| {
                let users = body["Resources"].as_array_mut().unwrap();
                drop(users.remove(users.len() / 2));
                let left = Value::from(users.len());
                (body["totalResults"], body["itemsPerPage"]) = (left.clone(), left);
            });
        }
    };
    let report = Stage::new(gateway).await.of(Player::SailPoint, Answering(leaves_out)).await;
    assert_named(&report, &["missing-from-list"]);
    assert_eq!(report.findings[0].step.name(), "import");
}
