//! Changes of texts wherever a path finds them, also in several values of a multi-valued attribute.

use serde_json::Value;

use super::Document;
use crate::error::Error;

impl Document<'_> {
    /// Changes every text that the path matches and returns how many changed. `change` returns the new text, or none to
    /// remove the value; a removed `value` takes its whole element with it. In `emails` the texts are those of `value`.
    pub fn edit_texts(&self, path: &str, mut change: impl FnMut(&str) -> Option<String>) -> Result<u32, Error> {
        let mut found = self.get::<Value>(path)?;
        match found.len() {
            0 => Ok(0),
            1 => self.edit_single(path, found.swap_remove(0), &mut change),
            _ => {
                let (parent, sub) = parent(path).ok_or_else(|| {
                    Error::Other(format!(
                        "{path} matches several values; name the attribute and its sub-attribute without a filter"
                    ))
                })?;
                let mut count = 0;
                self.edit(parent, |value| {
                    if let Value::Array(elements) = value {
                        count = edit_elements(elements, sub, &mut change);
                    }
                })?;
                Ok(count)
            }
        }
    }

    fn edit_single(
        &self,
        path: &str,
        value: Value,
        change: &mut impl FnMut(&str) -> Option<String>,
    ) -> Result<u32, Error> {
        match value {
            Value::String(text) => match change(&text) {
                Some(new) if new == text => Ok(0),
                Some(new) => self.set(path, new),
                None => self.remove(path),
            },
            Value::Array(mut elements) => {
                let count = edit_elements(&mut elements, "value", change);
                match (count, elements.is_empty()) {
                    (0, _) => {}
                    (_, true) => drop(self.remove(path)?),
                    (_, false) => drop(self.set(path, elements)?),
                }
                Ok(count)
            }
            _ => Ok(0),
        }
    }
}

/// `emails.value` is the sub-attribute `value` of `emails`; a path with a filter has no such parent.
fn parent(path: &str) -> Option<(&str, &str)> {
    let (parent, sub) = path.rsplit_once('.')?;
    let is_name = sub.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$-_".contains(&byte));
    (is_name && !parent.ends_with(']')).then_some((parent, sub))
}

/// Edits texts, and the named member of objects. Elements without their value are removed.
fn edit_elements(elements: &mut Vec<Value>, sub: &str, change: &mut impl FnMut(&str) -> Option<String>) -> u32 {
    let mut count = 0;
    elements.retain_mut(|element| {
        let (text, member) = match element {
            Value::String(text) => (text.clone(), None),
            Value::Object(members) => {
                let name = members.keys().find(|name| name.eq_ignore_ascii_case(sub)).cloned();
                match name.and_then(|name| Some((members.get(&name)?.as_str()?.to_owned(), name))) {
                    Some((text, name)) => (text, Some(name)),
                    None => return true,
                }
            }
            _ => return true,
        };
        let new = change(&text);
        if new.as_ref() == Some(&text) {
            return true;
        }
        count += 1;
        match (new, member, element) {
            (Some(new), Some(name), Value::Object(members)) => drop(members.insert(name, Value::String(new))),
            (Some(new), _, element) => *element = Value::String(new),
            (None, Some(name), Value::Object(members)) if !sub.eq_ignore_ascii_case("value") => {
                members.shift_remove(&name);
            }
            (None, ..) => return false,
        }
        true
    });
    count
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::test::Resource;

    #[track_caller]
    fn check(path: &str, before: Value, after: &Value, changed: u32) {
        let resource = Resource::new("User", before).unwrap();
        let count = resource.document().edit_texts(path, |text| (text != "-").then(|| text.to_uppercase()));
        assert_eq!(count.unwrap(), changed);
        assert_eq!(resource.into_value(), *after);
    }

    #[test]
    fn texts_are_changed_wherever_they_are() {
        check("title", json!({ "title": "x" }), &json!({ "title": "X" }), 1);
        check("title", json!({ "title": "-", "nickName": "n" }), &json!({ "nickName": "n" }), 1);
        check("active", json!({ "active": true }), &json!({ "active": true }), 0);
        let emails = json!({ "emails": [{ "value": "x", "type": "w" }, { "value": "-" }, { "display": "d" }] });
        let upper = json!({ "emails": [{ "value": "X", "type": "w" }, { "display": "d" }] });
        check("emails", emails.clone(), &upper, 2);
        check("emails.value", emails, &upper, 2);
        check(
            "emails.display",
            json!({ "emails": [{ "display": "-", "value": "v" }, { "display": "x" }] }),
            &json!({ "emails": [{ "value": "v" }, { "display": "X" }] }),
            2,
        );
    }
}
