use std::time::UNIX_EPOCH;

use super::super::Purpose;
use super::*;

fn breakers() -> (Clock, Breakers) {
    let clock = Clock::set_to(UNIX_EPOCH + Duration::from_hours(1_000));
    (clock.clone(), Breakers::new(clock))
}

fn fail(breakers: &Breakers, step: &StepKey, times: u32) -> Transition {
    (0..times).map(|_| breakers.record(step, Usage::Exceeded)).last().unwrap()
}

#[test]
fn the_fifth_failure_opens_the_breaker() {
    let (_, breakers) = breakers();
    let acme = StepKey::of("acme", 1);
    assert_eq!(fail(&breakers, &acme, 4), Transition::None);
    assert_eq!(breakers.admit(&acme), Ok(()));
    assert_eq!(fail(&breakers, &acme, 1), Transition::Opened(FIRST_COOL_DOWN));
    assert_eq!(breakers.check(&acme), Err(FIRST_COOL_DOWN));
    assert_eq!(breakers.admit(&acme), Err(FIRST_COOL_DOWN));
    assert_eq!(breakers.check(&StepKey::of("globex", 1)), Ok(()), "another tenant's step is another step");
    assert_eq!(breakers.check(&StepKey::of("acme", 2)), Ok(()), "and so is another revision's");
}

#[test]
fn a_dry_run_of_another_revision_neither_opens_a_breaker_of_writes_nor_forgets_it() {
    let (_, breakers) = breakers();
    let written = StepKey::of("acme", 1);
    let tried = StepKey { purpose: Purpose::DryRun, ..StepKey::of("acme", 2) };
    fail(&breakers, &written, 4);
    assert_eq!(fail(&breakers, &tried, 5), Transition::Opened(FIRST_COOL_DOWN));
    assert_eq!(breakers.check(&written), Ok(()));
    assert_eq!(
        fail(&breakers, &written, 1),
        Transition::Opened(FIRST_COOL_DOWN),
        "the four failures before still count"
    );
    assert!(breakers.check(&tried).is_err());
}

#[test]
fn after_the_cool_down_one_probe_decides() {
    let (clock, breakers) = breakers();
    let acme = StepKey::of("acme", 1);
    fail(&breakers, &acme, 5);
    clock.advance(FIRST_COOL_DOWN.saturating_sub(Duration::from_millis(1)));
    assert_eq!(breakers.admit(&acme), Err(Duration::from_millis(1)));
    clock.advance(Duration::from_millis(1));
    assert_eq!(breakers.check(&acme), Ok(()), "a check starts no probe");
    assert_eq!(breakers.admit(&acme), Ok(()));
    assert!(breakers.admit(&acme).is_err(), "there is one probe at a time");
    assert_eq!(fail(&breakers, &acme, 1), Transition::Opened(FIRST_COOL_DOWN * 2));
    clock.advance(FIRST_COOL_DOWN * 2);
    assert_eq!(breakers.admit(&acme), Ok(()));
    assert_eq!(breakers.record(&acme, Usage::WithinLimits), Transition::Closed);
    assert_eq!(fail(&breakers, &acme, 4), Transition::None, "the earlier failures are forgotten");
}

#[test]
fn a_probe_that_fails_by_overload_is_repeated() {
    let (clock, breakers) = breakers();
    let acme = StepKey::of("acme", 1);
    fail(&breakers, &acme, 5);
    clock.advance(FIRST_COOL_DOWN);
    assert_eq!(breakers.admit(&acme), Ok(()));
    assert_eq!(breakers.record(&acme, Usage::Unknown), Transition::None);
    assert_eq!(breakers.admit(&acme), Ok(()));
}

#[test]
fn the_cool_down_is_at_most_five_minutes() {
    let (clock, breakers) = breakers();
    let acme = StepKey::of("acme", 1);
    fail(&breakers, &acme, 5);
    for _ in 0..10 {
        clock.advance(MAX_COOL_DOWN);
        assert_eq!(breakers.admit(&acme), Ok(()));
        fail(&breakers, &acme, 1);
    }
    assert_eq!(breakers.check(&acme), Err(MAX_COOL_DOWN));
}

#[test]
fn rare_failures_are_offset_and_alternating_ones_are_not() {
    let (_, breakers) = breakers();
    let (rare, alternating) = (StepKey::of("rare", 1), StepKey::of("alternating", 1));
    for _ in 0..100 {
        assert_eq!(fail(&breakers, &rare, 1), Transition::None);
        for _ in 0..SUCCESSES_PER_FAILURE {
            breakers.record(&rare, Usage::WithinLimits);
        }
    }
    let opened = (0..100).any(|_| {
        breakers.record(&alternating, Usage::WithinLimits);
        fail(&breakers, &alternating, 1) != Transition::None
    });
    assert!(opened);
}

#[test]
fn old_failures_are_forgotten() {
    let (clock, breakers) = breakers();
    let acme = StepKey::of("acme", 1);
    for _ in 0..3 {
        assert_eq!(fail(&breakers, &acme, 4), Transition::None);
        clock.advance(FAILURE_TTL + Duration::from_millis(1));
    }
    fail(&breakers, &acme, 4);
    clock.advance(FAILURE_TTL);
    assert_eq!(fail(&breakers, &acme, 1), Transition::Opened(FIRST_COOL_DOWN));
}
