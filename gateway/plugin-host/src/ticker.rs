//! The thread that advances the engine's clock. It pauses while no plugin runs: a thousand wake-ups a second cost little
//! beside work, but something on an idle machine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
};

use wasmtime::EngineWeak;

use crate::{error::Error, limits::TICK_INTERVAL};

/// Ticks without a call before the thread pauses: a call that must wake it pays more than a tick costs.
const MAX_IDLE_TICKS: u32 = 100;

/// The ticker of an engine; it ends with the engine.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    running_calls: AtomicUsize,
    paused: AtomicBool,
    stopped: AtomicBool,
}

impl Ticker {
    /// Holds the engine weakly, so that the last component of a dropped host can still be freed.
    pub(crate) fn start(engine: EngineWeak) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let started = thread::Builder::new().name("plugin-ticker".to_owned()).spawn(move || of_thread.tick(&engine));
        let thread = started.map_err(|error| Error::Engine(Box::new(error)))?.thread().clone();
        Ok(Self { shared, thread })
    }

    /// Ticks until the guard is dropped.
    pub(crate) fn keep_ticking(&self) -> TickingGuard<'_> {
        // The ticker writes `paused` and reads `running_calls` in the opposite order, so one side sees the other's write.
        self.shared.running_calls.fetch_add(1, Ordering::SeqCst);
        if self.shared.paused.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        TickingGuard(&self.shared)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Keeps the ticker running during a call.
pub(crate) struct TickingGuard<'a>(&'a Shared);

impl Drop for TickingGuard<'_> {
    fn drop(&mut self) {
        self.0.running_calls.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn tick(&self, engine: &EngineWeak) {
        let mut idle_ticks = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            thread::sleep(TICK_INTERVAL);
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
            drop(engine);
            idle_ticks = if self.running_calls.load(Ordering::SeqCst) == 0 { idle_ticks + 1 } else { 0 };
            if idle_ticks == MAX_IDLE_TICKS {
                self.pause();
                idle_ticks = 0;
            }
        }
    }

    fn pause(&self) {
        self.paused.store(true, Ordering::SeqCst);
        while self.running_calls.load(Ordering::SeqCst) == 0 && !self.stopped.load(Ordering::SeqCst) {
            thread::park();
        }
        self.paused.store(false, Ordering::SeqCst);
    }
}
