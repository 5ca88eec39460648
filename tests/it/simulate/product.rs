//! The product's side: what the directory shows otherwise than SCIM does, and the name by which the report calls it.

use std::collections::BTreeSet;

use scimgate_simulate::{Directory, Options, Report, address::Base};
use scimgate_tests::broken::{self, Asked, Fault, Reply};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::{Value, json};

use super::{directory, options, play};

on_postgres!(a_directory_that_differs_is_told_in_its_own_words, a_mapping_may_change_values_but_not_who_is_active);

/// Changes what one page of the directory shows.
struct Page<F>(&'static str, F);

impl<F: Fn(&mut Vec<Value>) + Send + Sync + 'static> Fault for Page<F> {
    fn answered(&self, asked: &Asked, reply: &mut Reply) {
        if asked.path.contains(self.0) {
            reply.edit(|body| (self.1)(body["resources"].as_array_mut().unwrap()));
        }
    }
}

/// Plays with a fault between the directory and who reads it.
async fn before(gateway: &TestGateway, tenant: &scimgate_tests::Tenant, fault: impl Fault) -> Report {
    let address = broken::start(&format!("http://{}", gateway.internal), fault).await;
    let base = Base::parse(&format!("{address}/directory/v1")).unwrap();
    let directory = Some(Directory { base, ..directory(tenant) });
    play(&Options { directory, ..options(tenant) }).await
}

fn named(report: &Report) -> Vec<(&str, u64)> {
    assert!(report.stopped.is_none(), "{:?}", report.stopped);
    let [scim, directory] = &report.compared[..] else { panic!("{:?}", report.compared) };
    assert_eq!((scim.differences, directory.differences), (0, report.wrong()), "{:#?}", report.findings);
    report.counts.iter().map(|(kind, count)| (*kind, *count)).collect()
}

async fn a_directory_that_differs_is_told_in_its_own_words(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let leaves_out = |shown: &mut Vec<Value>| drop(shown.pop());
    let report = before(gateway, &tenant, Page("/users", leaves_out)).await;
    // Whom the directory does not show is no member there either, and the groups are asked as they are.
    let found: BTreeSet<&str> = named(&report).into_iter().map(|(kind, _)| kind).collect();
    assert!(found.contains("missing-in-directory"), "{found:?}");
    assert!(found.is_subset(&BTreeSet::from(["missing-in-directory", "directory-members-differ"])), "{found:?}");
    let report = before(gateway, &tenant, Page("/groups", leaves_out)).await;
    assert_eq!(named(&report), [("missing-in-directory", 1)]);

    let renames = |shown: &mut Vec<Value>| shown[0]["userName"] = "somebody@else.test".into();
    assert_eq!(named(&before(gateway, &tenant, Page("/users", renames)).await), [("directory-differs", 1)]);
    let loses = |shown: &mut Vec<Value>| {
        let members = shown.iter_mut().find_map(|group| group["members"].as_array_mut().filter(|it| !it.is_empty()));
        drop(members.unwrap().pop());
    };
    assert_eq!(named(&before(gateway, &tenant, Page("/groups", loses)).await), [("directory-members-differ", 1)]);
}

/// The tutorial's mapping lowers addresses and builds names, and that is no difference.
async fn a_mapping_may_change_values_but_not_who_is_active(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let report = before(gateway, &tenant, Page("/users", |_: &mut Vec<Value>| ())).await;
    assert_eq!(named(&report), []);
    let revives = |shown: &mut Vec<Value>| {
        for user in shown.iter_mut().filter(|user| user["active"] == json!(false)) {
            user["active"] = true.into();
        }
    };
    let report = before(gateway, &tenant, Page("/users", revives)).await;
    let [("directory-differs", count)] = named(&report)[..] else { panic!("{:#?}", report.findings) };
    assert!(count > 0 && report.findings.iter().all(|finding| finding.attribute == "active in the directory"));
}
