//! What a request holds until its reply is sent: its place among its tenant's requests, and memory. The connection keeps it with
//! the reply's body.

use std::any::Any;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

/// Replies up to so many bytes are handed to the system at once: nothing is held for them.
const UNHELD_BYTES: u64 = 64 << 10;

/// An extension of the request, which the extractor of its tenant fills.
#[derive(Clone, Default)]
pub(in crate::http) struct Held(Arc<OnceLock<Box<dyn Any + Send + Sync>>>);

impl Held {
    /// Holds this until the reply is sent.
    pub(in crate::http) fn keep(&self, what: impl Any + Send + Sync) {
        // A request has one tenant.
        let _ = self.0.set(Box::new(what));
    }

    /// The response, with what is held for it.
    pub(super) fn until_sent(self, response: Response<Body>) -> Response<Body> {
        let is_short = response.body().size_hint().exact().is_some_and(|bytes| bytes <= UNHELD_BYTES);
        if is_short || self.0.get().is_none() {
            return response;
        }
        response.map(|body| Body::new(HeldBody { body, has_ended: false, _held: self }))
    }
}

struct HeldBody {
    body: Body,
    has_ended: bool,
    _held: Held,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = std::pin::pin!(self.body.frame()).poll(cx);
        self.has_ended = matches!(frame, Poll::Ready(None));
        frame
    }

    /// Not before the end was asked for: the server drops a body that has ended, and asks for more only when most of what it
    /// has is sent.
    fn is_end_stream(&self) -> bool {
        self.has_ended
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_long_reply_is_held_for_until_its_end_was_asked_for() {
        let what = Arc::new(());
        for (bytes, is_held) in [(10, false), (100 << 10, true)] {
            let held = Held::default();
            held.keep(Arc::clone(&what));
            let mut response = held.until_sent(Response::new(Body::from(vec![b'x'; bytes])));
            assert_eq!(response.body().size_hint().exact(), Some(bytes as u64));
            assert_eq!(Arc::strong_count(&what) == 2, is_held, "{bytes}");
            let _ = response.body_mut().frame().await.unwrap().unwrap();
            assert_eq!(response.body().is_end_stream(), !is_held);
            assert!(response.body_mut().frame().await.is_none() && response.body().is_end_stream());
            drop(response);
            assert_eq!(Arc::strong_count(&what), 1);
        }
    }
}
