//! What every write records besides its content.

use std::time::SystemTime;

use uuid::Uuid;

use crate::tenant::TenantId;

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

/// A resource that is written, and what its write records.
pub(super) struct Target<'a> {
    pub(super) tenant: TenantId,
    pub(super) resource_type: &'a str,
    pub(super) id: Uuid,
    /// Its [`slot`] of the counters.
    pub(super) slot: i16,
    pub(super) stamp: &'a Stamp,
}

/// Each counter of resources or member changes is split over this many rows, so that writers do not block one another.
const COUNTER_SLOTS: u8 = 16;

/// A counter row at random.
pub(super) fn slot() -> i16 {
    i16::from(rand::random::<u8>() % COUNTER_SLOTS)
}
