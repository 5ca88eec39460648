//! Entra's cycles against the gateway: the end state equals what was sent, through SCIM and in the directory.

use scimgate_simulate::{BaseUrl, Dialect, Error, NoProgress, Options, Size, entra};
use scimgate_tests::{TestGateway, on_both, on_postgres};

use super::{DIALECTS, assert_green, directory, options, remaining, simulate_entra};

on_both!(the_end_state_equals_what_was_sent_in_every_dialect);
on_postgres!(
    a_run_adopts_the_resources_of_the_previous_one,
    a_second_batch_of_members_keeps_the_first,
    small_scopes_run_to_their_end,
    each_reason_not_to_start_has_its_error,
);

async fn the_end_state_equals_what_was_sent_in_every_dialect(gateway: &TestGateway) {
    for (tenant, values) in [(gateway.plain_tenant("plain").await, true), (gateway.tenant("acme").await, false)] {
        for dialect in DIALECTS {
            let options = Options { dialect, directory: Some(directory(&tenant)), ..options(&tenant) };
            let report = simulate_entra(&options).await;
            assert_green(&report);
            let [scim, directory] = &report.compared[..] else { panic!("{:?}", report.compared) };
            assert_eq!(
                (scim.users, scim.groups, scim.memberships),
                (directory.users, directory.groups, directory.memberships)
            );
            // Of users that the mapping changed, only `active` is compared.
            assert_eq!(scim.attributes == directory.attributes, values, "{:?}", report.compared);
            assert_eq!(remaining(&tenant).await, [0, 0], "everything is deleted");
        }
    }
}

/// Entra finds its users of the first run in various states.
async fn a_run_adopts_the_resources_of_the_previous_one(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    for match_external_id in [false, true] {
        let first = Options { keep: true, match_external_id, directory: Some(directory(&tenant)), ..options(&tenant) };
        assert_green(&simulate_entra(&first).await);
        let between = remaining(&tenant).await;
        assert!(between.iter().all(|left| *left > 0), "{between:?}");
        let second = Options { keep: false, dialect: Dialect::Mixed, ..first };
        assert_green(&simulate_entra(&second).await);
        assert_eq!(remaining(&tenant).await, [0, 0]);
    }
}

async fn a_second_batch_of_members_keeps_the_first(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    for dialect in [Dialect::Default, Dialect::Flag] {
        let size = Size { users: 130, groups: 2, members_per_group: 120, cycles: 1 };
        let report = simulate_entra(&Options { dialect, size, ..options(&tenant) }).await;
        // 100 members are added per request.
        assert!(
            report.steps.iter().any(|line| line.request == "add members" && line.requests == 4),
            "{:?}",
            report.steps
        );
        assert!(report.green, "{:#?}", report.findings);
    }
}

async fn small_scopes_run_to_their_end(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    for (users, groups, cycles) in [(0, 0, 0), (1, 1, 1), (0, 2, 1), (3, 0, 3), (1, 2, 0)] {
        let size = Size { users, groups, members_per_group: 5, cycles };
        let report = simulate_entra(&Options { size, ..options(&tenant) }).await;
        assert!(report.green, "{users} {groups} {cycles}: {:#?} {:?}", report.findings, report.stopped);
        assert_eq!(remaining(&tenant).await, [0, 0]);
    }
}

async fn each_reason_not_to_start_has_its_error(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let right = options(&tenant);
    let at = |address: String| Options { base_url: BaseUrl::parse(&address).unwrap(), ..right.clone() };
    let refused =
        async |options: Options| entra(&options, &NoProgress).await.map(|report| report.requests).unwrap_err();

    let wrong = Options { token: "sgt_wrong".to_owned().into(), ..right.clone() };
    assert!(matches!(refused(wrong).await, Error::Unauthorized(_)));
    let unsendable = Options { token: "a\nb".to_owned().into(), ..right.clone() };
    assert!(matches!(refused(unsendable).await, Error::Token));
    let not_scim = refused(at(format!("http://{}/", gateway.public))).await;
    assert!(matches!(not_scim, Error::NotScim { status: 404, .. }), "{not_scim}");
    let unreachable = refused(at("http://127.0.0.1:1/scim/v2".to_owned())).await;
    assert!(matches!(unreachable, Error::Unreachable { .. }), "{unreachable}");
    // A wrong directory key stops a simulation but is not a finding.
    let mut wrong = right.clone();
    wrong.directory =
        Some(directory(&tenant)).map(|it| scimgate_simulate::Directory { key: right.token.clone(), ..it });
    let report = simulate_entra(&wrong).await;
    assert!(!report.green && report.findings.is_empty(), "{:?}", report.findings);
    assert!(matches!(report.stopped, Some(Error::Directory { .. })), "{:?}", report.stopped);
}
