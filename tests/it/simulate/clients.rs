//! Every client against the gateway: what was sent is there, through SCIM and through the directory, and nothing stays.

use std::time::Duration;

use scimgate_simulate::{Options, Size};
use scimgate_tests::{TestGateway, on_both, on_postgres};

use super::{Player, assert_green, directory, left, options};

on_both!(every_client_finds_what_it_sent, clients_take_turns_on_one_tenant);
on_postgres!(small_scopes_are_played_to_their_end, what_a_run_left_is_found_by_the_next);

async fn every_client_finds_what_it_sent(gateway: &TestGateway) {
    for (number, player) in Player::ALL.into_iter().enumerate() {
        let tenant = gateway.plain_tenant(&format!("client-{number}")).await;
        let options = Options { directory: Some(directory(&tenant)), ..options(&tenant) };
        let report = player.play(&options).await;
        assert_green(&report);
        let [scim, directory] = &report.compared[..] else { panic!("{player:?}: {:?}", report.compared) };
        assert_eq!((scim.users, scim.memberships), (directory.users, directory.memberships), "{player:?}");
        assert_eq!(left(&tenant).await, [0, 0], "{player:?} takes away what it made");
    }
}

/// Nobody is thrown by what another left behind: deleted users of the same names and external ids, groups of the same names.
async fn clients_take_turns_on_one_tenant(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    for player in Player::ALL {
        let options = Options { directory: Some(directory(&tenant)), ..options(&tenant) };
        assert_green(&player.play(&options).await);
        assert_eq!(left(&tenant).await, [0, 0], "{player:?}");
        // A tenant that goes over to another provider is believed to after an hour.
        gateway.clock.advance(Duration::from_hours(1));
    }
}

async fn small_scopes_are_played_to_their_end(gateway: &TestGateway) {
    for (number, player) in Player::ALL.into_iter().enumerate() {
        let tenant = gateway.plain_tenant(&format!("client-{number}")).await;
        for (users, groups, cycles) in [(0, 0, 0), (1, 1, 1), (0, 2, 1), (3, 0, 3)] {
            let size = Size { users, groups, members_per_group: 5, cycles };
            let report = player.play(&Options { size, ..options(&tenant) }).await;
            assert!(report.green, "{player:?} {users} {groups} {cycles}: {:#?} {:?}", report.findings, report.stopped);
            assert_eq!(left(&tenant).await, [0, 0], "{player:?}");
        }
    }
}

/// Each meets its own users of last time, in whatever state they were left.
async fn what_a_run_left_is_found_by_the_next(gateway: &TestGateway) {
    for (number, player) in Player::ALL.into_iter().enumerate() {
        let tenant = gateway.plain_tenant(&format!("client-{number}")).await;
        let first = Options { keep: true, ..options(&tenant) };
        assert_green(&player.play(&first).await);
        assert!(left(&tenant).await.iter().all(|left| *left > 0), "{player:?}");
        assert_green(&player.play(&Options { keep: false, ..first }).await);
        assert_eq!(left(&tenant).await, [0, 0], "{player:?}");
    }
}
