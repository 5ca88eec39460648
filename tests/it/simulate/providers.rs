//! Every provider against the gateway: the end state equals what was sent, and everything is deleted.

use std::time::Duration;

use scimgate_simulate::{Options, Size, estimate};
use scimgate_tests::{TestGateway, on_both, on_postgres};

use super::{Provider, assert_green, directory, options, remaining};

on_both!(every_provider_finds_what_it_sent);
on_postgres!(
    providers_can_follow_each_other_on_one_tenant,
    small_scopes_run_to_their_end,
    a_run_adopts_the_resources_of_the_previous_one,
);

async fn every_provider_finds_what_it_sent(gateway: &TestGateway) {
    for (number, provider) in Provider::ALL.into_iter().enumerate() {
        let tenant = gateway.plain_tenant(&format!("client-{number}")).await;
        let options = Options { directory: Some(directory(&tenant)), ..options(&tenant) };
        let report = provider.simulate(&options).await;
        assert_green(&report);
        let estimated = estimate::requests(report.provider, &options).unwrap();
        let range = report.requests * 7 / 10..=report.requests * 13 / 10;
        assert!(
            range.contains(&estimated),
            "{provider:?}: {estimated} are estimated, and {} were sent",
            report.requests
        );
        let [scim, directory] = &report.compared[..] else { panic!("{provider:?}: {:?}", report.compared) };
        assert_eq!((scim.users, scim.memberships), (directory.users, directory.memberships), "{provider:?}");
        assert_eq!(remaining(&tenant).await, [0, 0], "{provider:?} deletes everything");
    }
}

/// Each finds what the previous one left: deleted users with the same names and external ids, groups with the same names.
async fn providers_can_follow_each_other_on_one_tenant(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    for provider in Provider::ALL {
        let options = Options { directory: Some(directory(&tenant)), ..options(&tenant) };
        assert_green(&provider.simulate(&options).await);
        assert_eq!(remaining(&tenant).await, [0, 0], "{provider:?}");
        // The gateway recognises another provider only after an hour.
        gateway.clock.advance(Duration::from_hours(1));
    }
}

async fn small_scopes_run_to_their_end(gateway: &TestGateway) {
    for (number, provider) in Provider::ALL.into_iter().enumerate() {
        let tenant = gateway.plain_tenant(&format!("client-{number}")).await;
        for (users, groups, cycles) in [(0, 0, 0), (1, 1, 1), (0, 2, 1), (3, 0, 3)] {
            let size = Size { users, groups, members_per_group: 5, cycles };
            let report = provider.simulate(&Options { size, ..options(&tenant) }).await;
            assert!(
                report.green,
                "{provider:?} {users} {groups} {cycles}: {:#?} {:?}",
                report.findings, report.stopped
            );
            assert_eq!(remaining(&tenant).await, [0, 0], "{provider:?}");
        }
    }
}

/// Each finds its users of the first run in various states.
async fn a_run_adopts_the_resources_of_the_previous_one(gateway: &TestGateway) {
    for (number, provider) in Provider::ALL.into_iter().enumerate() {
        let tenant = gateway.plain_tenant(&format!("client-{number}")).await;
        let first = Options { keep: true, ..options(&tenant) };
        assert_green(&provider.simulate(&first).await);
        assert!(remaining(&tenant).await.iter().all(|left| *left > 0), "{provider:?}");
        assert_green(&provider.simulate(&Options { keep: false, ..first }).await);
        assert_eq!(remaining(&tenant).await, [0, 0], "{provider:?}");
    }
}
