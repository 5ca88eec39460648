//! How far the product has read the events, by the credential with which it reads: noted in memory, and stored in batches, so that no
//! event is purged which a reader that still follows has not read.

pub mod flush;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::store::retention::ReaderPosition;
use crate::tenant::TenantId;

/// Readers that are noted at once; those beyond are noted when they read again after the next batch.
const MAX_READERS: usize = 10_000;

/// Positions that are not stored yet.
#[derive(Clone, Default)]
pub struct EventReaders(Arc<Mutex<HashMap<(TenantId, Uuid), i64>>>);

impl EventReaders {
    /// The reader has read up to an event.
    pub(crate) fn note(&self, tenant: TenantId, reader: Uuid, after: i64) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() < MAX_READERS || noted.contains_key(&(tenant, reader)) {
            noted.insert((tenant, reader), after);
        }
    }

    /// How many positions there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self) -> HashMap<TenantId, Vec<ReaderPosition>> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut by_tenant: HashMap<TenantId, Vec<ReaderPosition>> = HashMap::new();
        for ((tenant, reader), after) in noted {
            by_tenant.entry(tenant).or_default().push(ReaderPosition { reader, after });
        }
        by_tenant
    }
}
