//! Erases the rows of a deleted tenant, in short batches, and proves at the end by a search over every table that none is left.
//!
//! Nothing of how far it has come decides what the next batch does, but what the tables have: so a batch that was killed is repeated, and
//! two processes that work at once do no harm.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::operation::job::batch::End;
use crate::operation::schema_change::in_flight;
use crate::store::erasure::Erasure;
use crate::store::{self, TenantStore};
use crate::tenant::TenantId;

/// Rows that the first statement of a batch erases, and the fewest of any.
const MIN_ROWS: i64 = 50;
/// Rows that a statement erases at most.
const MAX_ROWS: i64 = 500;
/// A statement that took longer is followed by a smaller one, and one that took less than half of it by a larger one.
const STATEMENT_TIME: Duration = Duration::from_millis(5);
/// How long a batch erases, before it pauses.
const MAX_BATCH_TIME: Duration = Duration::from_millis(20);
/// Recorded changes that one statement reduces.
const AUDIT_ROWS: i64 = 500;

/// Runs the next batch of an erasure; returns the pause until the one after it, and none if all is done or another process has it; and
/// why the batch failed, if it did.
pub(super) async fn run(
    gateway: &Gateway,
    tenant: TenantId,
    (holder, ttl): (Uuid, Duration),
    (rest, retry_rest): (impl Fn(Duration) -> Duration, Duration),
) -> Result<(Option<Duration>, Result<(), Error>), Error> {
    let control = gateway.store.control();
    let Some(mut erasure) = control.claim_erasure(tenant, holder, ttl).await? else { return Ok((None, Ok(()))) };
    let begun = Instant::now();
    let done = gateway.large.run(tenant, batch(gateway, &mut erasure, holder)).await;
    let rest = match &done {
        Ok(End::Finished) => {
            gateway.forget_tenant(tenant).await;
            tracing::info!(tenant.id = %tenant, "a tenant's rows are erased");
            return Ok((None, Ok(())));
        }
        Ok(_) => rest(begun.elapsed()),
        Err(_) => retry_rest,
    };
    erasure.problem = done.as_ref().err().map(problem);
    control.release_erasure(&erasure, holder, (rest, gateway.clock.now())).await?;
    Ok((Some(rest), done.map(drop)))
}

/// What an operator reads of a failed batch. It has no value of a row in it.
fn problem(error: &Error) -> String {
    match error {
        Error::Store(store::Error::Corrupt { why, .. }) => why.clone(),
        Error::Contended => "statements that write in the database have not ended for ten seconds".to_owned(),
        Error::Store(error) => store_problem(error),
        _ => "the log says why".to_owned(),
    }
}

/// The database's own words, if it refused: a table that the gateway may not delete from, for example.
fn store_problem(error: &store::Error) -> String {
    match error {
        store::Error::Refused { source, .. } => {
            source.as_db_error().map_or_else(|| error.to_string(), |refusal| refusal.message().to_owned())
        }
        _ => error.to_string(),
    }
}

async fn batch(gateway: &Gateway, erasure: &mut Erasure, holder: Uuid) -> Result<End, Error> {
    let (control, store) = (gateway.store.control(), gateway.store.tenant(erasure.tenant));
    if !erasure.is_counted {
        // What was cached of the tenant before it was deleted must not last.
        gateway.forget_tenant(erasure.tenant).await;
        count(&store).await?;
        erasure.is_counted = true;
        return Ok(End::More);
    }
    if !erase_some(&store, &mut erasure.at_table).await? {
        return Ok(End::More);
    }
    control.delete_all_unreleased().await?;
    if let Some(last) = control.reduce_audit(erasure.tenant, erasure.audit_after, AUDIT_ROWS).await? {
        erasure.audit_after = last;
        return Ok(End::More);
    }
    // What began before the deletion, and might add a row or a recorded change, has ended after this.
    in_flight::wait_for_all_tables(&store).await?;
    let found = store.search_for_rows().await?;
    let is_changed = control.reduce_rest_of_audit(erasure.tenant).await?;
    if is_changed || found > 0 {
        erasure.at_table = None;
        return Ok(End::More);
    }
    if control.finish_erasure(erasure.tenant, holder, gateway.clock.now()).await? {
        return Ok(End::Finished);
    }
    // The lease was lost meanwhile.
    Ok(End::More)
}

/// A tenant that is too large to be counted in time is erased uncounted.
async fn count(store: &TenantStore) -> Result<(), Error> {
    match store.count_for_erasure().await {
        Err(error) if error.is_timeout() => Ok(()),
        counted => Ok(counted?),
    }
}

/// Erases rows for a moment; gives whether it has come to the end of the last table. Each statement is short, since others wait for the
/// locks and the disk.
async fn erase_some(store: &TenantStore, at_table: &mut Option<String>) -> Result<bool, Error> {
    let (begun, mut most) = (Instant::now(), MIN_ROWS);
    let tables = store.tenant_tables().await?;
    let first = tables.iter().position(|table| Some(&table.name) == at_table.as_ref()).unwrap_or_default();
    for table in &tables[first..] {
        *at_table = Some(table.name.clone());
        let mut is_stuck = false;
        loop {
            if begun.elapsed() > MAX_BATCH_TIME {
                return Ok(false);
            }
            let sent = Instant::now();
            let Some(erased) = store.erase_rows(table, most).await? else { break };
            // Another process may have erased them at the same moment, but not again.
            if erased == 0 && is_stuck {
                let why = format!("rows of the table {} cannot be deleted", table.name);
                return Err(store::Error::Corrupt { what: "tenant", why }.into());
            }
            is_stuck = erased == 0;
            most = next_size(most, sent.elapsed());
        }
    }
    Ok(true)
}

/// How many rows the next statement erases.
fn next_size(rows: i64, took: Duration) -> i64 {
    if took > STATEMENT_TIME {
        return (rows / 2).max(MIN_ROWS);
    }
    if took < STATEMENT_TIME / 2 { (rows * 2).min(MAX_ROWS) } else { rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_become_smaller_where_they_take_long() {
        let size = |rows, millis| next_size(rows, Duration::from_millis(millis));
        assert_eq!((size(100, 1), size(100, 4), size(100, 6)), (200, 100, 50));
        assert_eq!((size(MAX_ROWS, 1), size(MIN_ROWS, 7_000)), (MAX_ROWS, MIN_ROWS));
    }
}
