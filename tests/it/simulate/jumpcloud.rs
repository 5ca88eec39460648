//! JumpCloud before servers whose activation leaves something behind, or whose removals take too much.

use scimgate_tests::broken::{Asked, Fault, Reply};
use scimgate_tests::{TestGateway, on_postgres};

use super::Player;
use super::stage::{Asking, Stage, assert_named, is, operations};

on_postgres!(what_the_activation_leaves_behind_is_named, a_removal_by_value_that_wipes_is_named);

/// Says that it deleted, of one type, and did not.
struct Keeps(&'static str);

impl Fault for Keeps {
    fn asked(&self, asked: &mut Asked) -> Option<Reply> {
        is(asked, "DELETE", self.0).then(|| Reply::status(204))
    }
}

async fn what_the_activation_leaves_behind_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    for (of, label) in [("/Groups", "group SCIM test group"), ("/Users", "user scim-test@")] {
        let report = stage.of(Player::JumpCloud, Keeps(of)).await;
        let in_activation = |step: &str| step == "activation";
        let left = report.findings.iter().filter(|finding| in_activation(finding.step.name()));
        assert!(left.clone().count() > 0, "{:#?}", report.findings);
        for finding in left {
            assert_eq!(finding.kind.name(), "deleted-still-there", "{finding:?}");
            assert!(finding.resource.starts_with(label), "{finding:?}");
        }
    }
}

async fn a_removal_by_value_that_wipes_is_named(gateway: &TestGateway) {
    // RFC 7644 §3.5.2.2, by the letter: with a path and no filter, "the attribute and all values are removed".
    let wipes = |asked: &mut Asked| {
        if is(asked, "PATCH", "/Groups") {
            for operation in operations(asked) {
                if operation["op"] == "remove" {
                    operation.as_object_mut().unwrap().remove("value");
                }
            }
        }
    };
    assert_named(&Stage::new(gateway).await.of(Player::JumpCloud, Asking(wipes)).await, &["group-wiped"]);
}
