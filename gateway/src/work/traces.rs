//! Sends traces to the collector that an operator configured, as OTLP over HTTP: once a second, with each full batch, and once more at
//! the end. Requests never wait for it.

mod otlp;

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::operation::Gateway;
use crate::operation::traces::Traces;
use crate::outgoing::{self, BodyError, Rules};

const SEND_INTERVAL: Duration = Duration::from_secs(1);
/// Pause after traces that were not taken.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// How long one batch may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(3);
/// Of that, longest time until a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long after the end of the last request another batch may begin.
const LAST_SEND_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest reply of a collector that is read.
const MAX_REPLY_BYTES: usize = 64 << 10;

/// Why traces are not sent.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The client cannot be set up.
    #[error("the client of the collector cannot be set up")]
    Client(#[source] reqwest::Error),
    /// No complete reply arrived.
    #[error("the collector of --traces-endpoint does not answer")]
    Request(#[source] reqwest::Error),
    /// The collector is busy or starting.
    #[error("the collector of --traces-endpoint answered {0}")]
    Busy(StatusCode),
    /// The collector refuses them.
    #[error("the collector of --traces-endpoint refuses traces with {0}; check the address")]
    Refused(StatusCode),
}

/// Runs until cancelled; ends at once where nothing is traced.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let Some(traces) = gateway.request_end.traces() else { return };
    let mut sending =
        gateway.workers.worker("traces", "traces cannot be sent; new ones are dropped once the queue is full");
    let collector = match Collector::new(&traces.endpoint) {
        Ok(collector) => collector,
        Err(error) => {
            sending.note_error(&error);
            return;
        }
    };
    loop {
        let pause = if sending.is_failing() { RETRY_INTERVAL } else { SEND_INTERVAL };
        tokio::select! {
            () = stop.cancelled() => break,
            () = traces.filled(), if !sending.is_failing() => {}
            () = tokio::time::sleep(pause) => {}
        }
        while !stop.is_cancelled() {
            match collector.send_next(traces).await {
                Ok(Sent::Nothing) => break,
                Ok(Sent::Batch) => sending.recovered(),
                Err(error) => {
                    sending.note_error(&error);
                    break;
                }
            }
        }
    }
    let end = Instant::now() + LAST_SEND_TIMEOUT;
    while Instant::now() < end && matches!(collector.send_next(traces).await, Ok(Sent::Batch)) {}
    let rest = traces.waiting();
    if rest > 0 {
        tracing::warn!(spans = rest, "spans of traces are lost: the collector did not take them at the end");
    }
}

enum Sent {
    Nothing,
    Batch,
}

struct Collector {
    client: Client,
    endpoint: Url,
    /// This process among others.
    instance: String,
}

impl Collector {
    fn new(endpoint: &Url) -> Result<Self, Error> {
        let client = outgoing::client(Rules {
            https_only: false,
            timeout: SEND_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            authorities: Vec::new(),
            names: None,
        })
        .map_err(Error::Client)?;
        Ok(Self { client, endpoint: endpoint.clone(), instance: uuid::Uuid::new_v4().to_string() })
    }

    /// Sends one batch. One that may be taken later goes back into the queue; one that is refused is lost.
    async fn send_next(&self, traces: &Traces) -> Result<Sent, Error> {
        let batch = traces.next();
        let spans: usize = batch.iter().map(|trace| trace.spans.len()).sum();
        if spans == 0 {
            return Ok(Sent::Nothing);
        }
        match self.send(otlp::request(&batch, &self.instance)).await {
            Ok(rejected) => {
                traces.count_sent(spans - rejected.min(spans));
                traces.lose(rejected.min(spans));
                Ok(Sent::Batch)
            }
            Err(error) => {
                if matches!(error, Error::Refused(_)) {
                    traces.lose(spans);
                } else {
                    traces.put_back(batch);
                }
                Err(error)
            }
        }
    }

    /// How many spans the collector rejects.
    async fn send(&self, body: Vec<u8>) -> Result<usize, Error> {
        let request = self.client.post(self.endpoint.clone()).header(CONTENT_TYPE, "application/x-protobuf").body(body);
        // The message names the option, so the address would only repeat it.
        let failed = |error: reqwest::Error| Error::Request(error.without_url());
        let response = request.send().await.map_err(failed)?;
        match response.status() {
            status if status.is_success() => {}
            status @ (StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT) => return Err(Error::Busy(status)),
            status => return Err(Error::Refused(status)),
        }
        match outgoing::body(response, MAX_REPLY_BYTES).await {
            Ok(reply) => Ok(otlp::rejected(&reply)),
            Err(BodyError::Http(error)) => Err(failed(error)),
            // It says 200, and what it rejects cannot be that much.
            Err(BodyError::TooLong(_)) => Ok(0),
        }
    }
}
