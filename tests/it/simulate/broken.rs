//! Servers that do one thing wrong each, and the name by which the report calls it.

use scimgate_simulate::{Dialect, Options, Size};
use scimgate_tests::broken::{Asked, Fault, Reply};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::json;

use super::stage::{Answering, Asking, Stage, assert_named, is, leave_out, only_read, operations};

on_postgres!(
    a_member_that_is_lost_is_named,
    a_string_boolean_that_is_ignored_is_named,
    a_group_that_is_wiped_is_named,
    a_change_that_is_answered_and_not_made_is_named,
    a_value_that_comes_back_different_is_named,
    a_reference_that_is_not_understood_is_named,
    a_filter_that_lies_is_named,
    a_deletion_that_does_not_delete_is_named,
    pages_in_no_order_are_named,
    answers_in_the_wrong_form_are_named,
    a_server_that_wants_pauses_is_given_them,
);

async fn a_member_that_is_lost_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let loses = |asked: &mut Asked| {
        if is(asked, "PATCH", "/Groups") {
            for operation in operations(asked) {
                let adds = operation["op"].as_str().unwrap().eq_ignore_ascii_case("add");
                let members = operation["value"].as_array_mut().filter(|members| adds && members.len() > 2);
                members.map(Vec::pop);
            }
        }
    };
    for report in [stage.by_default(Asking(loses)).await, stage.by_flag(Asking(loses)).await] {
        assert_named(&report, &["member-lost"]);
        assert_eq!(report.counts["member-lost"], 5, "one of each group");
    }
}

async fn a_string_boolean_that_is_ignored_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let ignores = |asked: &mut Asked| {
        if is(asked, "PATCH", "/Users") {
            leave_out(asked, |operation| operation["path"] == "active" && operation["value"].is_string());
        }
    };
    assert_named(&stage.by_default(Asking(ignores)).await, &["string-boolean-ignored"]);
    assert_named(&stage.by_flag(Asking(ignores)).await, &[]);
    let mixed = |options: &mut Options| options.dialect = Dialect::Mixed;
    assert_named(&stage.play(Asking(ignores), mixed).await, &["string-boolean-ignored"]);
}

async fn a_group_that_is_wiped_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    // RFC 7644 §3.5.2.2, by the letter: with a path and no filter, "the attribute and all values are removed".
    let wipes = |asked: &mut Asked| {
        if is(asked, "PATCH", "/Groups") {
            for operation in operations(asked) {
                if operation["op"] == "Remove" && operation["path"] == "members" {
                    operation.as_object_mut().unwrap().remove("value");
                }
            }
        }
    };
    assert_named(&stage.by_default(Asking(wipes)).await, &["group-wiped"]);
    assert_named(&stage.by_flag(Asking(wipes)).await, &[]);
}

async fn a_change_that_is_answered_and_not_made_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let users = |asked: &mut Asked| {
        if is(asked, "PATCH", "/Users") {
            only_read(asked);
        }
    };
    let report = stage.by_default(Asking(users)).await;
    assert_named(&report, &["nothing-done", "change-ignored", "string-boolean-ignored", "manager-lost"]);
    let groups = |asked: &mut Asked| {
        if is(asked, "PATCH", "/Groups") {
            only_read(asked);
        }
    };
    assert_named(&stage.by_flag(Asking(groups)).await, &["member-lost", "change-ignored"]);
}

async fn a_value_that_comes_back_different_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let tidies = |asked: &Asked, reply: &mut Reply| {
        if asked.path.contains("/Users") {
            reply.text = reply.text.replace("+49 (0)30 ", "+4930");
        }
    };
    assert_named(&stage.by_default(Answering(tidies)).await, &["value-altered"]);
    let doubles = |asked: &Asked, reply: &mut Reply| {
        if is(asked, "GET", "/Users/") {
            reply.edit(|body| {
                if let Some(mails) = body["emails"].as_array_mut() {
                    mails.push(json!({ "type": "work", "value": "second@corp.test" }));
                }
            });
        }
    };
    assert_named(&stage.by_flag(Answering(doubles)).await, &["value-doubled"]);
    let loses = |asked: &mut Asked| {
        if is(asked, "POST", "/Users") {
            asked.body.as_object_mut().unwrap().remove("title");
        }
    };
    assert_named(&stage.by_default(Asking(loses)).await, &["value-lost"]);
}

async fn a_reference_that_is_not_understood_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let bare = |asked: &mut Asked| {
        if is(asked, "PATCH", "/Users") {
            leave_out(asked, |operation| operation["path"] == "manager" && operation["value"].is_string());
        }
    };
    assert_named(&stage.by_default(Asking(bare)).await, &["manager-lost"]);
    // The check for a manager is read as that for the user alone, and finds it whoever its manager is.
    let halves = |asked: &mut Asked| {
        if let Some(end) = asked.path.find("%20and%20manager") {
            asked.path.truncate(end);
        }
    };
    for report in [stage.by_default(Asking(halves)).await, stage.by_flag(Asking(halves)).await] {
        assert_named(&report, &["filter-ignored"]);
        assert!(report.findings.iter().all(|finding| finding.attribute == "id and manager"), "{:#?}", report.findings);
    }
}

async fn a_filter_that_lies_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let ignores = |asked: &mut Asked| {
        if is(asked, "GET", "/Users?filter=userName") {
            asked.path.truncate(asked.path.find('?').unwrap());
        }
    };
    assert_named(&stage.by_default(Asking(ignores)).await, &["filter-ignored"]);
    let hides_the_deactivated = |asked: &Asked, reply: &mut Reply| {
        if is(asked, "GET", "/Users?filter=userName") {
            reply.edit(|body| {
                let found = body["Resources"].as_array_mut().unwrap();
                found.retain(|user| user["active"] != false);
                body["totalResults"] = found.len().into();
            });
        }
    };
    let report = stage.by_flag(Answering(hides_the_deactivated)).await;
    assert_named(&report, &["filter-missed"]);
}

async fn a_deletion_that_does_not_delete_is_named(gateway: &TestGateway) {
    struct Keeps;
    impl Fault for Keeps {
        fn asked(&self, asked: &mut Asked) -> Option<Reply> {
            (asked.method == "DELETE").then(|| Reply::status(204))
        }
    }
    let report = Stage::new(gateway).await.by_default(Keeps).await;
    assert_named(&report, &["deleted-still-there", "member-stranger"]);
}

async fn pages_in_no_order_are_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let begins_anew = |asked: &mut Asked| {
        if is(asked, "GET", "/Users?startIndex=") {
            asked.path = asked.path.replace("startIndex=101", "startIndex=91");
        }
    };
    let two_pages =
        |options: &mut Options| options.size = Size { users: 115, groups: 1, members_per_group: 2, cycles: 0 };
    let report = stage.play(Asking(begins_anew), two_pages).await;
    assert_named(&report, &["paging-wrong", "listed-twice"]);
}

async fn answers_in_the_wrong_form_are_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let nowhere = |asked: &Asked, reply: &mut Reply| {
        if asked.method == "POST" {
            reply.headers.remove("location");
        }
    };
    assert_named(&stage.by_default(Answering(nowhere)).await, &["location-wrong"]);
    let as_text = |_: &Asked, reply: &mut Reply| {
        reply.headers.insert("content-type", "text/plain".parse().unwrap());
    };
    assert_named(&stage.by_default(Answering(as_text)).await, &["media-type"]);
    let no_version = |asked: &Asked, reply: &mut Reply| {
        if is(asked, "GET", "/Groups/") {
            reply.headers.insert("etag", "W/\"0\"".parse().unwrap());
        }
    };
    assert_named(&stage.by_default(Answering(no_version)).await, &["version-wrong"]);
    let no_schemas = |asked: &mut Asked| asked.path = asked.path.replace("/Schemas", "/Schema");
    assert_named(&stage.by_default(Asking(no_schemas)).await, &["schema-missing"]);
}

/// 429 and 503 are no fault of a server: they are what it may answer.
async fn a_server_that_wants_pauses_is_given_them(gateway: &TestGateway) {
    #[derive(Default)]
    struct Slow(std::sync::atomic::AtomicU32);
    impl Fault for Slow {
        fn asked(&self, _: &mut Asked) -> Option<Reply> {
            let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut reply = Reply::status(if number.is_multiple_of(2) { 429 } else { 503 });
            reply.headers.insert("retry-after", "0".parse().unwrap());
            number.is_multiple_of(5).then_some(reply)
        }
    }
    let report = Stage::new(gateway).await.by_default(Slow::default()).await;
    assert_named(&report, &[]);
    assert!(report.waits > 20, "{}", report.waits);
}
