//! A step that keeps using up its time or its memory is not called for a while: what it would cost is other tenants'.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::clock::Clock;

/// Failures after which a step is not called.
pub const FAILURES: u32 = 5;
/// Successes that make up for one failure: a step that fails on one document in a hundred goes on, one that alternates
/// does not.
const FORGIVING: u32 = 50;
/// After so long without a failure all is forgotten.
const WINDOW: Duration = Duration::from_mins(1);
/// How long a step is not called, the first time; twice as long each time that its trial fails, too.
pub const COOL_DOWN: Duration = Duration::from_secs(30);
/// The longest that a step is not called.
pub const LONGEST: Duration = Duration::from_mins(5);

/// A step of a tenant's mapping. A new revision is a new step: whoever mends a mapping need not wait.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Step {
    pub(super) tenant: String,
    pub(super) revision: i32,
    pub(super) index: usize,
}

/// What a call of a step came to, as its costs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// It stayed within its time and memory, whatever it decided.
    Bearable,
    /// It used up its time or its memory.
    Unbearable,
    /// The machine had no room for it, which says nothing of the step.
    Unknown,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// The step is not called from now on, for so long.
    Opened(Duration),
    /// The step is called again.
    Closed,
}

/// The breakers of all steps that failed lately.
pub(super) struct Breakers {
    clock: Clock,
    steps: Mutex<HashMap<Step, State>>,
}

struct State {
    /// Failures, each as many as the successes that make up for it.
    debt: u32,
    last_failure: SystemTime,
    open: Option<Open>,
}

#[derive(Clone, Copy)]
struct Open {
    until: SystemTime,
    length: Duration,
    /// One call is being tried.
    trial: bool,
}

impl Breakers {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, steps: Mutex::default() }
    }

    /// Whether the step is called at this moment; if not, how long it will not be. Takes no trial.
    pub(super) fn check(&self, step: &Step) -> Result<(), Duration> {
        let now = self.clock.now();
        match self.lock().get(step).and_then(|state| state.open) {
            Some(open) => open.remaining(now),
            None => Ok(()),
        }
    }

    /// Whether a call that has begun may as well end: its step is not called any more, and it is not the trial.
    pub(super) fn is_over(&self, step: &Step) -> bool {
        self.lock().get(step).and_then(|state| state.open).is_some_and(|open| !open.trial)
    }

    /// As `check`, for a call that now begins and will be reported: after the cool-down one is tried, and the others
    /// wait for what comes of it.
    pub(super) fn admit(&self, step: &Step) -> Result<(), Duration> {
        let now = self.clock.now();
        let mut steps = self.lock();
        let Some(open) = steps.get_mut(step).and_then(|state| state.open.as_mut()) else { return Ok(()) };
        open.remaining(now)?;
        open.trial = true;
        Ok(())
    }

    /// What came of a call that was admitted.
    pub(super) fn report(&self, step: &Step, cost: Cost) -> Change {
        let now = self.clock.now();
        let mut steps = self.lock();
        match cost {
            Cost::Unbearable => {
                steps.retain(|known, _| known.tenant != step.tenant || known.revision == step.revision);
                let fresh = || State { debt: 0, last_failure: now, open: None };
                steps.entry(step.clone()).or_insert_with(fresh).fail(now)
            }
            Cost::Bearable => {
                let Some(state) = steps.get_mut(step) else { return Change::None };
                state.debt = state.debt.saturating_sub(1);
                let was_tried = state.open.is_some_and(|open| open.trial);
                if was_tried || (state.debt == 0 && state.open.is_none()) {
                    steps.remove(step);
                }
                if was_tried { Change::Closed } else { Change::None }
            }
            Cost::Unknown => {
                if let Some(open) = steps.get_mut(step).and_then(|state| state.open.as_mut()) {
                    open.trial = false;
                }
                Change::None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Step, State>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn remaining(&self, now: SystemTime) -> Result<(), Duration> {
        match self.until.duration_since(now) {
            Ok(remaining) if !remaining.is_zero() => Err(remaining),
            _ if self.trial => Err(Duration::from_secs(1)),
            _ => Ok(()),
        }
    }
}

impl State {
    fn fail(&mut self, now: SystemTime) -> Change {
        let length = match self.open {
            Some(Open { trial: true, length, .. }) => (length * 2).min(LONGEST),
            // It began before the breaker opened.
            Some(_) => return Change::None,
            None => {
                if now.duration_since(self.last_failure).unwrap_or_default() > WINDOW {
                    self.debt = 0;
                }
                self.debt += FORGIVING;
                self.last_failure = now;
                // A success since the first failure must not keep the fifth from counting.
                if self.debt <= (FAILURES - 1) * FORGIVING {
                    return Change::None;
                }
                COOL_DOWN
            }
        };
        self.open = Some(Open { until: now + length, length, trial: false });
        Change::Opened(length)
    }
}

#[cfg(test)]
mod tests;
