//! One simulation under way: its client, its pace, and what it has seen so far.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::{TryStreamExt as _, stream};
use tokio::time::Instant;

use crate::client::{Answer, Ask, Client, Event};
use crate::error::Error;
use crate::finding::{Finding, Findings, Kind};
use crate::options::Pace;
use crate::recorder::Recorder;
use crate::shape;
use crate::step::{Step, Watcher};

/// A simulation under way.
pub struct Session<'a> {
    client: Client,
    pace: Pace,
    watcher: &'a dyn Watcher,
    seen: Mutex<Seen>,
    begun: Instant,
}

/// What came so far.
#[derive(Default)]
pub struct Seen {
    step: Step,
    /// The requests.
    pub recorder: Recorder,
    /// What went wrong.
    pub findings: Findings,
}

impl<'a> Session<'a> {
    /// A simulation with this client.
    #[must_use]
    pub fn new(client: Client, pace: Pace, watcher: &'a dyn Watcher) -> Self {
        Self { client, pace, watcher, seen: Mutex::default(), begun: Instant::now() }
    }

    /// Begins a step of so many parts.
    pub fn begin(&self, step: Step, parts: usize) {
        self.seen().step = step;
        self.watcher.begins(step, u64::try_from(parts).unwrap_or(u64::MAX));
    }

    /// The last step is over. Gives what was seen, and how long it took.
    #[must_use]
    pub fn end(&self) -> (Seen, std::time::Duration) {
        self.watcher.ends();
        (std::mem::take(&mut *self.seen()), self.begun.elapsed())
    }

    /// The base address.
    #[must_use]
    pub fn address(&self) -> &str {
        self.client.base().as_str()
    }

    /// Records what went wrong.
    pub fn found(&self, finding: Finding) {
        let mut seen = self.seen();
        let step = seen.step;
        seen.findings.add(Finding { step, ..finding });
    }

    /// Records all that went wrong.
    pub fn found_all(&self, findings: Vec<Finding>) {
        for finding in findings {
            self.found(finding);
        }
    }

    /// How much went wrong so far.
    #[must_use]
    pub fn differences(&self) -> u64 {
        self.seen().findings.counts().values().sum()
    }

    /// Does a piece of work for each item, several at once, and stops at the first error.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token any more.
    pub async fn each<T, F>(&self, items: impl IntoIterator<Item = T>, work: impl Fn(T) -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let items = stream::iter(items.into_iter().map(Ok));
        let one = |item| {
            let work = work(item);
            async move {
                work.await?;
                self.watcher.one_done();
                Ok(())
            }
        };
        items.try_for_each_concurrent(self.pace.concurrency.max(1), one).await
    }

    /// Sends a request and checks what must hold of every answer.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, Error> {
        let answer = self.ask_anything(&ask).await?;
        self.found_all(shape::faults(&ask, &answer));
        Ok(answer)
    }

    /// Sends a request of which nobody knows how it is answered.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn ask_anything(&self, ask: &Ask) -> Result<Answer, Error> {
        let answer = self.send(&self.client, ask).await?;
        if answer.status == 401 {
            return Err(Error::Unauthorized(self.address().to_owned()));
        }
        Ok(answer)
    }

    /// Sends a request by another client, the directory's, and counts it.
    ///
    /// # Errors
    /// No answer came.
    pub async fn send(&self, client: &Client, ask: &Ask) -> Result<Answer, Error> {
        let step = self.seen().step;
        let tell = |event| {
            let recorder = &mut self.seen().recorder;
            match event {
                Event::Answered(status, after) => recorder.answered((step, ask.what), status, after),
                Event::Waited => recorder.waits += 1,
                Event::Broken => recorder.broken += 1,
            }
        };
        client.send(ask, tell).await
    }

    /// An answer of another status than the request should have.
    pub fn refused(&self, resource: &str, (ask, expected): (&str, &str), answer: &Answer) {
        let finding = Finding::new(Kind::UnexpectedStatus, resource);
        self.found(finding.expected(format!("{expected} to \"{ask}\"")).seen(answer.describe()));
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
