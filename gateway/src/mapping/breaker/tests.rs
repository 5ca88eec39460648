use std::time::UNIX_EPOCH;

use super::*;

fn breakers() -> (Clock, Breakers) {
    let clock = Clock::set_to(UNIX_EPOCH + Duration::from_hours(1_000));
    (clock.clone(), Breakers::new(clock))
}

fn step(tenant: &str, revision: i32) -> Step {
    Step { tenant: tenant.to_owned(), revision, index: 0 }
}

fn fail(breakers: &Breakers, step: &Step, times: u32) -> Change {
    (0..times).map(|_| breakers.report(step, Cost::Unbearable)).last().unwrap()
}

#[test]
fn four_failures_are_borne_and_the_fifth_is_the_last() {
    let (_, breakers) = breakers();
    let acme = step("acme", 1);
    assert_eq!(fail(&breakers, &acme, 4), Change::None);
    assert_eq!(breakers.admit(&acme), Ok(()));
    assert_eq!(fail(&breakers, &acme, 1), Change::Opened(COOL_DOWN));
    assert_eq!(breakers.check(&acme), Err(COOL_DOWN));
    assert_eq!(breakers.admit(&acme), Err(COOL_DOWN));
    assert_eq!(breakers.check(&step("globex", 1)), Ok(()), "another tenant's step is another step");
    assert_eq!(breakers.check(&step("acme", 2)), Ok(()), "and so is another revision's");
}

#[test]
fn after_the_cool_down_one_call_is_tried_and_decides() {
    let (clock, breakers) = breakers();
    let acme = step("acme", 1);
    fail(&breakers, &acme, 5);
    clock.advance(COOL_DOWN.saturating_sub(Duration::from_millis(1)));
    assert_eq!(breakers.admit(&acme), Err(Duration::from_millis(1)));
    clock.advance(Duration::from_millis(1));
    assert_eq!(breakers.check(&acme), Ok(()), "to look takes no trial");
    assert_eq!(breakers.admit(&acme), Ok(()));
    assert!(breakers.admit(&acme).is_err(), "one at a time");
    assert_eq!(fail(&breakers, &acme, 1), Change::Opened(COOL_DOWN * 2));
    clock.advance(COOL_DOWN * 2);
    assert_eq!(breakers.admit(&acme), Ok(()));
    assert_eq!(breakers.report(&acme, Cost::Bearable), Change::Closed);
    assert_eq!(fail(&breakers, &acme, 4), Change::None, "all is forgotten");
}

#[test]
fn a_trial_for_which_there_was_no_room_is_tried_again() {
    let (clock, breakers) = breakers();
    let acme = step("acme", 1);
    fail(&breakers, &acme, 5);
    clock.advance(COOL_DOWN);
    assert_eq!(breakers.admit(&acme), Ok(()));
    assert_eq!(breakers.report(&acme, Cost::Unknown), Change::None);
    assert_eq!(breakers.admit(&acme), Ok(()));
}

#[test]
fn the_cool_down_ends_at_five_minutes() {
    let (clock, breakers) = breakers();
    let acme = step("acme", 1);
    fail(&breakers, &acme, 5);
    for _ in 0..10 {
        clock.advance(LONGEST);
        assert_eq!(breakers.admit(&acme), Ok(()));
        fail(&breakers, &acme, 1);
    }
    assert_eq!(breakers.check(&acme), Err(LONGEST));
}

#[test]
fn rare_failures_are_made_up_for_and_alternating_ones_are_not() {
    let (_, breakers) = breakers();
    let (rare, alternating) = (step("rare", 1), step("alternating", 1));
    for _ in 0..100 {
        assert_eq!(fail(&breakers, &rare, 1), Change::None);
        for _ in 0..FORGIVING {
            breakers.report(&rare, Cost::Bearable);
        }
    }
    let opened = (0..100).any(|_| {
        breakers.report(&alternating, Cost::Bearable);
        fail(&breakers, &alternating, 1) != Change::None
    });
    assert!(opened);
}

#[test]
fn old_failures_are_forgotten() {
    let (clock, breakers) = breakers();
    let acme = step("acme", 1);
    for _ in 0..3 {
        assert_eq!(fail(&breakers, &acme, 4), Change::None);
        clock.advance(WINDOW + Duration::from_millis(1));
    }
    fail(&breakers, &acme, 4);
    clock.advance(WINDOW);
    assert_eq!(fail(&breakers, &acme, 1), Change::Opened(COOL_DOWN));
}
