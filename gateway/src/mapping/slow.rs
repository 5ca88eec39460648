//! Calls that last take turns. A plugin is called on the thread of its request; one that runs into its second
//! millisecond goes on when it has a seat. There is one seat fewer than processors, and one for a tenant, so that thirty
//! endless loops of one tenant never run side by side, and a processor is left for the many that are quick.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::breaker::{Breakers, Step};

/// Longest wait for a seat. What waited longer would hardly end within its time on the clock.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often one that waits asks whether its step is still called at all.
const LOOK: Duration = Duration::from_millis(10);

/// The seats.
pub(super) struct Seats {
    most: usize,
    /// The tenants that sit.
    taken: Mutex<HashSet<String>>,
    freed: Condvar,
}

impl Seats {
    /// One seat fewer than processors.
    pub(super) fn of_this_machine() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1))
    }

    fn new(most: usize) -> Self {
        Self { most, taken: Mutex::default(), freed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a seat; none is given when the step is not called any more, or when it takes too long.
    fn take(&self, breakers: &Breakers, step: &Step) -> bool {
        let begun = Instant::now();
        let mut taken = self.lock();
        loop {
            if breakers.is_over(step) || begun.elapsed() > PATIENCE {
                return false;
            }
            if taken.len() < self.most && !taken.contains(&step.tenant) {
                return taken.insert(step.tenant.clone());
            }
            taken = self.freed.wait_timeout(taken, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn leave(&self, tenant: &str) {
        self.lock().remove(tenant);
        self.freed.notify_all();
    }
}

struct Call {
    seats: Arc<Seats>,
    breakers: Arc<Breakers>,
    step: Step,
    seated: bool,
}

thread_local! {
    /// The plugin's call on this thread. The host's hook knows no more than the thread.
    static CALL: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// A call on this thread, from here until it is dropped.
pub(super) struct Turn;

impl Turn {
    pub(super) fn begin(seats: &Arc<Seats>, breakers: &Arc<Breakers>, step: &Step) -> Self {
        let call = Call { seats: seats.clone(), breakers: breakers.clone(), step: step.clone(), seated: false };
        CALL.set(Some(call));
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(Call { seats, step, seated: true, .. }) = CALL.take() {
            seats.leave(&step.tenant);
        }
    }
}

/// Lets the call on this thread wait for its seat, and says whether it may go on. Blocks.
#[must_use]
pub fn wait() -> bool {
    CALL.with_borrow_mut(|call| {
        let Some(call) = call else { return true };
        call.seated = call.seated || call.seats.take(&call.breakers, &call.step);
        call.seated
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::super::breaker::Cost;
    use super::*;
    use crate::clock::Clock;

    fn parts() -> (Arc<Seats>, Arc<Breakers>) {
        (Arc::new(Seats::new(2)), Arc::new(Breakers::new(Clock::set_to(UNIX_EPOCH))))
    }

    fn step(tenant: &str) -> Step {
        Step { tenant: tenant.to_owned(), revision: 1, index: 0 }
    }

    #[test]
    fn a_tenant_has_one_seat_and_others_have_theirs() {
        let (seats, breakers) = parts();
        assert!(seats.take(&breakers, &step("acme")));
        assert!(!seats.take(&breakers, &step("acme")), "it waited in vain");
        assert!(seats.take(&breakers, &step("globex")));
        assert!(!seats.take(&breakers, &step("initech")), "both seats are taken");
        seats.leave("acme");
        assert!(seats.take(&breakers, &step("initech")));
    }

    #[test]
    fn a_seat_that_is_freed_goes_to_who_waits() {
        let (seats, breakers) = parts();
        assert!(seats.take(&breakers, &step("acme")));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                let _guard = Turn::begin(&seats, &breakers, &step("acme"));
                wait() && wait()
            });
            seats.leave("acme");
            assert!(waits.join().unwrap());
        });
        assert!(seats.lock().is_empty(), "the seat is given back with the call");
    }

    #[test]
    fn who_waits_for_a_step_that_is_not_called_any_more_gives_up() {
        let (seats, breakers) = parts();
        for _ in 0..5 {
            breakers.report(&step("acme"), Cost::Unbearable);
        }
        assert!(!seats.take(&breakers, &step("acme")));
    }

    #[test]
    fn the_one_call_that_is_tried_may_last() {
        let (seats, clock) = (Seats::new(1), Clock::set_to(UNIX_EPOCH));
        let breakers = Breakers::new(clock.clone());
        for _ in 0..5 {
            breakers.report(&step("acme"), Cost::Unbearable);
        }
        clock.advance(Duration::from_secs(30));
        assert_eq!(breakers.admit(&step("acme")), Ok(()));
        assert!(seats.take(&breakers, &step("acme")));
    }

    #[test]
    fn a_thread_without_a_call_need_not_wait() {
        assert!(wait());
    }
}
