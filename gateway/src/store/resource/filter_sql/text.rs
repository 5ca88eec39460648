//! Which test on a key decides a comparison of texts or times, and whether it decides it wholly.

use std::time::SystemTime;

use scimgate_scim::filter::{Literal, Operator};
use scimgate_scim::instant;

use crate::store::postgres::sql::Param;
use crate::store::resource::filter_sql::condition::Column;
use crate::store::resource::filter_sql::condition::Condition;
use crate::store::resource::filter_sql::condition::Test;
use crate::store::resource::key::KEPT;
use crate::store::resource::key::WHOLE;
use crate::store::resource::key::cut;

/// The test on a key for any operator but `ne`, and whether it is exact. None where the key tells nothing.
pub(in crate::store) fn key_test(operator: Operator, key: &str) -> Option<(Test, bool)> {
    let order = |sign| (key.len() <= KEPT).then(|| (Test::Order(sign, Param::Text(key.to_owned())), true));
    match operator {
        Operator::Equal => Some((Test::Equal(Param::Text(cut(key.to_owned()))), key.len() <= WHOLE)),
        Operator::StartsWith => {
            let kept = beginning(key);
            Some((Test::Starts(kept.to_owned()), kept.len() == key.len()))
        }
        // Of a key that was cut nobody knows: such a resource passes, and its document decides.
        Operator::Contains => Some((Test::MayContain(key.to_owned()), false)),
        Operator::EndsWith => Some((Test::MayEnd(key.to_owned()), false)),
        Operator::Greater => order(" > "),
        Operator::GreaterOrEqual => order(" >= "),
        Operator::Less => order(" < "),
        Operator::LessOrEqual => order(" <= "),
        Operator::NotEqual => None,
    }
}

/// The test on a text that is there whole, for any operator but `ne`, which callers negate.
pub(in crate::store) fn whole_test(operator: Operator, key: &str) -> Test {
    let param = Param::Text(key.to_owned());
    match operator {
        Operator::Equal => Test::Equal(param),
        Operator::NotEqual => Test::Differs(param),
        Operator::StartsWith => Test::Starts(key.to_owned()),
        Operator::Contains => Test::Contains(key.to_owned()),
        Operator::EndsWith => Test::Ends(key.to_owned()),
        Operator::Greater => Test::Order(" > ", param),
        Operator::GreaterOrEqual => Test::Order(" >= ", param),
        Operator::Less => Test::Order(" < ", param),
        Operator::LessOrEqual => Test::Order(" <= ", param),
    }
}

/// As much of a key as is kept of every value.
fn beginning(key: &str) -> &str {
    let mut end = key.len().min(KEPT);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    &key[..end]
}

/// The condition on a time that the database keeps in microseconds and clients are shown in milliseconds, rounded down.
/// What is shown is what is compared.
pub(in crate::store) fn moment(column: Column, operator: Operator, value: &Literal) -> Option<Condition> {
    let Literal::String(text) = value else { return None };
    let wanted = instant::parse(text)?;
    let floor = wanted.as_millisecond() - i64::from(wanted.subsec_nanosecond() % 1_000_000 < 0);
    let whole = wanted.subsec_nanosecond() % 1_000_000 == 0;
    let from = |millisecond: i64| Condition::Column(column, Test::Order(" >= ", Param::Moment(time(millisecond))));
    let reached = || from(if whole { floor } else { floor + 1 });
    let passed = || from(floor + 1);
    match operator {
        Operator::GreaterOrEqual => Some(reached()),
        Operator::Greater => Some(passed()),
        Operator::Less => Some(reached().not()),
        Operator::LessOrEqual => Some(passed().not()),
        Operator::Equal if whole => Some(Condition::all(vec![reached(), passed().not()])),
        Operator::NotEqual if whole => Some(Condition::any(vec![reached().not(), passed()])),
        Operator::Equal => Some(Condition::Always(false)),
        Operator::NotEqual => Some(Condition::Always(true)),
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => None,
    }
}

/// Within what the database can hold. No resource is older than 1970 or younger than 9999, so nothing changes.
fn time(millisecond: i64) -> SystemTime {
    const LAST: i64 = 253_402_207_200_000;
    let millisecond = millisecond.clamp(0, LAST);
    SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(millisecond.unsigned_abs())
}
