//! Why a command failed: one message for the terminal and an exit status.

use scimgate::telemetry;

/// The exit status for wrong usage, the same as clap's.
const USAGE_STATUS: u8 = 2;

/// A failed command's message and exit status.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) status: u8,
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(telemetry::chain(&error))
    }
}

impl Failure {
    /// A message that says what is wrong and what to do.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 1 }
    }

    /// The same for options that do not go together, before anything is done.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: USAGE_STATUS }
    }
}
