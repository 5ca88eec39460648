//! Many members in one request, against the gateway and against servers that truncate them or do not state their limit.

use scimgate_simulate::{NoProgress, Options, Report};
use scimgate_tests::faulty_server::{Fault, Request, Response};
use scimgate_tests::{Database, TestGateway, on_both, on_postgres, run};

use super::test_bed::{OnRequest, TestBed, assert_finds, error, is, operations};
use super::{Provider, options, remaining};

on_both!(many_members_can_be_added_at_once);
on_postgres!(truncated_members_are_reported, an_unstated_limit_is_reported, a_stated_limit_is_accepted);

const SIZES: [usize; 3] = [10, 100, 101];

async fn send(options: &Options) -> Report {
    send_sizes(options, &SIZES).await
}

async fn send_sizes(options: &Options, sizes: &[usize]) -> Report {
    let size = scimgate_simulate::limits_size(sizes);
    scimgate_simulate::limits(&Options { size, ..options.clone() }, sizes, &NoProgress).await.unwrap()
}

async fn many_members_can_be_added_at_once(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let report = send(&options(&tenant)).await;
    assert!(report.green, "{:#?} {:?}", report.findings, report.stopped);
    assert_eq!(report.notes.len(), SIZES.len());
    assert_eq!(report.notes[2], "101 members at once: accepted");
    assert_eq!(remaining(&tenant).await, [0, 0]);
}

/// Statements that were prepared while their tables were small must serve large ones, too. One that reads every row would keep
/// the embedded database's only connection until other requests get 503, after which the simulation waits.
#[test]
fn nothing_is_refused_when_thousands_of_members_follow_a_provider() {
    run(Database::Embedded, async |gateway| {
        let tenant = gateway.plain_tenant("acme").await;
        let (entra, limits) = (options(&tenant), Options { keep: true, ..options(&tenant) });
        for report in [Provider::Entra.simulate(&entra).await, send_sizes(&limits, &[100, 4001]).await] {
            assert!(report.green, "{:#?} {:?}", report.findings, report.stopped);
            assert_eq!(report.waits, 0, "{:#?}", report.steps);
        }
    });
}

async fn truncated_members_are_reported(gateway: &TestGateway) {
    let truncates = |request: &mut Request| {
        if is(request, "PATCH", "/Groups") {
            operations(request)[0]["value"].as_array_mut().unwrap().truncate(100);
        }
    };
    let bed = TestBed::new(gateway).await;
    let report = bed.run_simulation(OnRequest(truncates), |_| (), async |options: &Options| send(options).await).await;
    assert_finds(&report, &["member-lost"]);
}

/// Accepts at most 100 members.
struct Hundred(&'static str);

impl Fault for Hundred {
    fn on_request(&self, request: &mut Request) -> Option<Response> {
        let too_many =
            is(request, "PATCH", "/Groups") && operations(request)[0]["value"].as_array().unwrap().len() > 100;
        too_many.then(|| error(413, self.0))
    }
}

async fn an_unstated_limit_is_reported(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let report =
        bed.run_simulation(Hundred("Too many members."), |_| (), async |options: &Options| send(options).await).await;
    assert_finds(&report, &["limit-unnamed"]);
}

async fn a_stated_limit_is_accepted(gateway: &TestGateway) {
    let bed = TestBed::new(gateway).await;
    let fault = Hundred("At most 100 members are accepted in one request.");
    let report = bed.run_simulation(fault, |_| (), async |options: &Options| send(options).await).await;
    assert_finds(&report, &[]);
    assert_eq!(report.notes[2], "101 members at once: refused, 413 At most 100 members are accepted in one request.");
}
