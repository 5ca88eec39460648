//! What no client should send, sent to the gateway and to servers that fail at it.

use scimgate_simulate::{Options, Report, Silent, Size};
use scimgate_tests::broken::{Asked, Reply};
use scimgate_tests::{TestGateway, on_both, on_postgres};

use super::stage::{Answering, Stage, assert_named};
use super::{left, options};

on_both!(the_gateway_refuses_garbage_in_json_and_never_fails);
on_postgres!(a_server_that_fails_at_garbage_is_named);

const SIZE: Size = Size { users: 1, groups: 1, members_per_group: 0, cycles: 0 };

async fn send(options: &Options) -> Report {
    scimgate_simulate::garbage(&Options { size: SIZE, ..options.clone() }, &Silent).await.unwrap()
}

async fn the_gateway_refuses_garbage_in_json_and_never_fails(gateway: &TestGateway) {
    for tenant in [gateway.plain_tenant("plain").await, gateway.tenant("acme").await] {
        let report = send(&options(&tenant)).await;
        assert!(report.green, "{:#?} {:?}", report.findings, report.stopped);
        assert!(report.requests > 150, "{}", report.requests);
        assert_eq!(left(&tenant).await, [0, 0]);
    }
}

async fn a_server_that_fails_at_garbage_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let fails = |asked: &Asked, reply: &mut Reply| {
        if asked.path.contains("emails%5B") && reply.status == 400 {
            reply.status = 500;
            reply.edit(|body| body["status"] = "500".into());
        }
    };
    let report = stage.with(Answering(fails), |_| (), async |options: &Options| send(options).await).await;
    assert_named(&report, &["server-error"]);
    let html = |_: &Asked, reply: &mut Reply| {
        if reply.status == 404 {
            reply.text = String::from("<html>nothing here</html>");
        }
    };
    let report = stage.with(Answering(html), |_| (), async |options: &Options| send(options).await).await;
    assert_named(&report, &["not-json"]);
    let numbers = |_: &Asked, reply: &mut Reply| {
        if reply.status == 400 {
            reply.edit(|body| body["status"] = 400.into());
        }
    };
    let report = stage.with(Answering(numbers), |_| (), async |options: &Options| send(options).await).await;
    assert_named(&report, &["error-shape"]);
}
