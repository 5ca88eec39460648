//! The comparison of the directory, and the findings where it differs.

use std::collections::BTreeSet;

use scimgate_simulate::{BaseUrl, Directory, Options, Report};
use scimgate_tests::faulty_server::{self, Fault, Request, Response};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::{Value, json};

use super::{directory, options, simulate_entra};

on_postgres!(a_different_directory_is_reported, a_mapping_may_change_values_but_not_active);

/// Changes the resources of a page of the directory.
struct Page<F>(&'static str, F);

impl<F: Fn(&mut Vec<Value>) + Send + Sync + 'static> Fault for Page<F> {
    fn on_response(&self, request: &Request, response: &mut Response) {
        if request.path.contains(self.0) {
            response.edit(|body| (self.1)(body["resources"].as_array_mut().unwrap()));
        }
    }
}

/// Simulates Entra with a faulty directory.
async fn with_faulty_directory(gateway: &TestGateway, tenant: &scimgate_tests::Tenant, fault: impl Fault) -> Report {
    let address = faulty_server::start(&format!("http://{}", gateway.internal), fault).await;
    let base_url = BaseUrl::parse(&format!("{address}/directory/v1")).unwrap();
    let directory = Some(Directory { base_url, ..directory(tenant) });
    simulate_entra(&Options { directory, ..options(tenant) }).await
}

fn counts(report: &Report) -> Vec<(&str, u64)> {
    assert!(report.stopped.is_none(), "{:?}", report.stopped);
    let [scim, directory] = &report.compared[..] else { panic!("{:?}", report.compared) };
    assert_eq!((scim.differences, directory.differences), (0, report.finding_count()), "{:#?}", report.findings);
    report.counts.iter().map(|(kind, count)| (*kind, *count)).collect()
}

async fn a_different_directory_is_reported(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let leaves_out = |shown: &mut Vec<Value>| drop(shown.pop());
    let report = with_faulty_directory(gateway, &tenant, Page("/users", leaves_out)).await;
    // A user who is missing in the directory does not count as a member there, but the groups still list it.
    let found: BTreeSet<&str> = counts(&report).into_iter().map(|(kind, _)| kind).collect();
    assert!(found.contains("missing-in-directory"), "{found:?}");
    assert!(found.is_subset(&BTreeSet::from(["missing-in-directory", "directory-members-differ"])), "{found:?}");
    let report = with_faulty_directory(gateway, &tenant, Page("/groups", leaves_out)).await;
    assert_eq!(counts(&report), [("missing-in-directory", 1)]);

    let renames = |shown: &mut Vec<Value>| shown[0]["userName"] = "somebody@else.test".into();
    assert_eq!(
        counts(&with_faulty_directory(gateway, &tenant, Page("/users", renames)).await),
        [("directory-differs", 1)]
    );
    let loses = |shown: &mut Vec<Value>| {
        let members = shown.iter_mut().find_map(|group| group["members"].as_array_mut().filter(|it| !it.is_empty()));
        drop(members.unwrap().pop());
    };
    assert_eq!(
        counts(&with_faulty_directory(gateway, &tenant, Page("/groups", loses)).await),
        [("directory-members-differ", 1)]
    );
}

/// The tutorial's mapping changes addresses and names, which is not a finding.
async fn a_mapping_may_change_values_but_not_active(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let report = with_faulty_directory(gateway, &tenant, Page("/users", |_: &mut Vec<Value>| ())).await;
    assert_eq!(counts(&report), []);
    let activates = |shown: &mut Vec<Value>| {
        for user in shown.iter_mut().filter(|user| user["active"] == json!(false)) {
            user["active"] = true.into();
        }
    };
    let report = with_faulty_directory(gateway, &tenant, Page("/users", activates)).await;
    let [("directory-differs", count)] = counts(&report)[..] else { panic!("{:#?}", report.findings) };
    assert!(count > 0 && report.findings.iter().all(|finding| finding.attribute == "active in the directory"));
}
