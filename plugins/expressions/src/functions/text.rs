//! Functions that cut and join texts. Positions count characters from 1.

use crate::call::{Call, Flow, Function, push, text_of};
use crate::diacritics::without_diacritics;
use crate::error::Kind;
use crate::letters::{Culture, title};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "Append", least: 2, most: 2, run: append },
    Function { name: "Prepend", least: 2, most: 2, run: append },
    Function { name: "Join", least: 2, most: usize::MAX, run: join },
    Function { name: "Left", least: 2, most: 2, run: left },
    Function { name: "Mid", least: 3, most: 3, run: mid },
    Function { name: "Len", least: 1, most: 1, run: len },
    Function { name: "StripSpaces", least: 1, most: 1, run: strip_spaces },
    Function { name: "Trim", least: 1, most: 1, run: trim },
    Function { name: "ToLower", least: 1, most: 2, run: to_lower },
    Function { name: "ToUpper", least: 1, most: 2, run: to_upper },
    Function { name: "PCase", least: 1, most: 2, run: pcase },
    Function { name: "NormalizeDiacritics", least: 1, most: 1, run: normalize_diacritics },
    Function { name: "Redact", least: 1, most: 1, run: redact },
];

/// Both texts in their order: `Prepend` has the prefix first. Absent parts count as empty; of two, nothing is made.
fn append(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    match (call.text(0)?, call.text(1)?) {
        (None, None) => Ok(Value::Absent),
        (first, second) => {
            let mut text = first.unwrap_or_default();
            push(&mut text, &second.unwrap_or_default(), call.at)?;
            Ok(Value::Text(text))
        }
    }
}

/// Lists are flattened, absent and empty sources passed over.
fn join(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let separator = call.text(0)?.unwrap_or_default();
    let mut joined = String::new();
    let mut is_first = true;
    for index in 1..call.arguments.len() {
        let source = call.value(index)?;
        for value in source.values() {
            let Some(text) = text_of(value, call.at)?.filter(|text| !text.is_empty()) else { continue };
            if !is_first {
                push(&mut joined, &separator, call.at)?;
            }
            push(&mut joined, &text, call.at)?;
            is_first = false;
        }
    }
    Ok(Value::Text(joined))
}

/// 0 gives an empty text, a negative number the whole source.
fn left(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let source = call.text(0)?.unwrap_or_default();
    match usize::try_from(call.needed_integer(1)?) {
        Ok(count) => Ok(Value::from(characters(&source, 0, count))),
        Err(_) => Ok(Value::Text(source)),
    }
}

/// A length past the end stops at the end, and a start past the end gives an empty text.
fn mid(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let Some(source) = call.text(0)? else { return Ok(Value::Absent) };
    let (start, length) = (call.needed_integer(1)?, call.needed_integer(2)?);
    let Some(start) = usize::try_from(start).ok().and_then(|start| start.checked_sub(1)) else {
        return call.wrong(1, Kind::Argument, "positions count from 1");
    };
    let Ok(length) = usize::try_from(length) else {
        return call.wrong(2, Kind::Argument, "a length is not negative");
    };
    Ok(Value::from(characters(&source, start, length)))
}

/// Some characters of a text.
pub(super) fn characters(text: &str, start: usize, count: usize) -> &str {
    let rest = text.char_indices().nth(start).map_or("", |(byte, _)| &text[byte..]);
    rest.char_indices().nth(count).map_or(rest, |(byte, _)| &rest[..byte])
}

fn len(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let count = call.text(0)?.map_or(0, |text| text.chars().count());
    Ok(Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// The blank alone; tabs and other white space stay.
fn strip_spaces(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    each(call, |text| text.replace(' ', ""))
}

fn trim(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    each(call, |text| text.trim().to_owned())
}

fn to_lower(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let culture = culture(call)?;
    each(call, |text| text.chars().map(|letter| culture.lower(letter)).collect())
}

fn to_upper(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let culture = culture(call)?;
    each(call, |text| text.chars().map(|letter| culture.upper(letter)).collect())
}

fn culture(call: &mut Call<'_, '_, '_>) -> Flow<Culture> {
    let Some(name) = call.text(1)? else { return Ok(Culture::Invariant) };
    match Culture::named(&name) {
        Some(culture) => Ok(culture),
        None => call.wrong(1, Kind::Argument, format!("{name} is not the name of a culture, such as en-US")),
    }
}

fn pcase(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let separators = if call.is_given(1) { call.text(1)? } else { None };
    each(call, |text| title(text, separators.as_deref()))
}

fn normalize_diacritics(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    each(call, without_diacritics)
}

fn redact(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    call.value(0)
}

/// Changes each text of the first argument; an absent value stays absent, a list stays a list.
fn each(call: &mut Call<'_, '_, '_>, change: impl Fn(&str) -> String) -> Flow<Value> {
    match call.value(0)? {
        Value::Absent => Ok(Value::Absent),
        Value::List(values) => {
            let mut changed = Vec::with_capacity(values.len());
            for value in &values {
                changed.push(text_of(value, call.at)?.map_or(Value::Absent, |text| Value::Text(change(&text))));
            }
            Ok(Value::List(changed))
        }
        single => Ok(text_of(&single, call.at)?.map_or(Value::Absent, |text| Value::Text(change(&text)))),
    }
}
