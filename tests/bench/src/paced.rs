//! Latency under a low load, as that of one identity provider: the gateway and the bare handler get the same requests at the
//! same rate, one of them in the other's pauses.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use tokio::time::{MissedTickBehavior, interval};

use crate::client::Connection;
use crate::competitor::{Competitor, Side, Variant};
use crate::environment::Environment;
use crate::load::{self, histogram};
use crate::request::Requests;
use crate::workload::Workload;

/// The requests of one side, per second.
const RATE: u64 = 25;
const KINDS: [Workload; 4] = [Workload::Filter, Workload::Create, Workload::Get, Workload::PatchEmail];

/// The latencies of both sides, in microseconds.
pub(crate) struct Paced {
    pub(crate) gateway: Histogram<u64>,
    pub(crate) bare: Histogram<u64>,
}

impl Paced {
    /// The gateway's latency at a quantile, as a ratio to the bare handler's.
    #[expect(clippy::cast_precision_loss, reason = "microseconds")]
    pub(crate) fn ratio(&self, quantile: f64) -> f64 {
        self.gateway.value_at_quantile(quantile) as f64 / self.bare.value_at_quantile(quantile).max(1) as f64
    }
}

/// Sends both sides' requests for a time.
pub(crate) async fn run(environment: &Environment, duration: Duration) -> Result<Paced> {
    let mut sides = Vec::new();
    for side in [Side::Gateway, Side::Bare] {
        let connection = Connection::open(environment.server(side).address).await?;
        let requests = KINDS.map(|workload| {
            let competitor = Competitor { side, variant: Variant::Plain };
            let (tenants, counter) = (environment.tenants.plain.clone(), environment.counter.clone());
            Arc::new(Requests { workload, competitor, tenants, groups: Vec::new(), counter })
        });
        sides.push((connection, requests, histogram()?));
    }
    let mut ticks = interval(Duration::from_millis(1000 / (2 * RATE)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for tick in 0..duration.as_secs() * 2 * RATE {
        ticks.tick().await;
        let (connection, requests, latencies) = &mut sides[usize::try_from(tick % 2)?];
        let kind = usize::try_from(tick / 2)? % KINDS.len();
        let micros = load::send(connection, &requests[kind]).await?;
        latencies.record(micros)?;
    }
    let mut latencies = sides.into_iter().map(|(_, _, latencies)| latencies);
    let (gateway, bare) = latencies.next().zip(latencies.next()).context("there are two sides")?;
    Ok(Paced { gateway, bare })
}
