//! One connection, from its first byte to its end, with the timers that hyper leaves off. A client that sends half a
//! header, takes nothing of its reply, or says nothing is let go; at the server's end a request that is being handled is
//! waited for, one that is only half there is not.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::error::Surface;
use super::unreadable;
use crate::config::Limits;

/// What is known of a connection, by its bytes and its requests.
#[derive(Clone)]
pub(super) struct Watch {
    state: Arc<Mutex<State>>,
    /// Told when a time to wait for begins.
    changed: Arc<Notify>,
}

struct State {
    /// Requests that are being handled.
    requests: usize,
    /// On an HTTP/2 connection bytes between requests are no beginning of one.
    multiplexed: bool,
    /// Since when there is a part of a header.
    header: Option<Instant>,
    /// Since when the client has taken nothing of what waits to be sent.
    blocked: Option<Instant>,
    /// When a request ended or the client took something.
    moved: Instant,
}

/// A request that is being handled, until it is dropped.
pub(super) struct Handling(Watch);

impl Watch {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        // Who connects is to send a request: the time of its header runs from the beginning.
        let state = State { requests: 0, multiplexed: false, header: Some(now), blocked: None, moved: now };
        Self { state: Arc::new(Mutex::new(state)), changed: Arc::new(Notify::new()) }
    }

    /// A request's header is complete.
    pub(super) fn handle(&self, multiplexed: bool) -> Handling {
        let mut state = self.state();
        state.requests += 1;
        state.multiplexed = multiplexed;
        state.header = None;
        drop(state);
        Handling(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No holder of the lock can panic in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) {
        let mut state = self.state();
        if state.requests == 0 && !state.multiplexed && state.header.is_none() {
            state.header = Some(Instant::now());
            self.changed.notify_one();
        }
    }

    fn blocked(&self) {
        let mut state = self.state();
        if state.blocked.is_none() {
            state.blocked = Some(Instant::now());
            self.changed.notify_one();
        }
    }

    fn took(&self) {
        let mut state = self.state();
        state.blocked = None;
        state.moved = Instant::now();
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        state.moved = Instant::now();
        self.0.changed.notify_one();
    }
}

impl State {
    /// Until when the connection is waited for as things stand; none while its requests have a limit of their own.
    fn due(&self, limits: &Limits, stopping: Option<Instant>) -> Option<Instant> {
        let since = self.blocked.or((self.requests == 0).then_some(self.moved))?;
        if let Some(stopping) = stopping {
            return Some(since.max(stopping) + limits.grace);
        }
        Some(match (self.blocked, self.header) {
            (Some(blocked), _) => blocked + limits.reply,
            (None, Some(header)) => header + limits.header,
            (None, None) => self.moved + limits.idle,
        })
    }
}

/// Serves a connection until it ends or is not worth waiting for.
pub(super) async fn run(connection: impl GracefulConnection, watch: &Watch, limits: &Limits, stop: &CancellationToken) {
    let mut connection = pin!(connection);
    let mut stopping = None;
    loop {
        let due = watch.state().due(limits, stopping);
        let late = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let stopped = tokio::select! {
            // A connection that breaks is the client's affair.
            _ended = connection.as_mut() => return,
            () = watch.changed.notified() => false,
            () = stop.cancelled(), if stopping.is_none() => true,
            () = late => watch.state().due(limits, stopping).is_some_and(|due| due <= Instant::now()),
        };
        if stopped && stopping.is_some() {
            return;
        }
        if stopped {
            stopping = Some(Instant::now());
            connection.as_mut().graceful_shutdown();
        }
    }
}

/// A stream that tells the watch what passes, and sends no reply without words.
pub(super) struct Watched<S> {
    stream: S,
    watch: Watch,
    surface: Surface,
    /// What is sent in place of a reply, and how much of it is under way.
    instead: Option<(Vec<u8>, usize)>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, watch: Watch, surface: Surface) -> Self {
        Self { stream, watch, surface, instead: None }
    }

    fn written(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Pending => self.watch.blocked(),
            Poll::Ready(_) => self.watch.took(),
        }
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.watch.heard();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// Sends the words in place of so many bytes; none where these are sent as they are.
    fn in_words(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Option<Poll<io::Result<usize>>> {
        if self.instead.is_none() {
            self.instead = Some((unreadable::in_words(bytes, self.surface)?, 0));
        }
        while let Some((text, sent)) = self.instead.as_mut().filter(|(text, sent)| *sent < text.len()) {
            match Pin::new(&mut self.stream).poll_write(cx, &text[*sent..]) {
                Poll::Ready(Ok(count)) if count > 0 => *sent += count,
                Poll::Ready(Ok(_)) => return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into()))),
                other => return Some(other),
            }
        }
        self.instead = None;
        Some(Poll::Ready(Ok(bytes.len())))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(outcome) = self.in_words(cx, bytes) {
            return self.written(outcome);
        }
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A reply without a body is in one piece.
        if let [only] = bytes
            && let Some(outcome) = self.in_words(cx, only)
        {
            return self.written(outcome);
        }
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.written(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
