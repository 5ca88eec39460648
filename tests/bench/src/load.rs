//! A closed loop: each connection sends its next request once the response to the last has arrived.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::request::Requests;

/// What was counted in a slice.
pub(crate) struct Slice {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    /// Microseconds from sending the request to the end of the response.
    pub(crate) latencies: Histogram<u64>,
}

/// An empty histogram that keeps three significant digits.
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new(3)?)
}

/// Runs the loop on all connections.
pub(crate) async fn run(
    address: SocketAddr,
    clients: usize,
    duration: Duration,
    requests: Arc<Requests>,
) -> Result<Slice> {
    let mut connections = Vec::with_capacity(clients);
    for _ in 0..clients {
        connections.push(Connection::open(address).await?);
    }
    let start = Instant::now();
    let mut loops = JoinSet::new();
    for connection in connections {
        loops.spawn(closed_loop(connection, start + duration, requests.clone()));
    }
    let mut latencies = histogram()?;
    while let Some(result) = loops.join_next().await {
        latencies.add(result??)?;
    }
    Ok(Slice { requests: latencies.len(), seconds: start.elapsed().as_secs_f64(), latencies })
}

async fn closed_loop(mut connection: Connection, end: Instant, requests: Arc<Requests>) -> Result<Histogram<u64>> {
    let mut latencies = histogram()?;
    while Instant::now() < end {
        latencies.record(send(&mut connection, &requests).await?)?;
    }
    Ok(latencies)
}

/// Sends the next request, checks the response, and returns the latency in microseconds.
pub(crate) async fn send(connection: &mut Connection, requests: &Requests) -> Result<u64> {
    let (request, expected) = requests.next()?;
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let sent = Instant::now();
    let response = connection.send(request).await;
    let micros = u64::try_from(sent.elapsed().as_micros())?;
    let checked = response.map_err(Into::into).and_then(|(status, body)| expected.check(status, &body));
    checked.with_context(|| format!("{method} {uri}"))?;
    Ok(micros)
}
