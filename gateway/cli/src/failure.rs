//! Why a command failed: one message for the terminal and an exit status.

use std::path::Path;

use scimgate::telemetry;
use serde_json::{Value, json};

use crate::problem::Problem;

/// The exit status for wrong usage, the same as clap's.
const USAGE_STATUS: u8 = 2;

/// A failed command's message and exit status.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) status: u8,
    /// The gateway's own document, if it refused.
    pub(crate) problem: Option<Value>,
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut causes =
            std::iter::successors(Some(&error as &(dyn std::error::Error + 'static)), |error| error.source());
        let problem = causes.find_map(|error| error.downcast_ref::<Problem>());
        Self { problem: problem.map(|problem| problem.document().clone()), ..Self::new(telemetry::chain(&error)) }
    }
}

impl Failure {
    /// What is printed of it: a sentence, or an object for programs.
    pub(crate) fn text(&self, as_json: bool) -> String {
        if !as_json {
            return format!("scimgate: {}", self.message);
        }
        let mut object = json!({ "error": self.message });
        if let Some(problem) = &self.problem {
            object["problem"] = problem.clone();
        }
        object.to_string()
    }

    /// A message that says what is wrong and what to do.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 1, problem: None }
    }

    /// The same about a file's content, where the gateway refused it. Standard input has no name.
    pub(crate) fn of_file(self, path: &Path) -> Self {
        if self.problem.is_none() || path.as_os_str() == "-" {
            return self;
        }
        Self { message: format!("{}: {}", path.display(), self.message), ..self }
    }

    /// The same for options that do not go together, before anything is done.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { status: USAGE_STATUS, ..Self::new(message) }
    }
}
