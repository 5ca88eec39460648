//! One simulation under way: its client, its pace, and the requests and findings so far.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{TryStreamExt as _, stream};
use tokio::time::Instant;

use crate::client::{Client, Event, Request, Response};
use crate::error::Error;
use crate::finding::{Finding, Findings, Kind};
use crate::options::Pace;
use crate::recorder::Recorder;
use crate::response_checks;
use crate::step::{Progress, Step};

/// A simulation under way.
pub(crate) struct Session<'a> {
    client: Client,
    pace: Pace,
    progress: &'a dyn Progress,
    results: Mutex<Results>,
    started_at: Instant,
}

/// What was recorded so far.
#[derive(Default)]
pub(crate) struct Results {
    step: Step,
    pub(crate) recorder: Recorder,
    pub(crate) findings: Findings,
}

impl<'a> Session<'a> {
    pub(crate) fn new(client: Client, pace: Pace, progress: &'a dyn Progress) -> Self {
        Self { client, pace, progress, results: Mutex::default(), started_at: Instant::now() }
    }

    /// Starts a step of `parts` parts; 0 if their number is unknown.
    pub(crate) fn begin_step(&self, step: Step, parts: usize) {
        self.results().step = step;
        self.progress.step_started(step, u64::try_from(parts).unwrap_or(u64::MAX));
    }

    /// Ends the last step. Returns the results and the total duration.
    pub(crate) fn finish(&self) -> (Results, Duration) {
        self.progress.finished();
        (std::mem::take(&mut *self.results()), self.started_at.elapsed())
    }

    /// The base URL, for messages.
    pub(crate) fn base_url(&self) -> &str {
        self.client.base_url().as_str()
    }

    /// Records a finding under the current step.
    pub(crate) fn report(&self, finding: Finding) {
        let mut results = self.results();
        let step = results.step;
        results.findings.add(Finding { step, ..finding });
    }

    pub(crate) fn report_all(&self, findings: Vec<Finding>) {
        for finding in findings {
            self.report(finding);
        }
    }

    /// Records a response whose status is not the expected one.
    pub(crate) fn report_status(&self, resource: &str, (request, expected): (&str, &str), response: &Response) {
        let finding = Finding::new(Kind::UnexpectedStatus, resource);
        self.report(finding.expected(format!("{expected} to \"{request}\"")).seen(response.describe()));
    }

    pub(crate) fn finding_count(&self) -> u64 {
        self.results().findings.counts().values().sum()
    }

    /// Runs `work` for each item, several at a time, and stops at the first error.
    pub(crate) async fn each<T, F>(
        &self,
        items: impl IntoIterator<Item = T>,
        work: impl Fn(T) -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let items = stream::iter(items.into_iter().map(Ok));
        let one = |item| {
            let work = work(item);
            async move {
                work.await?;
                self.progress.part_done();
                Ok(())
            }
        };
        items.try_for_each_concurrent(self.pace.concurrency.max(1), one).await
    }

    /// Sends a request and checks what must hold for every response.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, Error> {
        let response = self.send_unchecked(&request).await?;
        self.report_all(response_checks::check(&request, &response));
        Ok(response)
    }

    /// Sends a request to which many different responses are correct.
    pub(crate) async fn send_unchecked(&self, request: &Request) -> Result<Response, Error> {
        let response = self.send_by(&self.client, request).await?;
        if response.status == 401 {
            return Err(Error::Unauthorized(self.base_url().to_owned()));
        }
        Ok(response)
    }

    /// Sends a request through another client, that of the directory, and records it.
    pub(crate) async fn send_by(&self, client: &Client, request: &Request) -> Result<Response, Error> {
        client.send(request, |event| self.record_of(request.name, event)).await
    }

    /// Records that a request is sent again.
    pub(crate) fn record(&self, event: Event) {
        self.record_of("", event);
    }

    fn record_of(&self, request: &'static str, event: Event) {
        let results = &mut *self.results();
        match event {
            Event::Responded(status, latency) => results.recorder.record((results.step, request), status, latency),
            Event::RetryRequested => results.recorder.waits += 1,
            Event::ConnectionFailed => results.recorder.failed_connections += 1,
        }
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
