//! A connection's stream: it reports to the timers what passes, and gives a body to the replies that hyper sends by itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::timers::Activity;
use super::unreadable;
use crate::http::error::Surface;

/// A stream with its connection's timers.
pub(super) struct TimedStream<S> {
    stream: S,
    activity: Activity,
    surface: Surface,
    /// What is sent in place of a reply of hyper's own, and how much of it has been sent.
    replacement: Option<(Vec<u8>, usize)>,
}

impl<S> TimedStream<S> {
    pub(super) fn new(stream: S, activity: Activity, surface: Surface) -> Self {
        Self { stream, activity, surface, replacement: None }
    }

    fn report_write(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Pending => self.activity.write_blocked(),
            Poll::Ready(_) => self.activity.write_progressed(),
        }
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_received();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> TimedStream<S> {
    /// Sends the replacement of these bytes; none where they are sent as they are.
    fn write_replacement(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Option<Poll<io::Result<usize>>> {
        if self.replacement.is_none() {
            self.replacement = Some((unreadable::replacement(bytes, self.surface)?, 0));
        }
        while let Some((text, sent)) = self.replacement.as_mut().filter(|(text, sent)| *sent < text.len()) {
            match Pin::new(&mut self.stream).poll_write(cx, &text[*sent..]) {
                Poll::Ready(Ok(count)) if count > 0 => *sent += count,
                Poll::Ready(Ok(_)) => return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into()))),
                other => return Some(other),
            }
        }
        self.replacement = None;
        Some(Poll::Ready(Ok(bytes.len())))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(outcome) = self.write_replacement(cx, bytes) {
            return self.report_write(outcome);
        }
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.report_write(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A reply without a body is in one slice.
        if let [only] = bytes
            && let Some(outcome) = self.write_replacement(cx, only)
        {
            return self.report_write(outcome);
        }
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.report_write(outcome)
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
