//! Why there is no result: a sentence.

use std::fmt;

/// A sentence with its causes.
pub(crate) struct Failed(String);

impl Failed {
    /// A sentence of our own.
    pub(crate) fn because(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// What was being done when something failed.
    pub(crate) fn doing<E: std::error::Error>(what: &str) -> impl FnOnce(E) -> Self {
        move |error| {
            let mut words = format!("{what}: {error}");
            let mut cause = error.source();
            while let Some(source) = cause {
                words = format!("{words}: {source}");
                cause = source.source();
            }
            Self(words)
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
