//! Containment: what one tenant's slow or failing plugins cost the others is bounded. Every call needs a permit of the
//! admission limit; a slow call also one of the slow-call limiter; the calls of a step that is often slow go to the
//! bulkhead; and a step that keeps exceeding its limits is not called for a while.

mod admission;
pub mod breaker;
mod bulkhead;
pub mod slow_calls;

use std::sync::Arc;
use std::time::Duration;

use scimgate_plugin_host::{CallResult, Decision, Failure, FailureKind};

use super::MapperConfig;
use crate::clock::Clock;
use admission::AdmissionLimit;
use breaker::{Breakers, Transition, Usage};
use bulkhead::Bulkhead;
use slow_calls::{CallGuard, SlowCallLimiter};

/// Identifies a step of a tenant's mapping. A new revision has new steps, so a corrected mapping starts without a history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct StepKey {
    pub(super) tenant: String,
    pub(super) revision: i32,
    /// The step's position in the chain, from 1.
    pub(super) number: usize,
    /// The plugin's digest.
    pub(super) plugin: String,
    pub(super) purpose: Purpose,
}

/// Why a chain runs. Failures in a run that stores nothing must not open the breaker of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// A document that is stored.
    Write,
    /// One of many documents of which nothing is stored. Such runs have breakers of their own.
    DryRun,
    /// A document whose mapping an operator inspects. Every call is made: there is no breaker.
    Preview,
}

/// Why a call was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    /// The step's circuit breaker is open for this long.
    Open(Duration),
    /// There was no permit in time.
    Busy,
}

/// The containment of all calls.
pub(super) struct Containment {
    enabled: bool,
    admission_timeout: Duration,
    admission: AdmissionLimit,
    breakers: Arc<Breakers>,
    slow_calls: Arc<SlowCallLimiter>,
    bulkhead: Bulkhead,
}

impl Containment {
    pub(super) fn new(config: &MapperConfig, clock: Clock) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        // One processor is left for the calls that are quick.
        let spare = processors.saturating_sub(1).max(1);
        let breakers = Arc::new(Breakers::new(clock.clone()));
        Self {
            enabled: config.contain,
            admission_timeout: config.admission_timeout,
            admission: AdmissionLimit::new(config.max_calls, config.max_tenant_calls),
            slow_calls: Arc::new(SlowCallLimiter::new(spare, breakers.clone())),
            bulkhead: Bulkhead::new(spare, clock),
            breakers,
        }
    }

    /// Permits for calls at the same time, and how many of them are free.
    pub(super) fn permits(&self) -> (usize, usize) {
        self.admission.permits()
    }

    /// How many breakers are open.
    pub(super) fn open_breakers(&self) -> usize {
        self.breakers.count_open()
    }

    /// Makes a call of a step: in the bulkhead if the step is slow, else on this thread, since a quick call is not worth
    /// a thread switch.
    pub(super) async fn call<D: Send + 'static>(
        self: &Arc<Self>,
        step: StepKey,
        call: impl FnOnce() -> CallResult<D> + Send + 'static,
    ) -> Result<CallResult<D>, Blocked> {
        if step.purpose != Purpose::Preview {
            self.breakers.check(&step).map_err(Blocked::Open)?;
        }
        if self.enabled && self.bulkhead.contains(&step) {
            let (tenant, containment) = (step.tenant.clone(), self.clone());
            let observed = move || containment.observe(&step, call);
            return self.bulkhead.run(&tenant, self.admission_timeout, observed).await.ok_or(Blocked::Busy)?;
        }
        let _permit = self.admission.acquire(&step.tenant, self.admission_timeout).await.ok_or(Blocked::Busy)?;
        self.observe(&step, call)
    }

    /// Makes a call and records what it used. Nothing in here can be cancelled, so every probe of a breaker is followed
    /// by its result, even if the request is gone.
    fn observe<D>(&self, step: &StepKey, call: impl FnOnce() -> CallResult<D>) -> Result<CallResult<D>, Blocked> {
        let has_breaker = step.purpose != Purpose::Preview;
        if has_breaker {
            self.breakers.admit(step).map_err(Blocked::Open)?;
        }
        if !self.enabled {
            return Ok(call());
        }
        let guard = CallGuard::begin(&self.slow_calls, step);
        let result = call();
        drop(guard);
        self.bulkhead.record(step, result.cpu);
        if has_breaker {
            log_transition(step, self.breakers.record(step, usage(&result.decision)));
        }
        Ok(result)
    }
}

/// Exceeded wall-clock time is the machine's fault: a plugin cannot sleep.
fn usage(decision: &Result<Decision, Failure>) -> Usage {
    match decision.as_ref().map_err(|failure| failure.kind) {
        Err(FailureKind::CpuTime | FailureKind::Memory) => Usage::Exceeded,
        Err(FailureKind::Overloaded | FailureKind::WallTime) => Usage::Unknown,
        Ok(_) | Err(_) => Usage::WithinLimits,
    }
}

fn log_transition(step: &StepKey, transition: Transition) {
    match transition {
        Transition::None => {}
        Transition::Opened(cool_down) => tracing::warn!(
            tenant.name = step.tenant,
            plugin.digest = step.plugin,
            mapping.revision = step.revision,
            step = step.number,
            seconds = cool_down.as_secs(),
            "a plugin keeps failing and is not called for a while"
        ),
        Transition::Closed => tracing::info!(
            tenant.name = step.tenant,
            plugin.digest = step.plugin,
            mapping.revision = step.revision,
            step = step.number,
            "a plugin that kept failing is called again"
        ),
    }
}

#[cfg(test)]
impl StepKey {
    /// The first step of a tenant's mapping.
    fn of(tenant: &str, revision: i32) -> Self {
        Self { tenant: tenant.to_owned(), revision, number: 1, plugin: "aa".to_owned(), purpose: Purpose::Write }
    }
}
