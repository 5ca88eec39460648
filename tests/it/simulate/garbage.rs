//! Garbage, sent to the gateway and to servers that fail on it.

use scimgate_simulate::{NoProgress, Options, Report, Size};
use scimgate_tests::faulty_server::{Request, Response};
use scimgate_tests::{TestGateway, on_both, on_postgres};

use super::test_bed::{OnResponse, TestBed, assert_finds};
use super::{options, remaining};

on_both!(the_gateway_answers_garbage_with_json_below_500);
on_postgres!(a_server_that_fails_on_garbage_is_reported);

const SIZE: Size = Size { users: 1, groups: 1, members_per_group: 0, cycles: 0 };

async fn send(options: &Options) -> Report {
    scimgate_simulate::garbage(&Options { size: SIZE, ..options.clone() }, &NoProgress).await.unwrap()
}

async fn the_gateway_answers_garbage_with_json_below_500(gateway: &TestGateway) {
    for tenant in [gateway.plain_tenant("plain").await, gateway.tenant("acme").await] {
        let report = send(&options(&tenant)).await;
        assert!(report.green, "{:#?} {:?}", report.findings, report.stopped);
        assert!(report.requests > 150, "{}", report.requests);
        assert_eq!(remaining(&tenant).await, [0, 0]);
    }
}

async fn a_server_that_fails_on_garbage_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let fails = |request: &Request, response: &mut Response| {
        if request.path.contains("emails%5B") && response.status == 400 {
            response.status = 500;
            response.edit(|body| body["status"] = "500".into());
        }
    };
    let report = bed.run_simulation(OnResponse(fails), |_| (), async |options: &Options| send(options).await).await;
    assert_finds(&report, &["server-error"]);
    let html = |_: &Request, response: &mut Response| {
        if response.status == 404 {
            response.text = String::from("<html>nothing here</html>");
        }
    };
    let report = bed.run_simulation(OnResponse(html), |_| (), async |options: &Options| send(options).await).await;
    assert_finds(&report, &["not-json"]);
    let numbers = |_: &Request, response: &mut Response| {
        if response.status == 400 {
            response.edit(|body| body["status"] = 400.into());
        }
    };
    let report = bed.run_simulation(OnResponse(numbers), |_| (), async |options: &Options| send(options).await).await;
    assert_finds(&report, &["error-shape"]);
}
