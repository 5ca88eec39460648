//! Entra's cycles against the gateway: what was sent is there, through SCIM and through the directory.

use scimgate_simulate::{Dialect, Error, Options, Silent, Size, address::Base, entra};
use scimgate_tests::{TestGateway, on_both, on_postgres};

use super::{DIALECTS, assert_green, directory, left, options, play};

on_both!(the_end_state_is_what_was_sent_in_every_dialect, what_a_run_left_is_found_by_the_next);
on_postgres!(
    a_second_batch_of_members_leaves_the_first,
    small_scopes_are_played_to_their_end,
    what_is_no_scim_server_is_told_in_a_sentence,
);

async fn the_end_state_is_what_was_sent_in_every_dialect(gateway: &TestGateway) {
    for (tenant, values) in [(gateway.plain_tenant("plain").await, true), (gateway.tenant("acme").await, false)] {
        for dialect in DIALECTS {
            let options = Options { dialect, directory: Some(directory(&tenant)), ..options(&tenant) };
            let report = play(&options).await;
            assert_green(&report);
            let [scim, directory] = &report.compared[..] else { panic!("{:?}", report.compared) };
            assert_eq!(
                (scim.users, scim.groups, scim.memberships),
                (directory.users, directory.groups, directory.memberships)
            );
            // Of users that the mapping changed, only that they are active.
            assert_eq!(scim.attributes == directory.attributes, values, "{:?}", report.compared);
            assert_eq!(left(&tenant).await, [0, 0], "it takes away what it made");
        }
    }
}

/// Entra meets its own users of last time, in whatever state they were left.
async fn what_a_run_left_is_found_by_the_next(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    for match_external_id in [false, true] {
        let first = Options { keep: true, match_external_id, directory: Some(directory(&tenant)), ..options(&tenant) };
        assert_green(&play(&first).await);
        let between = left(&tenant).await;
        assert!(between.iter().all(|left| *left > 0), "{between:?}");
        let second = Options { keep: false, dialect: Dialect::Mixed, ..first };
        assert_green(&play(&second).await);
        assert_eq!(left(&tenant).await, [0, 0]);
    }
}

async fn a_second_batch_of_members_leaves_the_first(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    for dialect in [Dialect::Default, Dialect::Flag] {
        let size = Size { users: 130, groups: 2, members_per_group: 120, cycles: 1 };
        let report = play(&Options { dialect, size, ..options(&tenant) }).await;
        // A hundred are added at once.
        assert!(
            report.steps.iter().any(|line| line.request == "add members" && line.requests == 4),
            "{:?}",
            report.steps
        );
        assert!(report.green, "{:#?}", report.findings);
    }
}

async fn small_scopes_are_played_to_their_end(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    for (users, groups, cycles) in [(0, 0, 0), (1, 1, 1), (0, 2, 1), (3, 0, 3), (1, 2, 0)] {
        let size = Size { users, groups, members_per_group: 5, cycles };
        let report = play(&Options { size, ..options(&tenant) }).await;
        assert!(report.green, "{users} {groups} {cycles}: {:#?} {:?}", report.findings, report.stopped);
        assert_eq!(left(&tenant).await, [0, 0]);
    }
}

async fn what_is_no_scim_server_is_told_in_a_sentence(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let right = options(&tenant);
    let at = |address: String| Options { base: Base::parse(&address).unwrap(), ..right.clone() };
    let refused = async |options: Options| entra(&options, &Silent).await.map(|report| report.requests).unwrap_err();

    let wrong = Options { token: "sgt_wrong".to_owned().into(), ..right.clone() };
    assert!(matches!(refused(wrong).await, Error::Unauthorized(_)));
    let unsendable = Options { token: "a\nb".to_owned().into(), ..right.clone() };
    assert!(matches!(refused(unsendable).await, Error::Token));
    let elsewhere = refused(at(format!("http://{}/", gateway.public))).await;
    assert!(matches!(elsewhere, Error::NotScim { status: 404, .. }), "{elsewhere}");
    let nobody = refused(at("http://127.0.0.1:1/scim/v2".to_owned())).await;
    assert!(matches!(nobody, Error::Unreachable { .. }), "{nobody}");
    // The wrong key for the directory is no fault of the SCIM server, and stops what was begun.
    let mut wrong = right.clone();
    wrong.directory =
        Some(directory(&tenant)).map(|it| scimgate_simulate::Directory { key: right.token.clone(), ..it });
    let report = play(&wrong).await;
    assert!(!report.green && report.findings.is_empty(), "{:?}", report.findings);
    assert!(matches!(report.stopped, Some(Error::Directory { .. })), "{:?}", report.stopped);
}
