//! The tests on keys that decide comparisons of texts and times, and whether they are exact.

use std::time::SystemTime;

use scimgate_scim::filter::{Literal, Operator};
use scimgate_scim::instant;

use crate::store::postgres::sql::Param;
use crate::store::resource::filter_sql::condition::{Column, Condition};
use crate::store::resource::filter_sql::value::Test;
use crate::store::resource::key::{MAX_WHOLE_BYTES, PREFIX_BYTES, truncate};

/// The test on a key for any operator but `ne`, and whether it is exact. None where the key cannot decide.
pub(in crate::store) fn key_test(operator: Operator, key: &str) -> Option<(Test, bool)> {
    let order = |sign| (key.len() <= PREFIX_BYTES).then(|| (Test::Order(sign, Param::Text(key.to_owned())), true));
    match operator {
        Operator::Equal => Some((Test::Equal(Param::Text(truncate(key.to_owned()))), key.len() <= MAX_WHOLE_BYTES)),
        Operator::StartsWith => {
            let prefix = prefix(key);
            Some((Test::Starts(prefix.to_owned()), prefix.len() == key.len()))
        }
        // A truncated key passes, and the document decides.
        Operator::Contains => Some((Test::MayContain(key.to_owned()), false)),
        Operator::EndsWith => Some((Test::MayEnd(key.to_owned()), false)),
        Operator::Greater => order(" > "),
        Operator::GreaterOrEqual => order(" >= "),
        Operator::Less => order(" < "),
        Operator::LessOrEqual => order(" <= "),
        Operator::NotEqual => None,
    }
}

/// The test on a text that is never truncated, for any operator but `ne`, which callers negate.
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

/// As much of a key as every stored key keeps.
fn prefix(key: &str) -> &str {
    let mut end = key.len().min(PREFIX_BYTES);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    &key[..end]
}

/// The condition on a time, which the database keeps in microseconds and clients see in milliseconds, rounded down. What
/// they see is compared.
pub(in crate::store) fn time_condition(column: Column, operator: Operator, value: &Literal) -> Option<Condition> {
    let Literal::String(text) = value else { return None };
    let wanted = instant::parse(text)?;
    let floor = wanted.as_millisecond() - i64::from(wanted.subsec_nanosecond() % 1_000_000 < 0);
    let whole = wanted.subsec_nanosecond() % 1_000_000 == 0;
    let from = |millisecond: i64| Condition::Column(column, Test::Order(" >= ", Param::Time(time(millisecond))));
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

/// Clamped to what the database can hold. No resource is older than 1970 or younger than 9999, so results stay the same.
fn time(millisecond: i64) -> SystemTime {
    const LAST: i64 = 253_402_207_200_000;
    let millisecond = millisecond.clamp(0, LAST);
    SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(millisecond.unsigned_abs())
}
