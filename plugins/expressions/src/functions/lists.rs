//! Functions on multi-valued attributes. A single value counts as a list of one.

use crate::call::{Call, Flow, Function};
use crate::error::Kind;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "Count", least: 1, most: 1, run: count },
    Function { name: "Item", least: 2, most: 2, run: item },
    Function { name: "RemoveDuplicates", least: 1, most: 1, run: remove_duplicates },
    Function { name: "SelectUniqueValue", least: 2, most: usize::MAX, run: select_unique_value },
];

fn count(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let count = call.value(0)?.values().len();
    Ok(Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn item(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let source = call.value(0)?;
    let number = call.needed_integer(1)?;
    if source.is_absent() {
        return Ok(Value::Absent);
    }
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    if let Some(value) = index.and_then(|index| source.values().get(index)) {
        return Ok(value.clone());
    }
    let message = format!("there is no value {number}: values count from 1 to {}", source.values().len());
    call.wrong(1, Kind::Index, message)
}

/// Case counts: mail addresses with `SMTP:` and `smtp:` are different values.
fn remove_duplicates(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let source = call.value(0)?;
    if source.is_absent() {
        return Ok(Value::Absent);
    }
    let mut kept: Vec<Value> = Vec::new();
    for value in source.values() {
        if !kept.contains(value) {
            kept.push(value.clone());
        }
    }
    Ok(Value::List(kept))
}

/// The first candidate that the target does not hold.
fn select_unique_value(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    for index in 0..call.arguments.len() {
        let Some(candidate) = call.text(index)? else { continue };
        match call.evaluation.source.is_taken(&candidate) {
            Ok(false) => return Ok(Value::Text(candidate)),
            Ok(true) => {}
            Err(why) => return call.error(Kind::Unsupported, why),
        }
    }
    call.error(Kind::NotUnique, "every candidate is taken")
}
