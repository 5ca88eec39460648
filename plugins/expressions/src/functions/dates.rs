//! Dates. A date's text is `M/d/yyyy h:mm:ss tt` in UTC.

use crate::call::{Call, Flow, Function};
use crate::date::exact::ExactError;
use crate::date::{Date, Interval};
use crate::error::Kind;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "Now", least: 0, most: 0, run: now },
    Function { name: "CDate", least: 1, most: 1, run: c_date },
    Function { name: "DateAdd", least: 3, most: 3, run: date_add },
    Function { name: "DateDiff", least: 3, most: 3, run: date_diff },
    Function { name: "FormatDateTime", least: 3, most: 4, run: format_date_time },
    Function { name: "DateFromNum", least: 1, most: 1, run: date_from_num },
    Function { name: "NumFromDate", least: 1, most: 1, run: num_from_date },
];

/// The styles that .NET knows; they change nothing here, where dates without an offset are in UTC.
const STYLES: [&str; 10] = [
    "None",
    "AllowLeadingWhite",
    "AllowTrailingWhite",
    "AllowInnerWhite",
    "AllowWhiteSpaces",
    "NoCurrentDateDefault",
    "AdjustToUniversal",
    "AssumeLocal",
    "AssumeUniversal",
    "RoundtripKind",
];

#[allow(clippy::unnecessary_wraps, reason = "every function has this form")]
fn now(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    Ok(Value::Date(call.evaluation.source.now()))
}

fn c_date(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    Ok(date(call, 0)?.map_or(Value::Absent, Value::Date))
}

/// An argument as a date; none of an absent or empty one.
fn date(call: &mut Call<'_, '_, '_>, index: usize) -> Flow<Option<Date>> {
    let value = call.value(index)?;
    if let Value::Date(date) = value {
        return Ok(Some(date));
    }
    if value.is_absent_or_empty() {
        return Ok(None);
    }
    match value.text().and_then(|text| Date::from_text(&text)) {
        Some(date) => Ok(Some(date)),
        None => call.wrong(index, Kind::Date, "this is not a date"),
    }
}

fn interval(call: &mut Call<'_, '_, '_>) -> Flow<Interval> {
    let text = call.text(0)?.unwrap_or_default();
    match Interval::parse(&text) {
        Some(interval) => Ok(interval),
        None => call.wrong(0, Kind::Argument, Interval::expected(&text)),
    }
}

fn date_add(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let interval = interval(call)?;
    let count = call.needed_integer(1)?;
    let Some(date) = date(call, 2)? else { return Ok(Value::Absent) };
    match date.add(interval, count) {
        Some(date) => Ok(Value::Date(date)),
        None => call.error(Kind::Date, "the result is outside the years 1 to 9999"),
    }
}

/// Without both dates there is no difference.
fn date_diff(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let interval = interval(call)?;
    let (Some(first), Some(second)) = (date(call, 1)?, date(call, 2)?) else { return Ok(Value::Absent) };
    match first.until(second, interval) {
        Some(count) => Ok(Value::Integer(count)),
        None => call.error(Kind::Date, "the dates are too far apart"),
    }
}

/// With three arguments there are no styles.
fn format_date_time(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let first_format = call.arguments.len() - 2;
    if first_format == 2 {
        styles(call)?;
    }
    let Some(source) = call.text(0)?.filter(|text| !text.is_empty()) else { return Ok(Value::Absent) };
    let input = call.text(first_format)?.unwrap_or_default();
    let output = call.text(first_format + 1)?.unwrap_or_default();
    let date = match Date::read(&source, &input) {
        Ok(date) => date,
        Err(ExactError::Text) => {
            return call.wrong(0, Kind::Date, format!("this date does not have the format {input}"));
        }
        Err(ExactError::Format) => {
            return call.wrong(first_format, Kind::Argument, format!("“{input}” is not a format"));
        }
    };
    match date.write(&output) {
        Some(text) => Ok(Value::Text(text)),
        None => call.wrong(first_format + 1, Kind::Argument, format!("“{output}” is not a format")),
    }
}

fn styles(call: &mut Call<'_, '_, '_>) -> Flow<()> {
    let Some(styles) = call.text(1)? else { return Ok(()) };
    let mut names = styles.split([',', '|']).map(|name| name.trim().trim_start_matches("DateTimeStyles."));
    match names.find(|name| !name.is_empty() && !STYLES.iter().any(|style| style.eq_ignore_ascii_case(name))) {
        Some(name) => call.wrong(1, Kind::Argument, format!("{name} is not a style of dates")),
        None => Ok(()),
    }
}

/// From 100 ns since 1601.
fn date_from_num(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let Some(ticks) = call.integer(0)? else { return Ok(Value::Absent) };
    match Date::from_filetime(ticks) {
        Some(date) => Ok(Value::Date(date)),
        None => call.wrong(0, Kind::Date, "this number is outside the years 1 to 9999"),
    }
}

/// To 100 ns since 1601: more than a double can hold exactly, so it is never one.
fn num_from_date(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let Some(date) = date(call, 0)? else { return Ok(Value::Absent) };
    match date.to_filetime() {
        Some(ticks) => Ok(Value::Integer(ticks)),
        None => call.wrong(0, Kind::Date, "this date has no number"),
    }
}
