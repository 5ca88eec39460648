//! The thread that lets the engine look at the clocks. It rests while no plugin runs: a thousand wake-ups a second are
//! nothing beside work, but not nothing where there is none.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
};

use wasmtime::EngineWeak;

use crate::{Error, limits::TICK};

/// Ticks without a call after which it rests: waking it costs a call more than a tick does.
const PATIENCE: u32 = 100;

/// The ticker of an engine; ends with it.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    rests: AtomicBool,
    over: AtomicBool,
}

impl Ticker {
    /// Holds no engine, so that the last component of a dropped host can still go.
    pub(crate) fn start(engine: EngineWeak) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        let started = thread::Builder::new().name("plugin-ticker".to_owned()).spawn(move || its.tick(&engine));
        let thread = started.map_err(|error| Error::Engine(Box::new(error)))?.thread().clone();
        Ok(Self { shared, thread })
    }

    /// Ticks from here until what is given is dropped.
    pub(crate) fn watch(&self) -> Watch<'_> {
        // In this order, as the ticker does it in the other: one of the two sees what the other has written.
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.rests.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Watch(&self.shared)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// A call that is being watched.
pub(crate) struct Watch<'a>(&'a Shared);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn tick(&self, engine: &EngineWeak) {
        let mut idle = 0;
        while !self.over.load(Ordering::SeqCst) {
            thread::sleep(TICK);
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
            drop(engine);
            idle = if self.running.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
            if idle == PATIENCE {
                self.rest();
                idle = 0;
            }
        }
    }

    fn rest(&self) {
        self.rests.store(true, Ordering::SeqCst);
        while self.running.load(Ordering::SeqCst) == 0 && !self.over.load(Ordering::SeqCst) {
            thread::park();
        }
        self.rests.store(false, Ordering::SeqCst);
    }
}
