//! What a request holds until its reply is sent: its place among its tenant's requests, and memory. The connection keeps it with
//! the reply's body.

use std::any::Any;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Response, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

use super::timers::{Activity, ReplyGuard};

/// Replies up to so many bytes are handed to the system at once on HTTP/1: nothing is held for them.
const UNHELD_BYTES: u64 = 64 << 10;
/// A longer reply is sent in parts of so many bytes: a client has the time of `Limits::reply` for each.
const PART_BYTES: usize = 64 << 10;

/// An extension of the request, which the extractor of its tenant fills.
#[derive(Clone, Default)]
pub(in crate::http) struct Held(Arc<OnceLock<Box<dyn Any + Send + Sync>>>);

impl Held {
    /// Holds this until the reply is sent.
    pub(in crate::http) fn keep(&self, what: impl Any + Send + Sync) {
        // A request has one tenant.
        let _ = self.0.set(Box::new(what));
    }

    /// The response, with what is held for it. On HTTP/2 even a short one may never be read.
    pub(super) fn until_sent(self, response: Response<Body>, version: Version, activity: &Activity) -> Response<Body> {
        let exact = response.body().size_hint().exact();
        if exact == Some(0) || exact.is_some_and(|bytes| bytes <= UNHELD_BYTES) && version != Version::HTTP_2 {
            return response;
        }
        let reply = activity.begin_reply();
        response.map(|body| Body::new(HeldBody { body, rest: Bytes::new(), has_ended: false, reply, _held: self }))
    }
}

struct HeldBody {
    body: Body,
    /// What is left of the frame that the body gave last.
    rest: Bytes,
    has_ended: bool,
    reply: ReplyGuard,
    _held: Held,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.reply.progressed();
        while self.rest.is_empty() {
            let frame = ready!(std::pin::pin!(self.body.frame()).poll(cx));
            self.has_ended = frame.is_none();
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        // The last byte by itself: on HTTP/2 the server passes on a part when the client takes the first byte of it, and asks for
        // the next one at once. So it asks for the end when the client has taken all but one byte.
        let part = PART_BYTES.min(self.rest.len().saturating_sub(1).max(1));
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(part)))))
    }

    /// Not before the end was asked for: the server drops a body that has ended, and asks for more only when most of what it
    /// has is sent.
    fn is_end_stream(&self) -> bool {
        self.has_ended
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_reply_is_held_for_until_its_end_was_asked_for() {
        let what = Arc::new(());
        let activity = Activity::new();
        for (version, bytes, is_held) in
            [(Version::HTTP_11, 10, false), (Version::HTTP_11, 200 << 10, true), (Version::HTTP_2, 10, true)]
        {
            let held = Held::default();
            held.keep(Arc::clone(&what));
            let mut response = held.until_sent(Response::new(Body::from(vec![b'x'; bytes])), version, &activity);
            assert_eq!(Arc::strong_count(&what) == 2, is_held, "{bytes}");
            let mut sent = 0;
            while sent < bytes {
                assert_eq!(response.body().size_hint().exact(), Some((bytes - sent) as u64));
                sent += response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap().len();
            }
            assert_eq!(response.body().is_end_stream(), !is_held);
            assert!(response.body_mut().frame().await.is_none() && response.body().is_end_stream());
            drop(response);
            assert_eq!(Arc::strong_count(&what), 1);
        }
    }
}
