use std::time::UNIX_EPOCH;

use super::*;

fn credential(expires_at: Option<SystemTime>, revoked_at: Option<SystemTime>, phase: Phase) -> Credential {
    Credential {
        id: Uuid::nil(),
        scope: Scope::Scim,
        label: String::new(),
        last_four: String::new(),
        created_at: UNIX_EPOCH,
        created_by: None,
        expires_at,
        revoked_at,
        last_used_at: None,
        phase,
        replaces: None,
        restrictions: Restrictions::default(),
        setup_link: None,
    }
}

#[test]
fn a_token_is_accepted_until_it_expires_or_is_revoked() {
    let (then, now, later) = (UNIX_EPOCH + DAY, UNIX_EPOCH + DAY * 2, UNIX_EPOCH + DAY * 3);
    let cases = [
        (None, None, Phase::Active, State::Active),
        (Some(later), None, Phase::Pending, State::Pending),
        (Some(later), None, Phase::Retiring, State::Retiring),
        (Some(now), None, Phase::Pending, State::Expired),
        (Some(then), Some(then), Phase::Retiring, State::Revoked),
        (Some(later), Some(then), Phase::Active, State::Revoked),
    ];
    for (expires_at, revoked_at, phase, state) in cases {
        assert_eq!(State::of(&credential(expires_at, revoked_at, phase), now), state);
    }
}

#[test]
fn a_life_is_one_year_by_default_and_bounded() {
    assert_eq!(lifetime(None), Ok(DAY * 365));
    assert_eq!(lifetime(Some(1)), Ok(DAY));
    for days in [0, MAX_LIFETIME_DAYS + 1, u32::MAX] {
        assert_eq!(lifetime(Some(days)).unwrap_err().status, 400, "{days}");
    }
}

#[test]
fn a_label_is_one_short_line() {
    assert!(check_label("Entra, production").is_ok());
    assert!(check_label(&"é".repeat(200)).is_ok());
    for label in ["two\nlines", "\u{7}", &"a".repeat(201)] {
        assert!(check_label(label).is_err(), "{label:?}");
    }
}
