//! What the gateway uses at one moment: as the system, PostgreSQL and `/metrics` show it.

use std::fs;
use std::time::Duration;

use scimgate_tests::Client;
use scimgate_tests::served::Served;

/// Open connections of the gateway, and the size of the database.
const DATABASE: &str =
    "SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()),
    pg_database_size(current_database())";

/// A figure, and by how much it may grow in the second half; none is not judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) allowed: Option<f64>,
}

impl Figure {
    const fn new(name: &'static str, unit: &'static str, allowed: Option<f64>) -> Self {
        Self { name, unit, allowed }
    }
}

/// The figures of a sample, in its order.
pub(crate) const FIGURES: [Figure; FIGURE_COUNT] = [
    Figure::new("resident memory", "MiB", Some(8.0)),
    Figure::new("open file descriptors", "", Some(4.0)),
    Figure::new("threads", "", Some(2.0)),
    Figure::new("connections of the pool", "", Some(3.0)),
    Figure::new("connections at PostgreSQL", "", Some(3.0)),
    Figure::new("batches that wait for a connection", "", Some(1.0)),
    Figure::new("entries in queues", "", Some(50.0)),
    Figure::new("requests in progress", "", Some(4.0)),
    Figure::new("memory of bodies and replies", "MiB", Some(4.0)),
    Figure::new("median time of a request", "ms", None),
    Figure::new("size of the database", "MiB", None),
];
const FIGURE_COUNT: usize = 11;

/// The figures at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Since the begin.
    pub(crate) at: Duration,
    /// None where there was nothing to measure.
    pub(crate) values: [Option<f64>; FIGURE_COUNT],
    /// Rows of the provisioning log that were lost, and failed tries of background work, since the begin.
    pub(crate) faults: [f64; 2],
}

impl Sample {
    /// A line for the one who watches it.
    pub(crate) fn line(&self) -> String {
        let values = FIGURES.iter().zip(&self.values).filter_map(|(figure, value)| {
            Some(format!("{} {:.1} {}", figure.name, (*value)?, figure.unit).trim_end().to_owned())
        });
        format!("{:.0} s: {}", self.at.as_secs_f64(), values.collect::<Vec<_>>().join(", "))
    }
}

pub(crate) struct Sampler {
    process: u32,
    probes: Client,
    database: tokio_postgres::Client,
}

impl Sampler {
    pub(crate) fn new(served: &Served, database: tokio_postgres::Client) -> Self {
        Self { process: served.running.id(), probes: Client::new(served.probes.clone()), database }
    }

    pub(crate) async fn read(&self, at: Duration, median: Option<f64>) -> Sample {
        let metrics = self.probes.get("/metrics").await.expect(200).text;
        let row = self.database.query_one(DATABASE, &[]).await.unwrap();
        let (connections, bytes) = (row.get::<_, i64>(0), row.get::<_, i64>(1));
        let status = fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap();
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.process)).unwrap().count();
        let of_metric = |name: &str| total(&metrics, name);
        let values = [
            field(&status, "VmRSS:") / 1024.0,
            count(descriptors),
            field(&status, "Threads:"),
            of_metric("scimgate_database_connections{"),
            number(connections),
            of_metric("scimgate_database_waiting "),
            of_metric("scimgate_queue_entries{"),
            // The one that asks for the metrics is one of them.
            of_metric("scimgate_requests_in_progress{") - 1.0,
            mebibytes(of_metric("scimgate_reply_memory_in_use_bytes ")),
        ];
        let mut all = [None; FIGURE_COUNT];
        for (place, value) in all.iter_mut().zip(values) {
            *place = Some(value);
        }
        (all[9], all[10]) = (median, Some(mebibytes(number(bytes))));
        let faults = ["scimgate_log_rows_lost_total ", "scimgate_worker_failures_total{"].map(of_metric);
        Sample { at, values: all, faults }
    }
}

/// The sum of a metric's samples; the name ends where the labels or the value begin.
fn total(metrics: &str, name: &str) -> f64 {
    let values = metrics.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit_once(' '));
    values.map(|(_, value)| value.parse::<f64>().unwrap()).sum()
}

/// A number in `/proc/PID/status`.
fn field(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[expect(clippy::cast_precision_loss, reason = "a figure of a page")]
fn number(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "a figure of a page")]
fn count(count: usize) -> f64 {
    count as f64
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / 1024.0 / 1024.0
}
