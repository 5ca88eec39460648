//! Whether the database answers. A change is logged once, however many statements notice it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool::managed::{PoolError, TimeoutType};
use tokio::time::Instant;
use tokio_postgres::error::SqlState;

use crate::store::error::Error;
use crate::telemetry::chain;

/// A database that was lost is back once no statement has failed for so long: while it stops or starts, some may still be answered.
const QUIET: Duration = Duration::from_secs(1);

/// Whether the database answers.
#[derive(Debug, Default)]
pub struct Availability {
    /// The same as whether `lost` has something, for the path of every statement.
    is_lost: AtomicBool,
    lost: Mutex<Option<Lost>>,
    /// Requests that were refused since it was lost.
    refused: AtomicU64,
    /// How often it was lost since the process began.
    losses: AtomicU64,
}

#[derive(Debug)]
struct Lost {
    since: Instant,
    last_failure: Instant,
    failures: u64,
}

impl Availability {
    /// Whether the database is lost now.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// How often it was lost since the process began.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    /// A request failed because the database was unavailable. Returns whether that is counted, and logged when the database is back.
    pub fn refused(&self) -> bool {
        let is_lost = self.is_lost();
        if is_lost {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        is_lost
    }

    /// A batch that began then has ended so.
    pub(in crate::store) fn note(&self, begun: Instant, failure: Option<&Error>) {
        match failure {
            Some(error) if is_loss(error) => self.lose(error),
            Some(Error::Unavailable { .. }) => {}
            // Also a refusal is an answer.
            _ if self.is_lost() => self.answered(begun),
            _ => {}
        }
    }

    /// A connection is dead, or none can be had.
    pub(in crate::store) fn lose(&self, error: &Error) {
        let now = Instant::now();
        let mut lost = self.lock();
        if let Some(known) = &mut *lost {
            known.last_failure = now;
            known.failures += 1;
            return;
        }
        *lost = Some(Lost { since: now, last_failure: now, failures: 1 });
        self.refused.store(0, Ordering::Relaxed);
        self.losses.fetch_add(1, Ordering::Relaxed);
        self.is_lost.store(true, Ordering::Relaxed);
        tracing::error!(error = chain(error), "database lost");
    }

    fn answered(&self, begun: Instant) {
        let mut lost = self.lock();
        let Some(found) = lost.take_if(|lost| begun >= lost.last_failure + QUIET) else { return };
        self.is_lost.store(false, Ordering::Relaxed);
        tracing::warn!(
            seconds = found.since.elapsed().as_secs(),
            refused_requests = self.refused.load(Ordering::Relaxed),
            failed_batches = found.failures,
            "database is back"
        );
    }

    fn lock(&self) -> MutexGuard<'_, Option<Lost>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an error means that the database is gone, and not that it is busy: a batch that waited too long for a connection, and a
/// statement that took too long, are no loss.
fn is_loss(error: &Error) -> bool {
    let Error::Unavailable { source, .. } = error else { return false };
    if let Some(PoolError::Timeout(kind)) = source.downcast_ref::<PoolError<tokio_postgres::Error>>() {
        return !matches!(kind, TimeoutType::Wait);
    }
    let Some(refusal) = source.downcast_ref::<tokio_postgres::Error>() else { return false };
    match refusal.code() {
        None => true,
        Some(code) => {
            let stops = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW];
            stops.contains(code) || code.code().starts_with("08")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool_error(kind: TimeoutType) -> Error {
        Error::unavailable("testing", PoolError::<tokio_postgres::Error>::Timeout(kind))
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_back_once_it_was_quiet() {
        let availability = Availability::default();
        let (none, dead) = (pool_error(TimeoutType::Wait), pool_error(TimeoutType::Create));
        availability.note(Instant::now(), Some(&none));
        assert!(!availability.is_lost() && !availability.refused(), "a busy pool is no loss");
        availability.note(Instant::now(), Some(&dead));
        assert!(availability.is_lost() && availability.refused());
        availability.note(Instant::now(), None);
        assert!(availability.is_lost(), "another connection still answers");
        tokio::time::advance(QUIET / 2).await;
        availability.note(Instant::now(), Some(&dead));
        tokio::time::advance(QUIET / 2).await;
        availability.note(Instant::now(), None);
        assert!(availability.is_lost());
        tokio::time::advance(QUIET / 2).await;
        availability.note(Instant::now(), Some(&Error::Conflict { doing: "testing" }));
        assert!(!availability.is_lost() && !availability.refused());
        assert_eq!(availability.losses(), 1);
    }
}
