//! The names that changes are kept aside under: how many there may be, and how one is within another. What they mean no
//! schema says yet, so this is by their letters alone.

use serde_json::{Map, Value};

use crate::error::ScimError;

/// Most names that are kept aside of one resource: each is looked at with each of its changes. An object under a URN
/// is one.
pub const MAX_NAMES: usize = 1_000;

/// Most changes that are kept aside of one resource, of one name or of many.
pub const MAX_CHANGES: usize = 1_500;

/// The place of a name among those that a request says, a new one if need be.
///
/// # Errors
/// 400 where there are as many as can be.
pub(crate) fn place<'a>(said: &'a mut Map<String, Value>, name: &str) -> Result<&'a mut Value, ScimError> {
    if said.len() >= MAX_NAMES && !said.contains_key(name) {
        return Err(one_too_many(name));
    }
    Ok(said.entry(name).or_insert(Value::Null))
}

pub(crate) fn one_too_many(name: &str) -> ScimError {
    ScimError::invalid_value(format!(
        "\"{name}\" is one too many: of a resource at most {MAX_NAMES} attributes that no schema defines are kept aside. \
         Leave some out, or add an extension that defines them."
    ))
}

pub(crate) fn one_change_too_many(name: &str) -> ScimError {
    ScimError::invalid_value(format!(
        "The change of \"{name}\" is one too many: of a resource at most {MAX_CHANGES} changes of attributes that no \
         schema defines are kept aside. Replace the attributes as wholes, or add an extension that defines them."
    ))
}

/// What of `name` is left behind `outer`, in whatever case outside of a filter: nothing where it is the same.
pub(super) fn after<'n>(name: &'n str, outer: &str) -> Option<&'n str> {
    let start = name.get(..outer.len())?;
    let filter = outer.find('[').unwrap_or(outer.len())..outer.rfind(']').unwrap_or(outer.len());
    let mut letters = start.bytes().zip(outer.bytes()).enumerate();
    let same = letters
        .all(|(place, (one, other))| one == other || (!filter.contains(&place) && one.eq_ignore_ascii_case(&other)));
    name.get(start.len()..).filter(|_| same)
}

/// Whether what is left behind a name makes it that name, or one of a part of it.
pub(super) fn is_inside(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([':', '.', '['])
}

/// What of `name` is left behind `outer`, where it names a part of that: a filter in brackets, or a name.
pub(super) fn within<'n>(name: &'n str, outer: &str) -> Option<&'n str> {
    let rest = after(name, outer)?;
    if rest.starts_with('[') { Some(rest) } else { rest.strip_prefix([':', '.']) }
}

/// A name up to its filter.
pub(super) fn head(name: &str) -> &str {
    name.split('[').next().unwrap_or_default()
}

/// The filter and the part of a name such as `items[type eq "work"].value`.
pub(super) fn part(name: &str) -> Option<(&str, &str)> {
    name.split_once('[')?.1.rsplit_once("].")
}

/// Whether a filter could be about a part.
pub(super) fn mentions(filter: &str, part: &str) -> bool {
    filter.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

/// Whether two names could be about the same value: one is a part of the other, whichever elements are meant.
pub(crate) fn related(one: &str, other: &str) -> bool {
    let (one, other) = (head(one), head(other));
    after(one, other).is_some_and(is_inside) || after(other, one).is_some_and(is_inside)
}
