//! Okta before servers that do what its administrators complain of.

use std::collections::BTreeSet;
use std::sync::Mutex;

use scimgate_simulate::okta::Form;
use scimgate_tests::broken::{Asked, Fault, Reply};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::{Value, json};

use super::Player;
use super::stage::{Answering, Asking, Doubles, Stage, assert_named, error, is, operations};

on_postgres!(
    an_order_that_changes_is_named,
    numbers_as_texts_are_named,
    a_second_user_in_place_of_the_old_one_is_named,
    a_refused_reactivation_is_named,
    a_put_that_loses_an_attribute_is_named,
    a_push_that_wipes_is_named,
    a_push_of_the_name_that_wipes_is_named,
);

const WIZARD: Player = Player::Okta(Form::Wizard);
const CATALOGUE: Player = Player::Okta(Form::Catalogue);

async fn an_order_that_changes_is_named(gateway: &TestGateway) {
    let turns_round = |asked: &Asked, reply: &mut Reply| {
        if is(asked, "GET", "/Users?startIndex=1&count=100") {
            reply.edit(|body| body["Resources"].as_array_mut().unwrap().reverse());
        }
    };
    assert_named(&Stage::new(gateway).await.of(WIZARD, Answering(turns_round)).await, &["order-unstable"]);
}

async fn numbers_as_texts_are_named(gateway: &TestGateway) {
    let writes_texts = |asked: &Asked, reply: &mut Reply| {
        if asked.method == "GET" {
            reply.edit(|body| {
                for name in ["totalResults", "itemsPerPage", "startIndex"] {
                    if body[name].is_number() {
                        body[name] = body[name].to_string().into();
                    }
                }
            });
        }
    };
    let report = Stage::new(gateway).await.of(WIZARD, Answering(writes_texts)).await;
    assert_named(&report, &["number-as-text"]);
    assert!(report.findings.iter().any(|finding| finding.attribute == "totalResults"), "{:#?}", report.findings);
}

async fn a_second_user_in_place_of_the_old_one_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    assert_named(&stage.of(CATALOGUE, Doubles::default()).await, &["duplicate-created"]);
    // Nobody is made twice by an app of the wizard.
    assert_named(&stage.of(WIZARD, Doubles::default()).await, &[]);
}

/// Answers 409 to every user name that it has heard before, as the RFC has it.
#[derive(Default)]
struct Refuses(Mutex<BTreeSet<String>>);

impl Fault for Refuses {
    fn asked(&self, asked: &mut Asked) -> Option<Reply> {
        let first = !is(asked, "POST", "/Users") || self.0.lock().unwrap().insert(asked.body["userName"].to_string());
        (!first).then(|| error(409, "The userName is in use."))
    }
}

async fn a_refused_reactivation_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    assert_named(&stage.of(CATALOGUE, Refuses::default()).await, &["reactivation-refused"]);
    assert_named(&stage.of(WIZARD, Refuses::default()).await, &[]);
}

async fn a_put_that_loses_an_attribute_is_named(gateway: &TestGateway) {
    let loses = |asked: &mut Asked| {
        if is(asked, "PUT", "/Users") {
            asked.body.as_object_mut().unwrap().remove("title");
        }
    };
    let stage = Stage::new(gateway).await;
    for player in [WIZARD, CATALOGUE] {
        assert_named(&stage.of(player, Asking(loses)).await, &["value-lost"]);
    }
}

async fn a_push_that_wipes_is_named(gateway: &TestGateway) {
    // One member's path is read as that of all of them.
    let wipes = |asked: &mut Asked| {
        if is(asked, "PATCH", "/Groups") {
            for operation in operations(asked) {
                if operation["op"] == "remove" {
                    operation["path"] = "members".into();
                }
            }
        }
    };
    let stage = Stage::new(gateway).await;
    assert_named(&stage.of(CATALOGUE, Asking(wipes)).await, &["group-wiped"]);
    assert_named(&stage.of(WIZARD, Asking(wipes)).await, &[]);
}

async fn a_push_of_the_name_that_wipes_is_named(gateway: &TestGateway) {
    // A replace without a path is read as a PUT.
    let wipes = |asked: &mut Asked| {
        if is(asked, "PATCH", "/Groups") {
            for operation in operations(asked) {
                if operation["path"].is_null() && operation["value"]["members"] == Value::Null {
                    operation["value"]["members"] = json!([]);
                }
            }
        }
    };
    let report = Stage::new(gateway).await.of(CATALOGUE, Asking(wipes)).await;
    assert!(report.counts.contains_key("group-wiped"), "{:#?}", report.counts);
    let named = ["group-wiped", "member-lost"];
    assert!(report.counts.keys().all(|kind| named.contains(kind)), "{:#?}", report.counts);
}
