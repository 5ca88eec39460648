//! Answers to writes that do not show what was written, though it is there.

use std::collections::BTreeMap;
use std::sync::Mutex;

use scimgate_simulate::okta::Form;
use scimgate_tests::broken::{Asked, Fault, Reply};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::Value;

use super::Player;
use super::stage::{Stage, assert_named, is};

on_postgres!(an_answer_of_the_old_state_is_named, an_answer_without_members_is_none_of_our_business);

/// Answers a method, of a type, with the resource as it was before.
struct Stale {
    method: &'static str,
    of: &'static str,
    /// What each resource showed last, by its id.
    last: Mutex<BTreeMap<String, Value>>,
}

impl Fault for Stale {
    fn answered(&self, asked: &Asked, reply: &mut Reply) {
        let whole = !asked.path.contains('?') && matches!(reply.status, 200 | 201);
        let shown: Value = serde_json::from_str(&reply.text).unwrap_or_default();
        let Some(id) = shown["id"].as_str().filter(|_| whole) else { return };
        let before = self.last.lock().unwrap().insert(id.to_owned(), shown.clone());
        if let Some(mut before) = before.filter(|_| is(asked, self.method, self.of)) {
            // The version is that of the ETag.
            before["meta"] = shown["meta"].clone();
            reply.text = before.to_string();
        }
    }
}

async fn an_answer_of_the_old_state_is_named(gateway: &TestGateway) {
    let cases = [
        (Player::Entra, "PATCH", "/Users/", "title in the answer"),
        (Player::Okta(Form::Wizard), "PUT", "/Users/", "title in the answer"),
        (Player::Okta(Form::Wizard), "PUT", "/Groups/", "displayName in the answer"),
        (Player::Okta(Form::Wizard), "PUT", "/Groups/", "members in the answer"),
        (Player::Okta(Form::Catalogue), "PATCH", "/Users/", "active in the answer"),
        (Player::OneLogin, "PATCH", "/Groups/", "displayName in the answer"),
        (Player::JumpCloud, "PUT", "/Users/", "title in the answer"),
        (Player::Ping, "PUT", "/Users/", "title in the answer"),
        (Player::Rippling, "PATCH", "/Users/", "title in the answer"),
        (Player::SailPoint, "PATCH", "/Groups/", "members in the answer"),
    ];
    for (number, (player, method, of, attribute)) in cases.into_iter().enumerate() {
        let stage = Stage::at(gateway, &format!("tenant-{number}")).await;
        let report = stage.of(player, Stale { method, of, last: Mutex::default() }).await;
        assert_named(&report, &["answer-stale"]);
        let told = report.findings.iter().any(|finding| finding.attribute == attribute);
        assert!(told, "{player:?} {attribute}: {:#?}", report.findings);
    }
}

/// Leaves the members out of what it answers to a write.
struct Brief;

impl Fault for Brief {
    fn answered(&self, asked: &Asked, reply: &mut Reply) {
        if (asked.method == "PATCH" || asked.method == "PUT") && asked.path.contains("/Groups/") {
            reply.edit(|body| drop(body.as_object_mut().unwrap().remove("members")));
        }
    }
}

async fn an_answer_without_members_is_none_of_our_business(gateway: &TestGateway) {
    for (number, player) in Player::ALL.into_iter().enumerate() {
        let stage = Stage::at(gateway, &format!("tenant-{number}")).await;
        assert_named(&stage.of(player, Brief).await, &[]);
    }
}
