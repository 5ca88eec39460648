//! A member of a group in a request. Members are stored outside the group's document, so that a group of 100,000 members
//! need not be read to add another.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::error::ScimError;

/// A value of a detached attribute (RFC 7643 §4.2 `members`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The id of the member.
    pub value: String,
    /// The `type`: `User` or `Group`, if the client sent it.
    pub kind: Option<String>,
}

impl Member {
    /// A member without a `type`.
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), kind: None }
    }

    /// Reads a canonical element of `members`; `None` if it has no `value`.
    #[must_use]
    pub fn from_json(element: &Map<String, Value>) -> Option<Self> {
        let text = |key: &str| element.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        Some(Self { value: text("value")?.to_owned(), kind: text("type").map(str::to_owned) })
    }

    /// Reads the canonical value of the attribute `name`, for which the client sent so many elements. Of elements with the
    /// same id the first is kept. An error is 400 `invalidValue`, also where nothing is left of an element: the request
    /// would succeed and change nothing, or empty the group.
    pub(crate) fn list_from_json(value: Value, sent: usize, name: &str) -> Result<Vec<Self>, ScimError> {
        let refuse = || ScimError::invalid_value(format!("{name}: each element must have a value, which is an id."));
        let elements = if let Value::Array(elements) = value { elements } else { Vec::new() };
        if elements.len() < sent {
            return Err(refuse());
        }
        let mut seen: HashSet<String> = HashSet::with_capacity(elements.len());
        let mut members = Vec::with_capacity(elements.len());
        for element in elements {
            let member = element.as_object().and_then(Self::from_json).ok_or_else(refuse)?;
            if seen.insert(member.value.clone()) {
                members.push(member);
            }
        }
        Ok(members)
    }

    /// The element in a reply, without `$ref`, which only the caller can build.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut element = json!({ "value": self.value });
        if let Some(kind) = &self.kind {
            element["type"] = kind.as_str().into();
        }
        element
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_survives_a_round_trip() {
        let full = Member { value: "u1".into(), kind: Some("User".into()) };
        for member in [full, Member::new("u2")] {
            let written = member.to_json();
            assert_eq!(written.as_object().and_then(Member::from_json), Some(member));
        }
    }

    #[test]
    fn an_element_without_a_value_is_not_a_member() {
        for element in [json!({}), json!({ "value": "" }), json!({ "value": null }), json!({ "value": 7 })] {
            assert_eq!(element.as_object().and_then(Member::from_json), None, "{element}");
        }
    }
}
