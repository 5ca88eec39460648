//! Why an exported schema could not be converted.

use std::fmt;

/// Why a schema could not be converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportError {
    /// Not an exported schema.
    NotASchema,
    /// A scoping filter that cannot be converted; without it more users would be in scope.
    Scope(String),
    /// Nothing to convert.
    Empty,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASchema => f.write_str("this is not a schema exported from Entra: it has no synchronizationRules"),
            Self::Scope(why) => write!(f, "a scoping filter cannot be converted: {why}"),
            Self::Empty => f.write_str("the schema has no enabled mapping of users or groups with anything to convert"),
        }
    }
}

impl std::error::Error for ImportError {}
