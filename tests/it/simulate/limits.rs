//! How much one request may bring, tried on the gateway and on servers that cut or refuse without a word.

use scimgate_simulate::{Options, Report, Silent};
use scimgate_tests::broken::{Asked, Fault, Reply};
use scimgate_tests::{TestGateway, on_both, on_postgres};

use super::stage::{Asking, Stage, assert_named, error, is, operations};
use super::{left, options};

on_both!(many_members_at_once_are_all_there);
on_postgres!(a_server_that_cuts_is_named, a_limit_without_a_name_is_named, a_limit_with_a_name_is_none_of_our_business);

const SIZES: [usize; 3] = [10, 100, 101];

async fn send(options: &Options) -> Report {
    let size = scimgate_simulate::limits::size(&SIZES);
    scimgate_simulate::limits(&Options { size, ..options.clone() }, &SIZES, &Silent).await.unwrap()
}

async fn many_members_at_once_are_all_there(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let report = send(&options(&tenant)).await;
    assert!(report.green, "{:#?} {:?}", report.findings, report.stopped);
    assert_eq!(report.notes.len(), SIZES.len());
    assert_eq!(report.notes[2], "101 members at once: accepted");
    assert_eq!(left(&tenant).await, [0, 0]);
}

async fn a_server_that_cuts_is_named(gateway: &TestGateway) {
    let cuts = |asked: &mut Asked| {
        if is(asked, "PATCH", "/Groups") {
            operations(asked)[0]["value"].as_array_mut().unwrap().truncate(100);
        }
    };
    let stage = Stage::new(gateway).await;
    let report = stage.with(Asking(cuts), |_| (), async |options: &Options| send(options).await).await;
    assert_named(&report, &["member-lost"]);
}

/// Takes a hundred members at most.
struct Hundred(&'static str);

impl Fault for Hundred {
    fn asked(&self, asked: &mut Asked) -> Option<Reply> {
        let too_many = is(asked, "PATCH", "/Groups") && operations(asked)[0]["value"].as_array().unwrap().len() > 100;
        too_many.then(|| error(413, self.0))
    }
}

async fn a_limit_without_a_name_is_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let report = stage.with(Hundred("Too many members."), |_| (), async |options: &Options| send(options).await).await;
    assert_named(&report, &["limit-unnamed"]);
}

async fn a_limit_with_a_name_is_none_of_our_business(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let fault = Hundred("At most 100 members are accepted in one request.");
    let report = stage.with(fault, |_| (), async |options: &Options| send(options).await).await;
    assert_named(&report, &[]);
    assert_eq!(report.notes[2], "101 members at once: refused, 413 At most 100 members are accepted in one request.");
}
