//! Directory helpers: the tenant's domain, and parts of distinguished names.

use crate::call::{Call, Flow, Function};
use crate::error::Kind;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "DefaultDomain", least: 0, most: 0, run: default_domain },
    Function { name: "DNComponent", least: 2, most: 2, run: dn_component },
    Function { name: "CRef", least: 1, most: 1, run: reference },
];

fn default_domain(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    match call.evaluation.source.default_domain() {
        Some(domain) => Ok(Value::from(domain)),
        None => call.error(Kind::NoDefaultDomain, "there is no default domain; set defaultDomain in the configuration"),
    }
}

/// The value of the n-th component, counted from the left; an absent or shorter name has none.
fn dn_component(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let source = call.text(0)?.unwrap_or_default();
    let number = call.needed_integer(1)?;
    let Some(index) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) else {
        return call.wrong(1, Kind::Index, "components count from 1");
    };
    let component = components(&source).into_iter().nth(index);
    let value = component.and_then(|component| component.split_once('=').map(|(_, value)| Value::from(value.trim())));
    Ok(value.unwrap_or(Value::Absent))
}

/// The parts between commas, without those that a backslash escapes.
fn components(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (index, letter) in name.char_indices() {
        if letter == ',' && !escaped {
            parts.push(&name[start..index]);
            start = index + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    parts.push(&name[start..]);
    parts
}

/// A reference as the text that it is.
fn reference(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    Ok(call.text(0)?.map_or(Value::Absent, Value::Text))
}
