//! What a check found, and what to do about it.

use serde_json::{Value, json};

/// What to do where the database does not answer.
pub(super) const AGAIN: &str = "run this again when the database answers";

/// What a check found.
pub(super) struct Finding {
    check: &'static str,
    state: State,
    /// What was found.
    found: String,
    /// What to do about it.
    fix: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Wrong,
    /// Nothing is wrong, and something may be better.
    Note,
    /// It could not be checked.
    Skipped,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Wrong => "WRONG",
            Self::Note => "note",
            Self::Skipped => "skipped",
        }
    }
}

impl Finding {
    pub(super) fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: State::Good, found: found.into(), fix: None }
    }

    pub(super) fn wrong(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Wrong, found: found.into(), fix: Some(fix.into()) }
    }

    pub(super) fn note(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Note, found: found.into(), fix: Some(fix.into()) }
    }

    pub(super) fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        Self { check, state: State::Skipped, found: why.into(), fix: None }
    }

    pub(super) fn is_wrong(&self) -> bool {
        self.state == State::Wrong
    }

    pub(super) fn json(&self) -> Value {
        json!({ "check": self.check, "state": self.state.word().to_lowercase(), "found": self.found, "fix": self.fix })
    }

    /// What people read.
    pub(super) fn lines(&self) -> String {
        let line = format!("{:<8} {:<20} {}", self.state.word(), self.check, self.found);
        self.fix.iter().fold(line, |line, fix| format!("{line}\n{:<29} → {fix}", ""))
    }
}
