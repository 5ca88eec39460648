//! Patterns as .NET reads them: named groups, lazy loops, look-ahead and look-behind, inline options, Unicode classes.
//!
//! An engine of our own, since a plugin compiles its patterns again for every document: `fancy-regex` takes 20 to 320 µs for
//! each of Microsoft's examples and 1 MB of code, `regress` has ECMAScript's syntax and no bound on its steps. Steps are
//! bounded here, so that a bad pattern is an error that names it, not a call that runs out of time.

mod compile;
mod matcher;
mod parse;
mod replacement;
mod set;

use std::fmt;

pub(crate) use replacement::Replacement;

/// Most steps that the patterns of one evaluation may take together.
pub const MAX_STEPS: u32 = 500_000;

/// Why a pattern was refused or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// The pattern is wrong: why, and the character (from 1) at which that was noticed.
    Wrong(&'static str, usize),
    /// The pattern is too large or nested too deeply.
    TooLarge,
    /// Matching took too many steps.
    TooManySteps,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(why, at) => write!(f, "the pattern is wrong at its character {at}: {why}"),
            Self::TooLarge => f.write_str("the pattern is too large"),
            Self::TooManySteps => {
                write!(f, "the pattern takes more than {MAX_STEPS} steps on this text; avoid loops within loops")
            }
        }
    }
}

impl std::error::Error for PatternError {}

/// The start and end of a group's text, in bytes; none of a group that took no part in the match.
pub(crate) type Group = Option<(usize, usize)>;

/// A compiled pattern.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    program: compile::Program,
}

impl Pattern {
    /// Compiles a pattern.
    pub fn compile(text: &str) -> Result<Self, PatternError> {
        let parsed = parse::parse(text)?;
        Ok(Self { text: text.to_owned(), program: compile::compile(&parsed)? })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches the text from its start to its end. Takes its steps from `steps`.
    pub fn matches_whole(&self, text: &str, steps: &mut u32) -> Result<bool, PatternError> {
        matcher::matches_whole(&self.program, text, steps)
    }

    /// The groups of the first match at or behind a byte; group 0 is the whole match.
    pub(crate) fn find(&self, text: &str, from: usize, steps: &mut u32) -> Result<Option<Vec<Group>>, PatternError> {
        matcher::find(&self.program, text, from, steps)
    }

    /// The number of the group with this name, or of this number.
    pub(crate) fn group(&self, name: &str) -> Option<usize> {
        self.program.group(name)
    }
}
