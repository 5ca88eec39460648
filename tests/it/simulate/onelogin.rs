//! OneLogin before servers that do not take its template, or do not patch.

use scimgate_tests::broken::{Asked, Fault, Reply};
use scimgate_tests::{TestGateway, on_postgres};

use super::Player;
use super::stage::{Asking, Stage, assert_named, error, is, only_read};

on_postgres!(a_foreign_schema_that_is_refused_is_named, a_patch_that_is_not_done_is_named);

/// Takes no schema that it does not have.
struct KnowsItsSchemas;

impl Fault for KnowsItsSchemas {
    fn asked(&self, asked: &mut Asked) -> Option<Reply> {
        let foreign =
            asked.body["schemas"].as_array().is_some_and(|it| it.iter().any(|urn| urn == "urn:scim:schemas:core:1.0"));
        foreign.then(|| error(400, "urn:scim:schemas:core:1.0 is no schema of this server."))
    }
}

async fn a_foreign_schema_that_is_refused_is_named(gateway: &TestGateway) {
    let report = Stage::new(gateway).await.of(Player::OneLogin, KnowsItsSchemas).await;
    assert_named(&report, &["unexpected-status"]);
    assert!(report.findings.iter().all(|finding| finding.seen.contains("core:1.0")), "{:#?}", report.findings);
}

async fn a_patch_that_is_not_done_is_named(gateway: &TestGateway) {
    let reads = |asked: &mut Asked| {
        if is(asked, "PATCH", "/Groups") {
            only_read(asked);
        }
    };
    assert_named(
        &Stage::new(gateway).await.of(Player::OneLogin, Asking(reads)).await,
        &["member-lost", "change-ignored"],
    );
}
