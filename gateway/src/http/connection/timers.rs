//! The timers of one connection, which hyper does not have. A client that sends half a header, reads nothing of a reply, cancels
//! what it asks, or stays idle is disconnected. At shutdown a request in a handler may finish, one whose header is incomplete is dropped.

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
    /// Replies that are being sent, with the time when their last part was taken. On HTTP/2 a client can stop reading one of them.
    replies: Vec<(u64, Instant)>,
    /// The number of the next reply.
    next_reply: u64,
    /// Requests that the client cancelled before they were answered, less those that were answered.
    cancelled: u32,
    /// When a request last ended or the client last read something.
    last_progress: Instant,
}

/// More cancelled requests than answered ones by so many end a connection: beginning and cancelling them costs a client nothing.
pub(super) const MAX_CANCELLED_REQUESTS: u32 = 200;

/// A request in a handler, until it is dropped.
pub(super) struct RequestGuard {
    activity: Activity,
    is_answered: bool,
}

/// A reply that is being sent, until it is dropped.
pub(super) struct ReplyGuard(Activity, u64);

impl Activity {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        // The time limit of the first header runs from the connection's beginning.
        let state = State {
            requests: 0,
            multiplexed: false,
            header_since: Some(now),
            blocked_since: None,
            replies: Vec::new(),
            next_reply: 0,
            cancelled: 0,
            last_progress: now,
        };
        Self { state: Arc::new(Mutex::new(state)), changed: Arc::new(Notify::new()) }
    }

    /// A request's header is complete.
    pub(super) fn begin_request(&self, multiplexed: bool) -> RequestGuard {
        let mut state = self.state();
        state.requests += 1;
        state.multiplexed = multiplexed;
        state.header_since = None;
        drop(state);
        RequestGuard { activity: self.clone(), is_answered: false }
    }

    /// A reply begins to be sent.
    pub(super) fn begin_reply(&self) -> ReplyGuard {
        let mut state = self.state();
        let number = state.next_reply;
        state.next_reply += 1;
        state.replies.push((number, Instant::now()));
        ReplyGuard(self.clone(), number)
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
        // On HTTP/2 this may be the answer to a ping, which does not count as a request.
        if !state.multiplexed {
            state.last_progress = Instant::now();
        }
    }
}

impl RequestGuard {
    /// The request has its reply.
    pub(super) fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.requests -= 1;
        state.last_progress = Instant::now();
        state.cancelled = if self.is_answered { state.cancelled.saturating_sub(1) } else { state.cancelled + 1 };
        self.activity.changed.notify_one();
    }
}

impl ReplyGuard {
    /// The client has taken what was sent before.
    pub(super) fn progressed(&self) {
        let mut state = self.0.state();
        if let Some((_, since)) = state.replies.iter_mut().find(|(number, _)| *number == self.1) {
            *since = Instant::now();
        }
    }
}

impl Drop for ReplyGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.replies.retain(|(number, _)| *number != self.1);
        state.last_progress = Instant::now();
        self.0.changed.notify_one();
    }
}

impl State {
    /// When the connection is closed if nothing changes, or told to end if it has not been yet; none while its requests have time
    /// limits of their own.
    fn due(&self, limits: &Limits, stopping: Option<Instant>) -> Option<Instant> {
        let taken = self.replies.iter().map(|(_, since)| *since);
        if let Some(stopping) = stopping {
            // Whatever the cause: one reply that is not taken must not cut another, or a request in a handler.
            return match (self.blocked_since, taken.max()) {
                (Some(blocked), _) => Some(blocked.max(stopping) + limits.grace),
                _ if self.requests > 0 => None,
                (None, Some(newest)) => Some(newest + limits.reply),
                (None, None) => Some(self.last_progress.max(stopping) + limits.grace),
            };
        }
        if let Some(oldest) = taken.chain(self.blocked_since).min() {
            return Some(oldest + limits.reply);
        }
        let is_idle = self.requests == 0;
        is_idle.then(|| self.header_since.map_or(self.last_progress + limits.idle, |since| since + limits.header))
    }

    /// Whether the client cancels what it asks.
    fn is_misused(&self) -> bool {
        self.cancelled > MAX_CANCELLED_REQUESTS
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
        let (due, is_misused) = {
            let state = activity.state();
            (state.due(limits, stopping), state.is_misused())
        };
        if is_misused {
            // Without a farewell: it would go on until the client has confirmed it.
            return;
        }
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
