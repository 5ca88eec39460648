//! The lane of the steps that last: their calls run on threads of their own, few at a time and one of a tenant, and
//! give way to everything else. A call cannot be interrupted while the host works for it, so that a tenant whose
//! documents each take milliseconds would otherwise hold the workers that everybody shares.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use moka::future::Cache;
use tokio::sync::{AcquireError, Semaphore, oneshot};

use super::breaker::Step;
use crate::clock::Clock;

/// CPU time of a call that lasts.
pub(super) const LASTING: Duration = Duration::from_millis(1);
/// How long a step stays in the lane after the last of its calls that lasted.
const MEMORY: Duration = Duration::from_secs(10);
/// Most calls at once, on however many processors: each takes an instance of the host's pool beside the slots.
const MOST: usize = 8;
/// Who has this niceness gets a tenth of a processor that others want.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// The lane, with the steps that belong there.
pub(super) struct Lane {
    clock: Clock,
    lasting: Mutex<HashMap<Step, SystemTime>>,
    places: Arc<Semaphore>,
    of_tenant: Cache<String, Arc<Semaphore>>,
}

impl Lane {
    /// One place fewer than processors.
    pub(super) fn of_this_machine(clock: Clock) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self::new(processors.saturating_sub(1).clamp(1, MOST), clock)
    }

    fn new(places: usize, clock: Clock) -> Self {
        Self {
            clock,
            lasting: Mutex::default(),
            places: Arc::new(Semaphore::new(places)),
            of_tenant: Cache::builder().time_to_idle(Duration::from_mins(5)).build(),
        }
    }

    /// Whether the step's next call goes here.
    pub(super) fn takes(&self, step: &Step) -> bool {
        let now = self.clock.now();
        self.lock().get(step).is_some_and(|since| recent(*since, now))
    }

    /// What a call of the step took.
    pub(super) fn report(&self, step: &Step, cpu: Duration) {
        if cpu < LASTING {
            return;
        }
        let now = self.clock.now();
        let mut lasting = self.lock();
        lasting.retain(|_, since| recent(*since, now));
        lasting.insert(step.clone(), now);
    }

    /// Runs a call when it is the tenant's turn; nothing when that takes longer than `patience`. Whoever stops waiting
    /// afterwards does not stop the call.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        tenant: &str,
        patience: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let of_tenant = self.of_tenant.get_with_by_ref(tenant, async { Arc::new(Semaphore::new(1)) }).await;
        // The tenant's turn first: only one call of each waits for a place, so that tenants alternate.
        let turn = async {
            let of_tenant = of_tenant.acquire_owned().await?;
            Ok::<_, AcquireError>((of_tenant, self.places.clone().acquire_owned().await?))
        };
        let turn = tokio::time::timeout(patience, turn).await.ok()?.ok()?;
        let (tell, told) = oneshot::channel();
        let run = move || {
            let _guard = turn;
            give_way();
            // Nobody may be waiting any more.
            let _ = tell.send(call());
        };
        thread::Builder::new().name("plugin-lane".to_owned()).spawn(run).ok()?;
        told.await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Step, SystemTime>> {
        self.lasting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn recent(since: SystemTime, now: SystemTime) -> bool {
    now.duration_since(since).unwrap_or_default() < MEMORY
}

/// Lets every other thread of the machine go first. A thread cannot take that back, so it is used for one call.
fn give_way() {
    // Without it the call is as quick as others, no more.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn step(tenant: &str) -> Step {
        Step { tenant: tenant.to_owned(), revision: 1, index: 0 }
    }

    #[test]
    fn a_step_that_lasts_stays_until_it_has_been_quick_for_a_while() {
        let clock = Clock::set_to(UNIX_EPOCH);
        let lane = Lane::new(1, clock.clone());
        lane.report(&step("acme"), LASTING / 2);
        assert!(!lane.takes(&step("acme")));
        lane.report(&step("acme"), LASTING);
        assert!(lane.takes(&step("acme")));
        assert!(!lane.takes(&step("globex")));
        clock.advance(MEMORY / 2);
        lane.report(&step("acme"), LASTING / 2);
        assert!(lane.takes(&step("acme")));
        clock.advance(MEMORY / 2);
        assert!(!lane.takes(&step("acme")));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let clock = Clock::set_to(UNIX_EPOCH);
        let lane = Lane::new(1, clock.clone());
        lane.report(&step("acme"), LASTING);
        clock.advance(MEMORY);
        lane.report(&step("globex"), LASTING);
        assert_eq!(lane.lock().len(), 1);
    }

    #[tokio::test]
    async fn a_tenant_has_one_turn_and_others_have_theirs() {
        let lane = Lane::new(2, Clock::set_to(UNIX_EPOCH));
        let (begun, has_begun) = oneshot::channel();
        let (end, may_end) = std::sync::mpsc::channel::<()>();
        let first = lane.run("acme", LONG, move || {
            begun.send(()).unwrap();
            may_end.recv().unwrap();
        });
        let others = async {
            has_begun.await.unwrap();
            assert_eq!(lane.run("acme", Duration::from_millis(20), || ()).await, None, "it is under way");
            assert_eq!(lane.run("globex", LONG, || 7).await, Some(7));
            end.send(()).unwrap();
        };
        assert_eq!(tokio::join!(first, others).0, Some(()));
        assert_eq!(lane.run("acme", LONG, || 8).await, Some(8));
    }

    #[tokio::test]
    async fn a_call_that_panics_gives_its_place_back() {
        let lane = Lane::new(1, Clock::set_to(UNIX_EPOCH));
        assert_eq!(lane.run("acme", LONG, || panic!("on purpose")).await, None::<()>);
        assert_eq!(lane.run("acme", LONG, || 9).await, Some(9));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_threads_give_way_and_the_others_do_not() {
        let niceness = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let before = niceness();
        let lane = Lane::new(1, Clock::set_to(UNIX_EPOCH));
        assert_eq!(lane.run("acme", LONG, niceness).await, Some(before.max(NICENESS)));
        assert_eq!(niceness(), before);
    }
}
