//! Conditions, and functions that choose between values. Arguments that are not chosen are not evaluated.

use crate::call::{Call, Flow, Function, Stop};
use crate::error::Kind;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "IIF", least: 3, most: 3, run: iif },
    Function { name: "Switch", least: 4, most: usize::MAX, run: switch },
    Function { name: "Coalesce", least: 1, most: usize::MAX, run: coalesce },
    Function { name: "IsNull", least: 1, most: 1, run: is_null },
    Function { name: "IsNothing", least: 1, most: 1, run: is_null },
    Function { name: "IsNullOrEmpty", least: 1, most: 1, run: is_null_or_empty },
    Function { name: "IsPresent", least: 1, most: 1, run: is_present },
    Function { name: "IsString", least: 1, most: 1, run: is_string },
    Function { name: "Not", least: 1, most: 1, run: not },
    Function { name: "CBool", least: 1, most: 1, run: c_bool },
    Function { name: "IgnoreFlowIfNullOrEmpty", least: 1, most: 1, run: ignore_flow },
    Function { name: "Error", least: 1, most: 1, run: error },
];

fn iif(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    for index in 0..3 {
        if !call.is_given(index) {
            return call.error(Kind::Arguments, "IIF needs all three: condition, value if true, value if false");
        }
    }
    let chosen = if call.condition(0)? { 1 } else { 2 };
    call.value(chosen)
}

/// Compares texts, with case. The key `""` stands for an absent or empty source; without a default there is no value.
fn switch(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let source = call.text(0)?.unwrap_or_default();
    for key in (2..call.arguments.len()).step_by(2) {
        if call.text(key)?.unwrap_or_default() == source {
            return call.value(key + 1);
        }
    }
    call.value(1)
}

/// An empty text is a value.
fn coalesce(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    for index in 0..call.arguments.len() {
        let value = call.value(index)?;
        if !value.is_absent() {
            return Ok(value);
        }
    }
    Ok(Value::Absent)
}

fn is_null(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    Ok(Value::Boolean(call.value(0)?.is_absent()))
}

fn is_null_or_empty(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    Ok(Value::Boolean(call.value(0)?.is_absent_or_empty()))
}

fn is_present(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    Ok(Value::Boolean(!call.value(0)?.is_absent_or_empty()))
}

fn is_string(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    Ok(Value::Boolean(call.value(0)?.text().is_some()))
}

/// True gives False, and anything else True.
fn not(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let value = call.value(0)?;
    let is_true = match &value {
        Value::Boolean(it) => *it,
        other => other.text().is_some_and(|text| text.eq_ignore_ascii_case("true")),
    };
    Ok(Value::Boolean(!is_true))
}

fn c_bool(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    Ok(Value::Boolean(call.condition(0)?))
}

fn ignore_flow(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let value = call.value(0)?;
    if value.is_absent_or_empty() { Err(Stop::IgnoreAttribute) } else { Ok(value) }
}

fn error(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let message = call.text(0)?.unwrap_or_default();
    call.error(Kind::Custom, message)
}
