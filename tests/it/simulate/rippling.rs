//! Rippling before servers that take a repeated POST for a new one, or do not find by externalId; and what it does not send.

use std::sync::{Arc, Mutex};

use scimgate_tests::broken::{Asked, Fault, Reply};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::json;

use super::Player;
use super::stage::{Answering, Doubles, Stage, assert_named, error, is};

on_postgres!(
    a_retry_that_makes_a_second_user_is_named,
    a_retry_that_is_refused_is_named,
    a_filter_that_finds_no_external_id_is_named,
    what_the_schemas_do_not_let_write_is_not_sent,
);

async fn a_retry_that_makes_a_second_user_is_named(gateway: &TestGateway) {
    let report = Stage::new(gateway).await.of(Player::Rippling, Doubles::default()).await;
    assert_named(&report, &["duplicate-created"]);
    assert_eq!(report.counts["duplicate-created"], 4, "every third of twelve is sent twice");
}

/// Answers as if the repeated request were another one.
#[derive(Default)]
struct Refuses(Mutex<Vec<String>>);

impl Fault for Refuses {
    fn asked(&self, asked: &mut Asked) -> Option<Reply> {
        let mut seen = self.0.lock().unwrap();
        let body = asked.body.to_string();
        if !is(asked, "POST", "/Users") {
            return None;
        }
        if seen.contains(&body) {
            return Some(error(409, "The userName is in use."));
        }
        seen.push(body);
        None
    }
}

async fn a_retry_that_is_refused_is_named(gateway: &TestGateway) {
    let report = Stage::new(gateway).await.of(Player::Rippling, Refuses::default()).await;
    assert_named(&report, &["retry-refused"]);
}

async fn a_filter_that_finds_no_external_id_is_named(gateway: &TestGateway) {
    let finds_nothing = |asked: &Asked, reply: &mut Reply| {
        if is(asked, "GET", "/Users?filter=externalId") {
            reply.edit(|body| (body["totalResults"], body["Resources"]) = (json!(0), json!([])));
        }
    };
    let report = Stage::new(gateway).await.of(Player::Rippling, Answering(finds_nothing)).await;
    assert!(report.counts.contains_key("filter-missed"), "{:#?}", report.counts);
}

/// Says that titles are readOnly and that nobody has a nickName, and hears what is sent.
#[derive(Clone, Default)]
struct Narrow(Arc<Mutex<String>>);

impl Fault for Narrow {
    fn asked(&self, asked: &mut Asked) -> Option<Reply> {
        if asked.path.contains("/Users") {
            self.0.lock().unwrap().push_str(&asked.body.to_string());
        }
        None
    }

    fn answered(&self, asked: &Asked, reply: &mut Reply) {
        if is(asked, "GET", "/Schemas") {
            reply.edit(|body| {
                for schema in body["Resources"].as_array_mut().unwrap() {
                    let attributes = schema["attributes"].as_array_mut().unwrap();
                    attributes.retain(|attribute| attribute["name"] != "nickName");
                    for title in attributes.iter_mut().filter(|attribute| attribute["name"] == "title") {
                        title["mutability"] = "readOnly".into();
                    }
                }
            });
        }
    }
}

async fn what_the_schemas_do_not_let_write_is_not_sent(gateway: &TestGateway) {
    let narrow = Narrow::default();
    let report = Stage::new(gateway).await.of(Player::Rippling, narrow.clone()).await;
    assert!(!report.counts.contains_key("value-lost"), "{:#?}", report.findings);
    let sent = narrow.0.lock().unwrap();
    assert!(sent.contains("displayName") && sent.contains("department"));
    assert!(!sent.contains("title") && !sent.contains("nickName"), "{sent}");
}
