//! The texts of documents: where each member lies in one, so that another with most of the same members is put together
//! from its parts.

use serde_json::{Map, Value};

/// Documents are seldom longer.
const USUAL_BYTES: usize = 4 << 10;

/// A document's text.
#[derive(Clone, Debug)]
pub struct Printed {
    text: String,
    /// Where each member ends.
    ends: Vec<usize>,
}

impl Printed {
    /// Prints a document.
    #[must_use]
    pub fn of(document: &Map<String, Value>) -> Self {
        let mut writer = Writer::with_capacity(USUAL_BYTES);
        let mut ends = Vec::with_capacity(document.len());
        for (name, value) in document {
            writer.member(name, value);
            ends.push(writer.text.len());
        }
        Self { text: writer.finish(), ends }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text alone.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// The name and the value of the member with this index, as they are in the text.
    pub(crate) fn member(&self, index: usize) -> Option<&str> {
        // A brace or a comma lies in front of each.
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start + 1..*self.ends.get(index)?)
    }
}

/// Writes the text of an object, member by member.
pub(crate) struct Writer {
    text: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { text: Vec::with_capacity(bytes) }
    }

    /// Appends a member.
    pub(crate) fn member(&mut self, name: &str, value: &Value) {
        self.separate();
        // Neither a vector nor a tree of texts and numbers can refuse.
        let _ = serde_json::to_writer(&mut self.text, name);
        self.text.push(b':');
        let _ = serde_json::to_writer(&mut self.text, value);
    }

    /// Appends a member as it is in another text.
    pub(crate) fn raw(&mut self, member: &str) {
        self.separate();
        self.text.extend_from_slice(member.as_bytes());
    }

    fn separate(&mut self) {
        self.text.push(if self.text.is_empty() { b'{' } else { b',' });
    }

    pub(crate) fn finish(mut self) -> String {
        if self.text.is_empty() {
            self.text.push(b'{');
        }
        self.text.push(b'}');
        // Made of whole texts only.
        String::from_utf8(self.text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_lie_where_they_are_said_to_lie() {
        let whole = json!({ "a": "x", "\"b": { "n": 1.10 }, "c": [true, null], "é": "\n" });
        let printed = Printed::of(whole.as_object().unwrap());
        assert_eq!(printed.text(), whole.to_string());
        let members: Vec<&str> = (0..5).map_while(|index| printed.member(index)).collect();
        assert_eq!(members, ["\"a\":\"x\"", "\"\\\"b\":{\"n\":1.1}", "\"c\":[true,null]", "\"é\":\"\\n\""]);
        assert_eq!(Printed::of(&Map::new()).text(), "{}");
    }
}
