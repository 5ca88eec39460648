//! The names that values are kept aside under: how many there may be, and what becomes of one that is written again.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::error::ScimError;

/// Most names that are kept aside of one resource: each is looked at with each of its changes. An object under a URN
/// is one.
pub const MAX_NAMES: usize = 1_000;

/// The place of a name among those that are kept aside, a new one if need be.
///
/// # Errors
/// 400 where there are as many as can be.
pub(crate) fn place<'a>(set_aside: &'a mut Map<String, Value>, name: &str) -> Result<&'a mut Value, ScimError> {
    check_room(set_aside, name)?;
    Ok(set_aside.entry(name).or_insert(Value::Null))
}

/// Keeps a value aside under the name as written, or takes it away. What is kept under a name around it, or of a part of
/// it, must not come back later as if it were newer.
///
/// # Errors
/// 400 where there are as many names as can be.
pub(crate) fn keep(set_aside: &mut Map<String, Value>, name: String, value: Option<Value>) -> Result<(), ScimError> {
    let name = set_aside.keys().find(|key| key.eq_ignore_ascii_case(&name)).cloned().unwrap_or(name);
    set_aside.retain(|key, kept| {
        if let Some(rest) = within(&name, key) {
            remove(kept, rest);
        }
        !key.eq_ignore_ascii_case(&name) && within(key, &name).is_none() && *kept != Value::Object(Map::new())
    });
    if let Some(value) = value {
        check_room(set_aside, &name)?;
        set_aside.insert(name, value);
    }
    Ok(())
}

/// Keeps what was aside before and is not written anew.
///
/// # Errors
/// 400 where there would be more names than can be, and more than there were.
pub fn keep_omitted(set_aside: &mut Map<String, Value>, before: &Map<String, Value>) -> Result<(), ScimError> {
    let written: HashSet<String> = set_aside.keys().map(|name| name.to_ascii_lowercase()).collect();
    for (name, value) in before {
        if !written.contains(&name.to_ascii_lowercase()) {
            set_aside.insert(name.clone(), value.clone());
        }
    }
    let most = MAX_NAMES.max(before.len());
    set_aside.keys().nth(most).map_or(Ok(()), |name| Err(one_too_many(name)))
}

fn check_room(set_aside: &Map<String, Value>, name: &str) -> Result<(), ScimError> {
    if set_aside.len() < MAX_NAMES || set_aside.contains_key(name) {
        return Ok(());
    }
    Err(one_too_many(name))
}

fn one_too_many(name: &str) -> ScimError {
    ScimError::invalid_value(format!(
        "\"{name}\" is one too many: of a resource at most {MAX_NAMES} attributes that no schema defines are kept aside. \
         Leave some out, or add an extension that defines them."
    ))
}

/// What of `name` is left behind `outer`, where it names a part of that.
fn within<'n>(name: &'n str, outer: &str) -> Option<&'n str> {
    let start = name.get(..outer.len()).filter(|start| start.eq_ignore_ascii_case(outer))?;
    name.get(start.len()..)?.strip_prefix([':', '.'])
}

fn remove(kept: &mut Value, name: &str) {
    let Value::Object(members) = kept else { return };
    members.retain(|key, member| {
        if let Some(rest) = within(name, key) {
            remove(member, rest);
        }
        !key.eq_ignore_ascii_case(name)
    });
}
