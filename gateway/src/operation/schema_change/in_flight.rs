//! Writes that began before a schema change and may still use the older schemas.

use std::time::Duration;

use crate::operation::error::Error;
use crate::store::schema::writers::InFlightWriters;
use crate::store::{self, TenantStore};

const WAIT_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Whose writes to wait for, by what they write.
#[derive(Clone, Copy)]
enum Tables {
    /// Resources and their keys.
    Resources,
    /// Any table with rows of tenants.
    All,
}

/// Waits until the writes that are in flight now have ended.
///
/// # Errors
/// 503 where one of them has not ended after ten seconds.
pub(crate) async fn wait(store: &TenantStore) -> Result<(), Error> {
    wait_for(store, Tables::Resources).await
}

/// The same for writes in any table with rows of tenants.
///
/// # Errors
/// 503 where one of them has not ended after ten seconds.
pub(crate) async fn wait_for_all_tables(store: &TenantStore) -> Result<(), Error> {
    wait_for(store, Tables::All).await
}

async fn wait_for(store: &TenantStore, tables: Tables) -> Result<(), Error> {
    let mut open = in_flight(store, tables).await?;
    let deadline = tokio::time::Instant::now() + WAIT_TIMEOUT;
    while !open.is_empty() {
        if tokio::time::Instant::now() > deadline {
            return Err(Error::Contended);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        let now = in_flight(store, tables).await?;
        open.retain(|writer| now.contains(writer));
    }
    Ok(())
}

async fn in_flight(store: &TenantStore, tables: Tables) -> Result<InFlightWriters, store::Error> {
    match tables {
        Tables::Resources => store.in_flight_writers().await,
        Tables::All => store.in_flight_writers_of_all_tables().await,
    }
}
