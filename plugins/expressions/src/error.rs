//! Why an expression was refused or could not be evaluated, with the place in its text.

use std::fmt;

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not an expression, or longer than an expression may be.
    Syntax,
    /// No function has this name.
    UnknownFunction,
    /// No attribute has this name.
    UnknownAttribute,
    /// Too few or too many arguments.
    Arguments,
    /// An argument has a value that the function does not take.
    Argument,
    /// A value is not of the type that is needed.
    Type,
    /// A text is not a date of the expected form.
    Date,
    /// A pattern is wrong or takes too long.
    Pattern,
    /// A list has no value at this position.
    Index,
    /// Every candidate of `SelectUniqueValue` is taken.
    NotUnique,
    /// The function may only be the outermost one.
    NotTopLevel,
    /// `DefaultDomain` without a configured domain.
    NoDefaultDomain,
    /// The function `Error` was reached; the message is its text.
    Custom,
    /// Cannot be done by a mapping that is a pure function.
    Unsupported,
}

/// An error at a place in the text of an expression; the message is a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of error it is.
    pub kind: Kind,
    /// The byte at which the faulty part begins.
    pub at: usize,
    /// What is wrong and, where there is one, a suggestion.
    pub message: String,
}

impl Error {
    pub(crate) fn new(kind: Kind, at: usize, message: impl Into<String>) -> Self {
        Self { kind, at, message: message.into() }
    }

    /// The place in `text` for people: the line if there are several, and the column in characters from 1.
    #[must_use]
    pub fn place(&self, text: &str) -> String {
        let before = text.get(..self.at).unwrap_or(text);
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        if text.contains('\n') {
            return format!("line {}, column {column}", before.matches('\n').count() + 1);
        }
        format!("column {column}")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
