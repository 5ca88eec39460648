//! When credentials were used last: noted in memory, to the minute, and stored in batches, off the request's path.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::tenant::TenantId;

/// How exactly a use is noted.
const PRECISION: Duration = Duration::from_mins(1);
/// Credentials of which a use is noted at once; those beyond are noted when they are used again after the next batch.
const MAX_NOTED: usize = 100_000;

/// Uses that are not stored yet.
#[derive(Clone, Default)]
pub struct LastUsed {
    /// Of operator keys.
    pub operators: Uses<Uuid>,
    /// Of tenants' credentials.
    pub tokens: Uses<(TenantId, Uuid)>,
}

impl LastUsed {
    /// How many credentials there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.operators.count() + self.tokens.count()
    }
}

/// The last use of each credential of a kind.
#[derive(Clone)]
pub struct Uses<K>(Arc<Mutex<HashMap<K, SystemTime>>>);

impl<K> Default for Uses<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash> Uses<K> {
    /// Notes a use.
    pub fn note(&self, key: K, minute: SystemTime) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() < MAX_NOTED || noted.contains_key(&key) {
            noted.entry(key).and_modify(|at| *at = minute.max(*at)).or_insert(minute);
        }
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes what is noted.
    #[must_use]
    pub fn take(&self) -> Vec<(K, SystemTime)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}

/// The beginning of a moment's minute.
pub(super) fn minute(now: SystemTime) -> SystemTime {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    UNIX_EPOCH + Duration::from_secs(since - since % PRECISION.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_use_is_kept_to_the_minute() {
        let at = |second| minute(UNIX_EPOCH + Duration::from_secs(second));
        let uses = Uses::default();
        for (key, second) in [(1, 200), (1, 130), (2, 61), (2, 119)] {
            uses.note(key, at(second));
        }
        let mut taken = uses.take();
        taken.sort_unstable();
        assert_eq!(taken, [(1, at(180)), (2, at(60))]);
        assert!(uses.take().is_empty());
    }
}
