//! The document as a trait: the embedder implements it, the plugin reads and writes through it.

use std::any::Any;

/// A document that a plugin can read and write by SCIM attribute paths; values are JSON text. `id`, `meta` and
/// `schemas` are read-only; `replace` leaves them unchanged.
pub trait Document: Any + Send {
    /// Every match, or an empty list. `emails` matches once, the whole array; `emails.value` once per element.
    fn get(&self, path: &str) -> Result<Vec<String>, PathError>;
    /// Sets every match, or creates the value if there is no match; returns the number of values set.
    fn set(&mut self, path: &str, value: &str) -> Result<u32, PathError>;
    /// Adds an element, or each of an array, to a multi-valued attribute and returns the number of new ones.
    fn append(&mut self, path: &str, value: &str) -> Result<u32, PathError>;
    /// Removes every match and returns how many there were.
    fn remove(&mut self, path: &str) -> Result<u32, PathError>;
    /// The whole document.
    fn to_json(&self) -> String;
    /// Replaces the whole document.
    fn replace(&mut self, json: &str) -> Result<(), PathError>;
}

/// Why a path could not be read or written; the text is a sentence about this path. The plugin may continue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not a SCIM attribute path.
    #[error("{0}")]
    Malformed(String),
    /// No schema of this tenant has such an attribute.
    #[error("{0}")]
    Unknown(String),
    /// Only the host sets this attribute.
    #[error("{0}")]
    ReadOnly(String),
    /// Not JSON, or not a value of the attribute's type.
    #[error("{0}")]
    WrongValue(String),
    /// Any other reason, such as a limit.
    #[error("{0}")]
    Other(String),
}
