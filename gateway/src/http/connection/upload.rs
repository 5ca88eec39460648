//! The time limits of a request's body: a client that stops sending is disconnected, and at shutdown an incomplete upload
//! ends before complete requests do.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use scimgate_scim::error::ScimError;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use crate::config::Limits;
use crate::operation::request_facts::RequestFacts;

/// Why a body is incomplete.
#[derive(Debug, thiserror::Error)]
enum Incomplete {
    #[error("no more of the body was received for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the server stops")]
    Stopping,
    #[error("the body broke off")]
    Broken(#[source] hyper::Error),
}

struct Upload {
    body: Incoming,
    max_silence: Duration,
    silence: Pin<Box<Sleep>>,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    facts: RequestFacts,
}

/// Puts the timers on a body, and counts its bytes.
pub(super) fn timed(body: Incoming, facts: &RequestFacts, limits: &Limits, stop: &CancellationToken) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    let (stop, grace) = (stop.clone(), limits.grace);
    Body::new(Upload {
        body,
        max_silence: limits.body,
        silence: Box::pin(tokio::time::sleep(limits.body)),
        stopping: Box::pin(async move {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
        }),
        facts: facts.clone(),
    })
}

/// The refusal of a body that could not be read to its end.
pub(in crate::http) fn refusal(error: &(dyn Error + 'static)) -> ScimError {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    match causes.find_map(|cause| cause.downcast_ref::<Incomplete>()) {
        Some(Incomplete::Silent(time)) => {
            ScimError::new(408, format!("No more of the body was received for {} s.", time.as_secs()))
        }
        Some(Incomplete::Stopping) => ScimError::new(503, "The service is being restarted. Please try again."),
        Some(Incomplete::Broken(_)) | None => ScimError::invalid_syntax("The body broke off before its end."),
    }
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = Incomplete;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let until = Instant::now() + self.max_silence;
            self.silence.as_mut().reset(until);
            if let Some(Ok(frame)) = &frame {
                self.facts.received(frame.data_ref().map_or(0, Bytes::len));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Incomplete::Broken)));
        }
        if self.stopping.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Incomplete::Stopping)));
        }
        ready!(self.silence.as_mut().poll(cx));
        Poll::Ready(Some(Err(Incomplete::Silent(self.max_silence))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
