//! Analyses tables as they grow tenfold: while a table is small and was never analysed, every index of it costs the same, and a
//! plan from that time stays. On the embedded database, where nothing else does, dead rows are removed as well.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::operation::Gateway;
use crate::store::Error;

const LEASE: &str = "statistics";
/// How long one replica keeps the work to itself.
const LEASE_TTL: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Transactions with writes after which the embedded database is vacuumed.
const WRITES_PER_VACUUM: i64 = 20_000;

/// What one process knows between two polls.
struct Progress {
    holder: Uuid,
    /// The writes at the last vacuum of all tables.
    vacuumed_at: i64,
    /// Whether it was logged that the login role owns no tables.
    has_warned: bool,
}

/// Runs until cancelled.
pub async fn run(gateway: Gateway, stop: CancellationToken) {
    let mut progress = Progress { holder: Uuid::new_v4(), vacuumed_at: 0, has_warned: false };
    let mut worker = gateway.workers.worker("statistics", "tables cannot be analysed");
    loop {
        let analysed = tokio::select! {
            () = stop.cancelled() => return,
            analysed = once(&gateway, &mut progress) => analysed,
        };
        let _ = worker.note(analysed);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
    }
}

/// Each table is a statement of its own, so that requests get the embedded database's one connection in between.
async fn once(gateway: &Gateway, progress: &mut Progress) -> Result<(), Error> {
    let control = gateway.store.control();
    let writes = if gateway.store.is_embedded() { control.write_count().await? } else { 0 };
    let is_vacuum_due = writes > progress.vacuumed_at + WRITES_PER_VACUUM;
    let tables = control.grown_tables(is_vacuum_due).await?;
    if tables.is_empty() || !control.take_lease(LEASE, progress.holder, LEASE_TTL).await? {
        return Ok(());
    }
    let mut outcome = Ok(());
    for table in &tables {
        if table.is_owned {
            // An error of one table does not affect the others.
            outcome = gateway.store.analyse(table).await.and(outcome);
        } else if !std::mem::replace(&mut progress.has_warned, true) {
            tracing::warn!(
                table = table.name,
                "the role of DATABASE_URL does not own the tables and cannot analyse them; \
                 grant it the owner's role, or let autovacuum or a job of the owner do it"
            );
        }
    }
    if is_vacuum_due {
        progress.vacuumed_at = writes;
    }
    outcome
}
