//! Who writes resources at this moment. A statement that began before a change of the tenant's settings was committed may
//! still go by the older ones; who waits until these transactions are over knows that all others go by the new.
//!
//! Such a statement locks the tables of resources and of keys before it takes its snapshot, and keeps the lock to its end. So it is among
//! the holders of that lock, or it sees the change.

use std::collections::HashSet;

use crate::store::TenantStore;
use crate::store::error::Error;

/// Transactions that may have written resources and have not ended.
pub type Writers = HashSet<String>;

const WRITERS: &str = "
SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation IN ('resource'::regclass, 'unique_key'::regclass)
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND mode = 'RowExclusiveLock' AND granted AND pid IS DISTINCT FROM pg_backend_pid()";

impl TenantStore {
    /// The transactions of all tenants: whose they are, the database does not tell.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn writers(&self) -> Result<Writers, Error> {
        let rows = self.query("looking for writers", WRITERS, &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}
