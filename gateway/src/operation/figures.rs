//! Figures of all tenants together, as they were read last: from the database, and of credentials that expire.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::store::figures::Figures;
use crate::store::reminder::Kind;

/// Figures older than this are not shown: another replica has newer ones.
const MAX_AGE: Duration = Duration::from_hours(3);
/// A credential with less life than this expires soon.
const SOON: Duration = Duration::from_hours(24 * 30);

/// How many credentials of each kind expire soon, and have expired without having been revoked.
pub type ExpiringCounts = [(u64, u64); Kind::ALL.len()];

/// What was read last, with the time.
#[derive(Debug, Default)]
pub struct LatestFigures {
    figures: Mutex<Option<(Figures, Instant)>>,
    expiring: Mutex<Option<(ExpiringCounts, Instant)>>,
}

impl LatestFigures {
    /// Keeps what was read just now.
    pub fn set(&self, figures: Figures) {
        *lock(&self.figures) = Some((figures, Instant::now()));
    }

    /// Keeps what was counted just now.
    pub fn set_expiring(&self, counts: ExpiringCounts) {
        *lock(&self.expiring) = Some((counts, Instant::now()));
    }

    /// The figures, and their age.
    #[must_use]
    pub fn get(&self) -> Option<(Figures, Duration)> {
        lock(&self.figures).as_ref().map(|(figures, at)| (figures.clone(), at.elapsed()))
    }

    /// The credentials that expire, if this process counted them lately: one replica does.
    #[must_use]
    pub fn expiring(&self) -> Option<ExpiringCounts> {
        lock(&self.expiring).filter(|(_, at)| at.elapsed() < MAX_AGE).map(|(counts, _)| counts)
    }
}

/// Counts a credential that expires then.
pub fn count_expiring((soon, expired): &mut (u64, u64), expires_at: Option<SystemTime>, now: SystemTime) {
    match expires_at.map(|end| end.duration_since(now)) {
        Some(Ok(left)) if left <= SOON => *soon += 1,
        Some(Err(_)) => *expired += 1,
        _ => {}
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
