//! Copies of stored writes that are to be mapped by a draft, too.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::operation::settings::Settings;
use crate::store::resource::read::Stored;
use crate::tenant::TenantId;

/// Most writes in the queue, of all tenants.
const MAX_QUEUED: usize = 1_000;
/// … and the bytes of their documents.
const MAX_QUEUED_BYTES: usize = 16 << 20;

/// The writes, and how many of each tenant's draft found no room.
#[derive(Default)]
pub struct ShadowQueue {
    state: Mutex<State>,
    added: Notify,
}

#[derive(Default)]
struct State {
    writes: VecDeque<(TenantId, Stored)>,
    bytes: usize,
    dropped: HashMap<(TenantId, i32), i64>,
}

impl ShadowQueue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a copy of a resource that was just stored, if the tenant has a draft that maps live writes, and this one is of its
    /// sample. One that finds no room is counted.
    pub(crate) fn offer(&self, tenant: TenantId, settings: &Settings, stored: &Stored) {
        let Some(shadow) = &settings.shadow else { return };
        if rand::random_range(0..100) >= shadow.percent {
            return;
        }
        let bytes = stored.bytes();
        let mut state = self.state();
        if state.writes.len() >= MAX_QUEUED || state.bytes + bytes > MAX_QUEUED_BYTES {
            *state.dropped.entry((tenant, shadow.chain.revision)).or_default() += 1;
            return;
        }
        state.bytes += bytes;
        state.writes.push_back((tenant, stored.clone()));
        drop(state);
        self.added.notify_one();
    }

    /// How many writes there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.state().writes.len()
    }

    /// The oldest write.
    pub(crate) fn take(&self) -> Option<(TenantId, Stored)> {
        let mut state = self.state();
        let taken = state.writes.pop_front();
        if let Some((_, stored)) = &taken {
            state.bytes = state.bytes.saturating_sub(stored.bytes());
        }
        taken
    }

    /// The writes that found no room since the last call, by tenant and revision.
    pub(crate) fn take_dropped(&self) -> HashMap<(TenantId, i32), i64> {
        std::mem::take(&mut self.state().dropped)
    }

    /// Returns once there may be a write.
    pub async fn added(&self) {
        self.added.notified().await;
    }
}
