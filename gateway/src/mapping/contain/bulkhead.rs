//! The bulkhead for slow steps: their calls run on threads of low priority, few at a time and one per tenant. A call
//! cannot be interrupted during a host call, so a tenant whose documents each take milliseconds would otherwise occupy
//! the workers that all tenants share.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::StepKey;
use super::admission::AdmissionLimit;
use crate::clock::Clock;

/// CPU time from which on a call is slow.
const SLOW_CALL_CPU: Duration = Duration::from_millis(1);
/// How long a step stays in the bulkhead after its last slow call.
const SLOW_STEP_TTL: Duration = Duration::from_secs(10);
/// Most concurrent calls on any number of processors: each uses an instance of the host's pool beyond the admission limit.
const MAX_CALLS: usize = 8;
/// A thread of this niceness gets a tenth of a processor that other threads compete for.
#[cfg(target_os = "linux")]
const THREAD_NICENESS: i32 = 10;

/// The bulkhead, and the steps that belong in it.
pub(super) struct Bulkhead {
    clock: Clock,
    /// The steps with the time of their last slow call.
    slow_steps: Mutex<HashMap<StepKey, SystemTime>>,
    admission: AdmissionLimit,
}

impl Bulkhead {
    pub(super) fn new(max_calls: usize, clock: Clock) -> Self {
        Self { clock, slow_steps: Mutex::default(), admission: AdmissionLimit::new(max_calls.min(MAX_CALLS), 1) }
    }

    /// Whether the step's next call belongs here.
    pub(super) fn contains(&self, step: &StepKey) -> bool {
        let now = self.clock.now();
        self.lock().get(step).is_some_and(|last| is_recent(*last, now))
    }

    /// Records the CPU time of a call.
    pub(super) fn record(&self, step: &StepKey, cpu: Duration) {
        if cpu < SLOW_CALL_CPU {
            return;
        }
        let now = self.clock.now();
        let mut slow_steps = self.lock();
        slow_steps.retain(|_, last| is_recent(*last, now));
        slow_steps.insert(step.clone(), now);
    }

    /// Makes a call on a thread of its own, or none if there was no permit in time. A call that has begun runs to its
    /// end, even if the future is dropped.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        tenant: &str,
        timeout: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let permit = self.admission.acquire(tenant, timeout).await?;
        let (sender, receiver) = oneshot::channel();
        let run = move || {
            let _permit = permit;
            lower_priority();
            // The receiver may have been dropped.
            let _ = sender.send(call());
        };
        thread::Builder::new().name("plugin-bulkhead".to_owned()).spawn(run).ok()?;
        receiver.await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StepKey, SystemTime>> {
        self.slow_steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_recent(last: SystemTime, now: SystemTime) -> bool {
    now.duration_since(last).unwrap_or_default() < SLOW_STEP_TTL
}

/// Lowers the priority of this thread. That cannot be undone, so each thread makes one call only.
fn lower_priority() {
    // If it fails, the call merely runs at the usual priority.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), THREAD_NICENESS);
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn step(tenant: &str) -> StepKey {
        StepKey::of(tenant, 1)
    }

    #[test]
    fn a_slow_step_stays_until_it_has_been_quick_for_a_while() {
        let clock = Clock::set_to(UNIX_EPOCH);
        let bulkhead = Bulkhead::new(1, clock.clone());
        bulkhead.record(&step("acme"), SLOW_CALL_CPU / 2);
        assert!(!bulkhead.contains(&step("acme")));
        bulkhead.record(&step("acme"), SLOW_CALL_CPU);
        assert!(bulkhead.contains(&step("acme")));
        assert!(!bulkhead.contains(&step("globex")));
        clock.advance(SLOW_STEP_TTL / 2);
        bulkhead.record(&step("acme"), SLOW_CALL_CPU / 2);
        assert!(bulkhead.contains(&step("acme")));
        clock.advance(SLOW_STEP_TTL / 2);
        assert!(!bulkhead.contains(&step("acme")));
    }

    #[test]
    fn an_expired_step_is_forgotten() {
        let clock = Clock::set_to(UNIX_EPOCH);
        let bulkhead = Bulkhead::new(1, clock.clone());
        bulkhead.record(&step("acme"), SLOW_CALL_CPU);
        clock.advance(SLOW_STEP_TTL);
        bulkhead.record(&step("globex"), SLOW_CALL_CPU);
        assert_eq!(bulkhead.lock().len(), 1);
    }

    #[tokio::test]
    async fn a_tenant_has_one_call_at_a_time() {
        let bulkhead = Bulkhead::new(2, Clock::set_to(UNIX_EPOCH));
        let (started, has_started) = oneshot::channel();
        let (finish, may_finish) = std::sync::mpsc::channel::<()>();
        let first = bulkhead.run("acme", LONG, move || {
            started.send(()).unwrap();
            may_finish.recv().unwrap();
        });
        let others = async {
            has_started.await.unwrap();
            assert_eq!(bulkhead.run("acme", Duration::from_millis(20), || ()).await, None, "the first still runs");
            assert_eq!(bulkhead.run("globex", LONG, || 7).await, Some(7));
            finish.send(()).unwrap();
        };
        assert_eq!(tokio::join!(first, others).0, Some(()));
        assert_eq!(bulkhead.run("acme", LONG, || 8).await, Some(8));
    }

    #[tokio::test]
    async fn a_call_that_panics_releases_its_permit() {
        let bulkhead = Bulkhead::new(1, Clock::set_to(UNIX_EPOCH));
        assert_eq!(bulkhead.run("acme", LONG, || panic!("on purpose")).await, None::<()>);
        assert_eq!(bulkhead.run("acme", LONG, || 9).await, Some(9));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_threads_have_a_low_priority_and_others_do_not() {
        let niceness = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let before = niceness();
        let bulkhead = Bulkhead::new(1, Clock::set_to(UNIX_EPOCH));
        assert_eq!(bulkhead.run("acme", LONG, niceness).await, Some(before.max(THREAD_NICENESS)));
        assert_eq!(niceness(), before);
    }
}
