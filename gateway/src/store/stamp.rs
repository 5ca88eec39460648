//! What every write carries besides its content.

use std::time::SystemTime;

/// Who writes, and when.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// When.
    pub at: SystemTime,
    /// The credential's id, as text.
    pub actor: String,
    /// The request's id.
    pub request_id: String,
}

/// Rows that count resources and member changes are spread over so many, so that writers do not queue for one.
const SLOTS: u8 = 16;

/// A counter row at random.
pub(super) fn slot() -> i16 {
    i16::from(rand::random::<u8>() % SLOTS)
}
