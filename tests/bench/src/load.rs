//! A closed loop: so many connections, and on each the next request when the reply to the last is there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::failed::Failed;
use crate::http::{Answer, Connection, find};

/// A request and what its reply must be, in buffers that are used again.
#[derive(Default)]
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    pub(crate) status: u16,
    /// What the body must hold.
    pub(crate) needle: Vec<u8>,
    /// How long the body must be at least.
    pub(crate) least: usize,
}

/// Makes one request after another.
pub(crate) trait Make: Send + Sync {
    /// Writes the next request over the one before.
    fn make(&self, request: &mut Request);
}

/// What a slice measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slice {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    /// Microseconds from the request's first byte to the reply's last, sorted.
    pub(crate) latencies: Vec<u32>,
}

/// Runs the loop on all connections for a while.
pub(crate) async fn run(
    address: SocketAddr,
    clients: usize,
    time: Duration,
    make: Arc<dyn Make>,
) -> Result<Slice, Failed> {
    let mut connections = Vec::with_capacity(clients);
    for _ in 0..clients {
        connections.push(Connection::open(address).await.map_err(Failed::doing("connecting"))?);
    }
    let begun = Instant::now();
    let mut loops = JoinSet::new();
    for connection in connections {
        loops.spawn(closed_loop(connection, begun + time, make.clone()));
    }
    let mut latencies = Vec::new();
    while let Some(ended) = loops.join_next().await {
        latencies.extend(ended.map_err(Failed::doing("a connection's loop"))??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Ok(Slice { requests: latencies.len() as u64, seconds, latencies })
}

async fn closed_loop(mut connection: Connection, until: Instant, make: Arc<dyn Make>) -> Result<Vec<u32>, Failed> {
    let mut latencies = Vec::with_capacity(16 * 1024);
    let mut request = Request::default();
    let mut sent = Instant::now();
    while sent < until {
        make.make(&mut request);
        sent = Instant::now();
        let answer = connection.exchange(&request.bytes).await.map_err(Failed::doing("a request"))?;
        check(&request, &answer)?;
        let done = Instant::now();
        latencies.push(u32::try_from((done - sent).as_micros()).unwrap_or(u32::MAX));
        sent = done;
    }
    Ok(latencies)
}

fn check(request: &Request, answer: &Answer<'_>) -> Result<(), Failed> {
    let right = answer.status == request.status
        && answer.body.len() >= request.least
        && (request.needle.is_empty() || find(answer.body, &request.needle).is_some());
    if right {
        return Ok(());
    }
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(600)]).into_owned();
    Err(Failed::because(format!(
        "an unexpected reply, {}:\n{}\nto the request\n{}",
        answer.status,
        shown(answer.body),
        shown(&request.bytes)
    )))
}
