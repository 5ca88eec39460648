//! Why a plugin could not do its work. `?` converts path errors, JSON errors and plain sentences to [`Error`].

use std::fmt;

/// Why a path could not be read or written; the text is a sentence about this path. The document is unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// Not a SCIM attribute path.
    Malformed(String),
    /// No schema of this tenant has such an attribute.
    Unknown(String),
    /// Only the host sets this attribute: `id`, `meta`, `schemas`, and what its schema declares read-only.
    ReadOnly(String),
    /// Not a value of the attribute's type.
    WrongValue(String),
    /// Any other reason, such as too many values.
    Other(String),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why)
            | Self::Unknown(why)
            | Self::ReadOnly(why)
            | Self::WrongValue(why)
            | Self::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for PathError {}

/// The result of a plugin's own functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the plugin could not do its work, shown to the administrator as a sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A path could not be read or written.
    Path(PathError),
    /// A value of the document has not the type that it was read as.
    Value {
        /// Where it is.
        path: String,
        /// What was expected.
        source: serde_json::Error,
    },
    /// The configuration does not fit the plugin.
    Config(serde_json::Error),
    /// Anything else, in the plugin's own words.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(error) => error.fmt(f),
            Self::Value { path, source } => {
                write!(f, "{path} has a value of another type than the plugin reads: {source}")
            }
            Self::Config(error) => write!(f, "the configuration does not fit this plugin: {error}"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<String> for Error {
    fn from(why: String) -> Self {
        Self::Other(why)
    }
}

impl From<&str> for Error {
    fn from(why: &str) -> Self {
        Self::Other(why.to_owned())
    }
}
