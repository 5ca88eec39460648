//! The timers of one connection, which hyper does not have. A client that sends half a header, reads nothing of its reply, or
//! stays idle is disconnected. At shutdown a request in a handler may finish, one whose header is incomplete is dropped.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper_util::server::graceful::GracefulConnection;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::config::Limits;

/// What happens on a connection, as its stream and its requests report it.
#[derive(Clone)]
pub(super) struct Activity {
    state: Arc<Mutex<State>>,
    /// Notified when a shorter time limit begins.
    changed: Arc<Notify>,
}

struct State {
    /// Requests in a handler.
    requests: usize,
    /// HTTP/2: bytes between requests do not begin a header.
    multiplexed: bool,
    /// When the incomplete header began.
    header_since: Option<Instant>,
    /// When the client stopped reading what is to be sent.
    blocked_since: Option<Instant>,
    /// When a request last ended or the client last read something.
    last_progress: Instant,
}

/// A request in a handler, until it is dropped.
pub(super) struct RequestGuard(Activity);

impl Activity {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        // The time limit of the first header runs from the connection's beginning.
        let state =
            State { requests: 0, multiplexed: false, header_since: Some(now), blocked_since: None, last_progress: now };
        Self { state: Arc::new(Mutex::new(state)), changed: Arc::new(Notify::new()) }
    }

    /// A request's header is complete.
    pub(super) fn begin_request(&self, multiplexed: bool) -> RequestGuard {
        let mut state = self.state();
        state.requests += 1;
        state.multiplexed = multiplexed;
        state.header_since = None;
        drop(state);
        RequestGuard(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No holder of the lock can panic in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn bytes_received(&self) {
        let mut state = self.state();
        if state.requests == 0 && !state.multiplexed && state.header_since.is_none() {
            state.header_since = Some(Instant::now());
            self.changed.notify_one();
        }
    }

    pub(super) fn write_blocked(&self) {
        let mut state = self.state();
        if state.blocked_since.is_none() {
            state.blocked_since = Some(Instant::now());
            self.changed.notify_one();
        }
    }

    pub(super) fn write_progressed(&self) {
        let mut state = self.state();
        state.blocked_since = None;
        state.last_progress = Instant::now();
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        state.last_progress = Instant::now();
        self.0.changed.notify_one();
    }
}

impl State {
    /// When the connection is closed if nothing changes; none while its requests have time limits of their own.
    fn due(&self, limits: &Limits, stopping: Option<Instant>) -> Option<Instant> {
        let since = self.blocked_since.or((self.requests == 0).then_some(self.last_progress))?;
        if let Some(stopping) = stopping {
            return Some(since.max(stopping) + limits.grace);
        }
        Some(match (self.blocked_since, self.header_since) {
            (Some(blocked), _) => blocked + limits.reply,
            (None, Some(header)) => header + limits.header,
            (None, None) => self.last_progress + limits.idle,
        })
    }
}

/// Serves a connection until it ends or one of its timers runs out.
pub(super) async fn serve(
    connection: impl GracefulConnection,
    activity: &Activity,
    limits: &Limits,
    stop: &CancellationToken,
) {
    let mut connection = pin!(connection);
    let mut stopping = None;
    loop {
        let due = activity.state().due(limits, stopping);
        let late = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let close = tokio::select! {
            // A broken connection is not the server's failure.
            _ended = connection.as_mut() => return,
            () = activity.changed.notified() => false,
            () = stop.cancelled(), if stopping.is_none() => true,
            () = late => activity.state().due(limits, stopping).is_some_and(|due| due <= Instant::now()),
        };
        if close && stopping.is_some() {
            return;
        }
        if close {
            stopping = Some(Instant::now());
            connection.as_mut().graceful_shutdown();
        }
    }
}
