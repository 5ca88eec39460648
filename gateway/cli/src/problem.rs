//! A refusal of the gateway: the problem document (RFC 9457) that it sent.

use serde_json::Value;

/// What the gateway refused, in its own words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Problem {
    detail: String,
    document: Value,
}

impl Problem {
    /// The problem document of a reply, or none.
    pub(crate) fn read(document: Value) -> Option<Self> {
        let detail = document.get("detail").and_then(Value::as_str)?.to_owned();
        Some(Self { detail, document })
    }

    /// The document as it was sent.
    pub(crate) fn document(&self) -> &Value {
        &self.document
    }
}
