//! What an expression may read: the only way in which a value from outside gets into it.

use crate::date::Date;
use crate::value::Value;

/// Why an attribute has no value that can be read; the message is a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeError {
    /// Whether there is no such attribute.
    pub is_unknown: bool,
    /// What is wrong and, where there is one, a suggestion.
    pub message: String,
}

/// The surroundings of an evaluation.
pub trait Source {
    /// The value of `[name]`.
    fn attribute(&mut self, name: &str) -> Result<Value, AttributeError>;
    /// The value of `%name%`.
    fn parameter(&self, name: &str) -> Option<&str>;
    /// The result of `Now()`.
    fn now(&self) -> Date;
    /// The result of `DefaultDomain()`.
    fn default_domain(&self) -> Option<&str>;
    /// Whether the target holds this candidate of `SelectUniqueValue`; an error says why that cannot be known.
    fn is_taken(&self, candidate: &str) -> Result<bool, String>;
    /// What makes the random values of this evaluation differ from those of others: the same seed gives the same values.
    fn seed(&self) -> Vec<u8>;
}
