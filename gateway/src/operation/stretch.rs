//! The longest time for which a request has computed on a thread that other requests wait for: measured in builds with debug
//! assertions alone, for the tests.

#[cfg(debug_assertions)]
use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

#[cfg(debug_assertions)]
static LONGEST_MICROS: AtomicU64 = AtomicU64::new(0);

#[cfg(debug_assertions)]
thread_local! {
    /// Whether the other tasks of this thread have gone to another one since the stretch began.
    static HAS_LEFT: Cell<bool> = const { Cell::new(false) };
}

/// Computes from one wait to the next.
#[cfg(not(debug_assertions))]
pub(crate) fn measure<T>(compute: impl FnOnce() -> T) -> T {
    compute()
}

/// Computes from one wait to the next.
#[cfg(debug_assertions)]
pub(crate) fn measure<T>(compute: impl FnOnce() -> T) -> T {
    let cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    };
    HAS_LEFT.set(false);
    let begin = cpu();
    let computed = compute();
    let micros = u64::try_from(cpu().saturating_sub(begin).as_micros()).unwrap_or(u64::MAX);
    if !HAS_LEFT.get() && LONGEST_MICROS.fetch_max(micros, Ordering::Relaxed) < micros {
        tracing::debug!(micros, "the longest stretch so far");
    }
    computed
}

/// From here on the stretch is on a thread that no other request waits for.
pub fn left() {
    #[cfg(debug_assertions)]
    HAS_LEFT.set(true);
}

/// The longest stretch in this process, in CPU time.
#[cfg(debug_assertions)]
#[must_use]
pub fn longest() -> Duration {
    Duration::from_micros(LONGEST_MICROS.load(Ordering::Relaxed))
}
