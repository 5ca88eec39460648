//! Transactions that are writing resources at this moment. A statement that began before a change of the tenant's settings was
//! committed may still follow the earlier ones; when these transactions have ended, all others follow the new ones.
//!
//! Such a statement locks the tables of resources and of keys before it takes its snapshot, and keeps the lock to its end. So
//! it is among the holders of that lock, or it sees the change.

use std::collections::HashSet;

use crate::store::TenantStore;
use crate::store::error::Error;

/// The virtual ids of transactions that may have written resources and have not ended.
pub type InFlightWriters = HashSet<String>;

const WRITERS: &str = "
SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation IN ('resource'::regclass, 'unique_key'::regclass)
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND mode = 'RowExclusiveLock' AND granted AND pid IS DISTINCT FROM pg_backend_pid()";

impl TenantStore {
    /// The writers of all tenants: a lock does not identify their tenants.
    pub async fn in_flight_writers(&self) -> Result<InFlightWriters, Error> {
        let rows = self.query("looking for writers", WRITERS, &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}
