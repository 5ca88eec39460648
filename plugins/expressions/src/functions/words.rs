//! Functions that search texts and take them apart.

use crate::call::{Call, Flow, Function};
use crate::error::Kind;
use crate::letters::Culture;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "InStr", least: 2, most: 4, run: in_str },
    Function { name: "Contains", least: 2, most: 2, run: contains },
    Function { name: "Split", least: 2, most: 2, run: split },
    Function { name: "Word", least: 3, most: 3, run: word },
];

/// The position of the first occurrence; 0 if there is none.
fn in_str(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let source = call.text(0)?.unwrap_or_default();
    let wanted = call.text(1)?.unwrap_or_default();
    let start = call.integer(2)?.unwrap_or(1);
    let ignores_case = match call.text(3)?.as_deref() {
        None | Some("vbBinaryCompare" | "0") => false,
        Some("vbTextCompare" | "1") => true,
        Some(_) => return call.wrong(3, Kind::Argument, "vbTextCompare or vbBinaryCompare is needed here"),
    };
    let Some(skipped) = usize::try_from(start).ok().and_then(|start| start.checked_sub(1)) else {
        return call.wrong(2, Kind::Argument, "positions count from 1");
    };
    let letters = |text: &str| -> Vec<char> {
        text.chars().map(|letter| if ignores_case { Culture::Invariant.lower(letter) } else { letter }).collect()
    };
    let (source, wanted) = (letters(&source), letters(&wanted));
    let rest = source.get(skipped..).unwrap_or_default();
    let found = if wanted.is_empty() {
        Some(0).filter(|_| !rest.is_empty())
    } else {
        rest.windows(wanted.len()).position(|window| window == wanted)
    };
    Ok(Value::Integer(found.map_or(0, |index| i64::try_from(index + skipped + 1).unwrap_or(i64::MAX))))
}

fn contains(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let wanted = call.text(1)?.unwrap_or_default();
    let source = call.value(0)?;
    let found = source.values().iter().any(|value| value.text().is_some_and(|text| text.contains(&wanted)));
    Ok(Value::Boolean(found))
}

/// White space around the pieces is dropped, as in the output that Microsoft prints.
fn split(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let delimiter = call.text(1)?.unwrap_or_default();
    let mut letters = delimiter.chars();
    let (Some(delimiter), None) = (letters.next(), letters.next()) else {
        return call.wrong(1, Kind::Argument, "the delimiter is one character");
    };
    let Some(source) = call.text(0)? else { return Ok(Value::Absent) };
    Ok(Value::List(source.split(delimiter).map(|piece| Value::from(piece.trim())).collect()))
}

/// Every character of the third argument divides words; words are not empty.
fn word(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let source = call.text(0)?.unwrap_or_default();
    let number = call.needed_integer(1)?;
    let delimiters = call.text(2)?.unwrap_or_default();
    let mut words = source.split(|letter| delimiters.contains(letter)).filter(|word| !word.is_empty());
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    Ok(Value::from(index.and_then(|index| words.nth(index)).unwrap_or_default()))
}
