use std::time::UNIX_EPOCH;

use uuid::Uuid;

use super::*;
use crate::store::health::traffic::{SLOT, Slot};

const HOUR: Duration = Duration::from_hours(1);

fn at(hours: u64) -> SystemTime {
    UNIX_EPOCH + HOUR * u32::try_from(hours).unwrap()
}

fn counts(counted: &[(Count, i64)]) -> Counts {
    let mut counts = Counts::default();
    counted.iter().for_each(|(of, number)| counts.add(*of, *number));
    counts
}

/// Ten minutes in which this was counted.
fn slot(begins: SystemTime, counted: &[(Count, i64)]) -> Slot {
    let counts = counts(counted);
    let accepted = (counts.get(Count::Requests) > 0).then_some((begins, begins + SLOT / 2));
    Slot { begins, accepted, counts, total: 0 }
}

/// Traffic that begins with a user at the first hour.
fn seen(more: &[Slot]) -> Seen {
    let mut seen = Seen::default();
    seen.add(&slot(at(1), &[(Count::Requests, 2), (Count::Users, 1)]));
    more.iter().for_each(|slot| seen.add(slot));
    seen
}

fn facts<'f>(now: SystemTime, seen: &'f Seen, hour: &[(Count, i64)], before: &'f [String]) -> Facts<'f> {
    Facts {
        now,
        is_suspended: false,
        seen: Some(seen),
        hour: counts(hour),
        credentials: &[],
        unseen: Unseen::default(),
        before,
    }
}

fn words(facts: &Facts<'_>) -> (&'static str, Vec<&'static str>) {
    let (health, found) = decide(facts);
    (health.word(), found.iter().map(|finding| finding.code.word()).collect())
}

#[test]
fn failures_make_a_tenant_unhealthy_until_writes_succeed_again() {
    let failed = [slot(at(9), &[(Count::Requests, 9), (Count::Failed, 6)])];
    let (seen, failing) = (seen(&failed), vec!["failing".to_owned()]);
    let hour =
        |failed, changed| [(Count::Requests, failed + changed), (Count::Failed, failed), (Count::Changed, changed)];
    let now = at(10);
    let healthy = ("healthy", vec![]);
    let unhealthy = ("unhealthy", vec!["failing"]);
    assert_eq!(words(&facts(now, &seen, &hour(4, 0), &[])), healthy, "too few");
    assert_eq!(words(&facts(now, &seen, &hour(6, 100), &[])), healthy, "a small part");
    assert_eq!(words(&facts(now, &seen, &hour(6, 10), &[])), unhealthy);
    assert_eq!(words(&facts(now, &seen, &hour(3, 20), &failing)), unhealthy, "still more than a tenth");
    assert_eq!(words(&facts(now, &seen, &hour(1, 20), &failing)), healthy);
    assert_eq!(words(&facts(at(20), &seen, &[], &failing)), unhealthy, "it sends nothing that could succeed");
    assert_eq!(words(&facts(at(9 + 26), &seen, &[], &failing)), healthy, "it was long ago");
}

#[test]
fn a_refused_credential_says_something_only_where_no_other_is_accepted() {
    let seen = seen(&[slot(at(9), &[(Count::Refused, 5)])]);
    let refused = vec!["credential-refused".to_owned()];
    let found = ("unhealthy", vec!["credential-refused"]);
    assert_eq!(words(&facts(at(9), &seen, &[(Count::Refused, 5)], &[])), found);
    assert_eq!(words(&facts(at(9), &seen, &[(Count::Refused, 5), (Count::Requests, 1)], &[])).0, "healthy");
    assert_eq!(words(&facts(at(15), &seen, &[], &refused)), found, "providers in quarantine try again after hours");
    assert_eq!(words(&facts(at(9 + 26), &seen, &[], &refused)).0, "healthy");
    let strangers = Seen::default();
    assert_eq!(words(&facts(at(9), &strangers, &[(Count::Refused, 50)], &[])).0, "not-connected");
}

#[test]
fn a_connection_that_was_tested_alone_wants_attention_after_a_day() {
    let mut seen = Seen::default();
    seen.add(&slot(at(1), &[(Count::Requests, 1), (Count::Lookups, 1)]));
    assert_eq!(words(&facts(at(20), &seen, &[], &[])).0, "healthy");
    assert_eq!(words(&facts(at(25), &seen, &[], &[])), ("attention", vec!["not-started"]));
}

#[test]
fn silence_is_found_by_the_rhythm_and_tests_alone_after_it() {
    let mut seen = Seen::default();
    for hour in 0..24 * 8 {
        seen.add(&slot(at(hour), &[(Count::Requests, 1), (Count::Found, 1)]));
    }
    let last = 24 * 8 - 1;
    assert_eq!(words(&facts(at(last + 3), &seen, &[], &[])).0, "healthy");
    assert_eq!(words(&facts(at(last + 4), &seen, &[], &[])), ("unhealthy", vec!["silent"]));
    seen.add(&slot(at(last + 12), &[(Count::Requests, 1), (Count::Lookups, 1)]));
    assert_eq!(words(&facts(at(last + 12), &seen, &[], &[])), ("unhealthy", vec!["probes-only"]));
}

#[test]
fn the_credential_in_use_counts_and_no_other() {
    let day = |days: u64| Some(at(1_000) + Duration::from_hours(24) * u32::try_from(days).unwrap());
    let credential = |kind: &str, id, expires_at, used: Option<u64>| Credential {
        kind: kind.into(),
        id: Uuid::from_u128(id),
        expires_at,
        last_used_at: used.map(at),
    };
    let now = at(1_000);
    let expired = Some(at(999));
    let seen = seen(&[]);
    for (credentials, expected) in [
        (vec![credential("token", 1, day(10), Some(900))], vec!["credential-expires"]),
        (vec![credential("token", 1, expired, Some(900))], vec!["credential-expired"]),
        (vec![credential("token", 1, expired, None)], vec![]),
        (vec![credential("token", 1, day(90), Some(900))], vec![]),
        // Rotated: the provider uses the new one.
        (vec![credential("token", 1, day(3), Some(800)), credential("token", 2, day(300), Some(900))], vec![]),
        // It does not yet.
        (
            vec![credential("token", 1, expired, Some(900)), credential("token", 2, day(300), None)],
            vec!["credential-expired"],
        ),
        (vec![credential("client", 1, day(10), None)], vec!["credential-expires"]),
        (vec![credential("client", 1, expired, None)], vec!["credential-expired"]),
        (vec![credential("client", 1, expired, None), credential("token", 2, None, Some(900))], vec![]),
    ] {
        let facts = Facts { credentials: &credentials, ..facts(now, &seen, &[], &[]) };
        assert_eq!(words(&facts).1, expected, "{credentials:?}");
    }
}

#[test]
fn a_token_is_not_in_use_any_more_where_a_client_is_accepted_long_after_its_last_use() {
    let token = |used| Credential {
        kind: "token".into(),
        id: Uuid::from_u128(1),
        expires_at: Some(at(990)),
        last_used_at: Some(used),
    };
    let client = Credential { kind: "client".into(), id: Uuid::from_u128(2), expires_at: None, last_used_at: None };
    let seen = seen(&[slot(at(995), &[(Count::Requests, 1), (Count::Found, 1)])]);
    for (used, expected) in [(at(900), vec![]), (at(995), vec!["credential-expired"])] {
        let credentials = [token(used), client.clone()];
        let facts = Facts { credentials: &credentials, ..facts(at(1_000), &seen, &[], &[]) };
        assert_eq!(words(&facts).1, expected, "{used:?}");
    }
}

#[test]
fn what_is_not_recorded_is_not_known_and_a_suspended_tenant_is_not_judged() {
    let seen = seen(&[]);
    let unseen = Unseen { held: 1_000, oldest_batch: Some(at(1)), stale: 2, never: 0 };
    let with = |is_suspended, is_recorded: bool, unseen| {
        let facts = facts(at(2), &seen, &[], &[]);
        let seen = facts.seen.filter(|_| is_recorded);
        words(&Facts { is_suspended, seen, unseen, ..facts })
    };
    assert_eq!(with(false, false, Unseen::default()), ("unknown", vec![]));
    assert_eq!(with(false, false, unseen), ("attention", vec!["removals-held", "not-mapped"]));
    assert_eq!(with(true, true, unseen), ("suspended", vec![]));
}

#[test]
fn a_change_of_the_health_is_news_and_another_reason_of_an_unhealthy_tenant() {
    let finding = |code: Code| Finding { code, what: String::new(), remedy: code.remedy().to_owned() };
    let known = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
    let failing = known(&["failing", "not-mapped"]);
    let found = [finding(Code::Failing)];
    assert!(!is_news(None, Health::NotConnected, &[]));
    assert!(is_news(None, Health::Unhealthy, &found));
    assert!(is_news(Some(("healthy", &[])), Health::Unhealthy, &found));
    assert!(!is_news(Some(("unhealthy", &failing)), Health::Unhealthy, &found));
    assert!(is_news(Some(("unhealthy", &failing)), Health::Unhealthy, &[finding(Code::Silent)]));
    assert!(!is_news(Some(("attention", &failing)), Health::Attention, &[finding(Code::RemovalsHeld)]));
    let reasons = [Code::CredentialRefused, Code::CredentialExpired, Code::Failing, Code::Silent, Code::ProbesOnly];
    assert_eq!(reasons.map(Code::word), ALL_REASONS);
    assert!(reasons.iter().all(|code| code.health() == Health::Unhealthy));
    assert!(Health::ALL.is_sorted());
}
