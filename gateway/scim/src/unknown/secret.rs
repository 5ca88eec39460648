//! Names that look like those of secrets. Their values are never kept: the gateway stores no passwords.

use serde_json::Value;

/// How such names end, in any case and in the plural: `userPassword`, `client_secret`, `tokens`.
const ENDINGS: [&str; 5] = ["password", "passwd", "pwd", "secret", "token"];

/// Whether a path leads to a secret or selects by one. The URN in front of an attribute does not count.
pub(super) fn is_secret(path: &str) -> bool {
    let head = super::name::head(path);
    let start = head.rfind(':').unwrap_or_default();
    let mut words = path.get(start..).unwrap_or(path).split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| {
        let word = word.trim_end_matches(['s', 'S']);
        let end = |length: usize| word.get(word.len().checked_sub(length)?..);
        ENDINGS.iter().any(|ending| end(ending.len()).is_some_and(|end| end.eq_ignore_ascii_case(ending)))
    })
}

/// Removes the members with such names, at any depth. Returns whether that has left the value empty.
pub(super) fn strip(value: &mut Value) -> bool {
    match value {
        Value::Object(members) => {
            let count = members.len();
            members.retain(|name, member| !is_secret(name) && !strip(member));
            members.is_empty() && count > 0
        }
        Value::Array(elements) => {
            let count = elements.len();
            elements.retain_mut(|element| !strip(element));
            elements.is_empty() && count > 0
        }
        _ => false,
    }
}
