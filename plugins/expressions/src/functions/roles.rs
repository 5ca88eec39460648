//! App role assignments, as the three forms in which Entra sends them.

use serde_json::{Map, Value as Json};

use crate::call::{Call, Flow, Function};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "SingleAppRoleAssignment", least: 1, most: 1, run: single },
    Function { name: "AppRoleAssignments", least: 1, most: 1, run: values },
    Function { name: "AppRoleAssignmentsComplex", least: 1, most: 1, run: complex },
    Function { name: "AssertiveAppRoleAssignmentsComplex", least: 1, most: 1, run: assertive },
];

const TYPE: &str = "WindowsAzureActiveDirectoryRole";

/// The value of one role; of several, the first.
fn single(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let source = call.value(0)?;
    let first = source.values().first().and_then(Value::text);
    Ok(first.map_or(Value::Absent, |text| Value::Text(text.into_owned())))
}

fn values(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    let source = call.value(0)?;
    let texts: Vec<Value> =
        source.values().iter().filter_map(|role| Some(Value::Text(role.text()?.into_owned()))).collect();
    Ok(if texts.is_empty() { Value::Absent } else { Value::List(texts) })
}

fn complex(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    roles(call, "displayName")
}

fn assertive(call: &mut Call<'_, '_, '_>) -> Flow<Value> {
    roles(call, "display")
}

fn roles(call: &mut Call<'_, '_, '_>, display: &str) -> Flow<Value> {
    let source = call.value(0)?;
    let roles: Vec<Value> = source.values().iter().filter_map(|role| role_of(role, display)).collect();
    Ok(if roles.is_empty() { Value::Absent } else { Value::List(roles) })
}

fn role_of(role: &Value, display: &str) -> Option<Value> {
    let value = role.text()?.into_owned();
    let name = match role {
        Value::Complex(members) => {
            let found = ["displayName", "display"].iter().find_map(|name| members.get(*name)?.as_str());
            found.unwrap_or(&value).to_owned()
        }
        _ => value.clone(),
    };
    let mut members = Map::new();
    members.insert("primary".to_owned(), Json::Bool(false));
    members.insert("type".to_owned(), Json::from(TYPE));
    members.insert(display.to_owned(), Json::String(name));
    members.insert("value".to_owned(), Json::String(value));
    Some(Value::Complex(members))
}
