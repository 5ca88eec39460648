//! Figures of all tenants together, for metrics. Each statement reads a limited number of rows: beyond it a figure is the limit.

use std::time::Duration;

use tokio_postgres::Row;

use crate::store::ControlStore;
use crate::store::error::Error;
use crate::store::postgres::pool::Statement;

/// The figures at one moment.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Resources whose removal is held, at most 10,000.
    pub held: u64,
    /// Held batches that are not settled, at most 300.
    pub batches: u64,
    /// How long the oldest of these has been open.
    pub oldest_batch: Duration,
    /// Resources whose mapped document is older than their source, or that have none though they should, at most 10,000.
    pub stale: u64,
    /// Events that have no number yet, at most 300.
    pub unnumbered: u64,
    /// How long the oldest of these has been without.
    pub oldest_unnumbered: Duration,
    /// Running jobs by kind, at most 300, and how long ago the next batch of one of them was due.
    pub jobs: Vec<(String, u64, Duration)>,
    /// Erasures that run, at most 300.
    pub erasures: u64,
    /// Tenants by the rank of their health, at most 100,000.
    pub tenants: Vec<(i16, u64)>,
}

const HELD: &str = "SELECT count(*) FROM (SELECT 1 FROM held LIMIT 10000) counted";
const BATCHES: &str = "SELECT count(*), extract(epoch FROM now() - min(opened_at))::float8 FROM
  (SELECT opened_at FROM held_batch WHERE state IN ('open', 'releasing', 'rejecting') LIMIT 300) counted";
const STALE: &str =
    "SELECT count(*) FROM (SELECT 1 FROM mapping_reason WHERE state IN ('stale', 'never') LIMIT 10000) counted";
const UNNUMBERED: &str = "SELECT count(*), extract(epoch FROM now() - min(at))::float8 FROM
  (SELECT at FROM event WHERE seq IS NULL LIMIT 300) counted";
const JOBS: &str = "SELECT kind, count(*), extract(epoch FROM now() - min(resume_at))::float8 FROM
  (SELECT kind, resume_at FROM job WHERE state = 'running' ORDER BY resume_at LIMIT 300) counted GROUP BY kind";
const ERASURES: &str = "SELECT count(*) FROM (SELECT 1 FROM erasure WHERE state = 'running' LIMIT 300) counted";
const TENANTS: &str = "SELECT rank, count(*) FROM (SELECT h.rank FROM tenant_health h
  WHERE (SELECT t.state FROM tenant t WHERE t.id = h.tenant_id) <> 'deleted' LIMIT 100000) counted GROUP BY rank";

impl ControlStore {
    /// Reads the figures.
    pub async fn figures(&self) -> Result<Figures, Error> {
        let statement = |sql| Statement::new("reading figures", sql, &[]);
        let answers = self.batch(&[HELD, BATCHES, STALE, UNNUMBERED, JOBS, ERASURES, TENANTS].map(statement)).await?;
        let [held, batches, stale, unnumbered, jobs, erasures, tenants] = &answers[..] else {
            return Err(Error::Corrupt { what: "figure", why: format!("{} answers", answers.len()) });
        };
        let first = |rows: &[Row]| rows.first().map_or(0, |row| count(row, 0));
        let oldest = |rows: &[Row]| rows.first().map_or(Duration::ZERO, |row| age(row, 1));
        Ok(Figures {
            held: first(held),
            batches: first(batches),
            oldest_batch: oldest(batches),
            stale: first(stale),
            unnumbered: first(unnumbered),
            oldest_unnumbered: oldest(unnumbered),
            jobs: jobs.iter().map(|row| (row.get(0), count(row, 1), age(row, 2))).collect(),
            erasures: first(erasures),
            tenants: tenants.iter().map(|row| (row.get(0), count(row, 1))).collect(),
        })
    }
}

fn count(row: &Row, column: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(column)).unwrap_or_default()
}

/// An age in seconds; none where there is nothing, and where a clock is behind.
fn age(row: &Row, column: usize) -> Duration {
    let seconds: Option<f64> = row.get(column);
    Duration::try_from_secs_f64(seconds.unwrap_or_default()).unwrap_or_default()
}
