//! Limits slow calls. A call runs on its request's thread; from its second millisecond on it needs a permit. There is
//! one permit fewer than processors, and one per tenant, so that thirty endless loops of one tenant never run at once
//! and one processor is left for the calls that are quick.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::StepKey;
use super::breaker::Breakers;

/// How long a call waits for a permit. After a longer wait it would hardly finish within its wall-clock limit.
const PERMIT_TIMEOUT: Duration = Duration::from_millis(500);
/// How often a waiting call checks whether its step's breaker has opened.
const BREAKER_POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The permits for slow calls.
pub(super) struct SlowCallLimiter {
    max_calls: usize,
    breakers: Arc<Breakers>,
    /// The tenants with a permit.
    tenants: Mutex<HashSet<String>>,
    released: Condvar,
}

impl SlowCallLimiter {
    pub(super) fn new(max_calls: usize, breakers: Arc<Breakers>) -> Self {
        Self { max_calls, breakers, tenants: Mutex::default(), released: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a permit. Fails if the step's breaker opens, or after the timeout.
    fn acquire(&self, step: &StepKey) -> bool {
        let started = Instant::now();
        let mut tenants = self.lock();
        loop {
            if self.breakers.is_open(step) || started.elapsed() > PERMIT_TIMEOUT {
                return false;
            }
            if tenants.len() < self.max_calls && !tenants.contains(&step.tenant) {
                return tenants.insert(step.tenant.clone());
            }
            let waited = self.released.wait_timeout(tenants, BREAKER_POLL_INTERVAL);
            tenants = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn release(&self, tenant: &str) {
        self.lock().remove(tenant);
        self.released.notify_all();
    }
}

struct CurrentCall {
    limiter: Arc<SlowCallLimiter>,
    step: StepKey,
    has_permit: bool,
}

thread_local! {
    /// The plugin call on this thread. The host's `escalate` hook has no arguments, so it finds the call here.
    static CURRENT_CALL: RefCell<Option<CurrentCall>> = const { RefCell::new(None) };
}

/// A call on this thread, until it is dropped.
pub(super) struct CallGuard;

impl CallGuard {
    pub(super) fn begin(limiter: &Arc<SlowCallLimiter>, step: &StepKey) -> Self {
        CURRENT_CALL.set(Some(CurrentCall { limiter: limiter.clone(), step: step.clone(), has_permit: false }));
        Self
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        if let Some(CurrentCall { limiter, step, has_permit: true }) = CURRENT_CALL.take() {
            limiter.release(&step.tenant);
        }
    }
}

/// Acquires the slow-call permit for the plugin call on this thread, unless it has one. Blocks. If it returns false, the
/// call must end.
#[must_use]
pub fn acquire_for_current_call() -> bool {
    CURRENT_CALL.with_borrow_mut(|call| {
        let Some(call) = call else { return true };
        call.has_permit = call.has_permit || call.limiter.acquire(&call.step);
        call.has_permit
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::super::breaker::{FAILURES_TO_OPEN, FIRST_COOL_DOWN, Usage};
    use super::*;
    use crate::clock::Clock;

    fn limiter(max_calls: usize) -> (Arc<SlowCallLimiter>, Clock) {
        let clock = Clock::set_to(UNIX_EPOCH);
        (Arc::new(SlowCallLimiter::new(max_calls, Arc::new(Breakers::new(clock.clone())))), clock)
    }

    fn step(tenant: &str) -> StepKey {
        StepKey::of(tenant, 1)
    }

    fn open_breaker(limiter: &SlowCallLimiter, step: &StepKey) {
        for _ in 0..FAILURES_TO_OPEN {
            limiter.breakers.record(step, Usage::Exceeded);
        }
    }

    #[test]
    fn a_tenant_has_one_permit() {
        let (limiter, _) = limiter(2);
        assert!(limiter.acquire(&step("acme")));
        assert!(!limiter.acquire(&step("acme")), "the tenant has its permit");
        assert!(limiter.acquire(&step("globex")));
        assert!(!limiter.acquire(&step("initech")), "both permits are in use");
        limiter.release("acme");
        assert!(limiter.acquire(&step("initech")));
    }

    #[test]
    fn a_released_permit_goes_to_a_waiting_call() {
        let (limiter, _) = limiter(2);
        assert!(limiter.acquire(&step("acme")));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let _guard = CallGuard::begin(&limiter, &step("acme"));
                acquire_for_current_call() && acquire_for_current_call()
            });
            limiter.release("acme");
            assert!(waiting.join().unwrap());
        });
        assert!(limiter.lock().is_empty(), "the end of the call releases the permit");
    }

    #[test]
    fn a_step_with_an_open_breaker_gets_no_permit() {
        let (limiter, _) = limiter(2);
        open_breaker(&limiter, &step("acme"));
        assert!(!limiter.acquire(&step("acme")));
    }

    #[test]
    fn the_probe_of_a_breaker_gets_a_permit() {
        let (limiter, clock) = limiter(1);
        open_breaker(&limiter, &step("acme"));
        clock.advance(FIRST_COOL_DOWN);
        assert_eq!(limiter.breakers.admit(&step("acme")), Ok(()));
        assert!(limiter.acquire(&step("acme")));
    }

    #[test]
    fn a_thread_without_a_call_needs_no_permit() {
        assert!(acquire_for_current_call());
    }
}
