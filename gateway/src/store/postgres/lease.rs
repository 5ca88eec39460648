//! Leases: which process runs a background job. Rows instead of advisory locks, which distributed relatives of PostgreSQL
//! lack; by the database's clock, since those of replicas differ.

use std::time::Duration;

use uuid::Uuid;

use crate::store::ControlStore;
use crate::store::error::Error;

const TAKE: &str = "
INSERT INTO lease AS l (name, holder, until) VALUES ($1, $2, now() + $3 * interval '1 second')
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE l.holder = $2 OR l.until < now()
RETURNING holder";

impl ControlStore {
    /// Takes or renews a lease; returns whether this holder has it now.
    pub async fn take_lease(&self, name: &str, holder: Uuid, term: Duration) -> Result<bool, Error> {
        let rows = self.query("taking a lease", TAKE, &[&name, &holder, &term.as_secs_f64()]).await?;
        Ok(!rows.is_empty())
    }
}
