//! Conversions to texts and numbers, and bits.

use crate::call::{Call, Flow, Function};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "BitAnd", least: 2, most: 2, run: bit_and },
    Function { name: "CStr", least: 1, most: 1, run: c_str },
];

fn bit_and(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    Ok(Value::Integer(call.needed_integer(0)? & call.needed_integer(1)?))
}

fn c_str(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    Ok(call.text(0)?.map_or(Value::Absent, Value::Text))
}
