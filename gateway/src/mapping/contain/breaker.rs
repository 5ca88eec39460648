//! Circuit breakers: a step that keeps exceeding its CPU time or memory is not called for a while, since every such call
//! slows other tenants down.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::StepKey;
use crate::clock::Clock;

/// Failures that open a breaker.
pub const FAILURES_TO_OPEN: u32 = 5;
/// Successes that offset one failure: a step that fails on one document in a hundred stays closed, one that fails on every
/// second document does not.
const SUCCESSES_PER_FAILURE: u32 = 50;
/// Failures are forgotten after this long without another one.
const FAILURE_TTL: Duration = Duration::from_mins(1);
/// How long a breaker is open at first; twice as long after each failed probe.
pub const FIRST_COOL_DOWN: Duration = Duration::from_secs(30);
/// The longest that a breaker is open.
pub const MAX_COOL_DOWN: Duration = Duration::from_mins(5);
/// How long a call must wait while a probe runs.
const PROBE_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What a call used of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// It stayed within its CPU time and memory, whatever it decided.
    WithinLimits,
    /// It exceeded its CPU time or memory.
    Exceeded,
    /// It failed because of the machine's load, which says nothing about the step.
    Unknown,
}

/// What a record changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    None,
    /// The breaker opened, for this long.
    Opened(Duration),
    /// The breaker closed.
    Closed,
}

/// The breakers of all steps with recent failures.
pub(super) struct Breakers {
    clock: Clock,
    states: Mutex<HashMap<StepKey, State>>,
}

struct State {
    /// Failures times [`SUCCESSES_PER_FAILURE`], minus successes.
    score: u32,
    last_failure: SystemTime,
    open: Option<Open>,
}

#[derive(Clone, Copy)]
struct Open {
    until: SystemTime,
    cool_down: Duration,
    /// A single call is under way to test the step.
    probing: bool,
}

impl Breakers {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, states: Mutex::default() }
    }

    /// How many are open.
    pub(super) fn count_open(&self) -> usize {
        let now = self.clock.now();
        self.lock().values().filter(|state| state.open.is_some_and(|open| open.until > now)).count()
    }

    /// Whether a call may begin; if not, for how long. Starts no probe.
    pub(super) fn check(&self, step: &StepKey) -> Result<(), Duration> {
        let now = self.clock.now();
        match self.lock().get(step).and_then(|state| state.open) {
            Some(open) => open.check(now),
            None => Ok(()),
        }
    }

    /// Whether a running call should end: the breaker is open, and the call is not its probe.
    pub(super) fn is_open(&self, step: &StepKey) -> bool {
        self.lock().get(step).and_then(|state| state.open).is_some_and(|open| !open.probing)
    }

    /// As `check`, for a call that begins now and will be recorded. After the cool-down the first call is the probe, and
    /// the others are refused until its result is recorded.
    pub(super) fn admit(&self, step: &StepKey) -> Result<(), Duration> {
        let now = self.clock.now();
        let mut states = self.lock();
        let Some(open) = states.get_mut(step).and_then(|state| state.open.as_mut()) else { return Ok(()) };
        open.check(now)?;
        open.probing = true;
        Ok(())
    }

    /// Records the result of an admitted call.
    pub(super) fn record(&self, step: &StepKey, usage: Usage) -> Transition {
        let now = self.clock.now();
        let mut states = self.lock();
        match usage {
            Usage::Exceeded => {
                let is_older = |known: &StepKey| {
                    known.tenant == step.tenant && known.purpose == step.purpose && known.revision != step.revision
                };
                states.retain(|known, _| !is_older(known));
                let new = || State { score: 0, last_failure: now, open: None };
                states.entry(step.clone()).or_insert_with(new).fail(now)
            }
            Usage::WithinLimits => {
                let Some(state) = states.get_mut(step) else { return Transition::None };
                state.score = state.score.saturating_sub(1);
                let was_probe = state.open.is_some_and(|open| open.probing);
                if was_probe || (state.score == 0 && state.open.is_none()) {
                    states.remove(step);
                }
                if was_probe { Transition::Closed } else { Transition::None }
            }
            Usage::Unknown => {
                if let Some(open) = states.get_mut(step).and_then(|state| state.open.as_mut()) {
                    open.probing = false;
                }
                Transition::None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StepKey, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn check(&self, now: SystemTime) -> Result<(), Duration> {
        match self.until.duration_since(now) {
            Ok(remaining) if !remaining.is_zero() => Err(remaining),
            _ if self.probing => Err(PROBE_RETRY_INTERVAL),
            _ => Ok(()),
        }
    }
}

impl State {
    fn fail(&mut self, now: SystemTime) -> Transition {
        let cool_down = match self.open {
            Some(Open { probing: true, cool_down, .. }) => (cool_down * 2).min(MAX_COOL_DOWN),
            // The call began before the breaker opened.
            Some(_) => return Transition::None,
            None => {
                if now.duration_since(self.last_failure).unwrap_or_default() > FAILURE_TTL {
                    self.score = 0;
                }
                self.score += SUCCESSES_PER_FAILURE;
                self.last_failure = now;
                // A few successes since the first failure must not keep the fifth failure from counting.
                if self.score <= (FAILURES_TO_OPEN - 1) * SUCCESSES_PER_FAILURE {
                    return Transition::None;
                }
                FIRST_COOL_DOWN
            }
        };
        self.open = Some(Open { until: now + cool_down, cool_down, probing: false });
        Transition::Opened(cool_down)
    }
}

#[cfg(test)]
mod tests;
