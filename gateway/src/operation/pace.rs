//! Loops over many small things yield to other tasks.

use std::time::{Duration, Instant};

/// The longest stretch without a yield.
const MAX_STRETCH: Duration = Duration::from_millis(1);

/// When a loop yielded last.
pub(crate) struct Pace(Instant);

impl Pace {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Between two steps of a loop: yields if the last time was a while ago.
    pub(crate) async fn step(&mut self) {
        if self.0.elapsed() >= MAX_STRETCH {
            tokio::task::yield_now().await;
            self.0 = Instant::now();
        }
    }
}
