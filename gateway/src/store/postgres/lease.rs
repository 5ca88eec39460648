//! Leases: which process runs a background job. Rows instead of advisory locks, which distributed relatives of PostgreSQL
//! lack.

use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::store::ControlStore;
use crate::store::error::Error;

const TAKE: &str = "
INSERT INTO lease AS l (name, holder, until) VALUES ($1, $2, $4)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE l.holder = $2 OR l.until < $3
RETURNING holder";

impl ControlStore {
    /// Takes or renews a lease; returns whether this holder has it now.
    pub async fn take_lease(&self, name: &str, holder: Uuid, now: SystemTime, term: Duration) -> Result<bool, Error> {
        let rows = self.query("taking a lease", TAKE, &[&name, &holder, &now, &(now + term)]).await?;
        Ok(!rows.is_empty())
    }
}

/// A lease for one holder.
pub struct Lease {
    store: ControlStore,
    name: &'static str,
    holder: Uuid,
    term: Duration,
}

impl Lease {
    /// A lease that `holder` takes for `term` at a time.
    #[must_use]
    pub fn new(store: ControlStore, name: &'static str, holder: Uuid, term: Duration) -> Self {
        Self { store, name, holder, term }
    }

    /// Takes or renews it; returns whether it is held.
    pub async fn hold(&self, now: SystemTime) -> Result<bool, Error> {
        self.store.take_lease(self.name, self.holder, now, self.term).await
    }
}
