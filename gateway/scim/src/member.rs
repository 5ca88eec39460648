//! One member of a group, as clients name it. Members live outside the group's document, because a group of
//! 100,000 must not be read to add one more.

use serde_json::{Map, Value, json};

/// A value of a detached attribute (RFC 7643 §4.2 `members`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The id of the member.
    pub value: String,
    /// `User` or `Group`, where the client said so.
    pub kind: Option<String>,
}

impl Member {
    /// A member of which only the id is known.
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), kind: None }
    }

    /// Reads a canonical element of `members`; `None` if it has no `value`.
    #[must_use]
    pub fn from_json(element: &Map<String, Value>) -> Option<Self> {
        let text = |key: &str| element.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        Some(Self { value: text("value")?.to_owned(), kind: text("type").map(str::to_owned) })
    }

    /// The element as a reply shows it, without `$ref`, which only the caller can build.
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
    fn reads_what_it_writes() {
        let full = Member { value: "u1".into(), kind: Some("User".into()) };
        for member in [full, Member::new("u2")] {
            let written = member.to_json();
            assert_eq!(written.as_object().and_then(Member::from_json), Some(member));
        }
    }

    #[test]
    fn an_element_without_a_value_is_no_member() {
        for element in [json!({}), json!({ "value": "" }), json!({ "value": null }), json!({ "value": 7 })] {
            assert_eq!(element.as_object().and_then(Member::from_json), None, "{element}");
        }
    }
}
